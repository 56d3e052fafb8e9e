"""Dates of bills: ISO in its many dresses, and day-month orders only when they are declared."""

import re
from datetime import UTC, date, datetime, timedelta

ORDERS = ("iso", "mdy", "dmy")
SLASHED = re.compile(r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[ T](.*))?", re.ASCII)
MONTH = re.compile(r"(\d{4})-?(\d{2})", re.ASCII)
DAY = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
STRICT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def read_moment(text: str, order: str = "iso") -> datetime:
    """Read a date or a moment as UTC; ValueError for what is neither or could be two days."""
    body = text.strip()
    month, slashed = MONTH.fullmatch(body), SLASHED.fullmatch(body)
    if month:
        return datetime(int(month[1]), int(month[2]), 1, tzinfo=UTC)
    if slashed:
        return _day_month(slashed, order)
    if not DAY.fullmatch(body) and not re.match(r"\d{4}-\d{2}-\d{2}", body, re.ASCII):
        raise ValueError(text)
    moment = datetime.fromisoformat(body.removesuffix(" UTC"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _day_month(found: re.Match[str], order: str) -> datetime:
    """Read 09/30/2023 in the declared order."""
    first, second, year, time = found.groups()
    if order not in {"mdy", "dmy"}:
        raise ValueError(found[0])
    month, day = (first, second) if order == "mdy" else (second, first)
    text = f"{year}-{int(month):02}-{int(day):02}" + (f"T{time}" if time else "")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def month_start(day: date) -> date:
    """Return the first day of the day's month."""
    return date(day.year, day.month, 1)


def next_month(day: date) -> date:
    """Return the first day of the month after the day's."""
    return month_start(month_start(day) + timedelta(days=32))
