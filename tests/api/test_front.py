import json

import pytest
from django.core.management import call_command
from django.test import Client as Browser
from django.urls import reverse
from drf_spectacular.generators import SchemaGenerator

from projects.models import ApiToken, Client, IdempotencyKey
from tests.factories import projects as make


def problem(answer, status, code):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"].endswith(f"/api/v1/problems/#{code}")
    assert body["title"]
    assert body["detail"]
    return body


# --- who calls -----------------------------------------------------------------------------------


def test_a_token_says_who_and_where(program, workspace):
    me = program.get("me/").json()
    assert me["email"] == "alice@example.com"
    assert (me["role"], me["via"], me["scopes"]) == ("owner", "token", ["read", "write"])
    assert me["workspace"]["id"] == str(workspace.pk)


def test_nobody_gets_401_and_is_told_how_to_sign_in(client, db):
    answer = client.get("/api/v1/clients/")
    problem(answer, 401, "not-signed-in")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer", "Bearer two words", "Bearer caf\xe9", "bearer fml_x"])
def test_a_wrong_token_gets_401(client, db, header):
    problem(client.get("/api/v1/clients/", headers={"Authorization": header}), 401, "bad-credentials")


def test_a_revoked_token_gets_401(program):
    ApiToken.objects.update(revoked_at="2026-01-01T00:00:00Z")
    problem(program.get("me/"), 401, "bad-credentials")


def test_guessing_tokens_ends_soon(client, db):
    answers = [client.get("/api/v1/me/", headers={"Authorization": f"Bearer fml_{n}"}) for n in range(61)]
    problem(answers[-1], 429, "too-many-tries")
    assert int(answers[-1]["Retry-After"]) > 0


def test_a_reading_token_changes_nothing(reading_program):
    problem(reading_program.post("clients/", {"name": "New"}), 403, "not-permitted")
    assert not Client.objects.exists()
    assert reading_program.get("clients/").status_code == 200


def test_a_reviewer_reads_and_changes_nothing(client, reviewer):
    client.force_login(reviewer.user)
    assert client.get("/api/v1/clients/").status_code == 200
    problem(client.post("/api/v1/clients/", {"name": "New"}, content_type="application/json"), 403, "not-permitted")


def test_a_browser_needs_its_csrf_token(alice):
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(alice)
    problem(strict.post("/api/v1/clients/", {"name": "N"}, content_type="application/json"), 403, "csrf-failed")
    assert strict.get("/api/v1/clients/").status_code == 200


def test_someone_without_a_workspace_is_refused(client, db):
    client.force_login(make.make_user())
    problem(client.get("/api/v1/clients/"), 403, "not-permitted")


# --- problems ------------------------------------------------------------------------------------


def test_every_problem_is_documented():
    call_command("document_problems", "--check")


def test_the_list_of_problems_is_public(client, db):
    codes = {one["code"] for one in client.get("/api/v1/problems/").json()}
    assert {"bad-scope", "bad-estimate", "bad-change", "overlapping-rates"} <= codes
    assert {"not-found", "client-name-taken", "illegal-transition"} <= codes


def test_an_unknown_address_answers_in_the_same_form(client, db):
    for method in ("get", "post", "delete", "options"):
        problem(getattr(client, method)("/api/v1/nothing/here"), 404, "not-found")
    for address in ("", "clients", "jobs/a%0Ab/", "%00/", "../v1/"):
        problem(client.get(f"/api/v1/{address}"), 404, "not-found")


def test_a_wrong_id_and_a_strangers_id_answer_alike(program, strange_program, workspace):
    mine = make.make_client(workspace=workspace)
    theirs = strange_program.get(f"clients/{mine.pk}/")
    unreal = strange_program.get("clients/01a1fa2d-56bc-74ba-a571-197c8c9d5c2c/")
    problem(theirs, 404, "not-found")
    assert theirs.content == unreal.content
    assert program.get(f"clients/{mine.pk}/").status_code == 200


def test_the_wrong_method_and_the_wrong_form_are_refused(program):
    problem(program.delete("clients/"), 405, "method-not-allowed")
    problem(program.send("options", "clients/"), 405, "method-not-allowed")
    headers = {"Authorization": f"Bearer {program.token}"}
    answer = Browser().post("/api/v1/clients/", "name=x", content_type="text/plain", headers=headers)
    problem(answer, 415, "unsupported-media-type")


HALF = '{"client": "\\ud800"}'  # of a character


DEEP = '{"name": ' + '{"a":' * 200 + "1" + "}" * 201  # which parsers take


@pytest.mark.parametrize("body", ["{", "[" * 100_000, DEEP, '{"name": NaN}', "\x00", "\ufeff{}", HALF])
def test_a_broken_body_is_refused(program, body):
    answer = Browser().post(
        "/api/v1/engagements/",
        body.encode(),
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    problem(answer, 400, "malformed-body")


def test_a_character_in_two_halves_is_one(program):
    made = program.post("clients/", {"name": "Kanaria \N{BABY CHICK}"})  # sent as two escapes
    assert made.json()["name"] == "Kanaria \N{BABY CHICK}"


def test_a_body_without_end_is_refused(program):
    body = json.dumps({"name": "x" * (2 * 2**20)})
    answer = Browser().post(
        "/api/v1/clients/", body, content_type="application/json", headers={"Authorization": f"Bearer {program.token}"}
    )
    problem(answer, 413, "body-too-large")


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_body_that_is_no_object_is_refused(program, body):
    answer = Browser().post(
        "/api/v1/clients/",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert answer.status_code == 400


def test_each_wrong_field_is_named(program):
    body = problem(program.post("engagements/", {"title": "", "client": "nonsense"}), 400, "invalid-input")
    assert {error["field"] for error in body["errors"]} == {"title", "client"}
    assert all(error["code"] and error["detail"] for error in body["errors"])


@pytest.mark.parametrize(
    ("text", "code"), [("nul \x00 inside", "invalid-input"), ("half \ud800 a pair", "malformed-body")]
)
def test_text_that_no_database_takes_is_refused(program, text, code):
    problem(program.post("clients/", {"name": text}), 400, code)


def test_a_broken_rule_answers_with_its_own_code_and_sentence(program):
    assert program.post("clients/", {"name": "Twice"}).status_code == 201
    body = problem(program.post("clients/", {"name": "Twice"}), 409, "client-name-taken")
    assert "already a client named" in body["detail"]


def test_the_wished_form_does_not_matter(program):
    answer = program.get("clients/", Accept="text/html")
    assert answer["Content-Type"] == "application/json"


# --- lists ---------------------------------------------------------------------------------------


def test_lists_come_in_bounded_pages(program, workspace):
    for number in range(5):
        make.make_client(workspace=workspace, name=f"Client {number:02}")
    first = program.get("clients/", {"page_size": 2}).json()
    assert first["count"] == 5
    assert len(first["results"]) == 2
    assert "page=2" in first["next"]
    assert len(program.get("clients/", {"page": 3, "page_size": 2}).json()["results"]) == 1
    problem(program.get("clients/", {"page": 99}), 404, "not-found")
    problem(program.get("clients/", {"page": "9" * 40}), 404, "not-found")


def test_a_page_has_200_rows_at_most(program, workspace):
    Client.objects.bulk_create(Client(workspace=workspace, name=f"Client {number}") for number in range(205))
    assert len(program.get("clients/", {"page_size": 10_000}).json()["results"]) == 200


def test_search_filter_and_order_are_the_listed_ones(program, workspace):
    acme = make.make_client(workspace=workspace, name="Acme")
    make.make_client(workspace=workspace, name="Zenith", archived_at="2026-01-01T00:00:00Z")
    assert [row["name"] for row in program.get("clients/", {"search": "acm"}).json()["results"]] == ["Acme"]
    assert [row["name"] for row in program.get("clients/", {"archived": "false"}).json()["results"]] == ["Acme"]
    assert program.get("clients/", {"ordering": "-name"}).json()["results"][0]["name"] == "Zenith"
    make.make_engagement(client=acme)
    assert program.get("engagements/", {"client": str(acme.pk)}).json()["count"] == 1
    for wrong in ({"nmae": "Acme"}, {"ordering": "workspace"}, {"notes__contains": "x"}, {"workspace": "1"}):
        problem(program.get("clients/", wrong), 400, "unknown-parameter")


def test_a_filter_cannot_name_a_strangers_row(strange_program, workspace):
    mine = make.make_client(workspace=workspace)
    body = problem(strange_program.get("engagements/", {"client": str(mine.pk)}), 400, "invalid-input")
    assert body["errors"][0]["field"] == "client"


# --- idempotency ---------------------------------------------------------------------------------


def test_the_same_key_acts_once(program):
    first = program.post("clients/", {"name": "Once"}, Idempotency_Key="key-1")
    again = program.post("clients/", {"name": "Once"}, Idempotency_Key="key-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert Client.objects.count() == 1


def test_the_same_key_with_another_body_or_address_is_refused(program):
    program.post("clients/", {"name": "Once"}, Idempotency_Key="key-1")
    problem(program.post("clients/", {"name": "Other"}, Idempotency_Key="key-1"), 422, "idempotency-key-reused")
    problem(program.post("contacts/", {"name": "Once"}, Idempotency_Key="key-1"), 422, "idempotency-key-reused")
    assert Client.objects.count() == 1


def test_a_refused_request_may_be_repaired_under_its_key(program):
    problem(program.post("clients/", {"name": ""}, Idempotency_Key="key-1"), 400, "invalid-input")
    assert not IdempotencyKey.objects.exists()
    assert program.post("clients/", {"name": "Good"}, Idempotency_Key="key-1").status_code == 201


def test_keys_of_two_callers_do_not_meet(program, strange_program):
    assert program.post("clients/", {"name": "Same"}, Idempotency_Key="key-1").status_code == 201
    answer = strange_program.post("clients/", {"name": "Same"}, Idempotency_Key="key-1")
    assert answer.status_code == 201
    assert "Idempotency-Replayed" not in answer
    assert Client.objects.count() == 2


def test_a_key_is_forgotten_after_a_day(program):
    program.post("clients/", {"name": "One"}, Idempotency_Key="key-1")
    IdempotencyKey.objects.update(created_at="2026-01-01T00:00:00Z")
    assert program.post("clients/", {"name": "Two"}, Idempotency_Key="key-1").status_code == 201
    assert Client.objects.count() == 2


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "naïve"])
def test_a_key_that_cannot_be_kept_is_refused(program, key):
    problem(program.post("clients/", {"name": "N"}, Idempotency_Key=key), 400, "idempotency-key-invalid")
    assert not Client.objects.exists()


def test_an_answer_with_a_secret_takes_no_key(program, workspace):
    answer = program.post("share-links/", {"purpose": "x"}, Idempotency_Key="key-1")
    problem(answer, 400, "idempotency-key-invalid")


# --- schema and page -----------------------------------------------------------------------------


def test_the_schema_is_drawn_without_a_warning(tmp_path, capsys):
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


@pytest.mark.parametrize("form", ["application/vnd.oai.openapi", "application/vnd.oai.openapi+json"])
def test_the_schema_is_drawn_once_whoever_asks(client, monkeypatch, form):
    first = client.get(reverse("api-schema"), headers={"Accept": form})
    assert first.status_code == 200
    assert first["Content-Type"] == form
    assert b"/api/v1/clients/" in first.content
    monkeypatch.setattr(SchemaGenerator, "get_schema", None)  # drawing again would break
    again = client.get(reverse("api-schema"), {"version": "1\r\nX: y", "lang": "de"}, headers={"Accept": form})
    assert again.content == first.content


def test_the_page_has_no_inline_code(client, db):
    page = client.get(reverse("api-docs")).content.decode()
    assert "<style" not in page
    assert "<script>" not in page
    script = client.get(reverse("api-docs") + "?script=")
    assert script["Content-Type"].startswith("application/javascript")
