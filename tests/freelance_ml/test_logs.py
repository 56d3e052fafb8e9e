"""Log lines are JSON, know their request and job, and keep secrets to themselves."""

import json
import logging
import secrets
import time

import pytest

from freelance_ml.logs import HIDDEN, JsonFormatter, redact
from projects.tracing import request_id, working_for_job


def line_of(message, *values, **extra):
    record = logging.LogRecord("sample", logging.WARNING, __file__, 1, message, values, None)
    record.__dict__.update(extra)
    return JsonFormatter().format(record)


def test_a_line_is_one_json_object():
    line = line_of("two\nlines of %s", "text", status=404, ms=1.5)
    assert "\n" not in line
    read = json.loads(line)
    assert read["message"] == "two\nlines of text"
    assert read["level"] == "WARNING"
    assert (read["status"], read["ms"]) == (404, 1.5)
    assert read["time"].endswith("+00:00")


def test_a_line_names_its_request_and_job():
    token = request_id.set("abc123")
    try:
        with working_for_job("01a1"):
            read = json.loads(line_of("x"))
        assert (read["request"], read["job"]) == ("abc123", "01a1")
        assert "job" not in json.loads(line_of("x"))
    finally:
        request_id.reset(token)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login failed for alice.b+c@example.co.uk", "alice"),
        ("password=hunter2hunter2", "hunter2"),
        ("{'password': 'hunter2', 'a': 1}", "hunter2"),
        ('{"api_key": "hunter2"}', "hunter2"),
        ("Authorization: Bearer abcdefghijkl", "abcdefghijkl"),
        ("postgres://owner:hunter2@db/name", "hunter2"),
        ("redis://:hunter2@redis:6379/0", "hunter2"),
        ("GET /accounts/password/reset/key/1-set-password-abc/ 200", "set-password-abc"),
        ("used fml_Zx81k2Lm9Qp0RsTu", "Zx81k2Lm9Qp0RsTu"),
        ("GET /s/shr_Zx81k2Lm9Qp0RsTu/ 200", "Zx81k2Lm9Qp0RsTu"),
        ("joined by inv_Zx81k2Lm9Qp0RsTu", "Zx81k2Lm9Qp0RsTu"),
        ("csrfmiddlewaretoken=abc123", "abc123"),
        ("sessionid=k3y; other", "k3y"),
    ],
)
def test_secrets_do_not_come_through(text, secret):
    assert secret not in redact(text)


@pytest.mark.parametrize("part", ["a", "a.", "-", "Ab1", "A1.", "a@", "://", "token ", "a:b", "@a", "a.b@c."])
def test_a_long_line_costs_little(part):
    """Whoever asks for a long address must not keep a process busy by its line in the log."""
    began = time.process_time()
    redact(part * (60_000 // len(part)))
    assert time.process_time() - began < 2  # seconds; minutes where the work grows with the square


def test_a_random_token_anywhere_is_hidden():
    for _ in range(200):
        token = secrets.token_urlsafe(32)
        if any(letter.isdigit() for letter in token) and token[0] not in "-_" and token[-1] not in "-_":
            assert token not in redact(f"GET /x/{token}/ 200")


@pytest.mark.parametrize(
    "text",
    [
        "GET /engagements/019a1fa3-fd91-77ef-aa54-d5e91299e6e9/ 200",
        "Task projects.tasks.run_job[019a1fa3-fd91-77ef-aa54-d5e91299e6e9] succeeded",
        "test_two_workers_that_share_only_the_services",
        "SHA-256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "the password was wrong",
    ],
)
def test_what_is_no_secret_stays(text):
    assert redact(text) == text


def test_an_exception_is_written_without_secrets():
    error = ValueError("cannot reach postgres://owner:hunter2@db/name")
    record = logging.LogRecord("sample", logging.ERROR, __file__, 1, "broken", (), (ValueError, error, None))
    line = JsonFormatter().format(record)
    assert "hunter2" not in line
    assert HIDDEN in json.loads(line)["exception"]


def test_a_request_leaves_one_line_without_its_query(client, db, caplog):
    with caplog.at_level(logging.INFO, logger="freelance_ml.requests"):
        client.get("/nowhere/", {"token": "hunter2"})
    lines = [record for record in caplog.records if record.name == "freelance_ml.requests"]
    assert [line.getMessage() for line in lines] == ["GET /nowhere/ 404"]
    assert lines[0].status == 404


def test_questions_for_health_leave_no_line(client, db, caplog):
    with caplog.at_level(logging.INFO, logger="freelance_ml.requests"):
        client.get("/health")
    assert not [record for record in caplog.records if record.name == "freelance_ml.requests"]
