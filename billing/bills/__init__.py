"""Cloud bills as files: one reader per format, the same charges out of each. No Django here.

What reads charges (``reading``, ``preview``, ``work``) loads pyarrow and is imported from its own module, so
that a process that only names formats stays small.
"""

from billing.bills.errors import BillError
from billing.bills.formats import Reading, detect
from billing.bills.lines import ChargeLine
from billing.bills.mapped import ColumnMapping

__all__ = ["BillError", "ChargeLine", "ColumnMapping", "Reading", "detect"]
