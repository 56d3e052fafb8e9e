"""Each page: it works, a stranger gets 404, the signed-out are sent to sign in, the wrong method is refused."""

import json
import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from projects.attention import needs_of
from projects.models import AuditEntry, ChangeOrder, Decision, Mail, ScopeVersion, ShareLink
from projects.palette import find
from projects.services.shares import create_share_link
from projects.shares import label_of, purpose_named
from tests.factories import projects as make
from tests.factories import scopes as stage
from tests.projects import page_rules

HTMX = {"HX-Request": "true"}


@pytest.fixture
def engagement(workspace):
    return make.make_engagement(workspace=workspace, title="Churn model")


@pytest.fixture
def draft(engagement, actor):
    return stage.make_draft(actor=actor, engagement=engagement)


@pytest.fixture
def signed(engagement, actor):
    return stage.make_signed(actor=actor, engagement=engagement)


@pytest.fixture
def order(signed, actor):
    return stage.make_priced(signed.engagement, actor)


def address(name, row):
    return reverse(f"projects:{name}", args=[row.pk])


# --- the four rules ---------------------------------------------------------------------------------
GETS = {
    "scope-start": ("engagement", ["Classify rows of a table", "An empty page"], "delete"),
    "scope": ("draft", ["Your estimate", "Audit of the data", "Freeze and send"], "post"),
    "scope-changes": ("draft", ["Nothing to compare with"], "post"),
    "change-order-new": ("engagement", ["What is asked for"], "delete"),
    "change-order": ("order", ["Price it", "13,500.00"], "post"),
}
POSTS = {
    "scope-edit": "draft",
    "scope-send": "draft",
    "scope-countersign": "draft",
    "scope-revise": "draft",
    "change-order-price": "order",
    "change-order-mark": "order",
    "change-order-send": "order",
    "change-order-done": "order",
    "change-order-withdraw": "order",
    "change-order-approve": "order",
}


@pytest.mark.parametrize("name", GETS)
def test_a_page_opens_and_keeps_its_door(request, client, signed_in, stranger, name):
    fixture, words, wrong = GETS[name]
    row = request.getfixturevalue(fixture)
    page_rules.opens(signed_in, f"projects:{name}", row.pk, contains=words)
    page_rules.refuses(signed_in, wrong, f"projects:{name}", row.pk)
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", row.pk)
    page_rules.sends_to_sign_in(client, f"projects:{name}", row.pk)


@pytest.mark.parametrize("name", POSTS)
def test_a_form_keeps_its_door(request, client, signed_in, stranger, name):
    row = request.getfixturevalue(POSTS[name])
    page_rules.refuses(signed_in, "get", f"projects:{name}", row.pk)
    page_rules.hides_from_strangers(client, stranger, f"projects:{name}", row.pk, method="post")
    page_rules.sends_to_sign_in(client, f"projects:{name}", row.pk, method="post")


# --- writing ----------------------------------------------------------------------------------------
def test_a_scope_begins_from_a_starting_point_and_is_then_opened(signed_in, engagement):
    answer = signed_in.post(address("scope-start", engagement), {"starter": "classification"})
    scope = ScopeVersion.objects.get()
    assert answer["Location"] == address("scope", scope)
    assert signed_in.get(address("scope-start", engagement))["Location"] == address("scope", scope)
    page = signed_in.get(address("scope", scope)).content.decode()
    assert "Support the decision [decision]" in page
    missing = page.partition("Before it can be sent")[2].partition("</ul>")[0]
    fields = [unquote(anchor) for anchor in re.findall(r'href="#([^"]+)"', missing)]
    assert len(fields) == missing.count("<li>") > 5
    for field in fields:
        assert re.search(rf'<(input|textarea|button)[^>]* id="{re.escape(field)}"', page), field


def test_what_is_typed_is_saved_and_the_margin_says_so(signed_in, draft):
    typed = {"do": "set", "section": "milestones", "item": "m2", "title": "Model", "amount": "9000", "due_on": ""}
    answer = signed_in.post(address("scope-edit", draft), typed, headers=HTMX)
    text = answer.content.decode()
    assert 'id="scope-margin"' in text
    assert 'hx-swap-oob="true"' in text
    assert "Saved" in text
    assert "13,000.00" in text
    assert "has no due date" in text
    draft.refresh_from_db()
    assert draft.document["milestones"][1]["amount_minor"] == 900000


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"section": "milestones", "item": "m1", "amount": "1,250"}, "could mean two amounts"),
        ({"section": "acceptance", "item": "c1", "rows": "a few"}, "is no whole number"),
        ({"section": "milestones", "item": "m1", "due_on": "soon"}, "is no date"),
        ({"section": "in_scope", "item": "gone", "text": "x"}, "not there any more"),
        ({"do": "move", "section": "in_scope", "item": "i1", "steps": "down a bit"}, "is no number of places"),
    ],
)
def test_what_does_not_fit_comes_back_with_the_reason(signed_in, draft, typed, words):
    answer = signed_in.post(address("scope-edit", draft), {"do": "set", **typed}, headers=HTMX)
    assert answer.status_code == 422
    assert "Not saved. " in answer.content.decode()
    assert words in answer.content.decode()
    plain = signed_in.post(address("scope-edit", draft), {"do": "set", **typed}, follow=True)
    assert words in plain.content.decode()


def test_every_step_of_the_editor_works_without_script(signed_in, draft):
    post = lambda **typed: signed_in.post(address("scope-edit", draft), typed)  # noqa: E731  said six times below
    post(do="add", section="deliverables")
    post(do="down", section="in_scope", item="i1")
    post(do="move", section="in_scope", item="i2", steps="1")
    post(do="move", section="in_scope", item="i2", steps="-30")
    post(do="remove", section="out_of_scope", item="x1")
    post(do="terms", title="Churn, at last", review_days="14", deposit_percent="20")
    post(do="rate", rate="95")
    draft.refresh_from_db()
    document = draft.document
    assert len(document["deliverables"]) == 2
    assert [item["id"] for item in document["in_scope"]] == ["i2", "i1"]
    assert document["out_of_scope"] == []
    assert (document["title"], document["review_days"], draft.rate_minor) == ("Churn, at last", 14, 9500)
    post(do="undo")
    post(do="undo")
    draft.refresh_from_db()
    assert [item["id"] for item in draft.document["out_of_scope"]] == ["x1"]
    assert post(do="explode").status_code == 404


def test_the_odds_stand_beside_the_price(signed_in, draft, actor):
    signed_in.post(address("scope-edit", draft), {"do": "add", "section": "work"})
    draft.refresh_from_db()
    item = draft.work[0]["id"]
    typed = {"do": "set", "section": "work", "item": item, "title": "All", "low": "80", "likely": "110", "high": "240"}
    signed_in.post(address("scope-edit", draft), typed)
    text = signed_in.post(address("scope-edit", draft), {"do": "rate", "rate": "95"}, headers=HTMX).content.decode()
    assert "h less" in text
    assert "you lose in" in text


# --- sent -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("sent", "named"), [("scope-send", "draft"), ("change-order-send", "order")])
def test_the_address_of_a_link_is_not_at_rest_in_the_session(signed_in, request, sent, named):
    document = request.getfixturevalue(named)
    assert signed_in.post(address(sent, document), {"recipient_name": "Carla", "days": "30"}).status_code == 302
    kept = json.dumps(dict(signed_in.session))
    assert "share-address" in kept
    assert "shr_" not in kept


def test_sending_shows_the_link_once_and_the_version_from_then_on(signed_in, draft):
    form = {"recipient_name": "Carla", "recipient_email": "", "days": "30", "passcode": ""}
    page = signed_in.post(address("scope-send", draft), form, follow=True).content.decode()
    assert "/s/shr_" in page
    assert "Waiting for the client" in page
    assert "is frozen. Pass the link on yourself." in page
    assert "/s/shr_" not in signed_in.get(address("scope", draft)).content.decode()


@pytest.mark.parametrize(
    ("sent", "shown", "kept"), [("scope-send", "scope", "draft"), ("change-order-send", "change-order", "order")]
)
def test_a_document_is_sent_again_in_one_click_to_whom_a_link_was_for(signed_in, request, sent, shown, kept):
    document = request.getfixturevalue(kept)
    form = {"recipient_name": "Dora", "recipient_email": "dora@client.example", "days": "7", "passcode": "swordfish"}
    signed_in.post(address(sent, document), form)
    links = ShareLink.objects.of(label_of(document))
    first = links.get()
    assert "Send again" in signed_in.get(address(shown, document)).content.decode()
    page = signed_in.post(address("share-again", first), follow=True).content.decode()
    assert "A letter with a new link goes to dora@client.example." in page
    door = re.search(r"/s/shr_[^/]+/", page)[0]
    assert "/s/shr_" not in signed_in.get(address(shown, document)).content.decode()
    fresh = links.exclude(pk=first.pk).get()
    assert (fresh.recipient_name, fresh.recipient_email) == ("Dora", "dora@client.example")
    assert fresh.expires_at - fresh.created_at == timedelta(days=7)
    assert Browser().post(door, {"passcode": "guessed"}).status_code == 422
    assert Browser().post(door, {"passcode": "swordfish"}).status_code == 302
    letters = Mail.objects.filter(to="dora@client.example").values_list("subject", flat=True)
    assert (len(letters), len(set(letters))) == (2, 1)

    page = signed_in.post(address("share-revoke", first), follow=True)
    assert page.redirect_chain == [(address(shown, document) + "#share-links", 302)]
    assert page.content.decode().count("Send again") == 1  # for the second link alone; one more can still be sent
    assert "Send to someone else" in page.content.decode()
    answer = signed_in.post(address("share-again", first), follow=True).content.decode()
    assert "does not work any more" in answer
    assert links.count() == 2


def test_a_link_for_nobody_by_name_is_made_again_and_passed_on(signed_in, draft):
    signed_in.post(address("scope-send", draft), {"days": "7"})
    page = signed_in.get(address("scope", draft)).content.decode()
    assert "New link" in page
    assert "Send again" not in page
    page = signed_in.post(address("share-again", ShareLink.objects.get()), follow=True).content.decode()
    assert "Pass the new link on yourself." in page
    assert "/s/shr_" in page


def test_nothing_is_sent_again_that_waits_for_nobody(signed_in, order, actor):
    sent = stage.change_orders.send_order_to_client(order=order, by=actor, name="Carla")
    stage.change_orders.withdraw_order(order=sent.row, by=actor)
    assert "New link" not in signed_in.get(address("change-order", order)).content.decode()
    page = signed_in.post(address("share-again", sent.link), follow=True).content.decode()
    assert "cannot become sent" in page
    assert ShareLink.objects.of(label_of(order)).count() == 1


def test_an_incomplete_draft_is_not_sent(signed_in, engagement):
    signed_in.post(address("scope-start", engagement), {"starter": ""})
    scope = ScopeVersion.objects.get()
    page = signed_in.post(address("scope-send", scope), {"days": "30"}, follow=True).content.decode()
    assert "cannot be sent yet" in page
    scope.refresh_from_db()
    assert scope.is_draft


def phone_of(row, purpose, actor, name="Carla"):
    made = create_share_link(subject=row, purpose=purpose_named(purpose), by=actor, recipient_name=name)
    phone = Browser(headers={"User-Agent": "Phone/1.0"})
    phone.post(reverse("projects:share-door", args=[made.token]))
    return phone, reverse("projects:share-room", args=[made.link.pk])


ANSWER = {"name": "Carla Client", "email": stage.EMAIL, "message": "", "agreed": "on"}


def test_the_client_reads_asks_signs_and_takes_a_copy(signed_in, draft, actor):
    sent = stage.scopes.send_scope(scope=draft, by=actor)
    phone, room = phone_of(sent, "scope", actor)
    page = phone.get(room).content.decode()
    assert "What is taken for granted, and what if not" in page
    assert "Sign or ask for changes" in page
    assert "estimate" not in page.lower()
    assert phone.post(f"{room}answer/", ANSWER | {"answer": "changes_requested"}).status_code == 422
    assert phone.get(f"{room}answer/").status_code == 405
    assert phone.get(f"{room}other/").status_code == 404
    assert phone.post(f"{room}answer/", ANSWER | {"answer": "signed"}).status_code == 302
    again = phone.post(f"{room}answer/", ANSWER | {"answer": "signed"})
    assert again.status_code == 422
    assert Decision.objects.count() == 1
    assert phone.get(f"{room}pdf/").content.startswith(b"%PDF")
    assert "# Churn model" in phone.get(f"{room}md/").content.decode()
    assert phone.get(f"{room}json/").json()["sha256"] == sent.digest

    page = signed_in.get(address("scope", sent)).content.decode()
    assert "Countersign" in page
    assert signed_in.post(address("scope-countersign", sent), {"name": "Alice"}).status_code == 422
    done = signed_in.post(address("scope-countersign", sent), {"name": "Alice", "agreed": "on"}, follow=True)
    assert "Signed by both sides" in done.content.decode()
    assert "Signed by both sides" in phone.get(room).content.decode()


@pytest.mark.parametrize(("made_for", "told"), [("", "Carla Client (by link)"), ("Erik", "Erik")])
def test_the_trail_names_who_answered(draft, actor, made_for, told):
    phone, room = phone_of(stage.scopes.send_scope(scope=draft, by=actor), "scope", actor, made_for)
    phone.post(f"{room}answer/", ANSWER | {"answer": "signed"})
    assert AuditEntry.objects.get(action="scope.client_signed").actor_name == told


def test_a_link_to_a_revised_version_says_so_and_takes_no_answer(draft, actor):
    sent = stage.scopes.send_scope(scope=draft, by=actor)
    phone, room = phone_of(sent, "scope", actor)
    stage.scopes.revise_scope(scope=sent, by=actor)
    assert "can no longer be signed" in phone.get(room).content.decode()
    assert phone.post(f"{room}answer/", ANSWER | {"answer": "signed"}).status_code == 422


@pytest.mark.parametrize(("form", "start"), [("pdf", b"%PDF"), ("md", b"# Churn model"), ("json", b"{")])
def test_a_version_can_be_taken_along(signed_in, client, stranger, signed, form, start):
    address_of_file = reverse("projects:scope-file", args=[signed.pk, form])
    assert signed_in.get(address_of_file).content.startswith(start)
    assert signed_in.get(address_of_file).content == signed_in.get(address_of_file).content
    assert signed_in.post(address_of_file).status_code == 405
    assert signed_in.get(reverse("projects:scope-file", args=[signed.pk, "exe"])).status_code == 404
    client.force_login(stranger.user)
    assert client.get(address_of_file).status_code == 404


def test_a_draft_goes_along_as_pdf_too(signed_in, draft):
    assert signed_in.get(reverse("projects:scope-file", args=[draft.pk, "pdf"])).content.startswith(b"%PDF")


# --- changes ----------------------------------------------------------------------------------------
def test_a_request_is_logged_in_one_line_on_the_engagement(signed_in, signed):
    posted = {"wish": "Score the webshop too", "asked_by": "Carla"}
    answer = signed_in.post(address("change-order-new", signed.engagement), posted)
    assert answer["Location"].endswith("#requests")
    page = signed_in.get(address("engagement", signed.engagement)).content.decode()
    assert "Score the webshop too" in page
    assert "Creep 0.0 %" in page
    assert signed_in.post(address("change-order-new", signed.engagement), {"wish": ""}).status_code == 422
    order = ChangeOrder.objects.get()
    signed_in.post(address("change-order-mark", order), {"fit": "in"})
    order.refresh_from_db()
    assert order.fit == "in"


def priced(**typed):
    fields = {"what": "More data", "why": "One source was agreed", "days": "5"}
    fields["expires_on"] = (timezone.localdate() + timedelta(days=14)).isoformat()
    lines = {
        "line_id": ["", ""],
        "line_text": ["Second source", "Less audit"],
        "line_milestone": ["", "m1"],
        "line_amount": ["1500", "-300.50"],
    }
    return fields | lines | typed


def test_a_change_is_priced_line_by_line_with_credits(signed_in, order):
    assert signed_in.post(address("change-order-price", order), priced()).status_code == 302
    order.refresh_from_db()
    assert [line["amount_minor"] for line in order.lines] == [150000, -30050]
    assert "13,199.50" in signed_in.get(address("change-order", order)).content.decode()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"line_amount": ["1,500", ""]}, "could mean two amounts"),
        ({"line_text": ["", ""]}, "Say what this is for"),
        ({"days": "many"}, "Enter a whole number"),
    ],
)
def test_a_price_that_cannot_be_read_comes_back(signed_in, order, typed, words):
    answer = signed_in.post(address("change-order-price", order), priced(**typed))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert "One source was agreed" in answer.content.decode()


def test_a_change_goes_out_and_the_client_approves_it_by_link(signed_in, order, actor):
    sent = {"days": "30", "recipient_email": "carla@client.example"}
    page = signed_in.post(address("change-order-send", order), sent, follow=True).content.decode()
    assert "is frozen. A letter with the link goes to carla@client.example." in page
    assert "/s/shr_" in page
    order.refresh_from_db()
    phone, room = phone_of(order, "change-order", actor)
    shown = phone.get(room).content.decode()
    assert "Before and after" in shown
    assert "13,500.00" in shown
    assert phone.post(f"{room}answer/", ANSWER | {"answer": "approved"}).status_code == 302
    assert phone.get(f"{room}pdf/").content.startswith(b"%PDF")
    order.refresh_from_db()
    assert order.status == "approved"
    diff = signed_in.get(address("scope-changes", order.result)).content.decode()
    assert "From version 1 to version 2" in diff
    assert "A second data source" in diff
    assert "12,000.00" not in diff
    page = signed_in.get(address("engagement", order.engagement)).content.decode()
    assert "Creep 12.5 %" in page


def test_an_approval_by_other_means_is_recorded_with_what_was_agreed(signed_in, order, actor):
    sent = stage.change_orders.send_order(order=order, by=actor)
    name = f"agreed_{sent.lines[0]['id']}"
    assert "Record the approval" in signed_in.get(address("change-order", sent)).content.decode()
    for typed in ({name: "1000", "reason": ""}, {name: "lots", "reason": "By mail."}):
        signed_in.post(address("change-order-approve", sent), typed)
        sent.refresh_from_db()
        assert sent.status == "sent"
    signed_in.post(address("change-order-approve", sent), {name: "1000", "reason": "By mail of Friday."})
    sent.refresh_from_db()
    assert (sent.status, sent.requested_minor, sent.agreed_minor) == ("approved", 150000, 100000)
    page = signed_in.get(address("change-order", sent)).content.decode()
    assert "1,500.00" in page
    assert "1,000.00" in page


def test_the_file_of_a_change_exists_once_it_was_sent(signed_in, client, stranger, order, actor):
    assert signed_in.get(address("change-order-file", order)).status_code == 404
    sent = stage.change_orders.send_order(order=order, by=actor)
    assert signed_in.get(address("change-order-file", sent)).content.startswith(b"%PDF")
    client.force_login(stranger.user)
    assert client.get(address("change-order-file", sent)).status_code == 404


def test_a_withdrawn_change_takes_no_answer(signed_in, order, actor):
    sent = stage.change_orders.send_order(order=order, by=actor)
    phone, room = phone_of(sent, "change-order", actor)
    signed_in.post(address("change-order-withdraw", sent))
    assert "was withdrawn" in phone.get(room).content.decode()
    assert phone.post(f"{room}answer/", ANSWER | {"answer": "approved"}).status_code == 422


# --- what waits, and what is found --------------------------------------------------------------------
def test_the_dashboard_says_what_waits_for_whom(actor, engagement):
    def waiting():
        return [(need.text, need.who) for need in needs_of(actor)]

    scope = stage.make_draft(actor=actor, engagement=engagement)
    assert ("Scope of “Churn model” is a draft", "you") in waiting()
    sent = stage.scopes.send_scope(scope=scope, by=actor)
    assert (f"{engagement.client} reads the scope of “Churn model”", "client") in waiting()
    stage.client_signs(sent, actor)
    assert ("Countersign the scope of “Churn model”", "you") in waiting()
    stage.scopes.countersign_scope(scope=sent, name="Alice", by=actor)
    order = stage.make_sent_order(engagement, actor, expires_on=timezone.localdate() + timedelta(days=2))
    need = next(need for need in needs_of(actor) if need.text.startswith("Change order 1"))
    assert need.who == "client"
    assert "It expires soon" in need.why
    assert str(order) in need.text


def test_an_engagement_says_whose_signature_it_waits_for(signed_in, actor, engagement):
    def waiting():
        page = signed_in.get(address("engagement", engagement)).content.decode()
        return page.partition("Waiting for")[2].partition("</section>")[0]

    make.make_milestone(engagement=engagement)
    assert "still a draft" in waiting()
    scope = stage.scopes.send_scope(scope=stage.make_draft(actor=actor, engagement=engagement), by=actor)
    assert f"{engagement.client} reads the scope" in waiting()
    stage.client_signs(scope, actor)
    assert "Countersign the scope" in waiting()
    assert "still a draft" not in waiting()
    assert "still a draft" not in signed_in.get("/").content.decode()


def test_a_change_without_a_price_is_not_called_priced(signed_in, order, actor):
    empty = {"line_text": ["", ""], "line_amount": ["", ""], "days": "0"}
    saved = signed_in.post(address("change-order-price", order), priced(**empty), follow=True).content.decode()
    assert "No price yet" in saved
    assert "Before it can be sent: It neither costs nor takes anything" in saved
    page = signed_in.get(address("engagement", order.engagement)).content.decode()
    assert "is outside the scope: price it." in page
    assert "is priced" not in page
    assert f"“{order.wish}” has no price yet" in [need.text for need in needs_of(actor)]


def test_the_palette_finds_scopes_changes_and_the_way_to_begin(actor, draft):
    other = make.make_engagement(workspace=actor.workspace, title="Claims triage")
    order = stage.make_priced(draft.engagement, actor)
    assert "Scope 1 of Churn model" in labels(actor, "churn")
    assert order.wish in labels(actor, "webshop")
    assert f"Write the scope of {other}" in labels(actor, "write scope claims")


def labels(actor, words):
    return [entry.label for group in find(actor, words) for entry in group.entries]


def test_a_reviewer_reads_the_draft_and_cannot_edit_it(client, reviewer, draft):
    client.force_login(reviewer.user)
    page = client.get(address("scope", draft)).content.decode()
    assert "Audit of the data" in page
    assert "Your estimate" not in page
    assert client.post(address("scope-edit", draft), {"do": "add", "section": "in_scope"}).status_code == 403


def test_a_request_in_scope_is_marked_done_in_the_list(signed_in, signed, actor):
    order = stage.change_orders.log_request(engagement=signed.engagement, wish="A spreadsheet", fit="in", by=actor)
    page = signed_in.post(address("change-order-done", order), follow=True).content.decode()
    assert f"done by {actor.name}" in page
    page = signed_in.post(address("change-order-done", order), {"done": "no"}, follow=True).content.decode()
    assert "done by" not in page
