"""What is typed about datasets: the file, how it is read, what is predicted, and by what right."""

from typing import Any

from django import forms

from evaluations.models import Dataset, Upload
from projects.access import Actor
from projects.forms.plain import ForeignField, PlainForm, PlainModelForm
from projects.models import Engagement

# The types that a person may name, as evaluations.engine.reading.values.COLUMN_TYPES; a test keeps them alike.
TYPES = (
    ("integer", "Whole number"),
    ("number", "Number (1234.5)"),
    ("decimal_comma", "Number, decimal comma (1.234,5)"),
    ("grouped_comma", "Number, comma groups (1,234.5)"),
    ("boolean", "True or false"),
    ("date", "Date (2024-05-31)"),
    ("timestamp", "Date and time"),
    ("day_first", "Date, day first (31/05/2024)"),
    ("month_first", "Date, month first (05/31/2024)"),
    ("text", "Text"),
)
TYPE_NAMES = {
    "integer": "Whole number",
    "number": "Number",
    "boolean": "True or false",
    "date": "Date",
    "timestamp": "Date and time",
    "text": "Text",
}
FIND_OUT = ("", "Find out")
ENCODINGS = (
    FIND_OUT,
    ("utf-8", "UTF-8"),
    ("cp1252", "Western European (Windows-1252)"),
    ("latin-1", "Western European (ISO 8859-1)"),
    ("iso8859-15", "Western European with € (ISO 8859-15)"),
    ("cp1250", "Central European (Windows-1250)"),
    ("cp1251", "Cyrillic (Windows-1251)"),
    ("utf-16", "UTF-16"),
    ("utf-16-le", "UTF-16, little-endian"),
    ("utf-16-be", "UTF-16, big-endian"),
    ("cp850", "DOS (code page 850)"),
    ("shift_jis", "Japanese (Shift JIS)"),
    ("gb18030", "Chinese (GB 18030)"),
)
SEPARATORS = (
    FIND_OUT,
    ("comma", "Comma ,"),
    ("semicolon", "Semicolon ;"),
    ("tab", "Tab"),
    ("pipe", "Pipe |"),
    ("colon", "Colon :"),
    ("blank", "Blank"),
)
SEPARATOR_SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "colon": ":", "blank": " "}
DECIMALS = (FIND_OUT, (".", "Point (1234.5)"), (",", "Comma (1234,5)"))
ORDERS = (FIND_OUT, ("day_first", "Day first (31/05/2024)"), ("month_first", "Month first (05/31/2024)"))
MOST_SPELLINGS = 50


class DateInput(forms.DateInput):
    """A date as the browser's own picker shows it."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class FileForm(PlainForm):
    """A file that has been uploaded piece by piece."""

    upload = forms.ModelChoiceField(
        queryset=Upload.objects.none(),
        widget=forms.HiddenInput,
        error_messages={
            "required": "Choose a file first. It is uploaded at once, then read.",
            "invalid_choice": "That upload is gone or has been taken in already. Choose the file again.",
        },
    )

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Upload.objects.visible_to(actor).filter(datasetversion=None, predictionfile=None)
        self.fields["upload"].queryset = mine  # type: ignore[attr-defined]  # a ModelChoiceField


class NewDatasetForm(FileForm):
    """A file that becomes a dataset of its own."""

    name = forms.CharField(max_length=160, help_text="As you speak of it, such as “Customers 2026”.")
    engagement = forms.ModelChoiceField(queryset=Engagement.objects.none(), required=False, empty_label="None")

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, actor=actor, **kwargs)
        open_ones = Engagement.objects.visible_to(actor).exclude(status__in=["archived", "cancelled"])
        self.fields["engagement"].queryset = open_ones.order_by("title")  # type: ignore[attr-defined]  # as above
        self.actor = actor

    def clean_name(self) -> str:
        """Say it beside the field when the name is taken."""
        name: str = self.cleaned_data["name"].strip()
        if Dataset.objects.visible_to(self.actor).filter(name=name).exists():
            raise forms.ValidationError(
                "You have a dataset of that name. Choose another, or add the file to it as a new version."
            )
        return name


class RightsForm(PlainModelForm):
    """Where data comes from and by what right it is used."""

    class Meta:
        model = Dataset
        fields = ["name", "engagement", "source", "owner", "licence", "lawful_basis", "retention_on"]
        labels = {"lawful_basis": "Lawful basis (GDPR, Article 6)", "retention_on": "Delete after"}
        help_texts = {
            "source": "Who sent it, when, and how it was drawn.",
            "licence": "Such as “for this engagement only” or CC BY 4.0.",
            "retention_on": "You are reminded when the day has passed.",
        }
        widgets = {"source": forms.Textarea(attrs={"rows": 2}), "retention_on": DateInput()}

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        theirs = Engagement.objects.visible_to(actor)
        self.fields["engagement"].queryset = theirs.order_by("title")  # type: ignore[attr-defined]  # as above
        self.fields["engagement"].empty_label = "None"  # type: ignore[attr-defined]  # as above


class ReadingForm(PlainForm):
    """How a file is read, where the guess would be wrong; empty means to find out."""

    encoding = forms.ChoiceField(choices=ENCODINGS, required=False)
    separator = forms.ChoiceField(choices=SEPARATORS, required=False)
    decimal = forms.ChoiceField(choices=DECIMALS, required=False, label="Decimal mark")
    dates = forms.ChoiceField(
        choices=ORDERS, required=False, label="Unclear dates", help_text="For columns whose order the file leaves open."
    )
    header_row = forms.IntegerField(
        min_value=0, max_value=10_000, required=False, label="Header in line", help_text="0: the file has no header."
    )
    skip_rows = forms.IntegerField(
        min_value=0, max_value=10_000_000, required=False, label="Lines to skip at the start"
    )
    footer_rows = forms.IntegerField(min_value=0, max_value=1_000, required=False, label="Rows to leave out at the end")
    missing = ForeignField(
        required=False,
        max_length=1_000,
        label="Spellings of missing",
        help_text="Apart by commas, instead of the usual ones. Blank cells are always missing.",
    )
    sheet = ForeignField(required=False, max_length=100, label="Sheet of the workbook")
    member = ForeignField(required=False, max_length=255, label="File inside the archive")

    @classmethod
    def initial_of(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Show the options that are set now."""
        signs = {sign: name for name, sign in SEPARATOR_SIGNS.items()}
        orders = set(options.get("types", {}).values()) & {"day_first", "month_first"}
        return {
            **{
                key: options.get(key) for key in ("encoding", "decimal", "header_row", "footer_rows", "sheet", "member")
            },
            "skip_rows": options.get("skip_rows") or None,
            "separator": signs.get(options.get("separator") or "", ""),
            "dates": orders.pop() if len(orders) == 1 else "",
            "missing": ", ".join(options.get("missing") or ()),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        now = (self.initial or {}).get("encoding") or ""
        if now and now not in dict(ENCODINGS):
            field = self.fields["encoding"]
            field.choices = [*ENCODINGS, (now, now)]  # type: ignore[attr-defined]  # a ChoiceField

    def options(self, before: dict[str, Any], unclear: list[str]) -> dict[str, Any]:
        """Give the options as the reader takes them; what the form does not know stays as it was."""
        said = self.cleaned_data
        kept = {key: value for key, value in before.items() if key not in KNOWN}
        for key in ("encoding", "decimal", "sheet", "member"):
            if said[key]:
                kept[key] = said[key]
        if said["separator"]:
            kept["separator"] = SEPARATOR_SIGNS[said["separator"]]
        for key in ("header_row", "skip_rows", "footer_rows"):
            if said[key] is not None:
                kept[key] = said[key]
        if spelled := [word.strip() for word in said["missing"].split(",") if word.strip()]:
            kept["missing"] = spelled[:MOST_SPELLINGS]
        if said["dates"] and unclear:
            kept["types"] = {**kept.get("types", {}), **dict.fromkeys(unclear, said["dates"])}
        return kept


PLAIN = ("encoding", "decimal", "header_row", "footer_rows", "sheet", "member")
KNOWN = {
    "encoding",
    "separator",
    "decimal",
    "header_row",
    "skip_rows",
    "footer_rows",
    "missing",
    "sheet",
    "member",
}


class TargetForm(PlainForm):
    """What is to be predicted."""

    target = ForeignField(max_length=255, label="Column to predict", strip=False)
    group = ForeignField(max_length=255, required=False, label="Column of groups", strip=False)

    def __init__(self, *args: Any, names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = set(names)
        if len(names) <= MOST_OFFERED:
            for key, empty in (("target", "Choose a column"), ("group", "None")):
                self.fields[key].widget = forms.Select(choices=[("", empty), *((name, name) for name in names)])

    def clean(self) -> dict[str, Any]:
        """Want columns that the table has."""
        cleaned = super().clean() or self.cleaned_data
        for key in ("target", "group"):
            value = cleaned.get(key)
            if value and value not in self.names:
                self.add_error(key, f"The table has no column “{value[:80]}”. Choose one that it has.")
        return cleaned


MOST_OFFERED = 500
