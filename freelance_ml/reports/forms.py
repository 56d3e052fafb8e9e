"""What is typed to send a report, and to check one."""

from django import forms

from projects.forms.shares import DAYS
from projects.services.shares import DEFAULT_DAYS, SHORTEST_PASSCODE

MOST_BYTES = 2 << 20


class SendForm(forms.Form):
    """To whom a report goes, for how long, and whether it asks for a passcode."""

    name = forms.CharField(label="For whom", max_length=120, required=False)
    email = forms.EmailField(label="E-mail", required=False, help_text="Empty: you pass the link on yourself.")
    days = forms.TypedChoiceField(label="Link works for", choices=DAYS, coerce=int, initial=DEFAULT_DAYS)
    passcode = forms.CharField(
        label="Passcode",
        min_length=SHORTEST_PASSCODE,
        max_length=128,
        required=False,
        strip=False,
        help_text="Tell it by another way than the link, such as by phone.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class VerifyForm(forms.Form):
    """A report's file."""

    file = forms.FileField(label="The report's JSON file")

    def clean_file(self) -> object:
        """Refuse what is too large to be a report."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            message = "This is larger than any report. Choose the JSON file of a report."
            raise forms.ValidationError(message)
        return file
