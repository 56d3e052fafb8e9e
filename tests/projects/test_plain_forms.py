"""What a form says when something is missing or wrong: in plain words, on every form the same."""

import pytest
from django import forms
from django.urls import reverse

from projects.forms.plain import PlainForm
from tests.factories import projects as make


class Example(PlainForm):
    name = forms.CharField(max_length=5, min_length=2)
    email = forms.EmailField()
    on = forms.DateField()
    rows = forms.IntegerField(min_value=3)
    kind = forms.ChoiceField(choices=[("a", "A")])
    agreed = forms.BooleanField()
    file = forms.FileField()
    own = forms.CharField(error_messages={"required": "Say why."})


def test_what_is_missing_is_asked_for():
    form = Example({})
    assert {name: errors[0] for name, errors in form.errors.items()} == {
        "name": "Fill this in.",
        "email": "Fill this in.",
        "on": "Fill this in.",
        "rows": "Fill this in.",
        "kind": "Choose one.",
        "agreed": "Tick this box.",
        "file": "Choose a file.",
        "own": "Say why.",
    }


@pytest.mark.parametrize(
    ("name", "typed", "told"),
    [
        ("name", "Alexandra", "At most 5 characters fit; these are 9."),
        ("name", "A", "At least 2 characters, please; these are 1."),
        ("email", "carla", "This is no e-mail address. Write it like name@example.com."),
        ("on", "soon", "This is no date. Write it like 2026-11-20."),
        ("rows", "1", "This must be at least 3."),
        ("kind", "b", "Choose one of those offered."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(name, typed, told):
    assert Example({name: typed}).errors[name] == [told]


def test_a_form_of_a_row_says_it_beside_its_field(signed_in, workspace):
    client = make.make_client(workspace=workspace)
    page = signed_in.post(reverse("projects:contact-new", args=[client.pk]), {"name": "", "email": "carla"})
    assert "Fill this in." in page.content.decode()
    assert "This is no e-mail address." in page.content.decode()
