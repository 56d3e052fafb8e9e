"""Headers on every answer: the walk over all addresses, cookies, and what is logged."""

import json
import logging
import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver

from projects.models import User
from tests.canaries import CANARIES

ROOT = Path(__file__).resolve().parents[2]
VALUES = {"uuid": "0192f0c1-2d3e-7000-8000-000000000000", "int": "1", "path": "no/such/thing"}
EXPECTED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def addresses():
    """Fill every pattern of the site with values that belong to nobody."""
    found = set()

    def walk(patterns, prefix):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                found.add(route)
            else:
                walk(pattern.url_patterns, route)

    walk(get_resolver().url_patterns, "/")
    return sorted(fill(route) for route in found)


def fill(route):
    if re.search(r"[\^$?*\\]", route):  # written as an expression: named groups become a word
        named = re.sub(r"\(\?P<\w+>(?:[^()]|\([^()]*\))*\)", "1", route)
        return re.sub(r"[\^$]|\\Z|\\", "", named).replace("/?", "/").replace(".?", ".")
    return re.sub(r"<(?:(\w+):)?\w+>", lambda kind: VALUES.get(kind[1], "no-such-thing"), route)


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["nobody", "owner", "operator"])
def test_every_answer_carries_the_headers(client, actor, who):
    client.raise_request_exception = False
    if who == "owner":
        client.force_login(actor.user)
    elif who == "operator":
        client.force_login(User.objects.create_superuser("boss@example.com", "correct-horse-battery"))
    faults = []
    walked = addresses()
    assert len(walked) > 60
    for address in walked:
        if "logout" in address:
            continue
        answer = client.get(address)
        policy = answer.get("Content-Security-Policy", "")
        checks = {
            "status": answer.status_code < 500,
            "policy": "default-src 'none'" in policy and "unsafe" not in policy and "base-uri 'none'" in policy,
            "referrer": answer.get("Referrer-Policy") in {"same-origin", "no-referrer"},
            "permissions": "camera=()" in answer.get("Permissions-Policy", ""),
            "id": "X-Request-ID" in answer,
            "charset": "charset" in answer.get("Content-Type", "charset") or "html" not in answer["Content-Type"],
            **{name: answer.get(name) == value for name, value in EXPECTED.items()},
        }
        if who != "nobody":
            checks["cache"] = "no-store" in answer.get("Cache-Control", "")
        faults += [f"{address} ({answer.status_code}): {name}" for name, holds in checks.items() if not holds]
    assert not faults, "\n".join(faults)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["/accounts/login/", "/welcome/", "/settings/", "/settings/people/", "/settings/security/", "/admin/", "/nowhere/"],
)
def test_pages_hold_no_inline_code(client, address):
    client.force_login(User.objects.create_superuser("boss@example.com", "correct-horse-battery"))
    page = client.get(address).content.decode()
    scripts = re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", page)
    assert all("application/json" in script for script in scripts), scripts
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|javascript:", page)


@pytest.mark.django_db
def test_every_change_needs_the_csrf_token(alice):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    for address in ["/settings/", "/settings/people/", "/settings/tokens/", "/accounts/email/", "/accounts/logout/"]:
        assert strict.post(address, {}).status_code == 403, address


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wished", ["//evil.example.com", "https://evil.example.com/", "javascript:alert(1)", "/\\evil"]
)
def test_nobody_is_sent_elsewhere_after_signing_in(client, alice, wished):
    fields = {"login": "alice@example.com", "password": "correct-horse-battery", "next": wished}
    answer = client.post(f"/accounts/login/?next={wished}", fields)
    assert answer["Location"] == "/"


@pytest.mark.django_db
def test_a_request_id_from_outside_is_kept_only_when_harmless(client):
    assert client.get("/accounts/login/", HTTP_X_REQUEST_ID="abc-12345678").headers["X-Request-ID"] == "abc-12345678"
    made = client.get("/accounts/login/", HTTP_X_REQUEST_ID="a\tb{}").headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)


def https_settings(tmp_path, *command):
    environment = {
        **os.environ,
        "FREELANCE_ML_VAR": str(tmp_path),
        "SITE_URL": "https://ml.example.com",
        "DJANGO_SETTINGS_MODULE": "freelance_ml.settings",
    }
    environment.pop("DEBUG", None)
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_cookies_on_https(tmp_path):
    names = ["SESSION_COOKIE_NAME", "SESSION_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE"]
    names += [name.replace("SESSION", "CSRF") for name in names] + ["SECURE_HSTS_SECONDS", "SESSION_COOKIE_DOMAIN"]
    code = f"import json; from django.conf import settings as s; print(json.dumps([getattr(s, n) for n in {names}]))"
    found = json.loads(https_settings(tmp_path, "-c", code).stdout)
    assert found == ["__Host-session", True, True, "Lax", "__Host-csrf", True, True, "Lax", 63_072_000, None]


# --- logs ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text",
    [
        "password=correct-horse-battery",
        "GET /invitations/inv_0123456789abcdefghijABCDEFGHIJ/",
        "Authorization: Bearer fml_0123456789abcdefghijABCDEFGHIJ",
        "nobody@example.com",
        "canary",
    ],
)
def test_the_watch_over_the_logs_would_notice(text):
    assert CANARIES.search(text) or "Bearer" in text


@pytest.mark.django_db
def test_signing_in_leaves_nothing_in_the_logs(client, alice, no_secret_in_the_logs):
    for password in ("canary-password", "correct-horse-battery"):
        client.post("/accounts/login/", {"login": "alice@example.com", "password": password})
    client.get("/accounts/password/reset/key/canary-1-canary-key/")
    client.get("/invitations/inv_CANARY0123456789abcdefghij/")
    logging.getLogger("freelance_ml").warning("for alice@example.com with fml_%s", uuid.uuid4().hex)
    assert no_secret_in_the_logs.leaks == []
