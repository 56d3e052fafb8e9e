"""Cloud bills as files: one reader per format, the same charges out of each. No Django here."""

from billing.bills.errors import BillError
from billing.bills.lines import ChargeLine
from billing.bills.mapped import ColumnMapping
from billing.bills.preview import BillPreview, counted_twice, preview
from billing.bills.reading import Reading, detect, open_bill, read_lines

__all__ = [
    "BillError",
    "BillPreview",
    "ChargeLine",
    "ColumnMapping",
    "Reading",
    "counted_twice",
    "detect",
    "open_bill",
    "preview",
    "read_lines",
]
