"""The third storey's part of the API."""
