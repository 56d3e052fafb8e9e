"""What is typed about clients and contacts."""

from django import forms

from projects.forms.plain import PlainModelForm
from projects.models import Client, Contact


class ClientForm(PlainModelForm):
    """The particulars of a client."""

    # Without a longest length: a browser would cut “Germany” to GE, which is Georgia.
    country = forms.CharField(
        required=False,
        help_text="Two letters of ISO 3166, such as DE.",
        widget=forms.TextInput(attrs={"autocapitalize": "characters", "autocomplete": "off"}),
    )

    class Meta:
        model = Client
        fields = ["name", "email", "address", "country", "tax_id", "notes"]
        labels = {"email": "E-mail", "tax_id": "Tax number", "notes": "Notes for yourself"}
        help_texts = {"email": "For invoices and reports, unless a contact is named."}
        widgets = {
            "address": forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
            "notes": forms.Textarea(attrs={"rows": 3}),
        }

    def clean_country(self) -> str:
        """Keep two capitals."""
        country = self.cleaned_data["country"].strip().upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):  # noqa: PLR2004  ISO 3166
            raise forms.ValidationError("Write the two letters of the country, such as DE or GB.")
        return country


class ContactForm(PlainModelForm):
    """A person at a client."""

    class Meta:
        model = Contact
        fields = ["name", "email", "role"]
        labels = {"email": "E-mail", "role": "What they decide"}
        widgets = {"role": forms.TextInput(attrs={"placeholder": "signs, pays, answers questions about the data …"})}
