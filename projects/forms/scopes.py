"""What is typed about scopes: one piece at a time while editing, a signature at the end."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from django import forms

from projects.forms.amounts import read_amount
from projects.forms.plain import PlainForm
from projects.scoping.documents import SECTIONS
from projects.services.scope_drafts import WORK, WORK_FIELDS

NUMBERS = {"review_days": "review window", "deposit_percent": "deposit", "rows": "rows"}


def typed_item(section: str, typed: Mapping[str, str], currency: str) -> dict[str, Any]:
    """Read the fields of one item that were sent; raises ValidationError for an amount or number that is none."""
    if section == WORK:
        return {name: typed[name] for name in WORK_FIELDS if name in typed}
    names = [each.name for each in fields(SECTIONS[section][1]) if each.name != "id"] if section in SECTIONS else []
    item: dict[str, Any] = {name: typed[name].strip() for name in names if name in typed and name not in NUMBERS}
    if "rows" in names and "rows" in typed:
        item["rows"] = typed_number("rows", typed["rows"])
    if "amount_minor" in names and "amount" in typed:
        item["amount_minor"] = read_amount(typed["amount"], currency)
    return item


def typed_terms(typed: Mapping[str, str]) -> dict[str, Any]:
    """Read the terms that were sent."""
    terms: dict[str, Any] = {}
    if "title" in typed:
        terms["title"] = " ".join(typed["title"].split())[:200]
    if "notes" in typed:
        terms["notes"] = typed["notes"].strip()
    for name in ("review_days", "deposit_percent"):
        if name in typed:
            terms[name] = typed_number(name, typed[name])
    return terms


def typed_number(name: str, typed: str) -> int:
    """Read a whole number; empty is none at all."""
    typed = typed.strip() or "0"
    if not typed.isascii() or not typed.isdigit() or len(typed) > 12:  # noqa: PLR2004  more digits than anyone means
        raise forms.ValidationError(f"“{typed}” is no whole number. Correct the {NUMBERS[name]}.")
    return int(typed)


def typed_steps(typed: str) -> int:
    """Read by how many places an item moves; up is negative."""
    try:
        return max(-10_000, min(int(typed[:8]), 10_000))
    except ValueError:
        message = f"“{typed[:20]}” is no number of places. Move the item again."
        raise forms.ValidationError(message) from None


class CountersignForm(PlainForm):
    """The freelancer's signature."""

    name = forms.CharField(
        label="Type your full name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    agreed = forms.BooleanField(label="I sign this version exactly as it stands.")
