"""What every form stands on: text that can be seen, one line or several in a text area; plain words for faults."""

from typing import Any

from django import forms

from projects.validators import one_line, several_lines

# What a field says instead of Django's words, the most particular kind first; words of a field's own stay.
WORDS: dict[type[forms.Field], dict[str, str]] = {
    forms.FileField: {"required": "Choose a file."},
    forms.BooleanField: {"required": "Tick this box."},
    forms.ChoiceField: {"required": "Choose one.", "invalid_choice": "Choose one of those offered."},
    forms.EmailField: {"invalid": "This is no e-mail address. Write it like name@example.com."},
    forms.DateField: {"invalid": "This is no date. Write it like 2026-11-20."},
    forms.CharField: {
        "min_length": "At least %(limit_value)d characters, please; these are %(show_value)d.",
        "max_length": "At most %(limit_value)d characters fit; these are %(show_value)d.",
    },
    forms.IntegerField: {
        "min_value": "This must be at least %(limit_value)s.",
        "max_value": "This must be at most %(limit_value)s.",
    },
    forms.Field: {"required": "Fill this in."},
}


class ForeignField(forms.CharField):
    """A name out of foreign data, such as a column's, which is taken as it is there."""


class _PlainText:
    fields: dict[str, forms.Field]

    def full_clean(self) -> None:
        """Check the text fields as well, also those that a form adds when it is made."""
        for field in self.fields.values():
            field.error_messages = _plain_words(field)
            if isinstance(field, forms.CharField) and not isinstance(field, ForeignField):
                rule = several_lines if isinstance(field.widget, forms.Textarea) else one_line
                if rule not in field.validators:
                    field.validators.append(rule)
        super().full_clean()  # type: ignore[misc]  # mixed into a form


def _plain_words(field: forms.Field) -> dict[str, Any]:
    """Give a field's messages, with ours where Django's own stand."""
    ours: dict[str, str] = {}
    for kind, words in WORDS.items():
        if isinstance(field, kind):
            ours = words | ours
    theirs = [
        message for kind in type(field).__mro__ for message in getattr(kind, "default_error_messages", {}).values()
    ]
    told = {code: message for code, message in field.error_messages.items() if message not in theirs}
    return field.error_messages | ours | told


class PlainForm(_PlainText, forms.Form):
    """A form whose text can be seen."""


class PlainModelForm(_PlainText, forms.ModelForm):
    """A form of a row whose text can be seen."""
