"""Passkeys at the door: what a stolen key opens, what strangers may send."""

import json
import os
from datetime import timedelta

import pytest
import time_machine
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import sha256, websafe_encode
from fido2.webauthn import Aaguid, AttestationObject, AttestedCredentialData, AuthenticatorData

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
PASSWORD = "correct-horse-battery"  # of a person who is made up
DOOR = "/accounts/2fa/webauthn/login/"


class Key:
    """A passkey in somebody's pocket, as the site knows it."""

    def __init__(self, user):
        self.user, self.id, self.private = user, os.urandom(16), ec.generate_private_key(ec.SECP256R1())
        public = ES256.from_cryptography_key(self.private.public_key())
        known = AttestedCredentialData.create(Aaguid.NONE, self.id, public)
        data = AuthenticatorData.create(sha256(b"testserver"), PRESENT | VERIFIED | ATTESTED, 0, bytes(known))
        proof = AttestationObject.create("none", data, {})
        credential = self._said("webauthn.create", "", {"attestationObject": websafe_encode(bytes(proof))})
        Authenticator.objects.create(user=user, type="webauthn", data={"name": "Key", "credential": credential})

    def answer(self, challenge, *, flags, origin="http://testserver", user=None):
        """Answer a challenge, with the holder's finger or PIN (verified) or with a touch alone."""
        said = self._said("webauthn.get", challenge, {}, origin)
        data = AuthenticatorData.create(sha256(b"testserver"), flags, 1)
        signature = self.private.sign(bytes(data) + sha256(self.client_data), ec.ECDSA(SHA256()))
        handle = user_pk_to_url_str(user or self.user).encode()
        said["response"] |= {
            "authenticatorData": websafe_encode(bytes(data)),
            "signature": websafe_encode(signature),
            "userHandle": websafe_encode(handle),
        }
        return json.dumps(said)

    def _said(self, kind, challenge, response, origin="http://testserver"):
        self.client_data = json.dumps({"type": kind, "challenge": challenge, "origin": origin}).encode()
        name = websafe_encode(self.id)
        response = response | {"clientDataJSON": websafe_encode(self.client_data)}
        return {"id": name, "rawId": name, "type": "public-key", "response": response, "clientExtensionResults": {}}


@pytest.fixture
def key(alice):
    return Key(alice)


def challenge_at_the_door(browser):
    told = browser.get(DOOR, headers={"X-Requested-With": "XMLHttpRequest"}).json()
    return told["request_options"]["publicKey"]["challenge"]


def is_in(browser):
    return "_auth_user_id" in browser.session


def test_a_passkey_opens_with_its_holder_verified(client, key):
    challenge = challenge_at_the_door(client)
    client.post(DOOR, {"credential": key.answer(challenge, flags=PRESENT | VERIFIED)})
    assert is_in(client)


def test_a_touch_alone_opens_nothing(client, key):
    client.post(DOOR, {"credential": key.answer(challenge_at_the_door(client), flags=PRESENT)})
    assert not is_in(client)


def test_a_stolen_key_without_its_pin_opens_nothing_by_the_challenge_of_another_step(client, key, stranger):
    Key(stranger.user)
    stranger.user.set_password(PASSWORD)
    stranger.user.save()
    client.post(reverse("account_login"), {"login": stranger.user.email, "password": PASSWORD})
    assert client.get("/accounts/2fa/authenticate/").status_code == 200  # where a touch is enough
    challenge = client.session["mfa.webauthn.state"]["challenge"]
    with time_machine.travel(timedelta(minutes=16)):  # the step is over by then, but its challenge stands
        client.post(DOOR, {"credential": key.answer(challenge, flags=PRESENT)})
    assert not is_in(client)


@pytest.mark.parametrize(
    ("origin", "opens"),
    [("https://testserver", True), ("https://evil.example", False), ("https://testserver.evil.example", False)],
)
def test_an_answer_that_another_site_got_opens_nothing(client, key, settings, origin, opens):
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = False
    challenge = challenge_at_the_door(client)
    client.post(DOOR, {"credential": key.answer(challenge, flags=PRESENT | VERIFIED, origin=origin)})
    assert is_in(client) == opens


def test_an_answer_opens_once_and_for_its_holder_alone(client, key, stranger):
    Key(stranger.user)
    challenge = challenge_at_the_door(client)
    client.post(DOOR, {"credential": key.answer(challenge, flags=PRESENT | VERIFIED, user=stranger.user)})
    assert not is_in(client)
    good = key.answer(challenge, flags=PRESENT | VERIFIED)
    client.post(DOOR, {"credential": good})
    client.logout()
    client.post(DOOR, {"credential": good})
    other = Client()
    challenge_at_the_door(other)
    other.post(DOOR, {"credential": good})
    assert not is_in(client)
    assert not is_in(other)


@pytest.mark.parametrize(
    "sent",
    [
        "[1]",
        "null",
        "[" * 50_000,
        '{"id": 1}',
        '{"response": []}',
        '{"a":' + "[" * 5000 + "]" * 5000 + "}",
        '{"a":' + "9" * 5000 + "}",
    ],
)
def test_anything_may_be_sent_to_the_door(client, key, sent):
    challenge_at_the_door(client)
    assert client.post(DOOR, {"credential": sent}).status_code == 302
    assert not is_in(client)


@pytest.mark.parametrize("change", [{"rawId": None}, {"clientExtensionResults": []}, {"clientExtensionResults": "x"}])
def test_an_answer_of_an_odd_form_is_refused(client, key, change):
    good = json.loads(key.answer(challenge_at_the_door(client), flags=PRESENT | VERIFIED))
    sent = {name: value for name, value in (good | change).items() if value is not None}
    assert client.post(DOOR, {"credential": json.dumps(sent)}).status_code == 302
    assert not is_in(client)


def test_what_the_browser_said_may_be_nested_without_end(client, key):
    good = json.loads(key.answer(challenge_at_the_door(client), flags=PRESENT | VERIFIED))
    good["response"]["clientDataJSON"] = websafe_encode(b"[" * 50_000)
    assert client.post(DOOR, {"credential": json.dumps(good)}).status_code == 302
    assert not is_in(client)
