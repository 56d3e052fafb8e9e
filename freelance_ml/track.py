"""Milestones as a line in time: where each mark, month and today stand, in per cent of the line."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from textwrap import wrap

LETTER = 1.35  # per cent of the line that a letter of a name takes, on the narrowest line that shows names
NARROWEST, WIDEST = 12, 24  # letters of a line of a name
LAST_MONTH = 94  # per cent; a month's name further right would leave the line
SHORTEST = timedelta(days=28)
MOST_MONTHS = 12


Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mark:
    """One milestone on the line; ``row`` is 0 above, 1 below, None where there is no room for the name."""

    place: float
    lines: list[str]
    label: str
    url: str
    tone: str
    row: int | None
    anchor: str


@dataclass(frozen=True, slots=True)
class Track:
    """The whole line."""

    marks: list[Mark] = field(default_factory=list)
    months: list[tuple[float, str]] = field(default_factory=list)
    today: float | None = None
    text: str = ""


def track_of(stops: Iterable[tuple[date, str, str, str, str]], *, today: date) -> Track:
    """Lay out stops (day, name, state in words, address, tone) in time."""
    known = sorted(stops, key=lambda stop: stop[0])
    if not known:
        return Track()
    days = [stop[0] for stop in known]
    first, last = min(*days, today), max(*days, today)
    spare = max((last - first) / 12, (SHORTEST - (last - first)) / 2, timedelta(days=3))
    start, end = first - spare, last + spare

    def place(day: date) -> float:
        return round((day - start) / (end - start) * 100, 2)

    taken: tuple[list[Span], list[Span]] = ([], [])  # where the names of either row stand
    marks = []
    for day, name, state, url, tone in sorted(known, key=lambda stop: (stop[4] == "good", stop[0])):
        at, lines = place(day), lines_of(name)
        width = max(len(line) for line in lines) * LETTER + 2
        anchor = "start" if at < width / 2 else "end" if at > 100 - width / 2 else "middle"
        left = at if anchor == "start" else at - width if anchor == "end" else at - width / 2
        row = next(
            (row for row in (0, 1) if all(left > end or left + width < begin for begin, end in taken[row])), None
        )
        if row is not None:
            taken[row].append((left, left + width))
        marks.append(Mark(at, lines, f"{name}, {state}, {day:%-d %B %Y}", url, tone, row, anchor))
    text = f"{len(known)} dated milestones from {days[0]:%-d %B %Y} to {days[-1]:%-d %B %Y}"
    return Track(marks, _months(start, end, place), place(today), text)


def lines_of(name: str) -> list[str]:
    """Break a name into one line, or into two that are as short as they can be; only what fits on neither is cut."""
    if len(name) <= NARROWEST:
        return [name]
    broken = (wrap(name, width, break_on_hyphens=False) for width in range(NARROWEST, WIDEST + 1))
    return next(
        (lines for lines in broken if len(lines) <= 2),  # noqa: PLR2004  lines
        wrap(name, WIDEST, max_lines=2, placeholder="…"),
    )


def _months(start: date, end: date, place: Callable[[date], float]) -> list[tuple[float, str]]:
    month = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    firsts = []
    while month <= end:
        firsts.append(month)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    step = max(1, -(-len(firsts) // MOST_MONTHS))
    named = [(place(day), f"{day:%b %Y}" if day.month == 1 or i == 0 else f"{day:%b}") for i, day in enumerate(firsts)]
    return [month for month in named[::step] if month[0] <= LAST_MONTH]
