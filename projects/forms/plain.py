"""What every form stands on: text fields take what can be seen, one line each or several in a text area."""

from django import forms

from projects.validators import one_line, several_lines


class ForeignField(forms.CharField):
    """A name out of foreign data, such as a column's, which is taken as it is there."""


class _PlainText:
    fields: dict[str, forms.Field]

    def full_clean(self) -> None:
        """Check the text fields as well, also those that a form adds when it is made."""
        for field in self.fields.values():
            if isinstance(field, forms.CharField) and not isinstance(field, ForeignField):
                rule = several_lines if isinstance(field.widget, forms.Textarea) else one_line
                if rule not in field.validators:
                    field.validators.append(rule)
        super().full_clean()  # type: ignore[misc]  # mixed into a form


class PlainForm(_PlainText, forms.Form):
    """A form whose text can be seen."""


class PlainModelForm(_PlainText, forms.ModelForm):
    """A form of a row whose text can be seen."""
