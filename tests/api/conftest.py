import pytest
from django.test import Client as Browser

from projects.services.tokens import create_token


class Program:
    """A program that calls the API with a token and speaks JSON."""

    def __init__(self, token):
        self.token = token
        self.browser = Browser()

    def send(self, method, address, data=None, **headers):
        headers = {"Authorization": f"Bearer {self.token}"} | {k.replace("_", "-"): v for k, v in headers.items()}
        options = {} if method == "get" else {"content_type": "application/json"}
        return getattr(self.browser, method)(f"/api/v1/{address}", data, headers=headers, **options)

    def get(self, address, data=None, **headers):
        return self.send("get", address, data, **headers)

    def post(self, address, data=None, **headers):
        return self.send("post", address, {} if data is None else data, **headers)

    def patch(self, address, data=None, **headers):
        return self.send("patch", address, data or {}, **headers)

    def delete(self, address, **headers):
        return self.send("delete", address, **headers)


@pytest.fixture
def program(actor):
    """Alice's program, which may write."""
    return Program(create_token(name="writer", scopes=["read", "write"], days=9, by=actor)[1])


@pytest.fixture
def reading_program(actor):
    """Alice's program, which may only read."""
    return Program(create_token(name="reader", scopes=["read"], days=9, by=actor)[1])


@pytest.fixture
def strange_program(stranger):
    """Mallory's program."""
    return Program(create_token(name="strange", scopes=["read", "write"], days=9, by=stranger)[1])
