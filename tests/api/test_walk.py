"""The walk through the main job in docs/api.md, run as it stands there, and the answer of the client."""

import io
import re
import sys
import urllib.request

import pytest
from django.conf import settings
from django.test import Client as Browser

from projects.models import Job
from projects.services.tokens import create_token
from tests.factories.evaluations import churn_csv
from tests.factories.jobs import work_off
from tests.factories.projects import make_milestone

SITE = "https://freelance.example"
WALK = re.compile(r"<!-- walk: [^>]*-->\n\n```python\n(.*?)```", re.DOTALL)
ANSWER = {"answer": "accepted", "name": "Carla", "email": "carla@client.example", "agreed": "on"}


def ask_the_site(request):
    """Carry a request of the script to the site, whose worker is always done by the time somebody asks for a job."""
    for job in Job.objects.filter(state="queued") if "/jobs/" in request.full_url else []:
        work_off(job)
    headers = {"Authorization": request.get_header("Authorization")}
    answer = Browser().generic(
        request.get_method(),
        request.full_url.removeprefix(SITE),
        request.data or b"",
        content_type=request.get_header("Content-type"),
        headers=headers,
    )
    assert answer.status_code < 400, (request.full_url, answer.content)
    return io.BytesIO(answer.getvalue())


@pytest.mark.django_db
def test_the_walk_of_the_docs_ends_in_an_accepted_milestone(actor, tmp_path, monkeypatch, capsys, client):
    milestone, table = make_milestone(workspace=actor.workspace), tmp_path / "churn.csv"
    table.write_bytes(churn_csv())
    token = create_token(name="walk", scopes=["read", "write"], days=1, by=actor)[1]
    monkeypatch.setenv("FREELANCE_ML_SITE", SITE)
    monkeypatch.setenv("FREELANCE_ML_TOKEN", token)
    monkeypatch.setattr(sys, "argv", ["walk.py", str(table), str(milestone.pk)])
    monkeypatch.setattr(urllib.request, "urlopen", ask_the_site)
    script = WALK.search((settings.BASE_DIR / "docs/api.md").read_text(encoding="utf-8"))[1]
    exec(compile(script, "docs/api.md", "exec"), {})  # noqa: S102  # the script of our own docs is what is tested

    verdict, digest, address = capsys.readouterr().out.split()
    assert (verdict, len(digest)) == ("pass", 64)
    room = client.post(address[address.index("/s/") :]).headers["Location"]
    assert client.post(f"{room}answer/", ANSWER).status_code == 302
    milestone.refresh_from_db()
    assert (milestone.status, milestone.accepted_how) == ("accepted", "client")

    headers = {"Authorization": f"Bearer {token}"}
    (report,) = client.get("/api/v1/reports/", headers=headers).json()["results"]
    bundle = client.get(f"/api/v1/reports/{report['id']}/files/json/", headers=headers).json()
    assert (bundle["sha256"], bundle["report"]) == (report["digest"], report["body"])
    assert client.get(f"/api/v1/reports/{report['id']}/files/pdf/", headers=headers).content.startswith(b"%PDF")
    assert client.get(f"/api/v1/reports/{report['id']}/files/docx/", headers=headers).status_code == 404
