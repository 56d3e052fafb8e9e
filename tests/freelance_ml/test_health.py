"""What the operator's machines see, and what strangers do not."""

import json

import pytest
from django.db import OperationalError

from freelance_ml import broker, health
from freelance_ml.up.instance import private_folder, write_state


@pytest.fixture(autouse=True)
def _forget_the_broker(monkeypatch):
    monkeypatch.setattr(broker, "_last", (0.0, ""))
    monkeypatch.setattr(broker, "answers", lambda path: True)


def test_health_is_well_and_says_no_more_than_that(client, db, settings):
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/redis.sock"
    response = client.get("/health")
    assert response.status_code == 200
    assert json.loads(response.content) == {"status": "ok", "database": "ok", "broker": "ok"}
    assert "no-store" in response["Cache-Control"]


def test_a_broker_that_is_away_harms_no_page(client, db, settings, monkeypatch):
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/redis.sock"
    monkeypatch.setattr(broker, "answers", lambda path: False)
    response = client.get("/health")
    assert response.status_code == 200
    assert json.loads(response.content)["broker"] == "away"


def test_a_redis_elsewhere_that_does_not_answer_is_away(settings):
    settings.REDIS_URL = settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert broker.state() == "away"


def test_messages_through_files_need_no_broker(settings):
    settings.BROKER_URL = settings.CELERY_BROKER_URL = "filesystem://"
    assert broker.state() == "files"


def test_other_programs_learn_from_the_supervisor_that_there_is_no_redis(settings, tmp_path):
    settings.VAR_DIR = tmp_path
    settings.REDIS_URL = settings.BROKER_URL = ""
    assert broker.url().startswith("redis")
    write_state(private_folder(tmp_path / "run"), redis_socket="")
    assert broker.url() == "filesystem://"


def test_health_is_503_without_the_database_and_keeps_its_reason_to_itself(client, db, monkeypatch):
    class Away:
        def cursor(self):
            raise OperationalError("password of alice@example.com is wrong")

    monkeypatch.setattr(health, "connection", Away())
    response = client.get("/health")
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert b"alice" not in response.content


@pytest.mark.parametrize("address", ["/health", "/metrics"])
def test_they_only_read(client, db, address):
    assert client.post(address).status_code == 405


def test_metrics_count_requests_and_jobs_for_this_machine(client, db):
    client.get("/health")
    response = client.get("/metrics")
    assert response.status_code == 200
    text = response.content.decode()
    assert 'http_requests_total{method="GET",status="200"}' in text
    assert 'freelance_ml_jobs{state="queued"} 0.0' in text
    assert "freelance_ml_broker_up" in text


@pytest.mark.parametrize(
    "extra",
    [
        {"REMOTE_ADDR": "203.0.113.9"},
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"HTTP_FORWARDED": "for=203.0.113.9"},
        {"HTTP_X_REAL_IP": "203.0.113.9"},
        {"HTTP_VIA": "1.1 proxy"},
        {"REMOTE_ADDR": ""},
    ],
)
def test_metrics_are_nothing_to_others(client, db, extra):
    assert client.get("/metrics", **extra).status_code == 404


def test_with_a_token_only_its_bearer_reads_metrics(client, db, settings):
    settings.METRICS_TOKEN = "the-token-of-the-operator"
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer another").status_code == 404
    bearer = {"HTTP_AUTHORIZATION": "Bearer the-token-of-the-operator", "REMOTE_ADDR": "203.0.113.9"}
    assert client.get("/metrics", **bearer).status_code == 200


class TestProxies:
    """REMOTE_ADDR is the caller's own, and no header of a stranger is believed."""

    @pytest.mark.parametrize(
        ("trusted", "remote", "forwarded", "seen"),
        [
            ([], "127.0.0.1", "198.51.100.7", "127.0.0.1"),
            (["127.0.0.1"], "127.0.0.1", "198.51.100.7", "198.51.100.7"),
            (["127.0.0.1"], "203.0.113.5", "198.51.100.7", "203.0.113.5"),
            (["127.0.0.1", "10.0.0.0/8"], "127.0.0.1", "1.1.1.1, 198.51.100.7, 10.1.2.3", "198.51.100.7"),
            (["127.0.0.1"], "127.0.0.1", "", "127.0.0.1"),
            (["127.0.0.1"], "127.0.0.1", "<script>", "<script>"),
        ],
    )
    def test_the_chain_is_walked_from_the_nearest(self, rf, settings, trusted, remote, forwarded, seen):
        from freelance_ml.proxies import ProxyMiddleware

        settings.TRUSTED_PROXIES = trusted
        request = rf.get("/", REMOTE_ADDR=remote, HTTP_X_FORWARDED_FOR=forwarded)
        ProxyMiddleware(lambda request: request)(request)
        assert request.META["REMOTE_ADDR"] == seen
