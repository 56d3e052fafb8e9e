"""What is typed when a bill is taken in."""

from typing import Any

from django import forms

from billing.bills.lines import CATEGORIES
from billing.models import BillImport, ColumnMapping
from billing.storage import LARGEST
from projects.access import Actor
from projects.currencies import EXPONENTS
from projects.forms.plain import PlainForm, PlainModelForm

# The fields that a column can fill, in the order of asking.
COLUMNS = (
    ("billed", "Cost"),
    ("usage_start", "Date of use"),
    ("service", "Service"),
    ("currency", "Currency"),
    ("provider", "Provider"),
    ("billing_account", "Account"),
    ("resource", "Resource"),
    ("description", "Description"),
    ("category", "Kind of charge"),
    ("region", "Region"),
    ("quantity", "Quantity"),
    ("unit", "Unit"),
    ("invoice", "Invoice"),
    ("period_start", "Start of the billing period"),
    ("effective", "Effective cost"),
    ("list_cost", "List price"),
    ("tags", "Tags (JSON)"),
)
CONSTANTS = ("currency", "provider", "service")


def _currency(text: str) -> str:
    code = text.strip().upper()
    if code and code not in EXPONENTS:
        raise forms.ValidationError(f"“{code}” is not a currency code. Use three capitals such as EUR.")
    return code


class ReadingForm(PlainModelForm):
    """How a bill is read, where the file does not say it."""

    class Meta:
        model = BillImport
        fields = ["currency", "basis", "export", "mapping"]
        labels = {"mapping": "Column mapping", "basis": "Azure only: which view of the cost"}

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mapping"].queryset = ColumnMapping.objects.visible_to(actor)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["mapping"].empty_label = "Found by the header"  # type: ignore[attr-defined]  # as above
        self.fields["currency"].widget.attrs |= {"list": "currencies", "autocapitalize": "characters"}

    def clean_currency(self) -> str:
        """Keep a known code in capitals."""
        return _currency(self.cleaned_data["currency"])


class UploadForm(ReadingForm):
    """A bill's file, and how it is read."""

    file = forms.FileField(
        label="The bill",
        help_text=f"CSV, or a CSV packed as .gz or .zip, at most {LARGEST // 10**6} MB.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.gz,.zip,.txt,.tsv,text/csv"}),
        error_messages={"required": f"Choose a file of at most {LARGEST // 10**6} MB."},
        allow_empty_file=True,  # the reader says better what is wrong with it
    )
    field_order = ["file", "currency", "basis", "export", "mapping"]


class MappingForm(PlainForm):
    """Which column of a file means what; the columns are those of the file at hand."""

    name = forms.CharField(max_length=100, label="Name of this mapping", help_text="It is found again by its columns.")
    date_order = forms.ChoiceField(
        label="Dates are written",
        choices=[("iso", "2026-11-20"), ("dmy", "20.11.2026 or 20/11/2026"), ("mdy", "11/20/2026")],
    )
    decimal_point = forms.ChoiceField(label="Decimals are written", choices=[(".", "12.50"), (",", "12,50")])
    total_words = forms.CharField(
        required=False,
        label="Rows to leave out begin with",
        help_text="Words of sum rows, separated by commas, such as Total.",
    )

    def __init__(self, *args: Any, header: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [name.strip() for name in header if name.strip()]
        choices = [("", "not in the file"), *((name, name) for name in dict.fromkeys(names))]
        for field, label in COLUMNS:
            self.fields[f"column_{field}"] = forms.ChoiceField(label=label, choices=choices, required=False)
        for field in CONSTANTS:
            self.fields[f"constant_{field}"] = forms.CharField(max_length=100, required=False, label="or always")

    @property
    def column_rows(self) -> list[tuple[Any, Any]]:
        """Pair each column's choice with its constant, where it has one."""
        return [
            (self[f"column_{field}"], self[f"constant_{field}"] if field in CONSTANTS else None) for field, _ in COLUMNS
        ]

    def clean_constant_currency(self) -> str:
        """Keep a known code in capitals."""
        return _currency(self.cleaned_data["constant_currency"])

    @property
    def body(self) -> dict[str, Any]:
        """The mapping as it is saved."""
        data = self.cleaned_data
        columns = {field: data[f"column_{field}"] for field, _ in COLUMNS if data[f"column_{field}"]}
        constants = {
            field: data[f"constant_{field}"]
            for field in CONSTANTS
            if data[f"constant_{field}"] and field not in columns
        }
        words = [word.strip() for word in data["total_words"].split(",") if word.strip()]
        return {
            "columns": columns,
            "constants": constants,
            "date_order": data["date_order"],
            "decimal_point": data["decimal_point"],
            "total_words": words,
            "categories": {word: word for word in CATEGORIES},
        }


def guess_columns(header: list[str]) -> dict[str, str]:
    """Guess from the names which column means what, as a start for the person."""
    words = {
        "billed": ("cost", "amount", "total", "price", "charge", "paid"),
        "usage_start": ("date", "day", "start", "timestamp", "time", "when"),
        "service": ("service", "product", "item", "type", "what"),
        "currency": ("currency",),
        "provider": ("provider", "vendor"),
        "billing_account": ("account", "project", "workspace"),
        "resource": ("resource", "instance", "pod"),
        "description": ("description", "detail"),
        "quantity": ("quantity", "usage", "hours"),
        "region": ("region", "zone"),
    }
    found: dict[str, str] = {}
    for field, hints in words.items():
        free = [name.strip() for name in header if name.strip() and name.strip() not in found.values()]
        match = next((name for hint in hints for name in free if hint in name.casefold()), None)
        if match:
            found[field] = match
    return {f"column_{field}": name for field, name in found.items()}
