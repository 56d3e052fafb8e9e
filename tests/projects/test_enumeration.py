"""Whoever asks learns from no answer, and from no answer's work, whether an address has an account."""

import re

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from projects.models import Mail
from projects.services.mail import send_due_mail

pytestmark = pytest.mark.django_db


def work_of(path, fields):
    """The statements that an answer takes, without their values."""
    browser = Browser()
    browser.post(path, fields)  # once before, as the counters are made
    with CaptureQueriesContext(connection) as caught:
        browser.post(path, fields)
    return [re.sub(r"'(?:[^']|'')*'|\"s\d+_x\d+\"|\b\d+\b", "?", query["sql"]) for query in caught.captured_queries]


def test_asking_for_a_new_password_takes_the_same_work_for_every_address(alice):
    path = "/accounts/password/reset/"
    known, unknown = (work_of(path, {"email": address}) for address in ("alice@example.com", "nobody@example.com"))
    assert known == unknown
    assert any("projects_mail" in statement for statement in known)


def test_only_the_known_get_a_letter_and_the_others_are_not_remembered(client, alice, mailoutbox):
    for address in ("alice@example.com", "nobody@example.com"):
        client.post("/accounts/password/reset/", {"email": address})
    send_due_mail()
    assert [letter.to for letter in mailoutbox] == [["alice@example.com"]]
    assert not Mail.objects.filter(to__contains="nobody").exists()
