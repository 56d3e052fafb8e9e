"""Amounts of bills in pages: rounded to read, exact to the last digit beside it."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from billing.currencies import EXPONENTS

register = template.Library()

TINY_PLACES = 4


@register.simple_tag
def amount(value: Decimal | str | None, currency: str = "", *, signed: bool = False, bare: bool = False) -> SafeString:
    """Write an amount with its code small; the pointer shows every digit of it."""
    if value in (None, ""):
        return mark_safe('<span class="quiet">–</span>')
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        return format_html("{}", value)
    sign = "−" if exact < 0 else ("+" if signed and exact > 0 else "")
    text = f"{sign}{_rounded(abs(exact), currency)}"
    unit = "" if bare or not currency else format_html(' <span class="unit">{}</span>', currency)
    return format_html('<span class="nowrap" title="{}">{}{}</span>', f"{exact:f} {currency}".strip(), text, unit)


def _rounded(size: Decimal, currency: str) -> str:
    places = EXPONENTS.get(currency, 2)
    rounded = size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if size and not rounded:  # a small cost is not nothing
        tiny = size.quantize(Decimal(1).scaleb(-TINY_PLACES), ROUND_HALF_UP)
        return f"{tiny:f}" if tiny else "< 0.0001"
    return f"{rounded:,.{places}f}"
