"""What is typed about training, and files of predictions."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from evaluations.engine.training.titles import TITLES
from evaluations.forms.datasets import FileForm
from projects.forms.plain import PlainForm

RECIPES = [(name, title) for name, title in TITLES.items() if name != "dummy"]  # that one always runs
LARGEST_FILE = 50 << 20  # bytes that the page itself takes
TICK = {"class": "form-check-input"}


class TrainingForm(PlainForm):
    """Which recipes to try, for how long."""

    recipes = forms.MultipleChoiceField(
        label="Recipes",
        choices=RECIPES,
        required=False,
        widget=forms.CheckboxSelectMultiple(attrs=TICK),
        help_text="None chosen: all that fit the columns. The constant answer always runs beside them.",
    )
    budget_seconds = forms.IntegerField(
        label="Seconds for the search", min_value=5, max_value=3600, initial=60,
        help_text="Every recipe is compared with at least its usual settings, however short.",
    )  # fmt: skip
    seed = forms.IntegerField(label="Seed", min_value=0, max_value=2**31 - 1, initial=0)


class PredictionsForm(FileForm):
    """A file of predictions for the acceptance rows: uploaded piece by piece, or sent whole where scripts are off."""

    file = forms.FileField(label="File with predictions", required=False, allow_empty_file=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["upload"].required = False

    def clean_file(self) -> Any:
        """Refuse what is too large to be sent whole."""
        file = self.cleaned_data["file"]
        if file is not None and file.size > LARGEST_FILE:
            message = f"Without scripts the page takes up to {LARGEST_FILE >> 20} MiB. Allow them, or use the API."
            raise ValidationError(message)
        return file

    def clean(self) -> dict[str, Any]:
        """Want the file in one of the two ways."""
        cleaned = super().clean() or self.cleaned_data
        if not self.errors and not cleaned.get("upload") and not cleaned.get("file"):
            self.add_error("file", "Choose a file first.")
        return cleaned
