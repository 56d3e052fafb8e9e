"""Amounts of money as people type them, read into minor units."""

import re
from decimal import Decimal

from django import forms

from projects.currencies import EXPONENTS

LARGEST = Decimal(10) ** 12  # minor units
AMOUNT = re.compile(
    r"\d{1,3}(?:[ '’]\d{3})+(?:[.,]\d{1,4})?|\d+(?:[.,]\d{1,2}|[.,]\d{4})?|\d{4,}[.,]\d{3}|\d{1,3}(?:,\d{3})+\.\d{1,4}"
)
TWO_WAYS = re.compile(r"\d{1,3}[.,]\d{3}")  # 4.800: thousands or thousandths
UNCLEAR = "“{typed}” could mean two amounts. Write it without a separator of thousands, such as 4800 or 4800.50."
UNREADABLE = "“{typed}” is not an amount. Write it as 4800 or 4800.50."


def read_amount(typed: str, currency: str, *, may_be_negative: bool = False) -> int:
    """Read an amount into minor units; empty is nothing, and what could mean two things is refused."""
    typed = typed.strip()
    if not typed:
        return 0
    negative = typed[0] in "-−" and may_be_negative
    plain = typed[1:].strip() if negative else typed
    if TWO_WAYS.fullmatch(plain):
        raise forms.ValidationError(UNCLEAR.format(typed=typed))
    if not AMOUNT.fullmatch(plain):
        raise forms.ValidationError(UNREADABLE.format(typed=typed))
    plain = re.sub(r"[ '’]", "", plain)
    plain = plain.replace(",", "") if "." in plain else plain.replace(",", ".")
    places = EXPONENTS.get(currency, 2)
    minor = Decimal(plain).scaleb(places)
    if minor != minor.to_integral_value():
        raise forms.ValidationError(f"{currency} has {places} decimal places; leave the others out.")
    if minor > LARGEST:
        raise forms.ValidationError("That is more than this field holds. Is a digit too many?")
    return -int(minor) if negative else int(minor)


def typed_amount(minor: int | None, currency: str) -> str:
    """Write minor units the way they are typed; nothing for nothing."""
    if not minor:
        return ""
    text = f"{Decimal(minor).scaleb(-EXPONENTS.get(currency, 2)):f}"
    return f"{text}0" if TWO_WAYS.fullmatch(text.removeprefix("-")) else text


def written_amount(minor: int, currency: str) -> str:
    """Write minor units for a file of text."""
    places = EXPONENTS.get(currency, 2)
    amount = Decimal(minor).scaleb(-places)
    return f"{'−' if amount < 0 else ''}{abs(amount):,.{places}f} {currency}"
