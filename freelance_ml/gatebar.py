"""Where everything of a gate bar stands on its axis, and the same line in words."""

from dataclasses import dataclass

WORDS = {"pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive", "none": "Not shown yet"}
MARGIN = 0.35  # share of the shown range that stays free on either side


@dataclass(frozen=True, slots=True)
class GateBar:
    """One criterion on one line: threshold, estimate, interval and verdict.

    ``axis_low`` and ``axis_high`` are the metric's own bounds, where it has some; the axis shows the part of
    them around the figures. ``digits`` are decimal places; ``unit`` is written after each figure.
    """

    name: str
    threshold: float
    direction: str = "at_least"  # or "at_most"
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    verdict: str = "none"
    axis_low: float | None = 0.0
    axis_high: float | None = 1.0
    digits: int = 3
    unit: str = ""
    note: str = ""
    sentence: str = ""
    how: str = ""  # which rows, what n counts, how sure the interval is, and the method

    @property
    def word(self) -> str:
        """The verdict in a word."""
        return WORDS.get(self.verdict, WORDS["none"])

    @property
    def sign(self) -> str:
        """The side of the threshold that passes, as a sign."""
        return "≤" if self.direction == "at_most" else "≥"

    def figure(self, value: float | None) -> str:
        """Write a value with the bar's decimal places and unit."""
        return "–" if value is None else f"{value:,.{self.digits}f}{self.unit}"

    @property
    def span(self) -> tuple[float, float]:
        """The ends of the drawn axis."""
        shown = [v for v in (self.threshold, self.estimate, self.low, self.high) if v is not None]
        low, high = min(shown), max(shown)
        width = (high - low) or abs(high) * 0.2 or 1.0
        start, end = low - width * MARGIN, high + width * MARGIN
        if self.axis_low is not None:
            start = max(start, self.axis_low)
        if self.axis_high is not None:
            end = min(end, self.axis_high)
        return (start, end) if end > start else (start, start + 1.0)

    def place(self, value: float | None) -> float:
        """Return where a value stands on the axis, in per cent of its length."""
        start, end = self.span
        share = 0.0 if value is None else (value - start) / (end - start)
        return round(min(max(share, 0.0), 1.0) * 100, 2)

    @property
    def zone(self) -> tuple[float, float]:
        """Start and width, in per cent, of the part of the axis that passes."""
        at = self.place(self.threshold)
        return (0.0, at) if self.direction == "at_most" else (at, round(100 - at, 2))

    @property
    def label_anchor(self) -> str:
        """How the threshold's label hangs on its tick, so that it never leaves the drawing."""
        at = self.place(self.threshold)
        return "start" if at < 12 else "end" if at > 88 else "middle"  # noqa: PLR2004  per cent of the axis

    @property
    def text(self) -> str:
        """The whole line in words: for screen readers, e-mail and plain text."""
        promise = f"{self.name} {self.sign} {self.figure(self.threshold)}"
        if self.estimate is None:
            return f"{promise}: {self.word.lower()}"
        interval = f" [{self.figure(self.low)}, {self.figure(self.high)}]" if self.low is not None else ""
        rows = f" · n {self.n:,}" if self.n is not None else ""
        return f"{promise}: {self.figure(self.estimate)}{interval}{rows} · {self.word}"
