"""Text that cannot be seen and numbers that no column holds, at every field that takes text or JSON."""

import pytest
from django import forms
from django.test import Client as Browser
from rest_framework import serializers

from freelance_ml import urls as every_page
from projects.api.base import PlainSerializer, ScopedModelSerializer
from projects.forms.plain import ForeignField, PlainForm, PlainModelForm
from projects.validators import storable
from tests.factories import projects as make

HIDDEN = ["a\x00b", "a\x1bb", "a\x7fb", "a\u202eb", "a\u2066b", "a\u200bb", "a\ufeffb"]
BROKEN = ["a\nb", "a\r\nb", "a\tb", "a\x85b", "a\u2028b"]
VISIBLE = ["Zoë’s données — 数据 🇩🇪", "نموذج", "a‍b"]  # what people of all scripts write
OURS = ("projects", "billing", "evaluations", "freelance_ml")


def all_below(parent):
    """Every class of ours that stands on another one."""
    assert every_page.urlpatterns  # all views, and with them all forms and serializers, are imported
    for child in parent.__subclasses__():
        if child.__module__.partition(".")[0] in OURS:
            yield child
        yield from all_below(child)


def is_document(field):
    return isinstance(field, serializers.DictField | serializers.ListField | serializers.JSONField)


def text_fields(serializer, path=""):
    """Every field of a serializer that takes text, with those inside lists and dictionaries."""
    for name, outer in serializer.get_fields().items():
        field = outer
        while isinstance(getattr(field, "child", None), serializers.Field):
            field = field.child
        if isinstance(field, serializers.CharField) and not field.read_only:
            yield f"{path}.{name}", field


def refused(field, text):
    try:
        field.run_validation(text)
    except serializers.ValidationError as error:
        return str(error.detail)
    return ""


def test_every_text_of_the_api_follows_the_rule():
    seen, faults = 0, []
    for kind in {*all_below(serializers.Serializer)} - {PlainSerializer, ScopedModelSerializer}:
        if getattr(kind, "Meta", None) is None and issubclass(kind, serializers.ModelSerializer):
            continue
        for path, field in text_fields(kind(), f"{kind.__module__}.{kind.__name__}"):
            seen += 1
            foreign, several = field.style.get("foreign"), field.style.get("base_template") == "textarea.html"
            for text in [] if foreign else HIDDEN + ([] if several else BROKEN):
                if not any(words in refused(field, text) for words in ("be seen", "one line", "Null characters")):
                    faults.append(f"{path} takes {text!r}")
            faults += [f"{path} refuses {text}" for text in VISIBLE if "cannot be seen" in refused(field, text)]
        for name, field in kind().get_fields().items():
            if is_document(field) and not field.read_only and storable not in field.validators:
                faults.append(f"{kind.__name__}.{name} takes halves of characters")
    assert seen > 80
    assert not faults, "\n".join(faults)


def test_every_form_stands_on_the_rule():
    kinds = [*all_below(forms.Form), *all_below(forms.ModelForm)]
    assert len(kinds) > 30
    ours = [kind for kind in kinds if not issubclass(kind, PlainForm | PlainModelForm)]
    ours = [kind for kind in ours if not any(base.__module__.startswith("allauth.") for base in kind.__mro__)]
    assert not ours, "let these stand on PlainForm or PlainModelForm"


class Example(PlainForm):
    """One field of each sort."""

    line = forms.CharField()
    lines = forms.CharField(widget=forms.Textarea)
    column = ForeignField()


@pytest.mark.parametrize("text", [*HIDDEN, *BROKEN, *VISIBLE])
def test_a_form_refuses_what_cannot_be_seen(text):
    form = Example({"line": text, "lines": text, "column": text})
    form.is_valid()
    assert ("line" in form.errors) == (text not in VISIBLE)
    assert ("lines" in form.errors) == (text in HIDDEN)
    assert ("column" in form.errors) == ("\0" in text)  # Django itself


@pytest.mark.parametrize("name", ["two\nlines", "turned\u202earound", "bell\x07"])
def test_a_page_and_the_api_say_it_beside_the_field(signed_in, program, name):
    page = signed_in.post("/clients/new/", {"name": name})
    assert page.status_code == 422
    assert "take out line breaks" in page.content.decode() or "cannot be seen" in page.content.decode()
    answer = program.post("clients/", {"name": name})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["name"]


NUMBERS = ["1e999", "-1e999", "NaN", "Infinity", "1" * 30, "1" * 5_000, "9223372036854775808"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("quoted", [False, True])
def test_strange_numbers_are_refused_and_never_a_fault(program, workspace, number, quoted):
    engagement = make.make_engagement(workspace=workspace)
    milestone = make.make_milestone(engagement=engagement)
    value = f'"{number}"' if quoted else number
    program.browser.raise_request_exception = False
    bodies = {
        ("patch", f"milestones/{milestone.pk}/"): f'{{"fee_minor": {value}}}',
        ("post", "milestones/"): f'{{"engagement": "{engagement.pk}", "title": "x", "fee_minor": {value}}}',
        ("patch", f"engagements/{engagement.pk}/"): f'{{"review_days": {value}}}',
        ("post", "uploads/"): f'{{"name": "a.csv", "size": {value}}}',
        ("post", "rates/"): f'{{"kind": "cpu-hour", "price": {value}, "currency": "EUR", "starts_on": "2026-01-01"}}',
        ("post", "column-mappings/"): f'{{"name": "x", "body": {{"columns": {{"billed": {value}}}}}}}',
    }
    for (method, address), body in bodies.items():
        answer = getattr(program.browser, method)(
            f"/api/v1/{address}",
            body,
            content_type="application/json",
            headers={"Authorization": f"Bearer {program.token}"},
        )
        assert answer.status_code in {400, 409, 413}, (address, answer.content)
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('"\\u0000"', "invalid-input"),
        ('[["\\u0000"]]', "invalid-input"),
        ('"\\ud800"', "malformed-body"),
        ('{"\\udfff": 1}', "malformed-body"),
    ],
)
def test_text_that_nothing_can_store_is_refused_at_any_depth(program, text, code):
    answer = Browser().post(
        "/api/v1/column-mappings/",
        f'{{"name": "x", "body": {{"columns": {text}}}}}',
        content_type="application/json",
        headers={"Authorization": f"Bearer {program.token}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, code)
