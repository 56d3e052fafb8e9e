import json

import pytest

from projects.canonical import digest
from projects.scoping.documents import SECTIONS, ScopeDocument
from projects.scoping.errors import ScopingError
from projects.scoping.markdown import render_markdown
from projects.scoping.starters import payment_patterns, starters, starting_point, table

WHOLE = {
    "title": "Churn model",
    "currency": "EUR",
    "objectives": [{"id": "o1", "text": "Fewer cancellations"}],
    "in_scope": [{"id": "i1", "text": "One table"}],
    "out_of_scope": [{"id": "x1", "text": "Apps"}],
    "assumptions": [{"id": "a1", "text": "Labels hold", "check": "Look", "if_false": "Relabel"}],
    "deliverables": [{"id": "d1", "text": "A model"}],
    "milestones": [
        {"id": "m1", "title": "Audit", "goal": "", "due_on": "2026-12-01", "amount_minor": 333_301},
        {"id": "m2", "title": "Model", "goal": "", "due_on": "2027-01-15", "amount_minor": 100},
    ],
    "acceptance": [{"id": "c1", "text": "Recall holds", "milestone": "m2", "protocol": "ab" * 32, "rows": 400}],
    "review_days": 10,
    "deposit_percent": 30,
}


def changed(**parts):
    return json.loads(json.dumps(WHOLE)) | parts


def test_a_document_is_written_and_read_back():
    document = ScopeDocument.from_dict(WHOLE)
    assert ScopeDocument.from_dict(document.to_dict()) == document
    assert digest(document.to_dict()) == digest(json.loads(json.dumps(document.to_dict())))
    assert document.missing() == []


def test_the_price_and_the_deposit_are_whole_minor_units():
    document = ScopeDocument.from_dict(WHOLE)
    assert document.price_minor == 333_401
    assert document.deposit_minor == 100_020  # 100,020.3


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"title": 5}, "title"),
        ({"surprise": 1}, "surprise"),
        ({"objectives": "none"}, "objectives"),
        ({"objectives": ["text"]}, "objectives[0]"),
        ({"objectives": [{"id": "", "text": "x"}]}, "objectives[0].id"),
        ({"objectives": [{"id": "a"}, {"id": "a"}]}, "objectives[1].id"),
        ({"objectives": [{"id": "a", "text": "x" * 30_000}]}, "objectives[0].text"),
        ({"objectives": [{"id": "a", "text": "\0"}]}, "objectives[0].text"),
        ({"objectives": [{"id": "a", "colour": "red"}]}, "objectives[0].colour"),
        ({"objectives": [{"id": str(n)} for n in range(501)]}, "objectives"),
        ({"milestones": [{"id": "m2", "due_on": "soon"}]}, "milestones[0].due_on"),
        ({"milestones": [{"id": "m2", "amount_minor": 1.5}]}, "milestones[0].amount_minor"),
        ({"milestones": [{"id": "m9"}]}, "acceptance[0].milestone"),
        ({"review_days": 0}, "review_days"),
        ({"deposit_percent": 101}, "deposit_percent"),
        ({"deposit_percent": True}, "deposit_percent"),
    ],
)
def test_an_error_names_its_field(parts, field):
    with pytest.raises(ScopingError) as caught:
        ScopeDocument.from_dict(changed(**parts))
    assert (caught.value.code, caught.value.field) == ("bad-scope", field)


def test_a_scope_that_is_no_object_is_refused():
    with pytest.raises(ScopingError):
        ScopeDocument.from_dict([])


@pytest.mark.parametrize(
    ("parts", "gap"),
    [
        ({"title": " "}, "Give the scope a title."),
        ({"objectives": []}, "“Objectives” is empty."),
        ({"assumptions": [{"id": "a", "text": "x"}]}, "“Assumptions” 1 has no check, if false."),
        ({"milestones": [{"id": "m2", "title": "x", "amount_minor": 1}]},
         "“Milestones” 1 has no due date."),
        ({"milestones": [{"id": "m2", "title": "x", "due_on": "2026-12-01"}]},
         "The milestones have no price."),
        ({"in_scope": [{"id": "i", "text": "Up to [count] rounds"}]},
         "“In scope” 1: fill in [count]."),
        ({"acceptance": [{"id": "c", "text": "x", "protocol": "ab"}]},
         "“Acceptance” 1 names a protocol but no number of rows."),
    ],
)  # fmt: skip
def test_what_keeps_a_scope_from_being_sent_is_said(parts, gap):
    assert gap in ScopeDocument.from_dict(changed(**parts)).missing()


def test_an_empty_draft_is_allowed_and_incomplete():
    assert len(ScopeDocument.from_dict({}).missing()) == 1 + len(SECTIONS)


def test_markdown_holds_every_part():
    text = render_markdown(ScopeDocument.from_dict(WHOLE), money=lambda minor, code: f"{code} {minor / 100:.2f}")
    for part in ("# Churn model", "## Objectives", "- Fewer cancellations", "Check: Look.",
                 "**Audit**, due 2026-12-01: EUR 3333.01", "**Model**: Recall holds (protocol",
                 "400 rows", "30 %", "within 10 days"):  # fmt: skip
        assert part in text


def test_markdown_shows_text_as_it_is():
    parts = {"objectives": [{"id": "o", "text": "# <script>*x*</script> [a](b)\n1. y"}]}
    text = render_markdown(ScopeDocument.from_dict(changed(**parts)))
    assert r"- \# \<script\>\*x\*\</script\> \[a\](b) \1. y" in text


@pytest.mark.parametrize("starter", starters(), ids=lambda starter: starter.key)
def test_every_starting_point_is_a_sound_draft(starter):
    document = starting_point(starter.key, title="Kite", currency="USD")
    assert ScopeDocument.from_dict(document.to_dict()) == document
    assert (document.title, document.currency) == ("Kite", "USD")
    gaps = document.missing()
    assert not any("is empty" in gap or "check" in gap for gap in gaps)
    assert any("fill in [" in gap for gap in gaps)
    assert {clause.id for clause in document.acceptance} >= {"deemed", "stop-rule"}


def test_a_starting_point_that_is_not_there():
    with pytest.raises(ScopingError, match="classification, forecasting"):
        starting_point("magic")


def test_payment_patterns_and_tables_are_complete():
    assert len(payment_patterns()) == 9
    assert all(0 <= pattern.deposit_percent <= 100 for pattern in payment_patterns())
    for name in ("assumptions", "exclusions", "clauses", "milestones"):
        assert all(all(row.values()) for row in table(name).values())
