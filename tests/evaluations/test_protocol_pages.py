"""Pages of protocols: the editor with what follows from it, freezing, the frozen document, new versions."""

import pytest
from django.urls import reverse

from evaluations import dispatch
from evaluations.models import Protocol
from evaluations.queries.protocols import outlook, starting_terms
from evaluations.services import protocols
from projects.models.audit import AuditEntry
from tests.factories.evaluations import make_protocol, make_ready_version, make_verdict, make_version, terms
from tests.factories.jobs import work_off
from tests.factories.projects import make_milestone
from tests.projects import page_rules

HTMX = {"HX-Request": "true"}
PAGE = "evaluations:protocol"


@pytest.fixture
def version(actor):
    return make_ready_version(actor=actor)


@pytest.fixture
def draft(actor, version):
    return make_protocol(actor=actor, version=version, frozen=False)


@pytest.fixture
def frozen(actor):
    return make_verdict(actor=actor).protocol


def typed(version, **changes):
    """What the browser sends for the usual draft."""
    fields = {
        "dataset_version": str(version.pk),
        "target": "left",
        "task": "binary",
        "positive_class": "yes",
        "left_out": ["customer"],
        "split_method": "stratified",
        "share": "40",
        "rows": "",
        "seed": "7",
        "confidence": "95",
        "looks": "2",
        "cut_off": "0.5",
        "gate_count": "1",
        "gates-0-metric": "roc_auc",
        "gates-0-direction": "at_least",
        "gates-0-threshold": "0.6",
        "gates-0-expected": "0.8",
        "gates-0-primary": "on",
    }
    return fields | changes


# --- beginning ------------------------------------------------------------------------------------
def test_a_draft_is_begun_from_the_milestone(signed_in, actor):
    milestone = make_milestone(workspace=actor.workspace)
    answer = signed_in.post(reverse("evaluations:protocol-start", args=[milestone.pk]))
    draft = Protocol.objects.get()
    assert answer["Location"] == reverse(PAGE, args=[draft.pk])
    page_rules.opens(signed_in, PAGE, draft.pk, contains=["How the promise will be judged", "choose the rows"])


def test_beginning_keeps_the_rules(client, signed_in, actor, stranger):
    milestone = make_milestone(workspace=actor.workspace)
    page_rules.refuses(signed_in, "get", "evaluations:protocol-start", milestone.pk)
    page_rules.sends_to_sign_in(client, "evaluations:protocol-start", milestone.pk, method="post")
    page_rules.hides_from_strangers(client, stranger, "evaluations:protocol-start", milestone.pk, method="post")


def test_a_first_draft_proposes_terms_that_fit_the_data(version):
    start = starting_terms(version)
    assert (start["task"], start["target"], start["positive_class"]) == ("binary", "left", "yes")
    assert start["gates"][0]["metric"] == "roc_auc"


# --- the editor ------------------------------------------------------------------------------------
def test_the_editor_shows_what_follows(signed_in, draft):
    text = page_rules.opens(
        signed_in, PAGE, draft.pk, contains=["These rows can decide it", "ROC AUC", "Chance to pass", "about 240"]
    )
    assert "hx-post" in text


def test_typing_is_kept_and_answered_with_what_follows(signed_in, draft, version):
    address = reverse("evaluations:protocol-edit", args=[draft.pk])
    answer = signed_in.post(address, typed(version, share="30", **{"gates-0-threshold": "0,75"}), headers=HTMX)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert 'id="outlook"' in text
    assert 'id="editor"' not in text
    assert "about 180" in text
    draft.refresh_from_db()
    assert draft.body["split"]["share"] == 0.3
    assert draft.body["gates"][0]["threshold"] == 0.75


def test_what_is_no_number_is_kept_as_typed_and_named(signed_in, draft, version):
    address = reverse("evaluations:protocol-edit", args=[draft.pk])
    answer = signed_in.post(address, typed(version, **{"gates-0-threshold": "high"}), headers=HTMX)
    assert "Promise 1, value" in answer.content.decode()
    draft.refresh_from_db()
    assert draft.body["gates"][0]["threshold"] == "high"
    page_rules.opens(signed_in, PAGE, draft.pk, contains=['value="high"'])


def test_promises_are_added_and_removed_in_place(signed_in, draft, version):
    address = reverse("evaluations:protocol-edit", args=[draft.pk])
    text = signed_in.post(address, typed(version, add_gate="1"), headers=HTMX).content.decode()
    assert 'id="editor"' in text
    assert "gates-1-metric" in text
    text = signed_in.post(address, typed(version, gate_count="2", remove_gate="1"), headers=HTMX).content.decode()
    assert "gates-1-metric" not in text
    draft.refresh_from_db()
    assert len(draft.body["gates"]) == 1


def test_without_script_the_draft_is_kept_too(signed_in, draft, version):
    answer = signed_in.post(reverse("evaluations:protocol-edit", args=[draft.pk]), typed(version, looks="1"))
    assert answer["Location"] == reverse(PAGE, args=[draft.pk])
    draft.refresh_from_db()
    assert draft.body["looks"] == 1


def test_choosing_data_first_proposes_its_terms(signed_in, actor, version):
    draft = protocols.draft_protocol(milestone=make_milestone(workspace=actor.workspace), by=actor)
    address = reverse("evaluations:protocol-edit", args=[draft.pk])
    fields = typed(version, whole="1", target="", positive_class="", left_out=[])
    text = signed_in.post(address, fields, headers=HTMX).content.decode()
    draft.refresh_from_db()
    assert draft.body["target"] == "left"
    assert '<option value="left" selected>' in text


@pytest.mark.parametrize("name", ["evaluations:protocol-edit", "evaluations:protocol-freeze"])
def test_changing_keeps_the_rules(client, signed_in, stranger, draft, name):
    page_rules.refuses(signed_in, "get", name, draft.pk)
    page_rules.sends_to_sign_in(client, name, draft.pk, method="post")
    page_rules.hides_from_strangers(client, stranger, name, draft.pk, method="post")


def test_data_of_another_workspace_cannot_be_chosen(signed_in, stranger, draft, version):
    theirs = make_ready_version(actor=stranger)
    signed_in.post(reverse("evaluations:protocol-edit", args=[draft.pk]), typed(theirs), headers=HTMX)
    draft.refresh_from_db()
    assert draft.dataset_version == version


# --- freezing -----------------------------------------------------------------------------------------
def test_what_is_missing_stands_beside_its_field(signed_in, draft, version):
    address = reverse("evaluations:protocol-freeze", args=[draft.pk])
    answer = signed_in.post(address, typed(version, positive_class="", **{"gates-0-threshold": ""}))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "A binary task needs it" in text
    assert "Give the value that was promised" in text
    draft.refresh_from_db()
    assert draft.state == Protocol.State.DRAFT


def test_gates_that_the_rows_cannot_decide_are_refused_in_words(signed_in, draft, version):
    address = reverse("evaluations:protocol-freeze", args=[draft.pk])
    fields = typed(version, **{"gates-0-metric": "accuracy", "gates-0-threshold": "0.9999", "gates-0-expected": ""})
    answer = signed_in.post(address, fields)
    assert answer.status_code == 422
    assert "not even a perfect model would pass" in answer.content.decode()


def test_freezing_waits_for_its_job_and_ends_with_a_hash(signed_in, actor):
    draft = make_protocol(actor=actor, frozen=False)
    answer = signed_in.post(reverse("evaluations:protocol-freeze", args=[draft.pk]), typed(draft.dataset_version))
    address = reverse(PAGE, args=[draft.pk])
    assert answer["Location"] == address
    page_rules.opens(signed_in, PAGE, draft.pk, contains=["Setting the acceptance rows aside", "every 2s"])
    poll = HTMX | {"X-Poll": "1"}
    assert "HX-Refresh" not in signed_in.get(address, headers=poll)
    draft.refresh_from_db()
    work_off(draft.job)
    assert signed_in.get(address, headers=poll)["HX-Refresh"] == "true"
    draft.refresh_from_db()
    text = page_rules.opens(signed_in, PAGE, draft.pk, contains=[draft.digest, "2 of 2", "240"])
    assert "hx-post" not in text
    csv = b"".join(signed_in.get(reverse("evaluations:protocol-rows", args=[draft.pk, "csv"])).streaming_content)
    assert csv.splitlines()[0].replace(b'"', b"") == b"row_id,customer,tenure,plan"
    assert len(csv.splitlines()) == 241
    again = signed_in.post(reverse("evaluations:protocol-edit", args=[draft.pk]), typed(draft.dataset_version))
    assert again.status_code == 302
    draft.refresh_from_db()
    assert draft.state == Protocol.State.FROZEN


# --- the frozen document ---------------------------------------------------------------------------------
def test_the_frozen_page(client, signed_in, stranger, frozen):
    text = page_rules.opens(signed_in, PAGE, frozen.pk, contains=[frozen.digest, "1 of 2", "Look 1"])
    assert "New version" in text
    page_rules.refuses(signed_in, "post", PAGE, frozen.pk)
    page_rules.sends_to_sign_in(client, PAGE, frozen.pk)
    page_rules.hides_from_strangers(client, stranger, PAGE, frozen.pk)


def test_a_new_version_shows_what_changed_and_wants_a_reason(signed_in, actor, frozen):
    signed_in.post(reverse("evaluations:protocol-start", args=[frozen.milestone_id]))
    draft = frozen.milestone.protocols.get(number=2)
    fields = terms(gates=[{"metric": "roc_auc", "direction": "at_least", "threshold": 0.7}])
    protocols.edit_protocol(protocol=draft, body=fields, by=actor)
    page_rules.opens(
        signed_in, PAGE, draft.pk, contains=["Changed since version 1", "Promise 1, value", "Why it changes"]
    )


def test_a_reviewer_reads_and_does_not_write(client, reviewer, draft, frozen):
    client.force_login(reviewer.user)
    text = page_rules.opens(client, PAGE, frozen.pk)
    assert "New version" not in text
    assert "hx-post" not in page_rules.opens(client, PAGE, draft.pk)
    assert client.post(reverse("evaluations:protocol-freeze", args=[draft.pk])).status_code == 403


def test_rows_are_only_downloaded_at_home(client, signed_in, stranger, frozen):
    assert signed_in.get(reverse("evaluations:protocol-rows", args=[frozen.pk, "exe"])).status_code == 404
    page_rules.refuses(signed_in, "post", "evaluations:protocol-rows", frozen.pk, "csv")
    page_rules.sends_to_sign_in(client, "evaluations:protocol-rows", frozen.pk, "csv")
    page_rules.hides_from_strangers(client, stranger, "evaluations:protocol-rows", frozen.pk, "csv")


def test_spare_looks_are_given_up_on_the_page(client, signed_in, actor, stranger):
    run = make_verdict(actor=actor, threshold=0.95)
    address = "evaluations:protocol-close"
    page_rules.refuses(signed_in, "get", address, run.protocol_id)
    signed_in.post(reverse(address, args=[run.protocol_id]))
    run.protocol.refresh_from_db()
    assert run.protocol.looks_closed_at is not None
    page_rules.sends_to_sign_in(client, address, run.protocol_id, method="post")
    page_rules.hides_from_strangers(client, stranger, address, run.protocol_id, method="post")


# --- what pages cost -----------------------------------------------------------------------------------------
def test_the_pages_are_cheap(signed_in, draft, frozen, django_assert_max_num_queries):
    for protocol in (draft, frozen):
        address = reverse(PAGE, args=[protocol.pk])
        signed_in.get(address)
        with django_assert_max_num_queries(13):
            signed_in.get(address)


# --- the terms themselves ------------------------------------------------------------------------------------
def test_time_order_without_a_column_is_the_order_of_the_file(actor, version):
    draft = make_protocol(actor=actor, version=version, frozen=False, split={"method": "time-ordered", "share": 0.4})
    assert outlook(draft).problems == []


def test_groups_need_their_column(actor, version):
    draft = make_protocol(actor=actor, version=version, frozen=False, split={"method": "grouped", "share": 0.4})
    assert [p.field for p in outlook(draft).problems] == ["split.column"]


def test_a_failed_drawing_gives_the_draft_back_with_the_reason(signed_in, actor):
    draft = make_protocol(actor=actor, frozen=False, left_out=["no such column"])
    work_off(dispatch.freeze_protocol(protocol=draft, by=actor).job)
    draft.refresh_from_db()
    assert draft.state == Protocol.State.DRAFT
    page_rules.opens(signed_in, PAGE, draft.pk, contains=["The rows could not be set aside", "no such column"])


def test_a_column_of_one_class_is_planned_as_if_nothing_were_known_of_it(actor):
    rows = b"x,y\n" + b"".join(b"%d,a\n" % n for n in range(60))
    version = make_version(actor=actor, content=rows, target="y")
    gates = [{"metric": "macro_f1", "direction": "at_least", "threshold": 0.5, "expected": 0.9}]
    draft = make_protocol(
        actor=actor, version=version, frozen=False, task="multiclass", target="y", positive_class=None, gates=gates
    )
    assert outlook(draft).facts["gates"][0]["curve"]


def test_the_trail_says_once_a_sitting_who_edits_a_draft(actor, draft):
    for rows in (2, 1):
        protocols.edit_protocol(protocol=draft, body=terms(looks=rows), by=actor)
    entry = AuditEntry.objects.get(action="protocol.edited")
    assert (entry.actor_id, entry.target_id, entry.detail) == (actor.user.pk, str(draft.pk), {})
