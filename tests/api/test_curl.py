"""The example with curl in docs/api.md, carried out line by line as it stands there."""

import json
import re
import shlex
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client as Browser

from projects.models import Job
from projects.services.tokens import create_token
from tests.factories import billing as bills
from tests.factories.jobs import work_off
from tests.factories.scopes import document

EXAMPLE = re.compile(r"<!-- curl: [^>]*-->\n\n```sh\n(.*?)```", re.DOTALL)
LINE = re.compile(r"(?:(?P<into>\w+)=\$\()?(?P<curl>curl .*?)(?: \| jq (?:-r )?\.(?P<path>[\w.]+))?\)?")
UNTIL = re.compile(r"until (?P<curl>curl .*?) \| grep -E '(?P<text>.*?)'; do sleep 1; done")
ANSWERS = {"signed": "signed", "approved": "approved"}
WORK = [{"title": "Audit", "low": "8", "likely": "12", "high": "30"}]


class Shell:
    """Knows just enough of a shell and of curl for the example; a job is done by the time somebody asks for it."""

    def __init__(self, token, folder):
        self.site, self.folder, self.names, self.answers = "https://freelance.example", folder, {}, []
        self.token = token

    def run(self, line):
        if line.startswith("# Carla"):
            self.answer(next(word for word in ANSWERS if word in line))
        elif line.startswith(("api=", "auth=")):
            name, value = line.split("=", 1)
            self.names[name] = value.strip('"').replace("fml_…", self.token)
        elif line and not line.startswith("#"):
            until = UNTIL.fullmatch(line)
            found = until or LINE.fullmatch(line)
            text = self.curl(found["curl"])
            if until:
                assert re.search(until["text"], text)[1] == "done", text
            elif found["path"]:
                value = json.loads(text)
                for part in found["path"].split("."):
                    value = value[part]
                if found["into"]:
                    self.names[found["into"]] = value

    def curl(self, command):
        given = re.sub(r"\$(\w+)", lambda name: self.names[name[1]], command)
        words, headers, method, body, address = shlex.split(given)[1:], {}, "GET", b"", ""
        while words:
            word = words.pop(0)
            if word in ("-sH", "-H"):
                name, value = words.pop(0).split(": ", 1)
                headers[name] = value
            elif word == "-X":
                method = words.pop(0)
            elif word in ("--json", "--data-binary"):
                headers |= {"Content-Type": "application/json"} if word == "--json" else {}
                method, body = ("POST" if method == "GET" else method), words.pop(0).encode()
                body = (self.folder / body[1:].decode()).read_bytes() if body.startswith(b"@") else body
            else:
                address = word.removeprefix(self.site)
        if "/jobs/" in address:
            for job in Job.objects.filter(state="queued"):
                work_off(job)
        kind = headers.pop("Content-Type", "application/json")
        answer = Browser().generic(method, address, body, content_type=kind, headers=headers)
        content = answer.getvalue().decode()
        assert answer.status_code < 400, (address, content)
        self.answers.append((address.removeprefix("/api/v1/"), content))
        return content

    def answer(self, word):
        """Let the client answer in the pages behind the address."""
        phone, door = Browser(), self.names["address"]
        room = phone.post(door[door.index("/s/") :]).headers["Location"]
        said = {"answer": word, "name": "Carla", "email": "carla@acme.example", "agreed": "on"}
        assert phone.post(f"{room}answer/", said).status_code == 302

    def last(self, address):
        return json.loads(next(content for told, content in reversed(self.answers) if told.startswith(address)))


@pytest.mark.django_db
def test_the_example_with_curl_does_what_it_says(actor, tmp_path):
    token = create_token(name="curl", scopes=["read", "write"], days=1, by=actor)[1]
    body = {"document": document(currency="USD"), "work": WORK, "rate_minor": 9_500}
    (tmp_path / "scope.json").write_text(json.dumps(body))
    mine = bills.focus_line("2.5", tags='{"client":"acme"}')
    (tmp_path / "bill.csv").write_text(bills.focus_bill(mine, bills.focus_line("1")))
    shell = Shell(token, tmp_path)
    for line in EXAMPLE.search((settings.BASE_DIR / "docs/api.md").read_text(encoding="utf-8"))[1].splitlines():
        shell.run(line)

    engagement = shell.names["engagement"]
    check = next(json.loads(content) for address, content in shell.answers if address.endswith("/check/"))
    assert (check["missing"], check["price_minor"], check["estimate"]["sum_likely"]) == ([], 1_200_000, "12")
    assert shell.last("milestones/")["count"] == 2
    ledger = shell.last(f"engagements/{engagement}/ledger/")
    assert (ledger["original"], ledger["changes"], ledger["revised"]) == (1_200_000, 150_000, 1_350_000)
    groups = {group["key"]: Decimal(group["net"]) for group in shell.last("spend/?by")["groups"]}
    assert groups == {engagement: Decimal("1.5"), "overhead": Decimal(1), "unallocated": Decimal(1)}
    assert {alert["threshold"] for alert in shell.last("budget-alerts/")["results"]} == {50, 80, 100}
    assert next(content for address, content in shell.answers if "export" in address).startswith("BilledCost,")
