"""Tags of scopes and change orders: days as frozen values hold them, amounts in letters."""

from datetime import date

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from projects.forms.amounts import written_amount

register = template.Library()


@register.simple_tag
def day_of(written: str | None, *, short: bool = False) -> SafeString | str:
    """Write a day that a frozen value holds as text; what is left out is open."""
    if not written:
        return "open"
    day = date.fromisoformat(written)
    return format_html('<time datetime="{}">{}</time>', written, f"{day:%-d %b %Y}" if short else f"{day:%-d %B %Y}")


@register.simple_tag
def days_added(days: int) -> str:
    """Say how many days a change adds or saves."""
    if not days:
        return "unchanged"
    count = f"{abs(days)} day{'' if abs(days) == 1 else 's'}"
    return f"+{count}" if days > 0 else f"−{count}"


@register.simple_tag
def plain_money(minor: int, currency: str) -> str:
    """Write an amount as plain text, for letters."""
    return written_amount(minor, currency)
