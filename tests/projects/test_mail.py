"""The outbox: written with the change, sent afterwards."""

from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from projects.models import Mail
from projects.services.mail import MOST_ATTEMPTS, send_due_mail
from tests.factories.jobs import make_mail


def test_a_letter_is_sent_once_and_its_words_are_not_kept(workspace):
    letter = make_mail(workspace=workspace, subject="One\nline", html="<p>A letter.</p>")
    assert send_due_mail() == 1
    assert send_due_mail() == 0
    (sent,) = django_mail.outbox
    assert (sent.subject, sent.body, sent.to) == ("One line", "A letter.", ["carla@client.example"])
    assert sent.extra_headers["Message-ID"] == letter.message_id
    letter.refresh_from_db()
    assert (letter.state, letter.body, letter.html) == (Mail.State.SENT, "", "")
    assert letter.sent_at


def test_the_same_key_is_one_letter(workspace):
    assert make_mail(workspace=workspace, key="k").pk == make_mail(workspace=workspace, key="k").pk


def test_a_letter_for_later_waits(workspace):
    make_mail(workspace=workspace, send_after=timezone.now() + timedelta(hours=1))
    assert send_due_mail() == 0


def test_a_mail_server_that_is_away_is_tried_again_and_given_up_in_the_end(workspace, monkeypatch):
    def refuse(self, messages):
        raise ConnectionRefusedError

    monkeypatch.setattr(EmailBackend, "send_messages", refuse)
    letter = make_mail(workspace=workspace)
    for _ in range(MOST_ATTEMPTS):
        assert send_due_mail() == 0
        Mail.objects.update(send_after=timezone.now())
    letter.refresh_from_db()
    assert (letter.state, letter.attempts, letter.error) == (Mail.State.FAILED, 8, "ConnectionRefusedError")
    assert letter.body


def test_a_sender_that_died_in_between_sends_a_copy_with_the_same_id(workspace):
    letter = make_mail(workspace=workspace)
    send_due_mail()
    Mail.objects.update(state=Mail.State.QUEUED, sent_at=None, send_after=timezone.now())
    send_due_mail()
    first, copy = django_mail.outbox
    assert first.extra_headers["Message-ID"] == copy.extra_headers["Message-ID"] == letter.message_id


@pytest.mark.parametrize("address", ["imap://x", "smtp://"])
def test_an_unknown_mail_address_is_refused(address, tmp_path):
    from django.core.exceptions import ImproperlyConfigured

    from freelance_ml.mail_url import configuration

    with pytest.raises(ImproperlyConfigured):
        configuration(address, folder=tmp_path)
    assert configuration("smtps://u:p%40@h", folder=tmp_path)["EMAIL_HOST_PASSWORD"] == "p@"
