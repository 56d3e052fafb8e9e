"""Passkeys in a real browser with a virtual key: set-up, sign-in, second factor, under the strict policy."""

import shutil
from contextlib import contextmanager

import pytest
from playwright.sync_api import sync_playwright

from tests.sites import running_site

pytestmark = pytest.mark.browser
EMAIL, PASSWORD = "olga@example.com", "correct-horse-battery"
VIRTUAL_KEY = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def address(tmp_path, empty_database):
    with running_site(tmp_path, empty_database=empty_database) as port:
        yield f"http://localhost:{port}"  # browsers allow passkeys on localhost, not on 127.0.0.1


@contextmanager
def browser_with_key():
    """Open a page whose console must stay silent."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium on this machine")
    complaints = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        devtools = page.context.new_cdp_session(page)
        devtools.send("WebAuthn.enable")
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": VIRTUAL_KEY})
        yield page
        browser.close()
    assert complaints == []


def sign_out(page, address):
    page.goto(f"{address}/accounts/logout/")
    page.click("main button.btn-primary")
    page.wait_for_url(f"{address}/accounts/login/**")


def test_from_the_first_visit_to_signing_in_with_a_passkey(address):
    with browser_with_key() as page:
        page.goto(address)
        page.wait_for_url(f"{address}/welcome/")
        page.fill("[name=name]", "Olga Owner")
        page.fill("[name=email]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.fill("[name=workspace_name]", "Olga ML")
        page.click("text=Create workspace")
        page.wait_for_url(f"{address}/")

        page.goto(f"{address}/settings/security/")
        page.click("a:has-text('Add a passkey')")
        page.fill("main [name=name]", "Laptop")  # at once: the password was chosen just now
        page.check("[name=passwordless]")
        page.click("#mfa_webauthn_add")
        page.wait_for_url("**/recovery-codes/")
        assert len(page.locator("#recovery_codes").input_value().split()) == 10

        sign_out(page, address)
        page.click("#passkey_login")
        page.wait_for_url(f"{address}/")

        sign_out(page, address)
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/2fa/authenticate/")  # the password alone is not enough any more
        page.click("#mfa_webauthn_authenticate")
        page.wait_for_url(f"{address}/")
