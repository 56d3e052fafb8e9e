"""What is chosen to check a report."""

from django import forms

from projects.forms.plain import PlainForm

MOST_BYTES = 2 << 20


class VerifyForm(PlainForm):
    """A report's file."""

    file = forms.FileField(
        label="The report's JSON file",
        error_messages={"required": "Choose the JSON file of a report. It has at most 2 MB."},
    )

    def clean_file(self) -> object:
        """Refuse what is too large to be a report."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            message = "This is larger than any report. Choose the JSON file of a report."
            raise forms.ValidationError(message)
        return file
