"""What is typed about share links, comments and decisions."""

from collections.abc import Mapping
from typing import Any

from django import forms

from projects.forms.plain import PlainForm
from projects.models import Decision
from projects.services.shares import DEFAULT_DAYS, MOST_DAYS, SHORTEST_PASSCODE

DAYS = [(7, "7 days"), (DEFAULT_DAYS, "14 days"), (30, "30 days"), (MOST_DAYS, "90 days")]


class ShareLinkForm(PlainForm):
    """For whom a link is, how long it lasts, and whether it asks for a passcode."""

    recipient_name = forms.CharField(label="For whom", max_length=120, required=False)
    recipient_email = forms.EmailField(label="E-mail", required=False)
    days = forms.TypedChoiceField(label="Works for", choices=DAYS, coerce=int, initial=DEFAULT_DAYS)
    passcode = forms.CharField(
        label="Passcode",
        min_length=SHORTEST_PASSCODE,
        max_length=128,
        required=False,
        strip=False,
        help_text="Tell it by another way than the link, such as by phone.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PasscodeForm(PlainForm):
    """The passcode of a link."""

    passcode = forms.CharField(
        max_length=128, strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "one-time-code"})
    )


class VisitorCommentForm(PlainForm):
    """A question or remark of someone without an account."""

    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="Your e-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    text = forms.CharField(label="Your question or remark", max_length=4000, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, auto_id="comment_%s")  # beside the answer, which asks for a name, too


class CommentForm(PlainForm):
    """A remark of someone of the workspace."""

    text = forms.CharField(label="Your answer or remark", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))


class DecisionForm(PlainForm):
    """A client's answer: which, who gives it, and the sentence that is agreed to.

    ``choices`` are the answers that this document offers; ``consent`` is the sentence beside the box.
    """

    answer = forms.ChoiceField(widget=forms.RadioSelect)
    name = forms.CharField(label="Your name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="Your e-mail", widget=forms.EmailInput(attrs={"autocomplete": "email"}))
    message = forms.CharField(
        label="What should change", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    agreed = forms.BooleanField()

    def __init__(self, *args: Any, choices: list[tuple[str, str]], consent: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["answer"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["agreed"].label = consent

    def clean(self) -> dict[str, Any]:
        """Ask what should change when changes are asked for."""
        cleaned = super().clean() or {}
        wants_changes = cleaned.get("answer") == Decision.Answer.CHANGES_REQUESTED
        if wants_changes and not cleaned.get("message", "").strip():
            self.add_error("message", "Say what should change, so that it can be done.")
        return cleaned
