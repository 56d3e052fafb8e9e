"""What is typed about people, workspaces, invitations and tokens."""

import zoneinfo
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from projects.access import Role
from projects.currencies import CHOICES
from projects.forms.plain import PlainForm
from projects.models import User

LIFETIMES = [(30, "30 days"), (90, "90 days"), (180, "180 days"), (365, "A year")]
ACCESS = [("read", "Read only"), ("write", "Read and change")]


def zones() -> list[tuple[str, str]]:
    """List the time zones by name."""
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name or name == "UTC")
    return [(name, name.replace("_", " ")) for name in names if not name.startswith(("Etc/", "posix/", "right/"))]


class WorkspaceForm(PlainForm):
    """What a workspace is called and counts in."""

    name = forms.CharField(label="Workspace", max_length=120)
    currency = forms.ChoiceField(choices=CHOICES, initial="EUR")
    time_zone = forms.ChoiceField(choices=zones, initial="UTC")


class NewAccountForm(PlainForm):
    """The name and password of a new account; the address is known or typed beside them."""

    name = forms.CharField(
        label="Your name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True})
    )
    password = forms.CharField(
        strip=False,
        max_length=256,
        help_text="At least 12 characters. Four unrelated words are better than one with signs in it.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, known_email: str = "", **kwargs: Any) -> None:
        self.known_email = known_email
        super().__init__(*args, **kwargs)

    def clean(self) -> dict[str, Any]:
        """Refuse a password that is common or like the name or address."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        email = cleaned.get("email") or self.known_email
        if password := cleaned.get("password"):
            try:
                validate_password(password, User(name=cleaned.get("name", ""), email=email))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned


class SetUpForm(NewAccountForm):
    """The first owner and the first workspace, on one page."""

    email = forms.EmailField(label="Your e-mail", widget=forms.EmailInput(attrs={"autocomplete": "username"}))
    workspace_name = forms.CharField(
        label="Name of your business",
        max_length=120,
        help_text="Clients see it on reports and scopes.",
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    currency = forms.ChoiceField(choices=CHOICES, initial="EUR")
    time_zone = forms.ChoiceField(choices=zones, initial="UTC", widget=forms.Select(attrs={"data-own-zone": ""}))

    field_order = ["name", "email", "password", "workspace_name", "currency", "time_zone"]


class InvitationForm(PlainForm):
    """Who is invited, as what."""

    email = forms.EmailField(label="E-mail", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class RoleForm(PlainForm):
    """What a person may do."""

    role = forms.ChoiceField(choices=Role.choices)


class TokenForm(PlainForm):
    """What a token is for, what it may do and how long."""

    name = forms.CharField(max_length=80, help_text="Where it will be used, such as “nightly training”.")
    access = forms.ChoiceField(choices=ACCESS, initial="read")
    days = forms.TypedChoiceField(label="Works for", choices=LIFETIMES, coerce=int, initial=90)

    @property
    def scopes(self) -> list[str]:
        """Return the scopes of the chosen access."""
        return ["read", "write"] if self.cleaned_data["access"] == "write" else ["read"]


class AppearanceForm(PlainForm):
    """A person's name and theme."""

    name = forms.CharField(label="Your name", max_length=150)
    theme = forms.ChoiceField(choices=[("system", "Like my device"), ("light", "Light"), ("dark", "Dark")])


class TrailFilterForm(PlainForm):
    """What part of the audit trail to show."""

    action = forms.ChoiceField(
        label="What",
        required=False,
        choices=[
            ("", "Everything"),
            ("sign-in", "Signing in"),
            ("second-factor", "Second factors"),
            ("token", "Tokens"),
            ("invitation", "Invitations"),
            ("member", "People"),
            ("workspace", "Workspace"),
            ("client", "Clients"),
            ("engagement", "Engagements"),
            ("milestone", "Milestones"),
            ("protocol", "Protocols"),
            ("share", "Share links"),
            ("invoice", "Invoices"),
        ],
        widget=forms.Select(attrs={"class": "form-select w-auto"}),
    )
    person = forms.CharField(
        label="Who",
        required=False,
        max_length=150,
        widget=forms.TextInput(attrs={"class": "form-control w-auto", "placeholder": "Who"}),
    )
