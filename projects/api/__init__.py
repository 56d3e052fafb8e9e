"""The ground's part of the API."""
