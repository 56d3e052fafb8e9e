"""The second storey's rows for programs; every change goes through the services of the pages."""
