"""Bodies that someone sends who is not signed in."""

import pytest
from django.core.files import uploadhandler
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["verify", "account_login"])
def test_a_stranger_fills_no_disk(client, monkeypatch, address):
    written = []
    monkeypatch.setattr(uploadhandler, "TemporaryUploadedFile", lambda *about: written.append(about))
    answer = client.post(reverse(address), {"file": SimpleUploadedFile("report.json", b" " * 5_000_000)})
    assert answer.status_code in {200, 422}
    assert not written


def test_a_stranger_checks_a_report_of_the_largest_size(client):
    answer = client.post(reverse("verify"), {"file": SimpleUploadedFile("report.json", b" " * (2 << 20))})
    assert "not the JSON file of a report" in answer.content.decode()
