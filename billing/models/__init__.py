"""The tables of the second storey, one file a noun."""

from billing.models.bills import Bill, BillImport, ColumnMapping
from billing.models.budgets import Budget, BudgetAlert
from billing.models.charges import Charge, DailySpend, ItemSpend, MonthlySpend
from billing.models.compute import ComputeEntry
from billing.models.rates import Rate
from billing.models.rules import SpendRule, SpendRulePart

__all__ = [
    "Bill",
    "BillImport",
    "Budget",
    "BudgetAlert",
    "Charge",
    "ColumnMapping",
    "ComputeEntry",
    "DailySpend",
    "ItemSpend",
    "MonthlySpend",
    "Rate",
    "SpendRule",
    "SpendRulePart",
]
