"""Two workers that share nothing but PostgreSQL, Redis and an S3 interface do each job once."""

import json
import os
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from tests.servers import free_port, postgres_database, private_redis
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "freelance-ml"


class Site:
    """An installation that is spread over machines; here, over folders that know nothing of each other."""

    def __init__(self, folder, *, database, redis, endpoint):
        self.folder = folder
        self.processes = {}
        self.shared = {
            "DATABASE_URL": database,
            "REDIS_URL": redis,
            "STORAGE_URL": f"s3://{BUCKET}/site?endpoint={endpoint}&region=eu-central-1&addressing=path",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "JOB_KIND_MODULES": "tests.faults.served_kinds",
            "JOB_LEASE_SECONDS": "4",
            "JOB_RESEND_SECONDS": "2",
            "JOB_WISH": "false",
            "DJANGO_SETTINGS_MODULE": "freelance_ml.settings",
        }

    def machine(self, name):
        """The environment of one machine: the shared addresses, and a folder of its own."""
        inherited = {key: value for key, value in os.environ.items() if key not in {"JOBS_DIR", "BROKER_URL"}}
        return {**inherited, **self.shared, "FREELANCE_ML_VAR": str(self.folder / name), "SERVED_WORKER": name}

    def start(self, name, *words):
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env=self.machine(name),
                stdout=subprocess.PIPE if name == "web" else log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name):
        os.killpg(self.processes[name].pid, signal.SIGKILL)
        process = self.processes.pop(name)
        process.wait()
        if process.stdout:
            process.stdout.close()

    def hear(self):
        """The next line of the web process."""
        return json.loads(self.processes["web"].stdout.readline() or '"it ended"')

    def said(self):
        return {path.name: path.read_text()[-2000:] for path in self.folder.glob("*.log")}


def has_bucket(client):
    try:
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    except (BotoCoreError, ClientError):
        return False
    return True


@pytest.fixture
def site(tmp_path):
    with ExitStack() as stack:
        port = free_port()
        words = [sys.executable, "-m", "moto.server", "-p", str(port)]
        moto = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        stack.callback(moto.wait)
        stack.callback(moto.terminate)
        endpoint = f"http://127.0.0.1:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        stack.callback(client.close)
        wait_for(lambda: has_bucket(client), seconds=30, pause=0.5)
        database = stack.enter_context(postgres_database())
        redis = stack.enter_context(private_redis())
        built = Site(tmp_path, database=database, redis=redis, endpoint=endpoint)
        stack.callback(lambda: [built.kill(name) for name in list(built.processes)])
        yield built


@pytest.mark.faults
def test_two_workers_that_share_only_the_services(site):
    site.start("web", "-m", "tests.faults.served_web")
    assert site.hear() == "migrated", site.said()
    worker = ("-m", "celery", "-A", "freelance_ml", "worker", "-c", "1", "--without-gossip", "--without-mingle", "-n")
    site.start("worker-a", *worker, "a@%h")
    site.start("worker-b", *worker, "b@%h")
    site.start("dispatcher", "manage.py", "dispatch")

    first = site.hear()
    assert [row["state"] for row in first["rows"]] == ["done"] * 6, (first, site.said())
    assert [row["stored"] for row in first["rows"]] == [str(100 + number) for number in range(6)]
    assert first["files"] == 6  # each result was stored once
    assert {row["worker"] for row in first["rows"]} == {"worker-a", "worker-b"}
    assert not (site.folder / "worker-a" / "files").exists()  # nothing went to a disk that others do not see

    assert site.hear() == "running", site.said()
    site.kill("worker-a")
    second = site.hear()
    assert [row["state"] for row in second["rows"]] == ["done"] * 2, (second, site.said())
    assert {row["worker"] for row in second["rows"]} == {"worker-b"}
    assert second["files"] == 8
