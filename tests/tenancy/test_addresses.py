"""Every address × object of another workspace × actor × method."""

import uuid

import pytest
from django.db import transaction
from django.test import Client as Browser

from tests.factories.registry import SITE, our_models
from tests.tenancy.proofs import ROOMS
from tests.tenancy.registry import DOORS, OPERATOR, PUBLIC, REVIEWER_MAY, SENDS
from tests.tenancy.walk import METHODS, every_address, fingerprint, listed, watched_writes

pytestmark = pytest.mark.django_db

UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def mapped_or_not():
    """The addresses of the application itself, as they are when the test runs."""
    return [one for one in every_address() if not any(listed(one.name, known) for known in (PUBLIC, DOORS, OPERATOR))]


def own_addresses(*worlds):
    """Those whose objects are known and could be built; the rest fails in a test of its own."""
    unbuilt = {label for world in worlds for label in world.unbuilt}
    return [one for one in mapped_or_not() if not one.unmapped and not unbuilt & set(one.objects.values())]


def shows_in(world, answer):
    try:
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    except (ArithmeticError, ValueError, KeyError):  # a guessed row that its own file cannot be written from
        body = b""
    headers = repr(sorted(answer.headers.items()))
    return world.canary in body.decode("utf-8", "replace") + headers


def test_every_model_belongs_to_a_workspace_or_says_why_not():
    missing = [
        model._meta.label_lower
        for model in our_models()
        if not hasattr(model, "workspace_path") and model._meta.label_lower not in SITE
    ]
    assert not missing, "give these a workspace_path, or a reason in tests/factories/registry.py"


def test_every_model_has_a_factory(worlds):
    assert not worlds.ours.unbuilt, "say in FIELDS of tests/factories/registry.py how to fill these"


def test_every_address_is_mapped():
    unmapped = {one.name: one.unmapped for one in mapped_or_not() if one.unmapped or one.name.startswith("?")}
    assert not unmapped, "add these to tests/tenancy/registry.py"


def test_no_line_of_the_registry_is_left_over():
    names = [one.name for one in every_address()]
    for register in (PUBLIC, DOORS, OPERATOR, REVIEWER_MAY, SENDS):
        unused = [pattern for pattern in register if not any(listed(name, [pattern]) for name in names)]
        assert not unused


def knock(who, address, methods, real, unreal, world):
    """Try the methods on a row of another world: tell which are known there, and what was not as it must be."""
    allowed = {404, 405} | ({403} if who.limited else set()) | ({302, 401} if who.name == "holder" else set())
    known, faults, fields = [], [], SENDS.get(address.name)
    for method in methods:
        answer = who.send(method, real, fields)
        status = answer.status_code
        told = f"{who.name} {method} {address.name} → {status}"
        if status != 405:
            known.append(method)
        if status not in allowed:
            faults.append(told)
        elif status != 405 and not who.limited and who.send(method, unreal, fields).status_code != status:
            faults.append(f"{told}, but another status for a row that does not exist")
        if shows_in(world, answer):
            faults.append(f"{told} and shows the row")
    return known, faults


def test_strangers_find_nothing(worlds):
    """The answer for a row of another workspace is that for a row that does not exist.

    Their owner tries every method; what the address does not know at all, the others need not try.
    """
    faults = []
    owner, *others = [*worlds.strangers.values(), worlds.holder()]
    before = fingerprint(worlds.ours)
    with watched_writes() as writes:
        for address in own_addresses(worlds.ours, worlds.theirs):
            if not address.objects:
                continue
            real = address.reverse(worlds.ours)
            unreal = address.reverse(worlds.ours, **{name: uuid.uuid4() for name in address.objects})
            known, found = knock(owner, address, METHODS, real, unreal, worlds.ours)
            faults += found
            for who in others:
                if not who.token or real.startswith("/api/"):
                    faults += knock(who, address, known, real, unreal, worlds.ours)[1]
            if writes.since_last_time() and fingerprint(worlds.ours) != before:
                faults.append(f"{address.name} changed a row")
                before = fingerprint(worlds.ours)
    assert not faults, "\n".join(faults)


def test_a_row_of_theirs_does_not_open_below_a_row_of_ours(worlds):
    """With two objects in an address, one of each world is nothing either."""
    faults = []
    for address in own_addresses(worlds.ours, worlds.theirs):
        for name, label in address.objects.items() if len(address.objects) > 1 else ():
            mixed = address.reverse(worlds.theirs, **{name: worlds.ours.row(label).pk})
            for method in METHODS:
                answer = worlds.strangers["owner"].send(method, mixed)
                if answer.status_code not in {404, 405} or shows_in(worlds.ours, answer):
                    faults.append(f"{method} {mixed} → {answer.status_code}")
    assert not faults, "\n".join(faults)


def test_the_signed_out_are_asked_to_sign_in(worlds):
    faults = []
    client = Browser(raise_request_exception=False)
    before = fingerprint(worlds.ours)
    for address in own_addresses(worlds.ours, worlds.theirs):
        real = address.reverse(worlds.ours)
        for method in METHODS:
            answer = getattr(client, method.lower())(real)
            told = f"{method} {address.name} → {answer.status_code}"
            if answer.status_code == 302:
                if "/accounts/login/" not in answer["Location"]:
                    faults.append(f"{told} {answer['Location']}")
            elif answer.status_code not in {401, 404, 405}:
                faults.append(told)
            if shows_in(worlds.ours, answer):
                faults.append(f"{told} and shows the row")
    assert fingerprint(worlds.ours) == before
    assert not faults, "\n".join(faults)


def test_the_owner_finds_the_rows(worlds):
    """The counter-proof: the addresses above are right, so that 404 means something."""
    faults = []
    for address in own_addresses(worlds.ours, worlds.theirs):
        if not address.objects:
            continue
        statuses = {}
        who = worlds.insiders["guest" if address.name in ROOMS else "owner"]
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            with transaction.atomic():
                answer = who.send(method, address.reverse(worlds.ours), SENDS.get(address.name))
                statuses[method] = answer.status_code
                transaction.set_rollback(True)
        found = [status for status in statuses.values() if status not in {403, 404, 405}]
        if not found or max(found) >= 500:
            faults.append(f"{address.name} {statuses}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("who", ["reviewer", "token-read"])
def test_who_may_only_read_changes_nothing(worlds, who):
    faults = []
    before = fingerprint(worlds.ours)
    with watched_writes() as writes:
        for address in own_addresses(worlds.ours, worlds.theirs):
            real = address.reverse(worlds.ours)
            if who.startswith("token") and not real.startswith("/api/"):
                continue
            for method in UNSAFE:
                answer = worlds.insiders[who].send(method, real)
                if answer.status_code not in {403, 404, 405} and not listed(address.name, REVIEWER_MAY):
                    faults.append(f"{who} {method} {address.name} → {answer.status_code}")
            if writes.since_last_time() and fingerprint(worlds.ours) != before:
                faults.append(f"{address.name} changed a row")
                before = fingerprint(worlds.ours)
    assert not faults, "\n".join(faults)


def test_no_page_of_a_stranger_shows_a_row_of_ours(worlds):
    """Lists, forms, the palette, the public pages: whatever filter a stranger names."""
    ids = {label.split(".")[1]: str(row.pk) for label, row in worlds.ours.rows.items()}
    names = {name: value for noun, value in ids.items() for name in (noun, f"{noun}_id")}
    words = {"q": "workspace", "search": "workspace", "subject": worlds.ours.label(), "page": "1"}
    faults = []
    for address in every_address():
        if address.objects or address.unmapped or listed(address.name, OPERATOR):
            continue
        for who, queries in ((worlds.strangers["owner"], [{}, names, words]), (worlds.strangers["reviewer"], [{}])):
            for query in queries:
                answer = who.browser.get(address.reverse(worlds.ours), query)
                if shows_in(worlds.ours, answer):
                    faults.append(f"{who.name} {address.name} {sorted(query)[:3]} shows a row")
                if answer.status_code >= 500:
                    faults.append(f"{who.name} {address.name} {sorted(query)[:3]} → {answer.status_code}")
    assert not faults, "\n".join(faults)


def test_the_operators_pages_are_closed_to_owners(worlds):
    faults = []
    for address in every_address():
        if not listed(address.name, OPERATOR) or address.unmapped or address.objects:
            continue
        for who in worlds.insiders.values():
            answer = who.browser.get(address.reverse(worlds.ours))
            if answer.status_code == 200:
                faults.append(f"{who.name} {address.name} → {answer.status_code}")
    assert not faults, "\n".join(faults)
