import json
import logging
import re
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from freelance_ml.logs import JsonFormatter
from projects import shares
from projects.access import Actor
from projects.models import AuditEntry, Comment, Decision, Guard, ShareLink, ShareSession, ShareView
from projects.services import comments
from projects.services.decisions import AlreadyAnsweredError, DecisionIncompleteError, evidence_holds, record_decision
from projects.services.shares import (
    PasscodeTooShortError,
    ShareDaysError,
    create_share_link,
    exchange_token,
    forget_old_sessions,
    revoke_share_link,
)
from projects.views.shares import cookie_name
from tests.factories import projects as make
from tests.projects.shared_note import NOTE, NotReadyError


@pytest.fixture(autouse=True)
def purpose():
    shares.register(NOTE)
    yield NOTE
    shares.forget(NOTE.name)


@pytest.fixture
def milestone(workspace):
    return make.make_milestone(workspace=workspace, promise="It finds 80 % of the churners.")


@pytest.fixture
def made(milestone, actor, purpose):
    return create_share_link(subject=milestone, purpose=purpose, by=actor)


def door(made):
    return reverse("projects:share-door", args=[made.token])


def room(made):
    return reverse("projects:share-room", args=[made.link.pk])


@pytest.fixture
def inside(made):
    """A client's phone that came in through the link."""
    phone = Browser(headers={"User-Agent": "Phone/1.0"})
    assert phone.post(door(made)).status_code == 302
    return phone


# --- the door ------------------------------------------------------------------------------------


def test_a_link_preview_opens_nothing(client, made):
    for method in (client.get, client.head):
        answer = method(door(made))
        assert answer.status_code == 200
        assert not answer.cookies.keys() - {"csrf"}
    assert not ShareSession.objects.exists()
    assert not ShareView.objects.exists()
    assert "Open the document" in client.get(door(made)).content.decode()


def test_the_button_swaps_the_token_for_a_cookie_and_an_address_without_it(client, made):
    answer = client.post(door(made))
    assert answer.status_code == 302
    assert answer["Location"] == room(made)
    assert made.token not in answer["Location"]
    cookie = answer.cookies[cookie_name(made.link.pk)]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert made.token not in cookie.value
    assert "It finds 80 % of the churners." in client.get(room(made)).content.decode()


def test_on_a_secure_site_the_cookie_belongs_to_this_host_alone(client, made, settings):
    settings.SECURE_SITE = True
    cookie = client.post(door(made)).cookies[cookie_name(made.link.pk)]
    assert cookie.key.startswith("__Host-share-")
    assert cookie["secure"]
    assert not cookie["domain"]


def test_neither_token_nor_cookie_is_in_the_database(client, made):
    secret = client.post(door(made)).cookies[cookie_name(made.link.pk)].value
    rows = json.dumps([list(ShareLink.objects.values()), list(ShareSession.objects.values())], default=str)
    assert made.token not in rows
    assert secret not in rows


def test_a_token_has_256_bits_and_a_known_prefix(made):
    assert made.token.startswith("shr_")
    assert len(made.token) == 4 + 43


def test_wrong_expired_and_revoked_links_answer_alike(made, milestone, actor, purpose):
    expired = create_share_link(subject=milestone, purpose=purpose, by=actor)
    ShareLink.objects.filter(pk=expired.link.pk).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(days=1)
    )
    revoke_share_link(link=made.link, by=actor)
    addresses = [door(made), door(expired), reverse("projects:share-door", args=["shr_" + "A" * 43]), room(made)]
    for send in ("get", "post"):
        answers = [getattr(Browser(), send)(address) for address in addresses]
        assert {answer.status_code for answer in answers} == {404}
        assert len({re.sub(rb'(?<="X-CSRFToken": ")\w+', b"", answer.content) for answer in answers}) == 1
        for answer in answers:
            assert answer["Cache-Control"] == "private, no-store"


def test_wrong_expired_and_revoked_links_cost_the_same_queries(
    made, milestone, actor, purpose, django_assert_num_queries
):
    revoked = create_share_link(subject=milestone, purpose=purpose, by=actor, passcode="swordfish")
    revoke_share_link(link=revoked.link, by=actor)
    for token in ("shr_wrong", revoked.token):
        with django_assert_num_queries(1):
            Browser().post(reverse("projects:share-door", args=[token]), {"passcode": "swordfish"})


def test_the_pages_behind_a_link_stay_out_of_caches_searches_and_foreign_logs(client, made, inside):
    at_door, in_room = client.get(door(made)), inside.get(room(made))
    for answer in (at_door, in_room, client.post(door(made))):
        assert answer["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert answer["Cache-Control"] == "private, no-store"
    assert at_door["Referrer-Policy"] == "no-referrer"
    assert in_room["Referrer-Policy"] == "same-origin"
    assert "Disallow: /" in client.get("/robots.txt").content.decode()


def test_refusals_below_the_prefix_are_as_confidential_as_its_pages(client, made, inside, settings):
    answers = [
        inside.put(room(made)),
        inside.get(room(made) + "comments/"),
        inside.get(room(made) + "nothing/"),
        client.put(door(made)),
        client.get(door(made).rstrip("/")),
        client.get("/s/not.a.token/and/more"),
        client.get("/s/"),
    ]
    settings.SECURE_SSL_REDIRECT = True
    answers.append(Browser().get(door(made)))
    assert [answer.status_code for answer in answers] == [405, 405, 404, 405, 301, 404, 404, 301]
    for answer in answers:
        assert answer["X-Robots-Tag"] == "noindex, nofollow, noarchive"
        assert answer["Cache-Control"] == "private, no-store"
        in_room = answer.wsgi_request.path.startswith(room(made))
        assert answer["Referrer-Policy"] == ("same-origin" if in_room else "no-referrer")


def test_the_door_works_in_a_browser_that_sends_no_origin(made):
    strict = Browser(enforce_csrf_checks=True)
    answer = strict.post(door(made), headers={"Origin": "null"})
    assert answer.status_code == 302


def test_the_token_is_in_no_log(client, made, caplog):
    formatter = JsonFormatter()
    with caplog.at_level(logging.DEBUG):
        client.get(door(made))
        client.post(door(made))
        client.put(door(made))
        revoked = reverse("projects:share-door", args=[made.token[:-1] + "_"])
        client.get(revoked)
    lines = "\n".join(formatter.format(record) for record in caplog.records if record.name.startswith("freelance_ml"))
    lines += "\n".join(formatter.format(record) for record in caplog.records if record.name == "django.request")
    assert "/s/" in lines
    assert made.token not in lines
    assert made.token[8:-2] not in lines


# --- the passcode --------------------------------------------------------------------------------


@pytest.fixture
def locked(milestone, actor, purpose):
    return create_share_link(subject=milestone, purpose=purpose, by=actor, passcode="swordfish")


def test_a_passcode_is_asked_for(client, locked):
    assert "Passcode" in client.get(door(locked)).content.decode()
    refused = client.post(door(locked), {"passcode": "sesame-street"})
    assert refused.status_code == 422
    assert "does not fit" in refused.content.decode()
    assert client.post(door(locked)).status_code == 422
    assert client.post(door(locked), {"passcode": "swordfish"}).status_code == 302
    assert "swordfish" not in ShareLink.objects.get(pk=locked.link.pk).passcode_hash


def test_guessing_a_passcode_ends_soon(locked):
    answers = [Browser().post(door(locked), {"passcode": f"guess-{n}"}).status_code for n in range(12)]
    assert answers.count(422) == 10
    assert answers[-1] == 429
    assert Browser().post(door(locked), {"passcode": "swordfish"}).status_code == 429


def test_guessing_from_one_address_ends_soon_whatever_the_link(milestone, actor, purpose):
    links = [create_share_link(subject=milestone, purpose=purpose, by=actor, passcode="swordfish") for _ in range(5)]
    answers = [Browser().post(door(link), {"passcode": "guess"}).status_code for link in links[:4] for _ in range(10)]
    assert set(answers) == {422}
    assert Browser().post(door(links[4]), {"passcode": "guess"}).status_code == 429
    elsewhere = Browser(REMOTE_ADDR="192.0.2.7")
    assert elsewhere.post(door(links[4]), {"passcode": "swordfish"}).status_code == 302


def test_a_short_passcode_is_refused(milestone, actor, purpose):
    with pytest.raises(PasscodeTooShortError):
        create_share_link(subject=milestone, purpose=purpose, by=actor, passcode="12345")


# --- the room ------------------------------------------------------------------------------------


def test_the_room_is_closed_without_the_cookie(client, made):
    assert client.get(room(made)).status_code == 404
    client.cookies[cookie_name(made.link.pk)] = "guessed"
    assert client.get(room(made)).status_code == 404


def test_the_cookie_of_one_link_opens_no_other(inside, made, milestone, actor, purpose):
    other = create_share_link(subject=milestone, purpose=purpose, by=actor)
    inside.cookies[cookie_name(other.link.pk)] = inside.cookies[cookie_name(made.link.pk)].value
    assert inside.get(room(other)).status_code == 404


def test_two_links_are_open_side_by_side(inside, made, workspace, actor, purpose):
    second = make.make_milestone(workspace=workspace, promise="The other one.")
    other = create_share_link(subject=second, purpose=purpose, by=actor)
    inside.post(door(other))
    assert "80 %" in inside.get(room(made)).content.decode()
    assert "The other one." in inside.get(room(other)).content.decode()


def test_a_link_says_in_the_time_of_its_workspace_until_when_it_works(made, workspace):
    workspace.time_zone = "Pacific/Kiritimati"
    workspace.save()
    until = made.link.expires_at.astimezone(workspace.zone)
    assert f"{until:%H:%M}</time>" in Browser().get(door(made)).content.decode()


@pytest.mark.parametrize(
    ("to", "looked", "asked"),
    [
        ({"recipient_name": "Carla"}, "Carla", "Carla"),
        ({}, "Somebody with the link", "Dora (by link)"),
    ],
)
def test_the_trail_says_who_looked_and_who_asked(milestone, actor, purpose, to, looked, asked):
    made, phone = create_share_link(subject=milestone, purpose=purpose, by=actor, **to), Browser()
    phone.post(door(made))
    phone.get(room(made))
    phone.post(room(made) + "comments/", {"text": "And March?", "name": "Dora", "email": "dora@client.example"})
    told = dict(AuditEntry.objects.values_list("action", "actor_name"))
    assert (told["share.viewed"], told["comment.added"]) == (looked, asked)


def test_a_look_is_noted_once_a_session(inside, made):
    for _ in range(3):
        inside.get(room(made))
    view = ShareView.objects.get()
    assert (view.link, view.agent, view.address) == (made.link, "Phone/1.0", "127.0.0.1")
    assert AuditEntry.objects.filter(action="share.viewed").count() == 1
    again = Browser()
    again.post(door(made))
    again.get(room(made))
    assert ShareView.objects.count() == 2


def test_revoking_throws_out_who_is_inside(inside, made, actor):
    assert inside.get(room(made)).status_code == 200
    revoke_share_link(link=made.link, by=actor)
    assert inside.get(room(made)).status_code == 404
    assert ShareView.objects.count() == 1  # the log of looks stays


def test_a_session_ends_with_its_link_and_after_its_hours(inside, made):
    ShareSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert inside.get(room(made)).status_code == 404
    assert forget_old_sessions() == 1


def test_an_unregistered_purpose_is_not_found(inside, made):
    shares.forget(NOTE.name)
    assert inside.get(room(made)).status_code == 404


def test_the_parts_of_a_document_go_to_its_view(inside, made):
    answer = inside.post(room(made) + "answer/", {"answer": "accepted"})
    assert answer.status_code == 201
    assert inside.get(room(made) + "nothing/").status_code == 404


def test_a_visitor_reads_and_writes_nothing_else(inside, made, client):
    for name in ("dashboard", "api-me"):
        assert inside.get(reverse(name)).status_code in {302, 401}


# --- making links --------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [0, -1, 91, 10_000])
def test_a_link_lasts_90_days_at_most(milestone, actor, purpose, days):
    with pytest.raises(ShareDaysError):
        create_share_link(subject=milestone, purpose=purpose, by=actor, days=days)


def test_a_link_lasts_14_days_unless_told(made):
    assert timedelta(days=13, hours=23) < made.link.expires_at - timezone.now() <= timedelta(days=14)


def test_what_is_not_ready_cannot_be_shared(workspace, actor, purpose):
    unfinished = make.make_milestone(workspace=workspace, title="Unfinished")
    with pytest.raises(NotReadyError):
        create_share_link(subject=unfinished, purpose=purpose, by=actor)


def links_page(milestone):
    return reverse("projects:share-links", args=[NOTE.name, milestone.pk])


def test_a_link_is_made_copied_seen_and_revoked(signed_in, milestone, settings):
    page = links_page(milestone)
    assert "No link yet" in signed_in.get(page).content.decode()
    answer = signed_in.post(page, {"recipient_name": "Carla", "days": "30"})
    assert answer.status_code == 201
    link = ShareLink.objects.get()
    text = answer.content.decode()
    address = text.split(f'data-copy="{settings.SITE_URL}')[1].split('"')[0]
    assert "shr_" not in signed_in.get(page).content.decode()  # shown this once
    phone = Browser()
    phone.post(address)
    phone.get(reverse("projects:share-room", args=[link.pk]))
    assert "1 ×" in signed_in.get(page).content.decode()
    revoke = reverse("projects:share-revoke", args=[link.pk])
    assert signed_in.post(revoke).status_code == 302
    assert "Revoked" in signed_in.get(page).content.decode()


def test_a_wrong_form_comes_back(signed_in, milestone):
    answer = signed_in.post(links_page(milestone), {"days": "400", "passcode": "abc"})
    assert answer.status_code == 422
    assert not ShareLink.objects.exists()


def test_what_is_not_ready_is_said_on_the_page(signed_in, workspace):
    unfinished = make.make_milestone(workspace=workspace, title="Unfinished")
    answer = signed_in.post(links_page(unfinished), {"days": "7"})
    assert answer.status_code == 422
    assert "not ready to be shared" in answer.content.decode()


@pytest.mark.parametrize("who", ["stranger", "nobody", "reviewer"])
def test_others_make_and_revoke_no_links(client, milestone, made, stranger, reviewer, who):
    if who != "nobody":
        client.force_login({"stranger": stranger, "reviewer": reviewer}[who].user)
    expected = {"stranger": 404, "nobody": 302, "reviewer": 403}[who]
    assert client.post(links_page(milestone), {"days": "7"}).status_code == expected
    assert client.post(reverse("projects:share-revoke", args=[made.link.pk])).status_code == expected
    assert client.post(reverse("projects:share-again", args=[made.link.pk])).status_code == expected
    assert ShareLink.objects.open().count() == 1


def test_the_wrong_method_is_refused(signed_in, inside, milestone, made):
    assert signed_in.put(links_page(milestone)).status_code == 405
    assert signed_in.get(reverse("projects:share-revoke", args=[made.link.pk])).status_code == 405
    assert signed_in.get(reverse("projects:share-again", args=[made.link.pk])).status_code == 405
    assert signed_in.get(reverse("projects:comment-create", args=[NOTE.name, milestone.pk])).status_code == 405
    assert inside.put(room(made)).status_code == 405
    assert inside.put(door(made)).status_code == 405
    assert inside.get(room(made) + "comments/").status_code == 405


# --- comments ------------------------------------------------------------------------------------


def test_a_client_asks_and_the_workspace_answers(inside, made, signed_in, milestone):
    asked = inside.post(
        room(made) + "comments/", {"text": "What about March?", "name": "Carla", "email": "carla@client.example"}
    )
    assert asked.status_code == 302
    comment = Comment.objects.get()
    assert (comment.by_client, comment.link, comment.author_name) == (True, made.link, "Carla")
    assert "What about March?" in signed_in.get(links_page(milestone)).content.decode()
    answer = signed_in.post(
        reverse("projects:comment-create", args=[NOTE.name, milestone.pk]), {"text": "March is in the test rows."}
    )
    assert answer.status_code == 302
    assert Comment.objects.filter(user__isnull=False).count() == 1


def test_a_reviewer_may_comment(client, reviewer, milestone):
    client.force_login(reviewer.user)
    address = reverse("projects:comment-create", args=[NOTE.name, milestone.pk])
    assert client.post(address, {"text": "Looks right."}).status_code == 302


def test_an_empty_comment_comes_back(inside, made, signed_in, milestone):
    assert inside.post(room(made) + "comments/", {"text": " ", "name": "C", "email": "c@x.example"}).status_code == 422
    address = reverse("projects:comment-create", args=[NOTE.name, milestone.pk])
    assert signed_in.post(address, {"text": ""}).status_code == 422


def test_comments_are_text_and_never_markup(inside, made, signed_in, milestone):
    inside.post(
        room(made) + "comments/",
        {"text": "<script>alert(1)</script>", "name": "<b>C</b>", "email": "carla@client.example"},
    )
    page = signed_in.get(links_page(milestone)).content.decode()
    assert "<script>alert" not in page
    assert "<b>C</b>" not in page


def test_a_client_cannot_flood(inside, made):
    sent = [
        inside.post(room(made) + "comments/", {"text": "?", "name": "C", "email": "c@x.example"}).status_code
        for _ in range(31)
    ]
    assert sent[-1] == 429


def ask(browser, made):
    """Send a remark, in another stretch of five minutes."""
    Guard.objects.all().delete()
    fields = {"name": "Carla", "email": "carla@client.example", "text": "And?"}
    return browser.post(reverse("projects:share-comment", args=[made.link.pk]), fields)


def test_a_link_and_all_links_of_a_workspace_bring_so_many_comments_at_most(
    inside, made, milestone, actor, signed_in, monkeypatch
):
    monkeypatch.setattr(comments, "MOST_OF_LINK", 3)
    monkeypatch.setattr(comments, "MOST_A_DAY", 5)
    assert [ask(inside, made).status_code for _ in range(5)] == [302] * 3 + [422] * 2
    assert "No more remarks are taken here" in ask(inside, made).content.decode()
    other = create_share_link(subject=milestone, purpose=NOTE, by=actor)
    elsewhere = Browser()
    elsewhere.post(door(other))
    assert [ask(elsewhere, other).status_code for _ in range(4)] == [302] * 2 + [422] * 2
    address = reverse("projects:comment-create", args=[NOTE.name, milestone.pk])
    assert signed_in.post(address, {"text": "The people of the workspace go on."}).status_code == 302
    assert Comment.objects.count() == 6


def test_so_many_browsers_come_in_by_one_link_at_a_time(made):
    codes = [Browser().post(door(made)).status_code for _ in range(62)]
    assert codes == [302] * 60 + [429] * 2
    assert ShareSession.objects.count() == 60


def test_comments_need_the_csrf_token(made):
    strict = Browser(enforce_csrf_checks=True)
    strict.post(door(made))
    asked = strict.post(room(made) + "comments/", {"text": "Hi", "name": "C", "email": "c@x.example"})
    assert asked.status_code == 403


# --- decisions -----------------------------------------------------------------------------------


def answer_fields(milestone, **changes):
    return {
        "subject": shares.label_of(milestone),
        "document_digest": "a" * 64,
        "answer": "accepted",
        "name": "Carla Client",
        "email": "carla@client.example",
        "consent": "I accept the milestone as shown.",
    } | changes


def test_a_decision_keeps_its_evidence_in_the_audit_chain(milestone, actor, made):
    visitor = Actor(
        workspace=actor.workspace, role="reviewer", via="share", address="203.0.113.9", scopes=frozenset({"read"})
    )
    decision = record_decision(by=visitor, agent="Phone/1.0", link=made.link, **answer_fields(milestone))
    decision.refresh_from_db()
    assert (decision.address, decision.agent) == ("203.0.113.9", "Phone/1.0")
    assert evidence_holds(decision)
    entry = AuditEntry.objects.get(action="decision.accepted")
    assert entry.detail["evidence_sha256"] == decision.evidence_digest
    assert entry.detail["document_sha256"] == "a" * 64
    assert "carla@client.example" not in entry.detail_json
    Decision.objects.update(consent="I accept everything.")
    decision.refresh_from_db()
    assert not evidence_holds(decision)


def test_a_document_is_answered_once(milestone, actor):
    record_decision(by=actor, **answer_fields(milestone))
    with pytest.raises(AlreadyAnsweredError, match="accepted, by Carla Client"):
        record_decision(by=actor, **answer_fields(milestone, answer="declined"))
    assert Decision.objects.count() == 1
    record_decision(by=actor, **answer_fields(milestone, document_digest="b" * 64))  # a new version may be answered


@pytest.mark.parametrize(
    "changes",
    [
        {"answer": "maybe"},
        {"name": "  "},
        {"consent": ""},
        {"document_digest": ""},
        {"answer": "changes_requested"},
    ],
)
def test_an_incomplete_decision_is_refused(milestone, actor, changes):
    with pytest.raises(DecisionIncompleteError):
        record_decision(by=actor, **answer_fields(milestone, **changes))
    assert not Decision.objects.exists()


def test_an_exchange_is_refused_for_a_link_that_is_revoked_meanwhile(made, actor):
    revoke_share_link(link=made.link, by=actor)
    with pytest.raises(Exception, match="does not work any more"):
        exchange_token(token=made.token)
