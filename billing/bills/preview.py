"""What a bill holds, before any of it is stored: exact sums, counts, findings and warnings."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from billing.bills.amounts import EXACT, plain_text
from billing.bills.batches import Batch
from billing.bills.coded import Amounts, Coded
from billing.bills.columns import Layout
from billing.bills.conformance import Conformance, Finding
from billing.bills.formats import Reading
from billing.bills.lines import STORED
from billing.bills.reading import Bill, read_bill

ZERO = Decimal(0)
MOST_TAG_KEYS = 500  # shown in a preview; more are counted together


@dataclass(slots=True)
class Tally:
    """Counts and the exact sum of one amount."""

    total: Decimal = ZERO
    present: int = 0
    null: int = 0
    zero: int = 0
    negative: int = 0

    def take(self, total: Decimal, counts: dict[str, int]) -> None:
        """Add the sum and the counts of some rows."""
        self.total = EXACT.add(self.total, total)
        for name, rows in counts.items():
            setattr(self, name, getattr(self, name) + rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as plain JSON values; the sum as text."""
        return {
            "total": plain_text(self.total),
            "present": self.present,
            "null": self.null,
            "zero": self.zero,
            "negative": self.negative,
        }


@dataclass(slots=True)
class Slice:
    """The part of a bill that one stored export would hold: an account's period in a currency."""

    billing_account: str
    period_start: date | None
    period_end: date | None
    currency: str
    rows: int = 0
    sums: dict[str, Decimal] = field(default_factory=lambda: dict.fromkeys(STORED, ZERO))

    def to_dict(self) -> dict[str, Any]:
        """Return the slice as plain JSON values."""
        return {
            "billing_account": self.billing_account,
            "period_start": self.period_start and self.period_start.isoformat(),
            "period_end": self.period_end and self.period_end.isoformat(),
            "currency": self.currency,
            "rows": self.rows,
            "sums": {name: plain_text(total) for name, total in self.sums.items()},
        }


@dataclass(slots=True)
class BillPreview:
    """Everything a person needs to see before a bill is committed.

    ``tallies[currency][amount]`` are exact; ``categories[category]`` is (rows, billed or, where
    a bill has no billed cost, effective); ``findings`` are departures from a specification,
    ``warnings`` are dangers for the figures.
    """

    format: str
    version: str
    title: str
    columns: int
    rows: int = 0
    usage_first: str | None = None
    usage_last: str | None = None
    providers: list[str] = field(default_factory=list)
    tallies: dict[str, dict[str, Tally]] = field(default_factory=dict)
    categories: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    services: int = 0
    tagged_rows: int = 0
    tag_keys: dict[str, int] = field(default_factory=dict)
    slices: list[Slice] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)

    @property
    def periods(self) -> list[tuple[date, date | None]]:
        """The billing periods, first to last."""
        found = {(part.period_start, part.period_end) for part in self.slices}
        return sorted((s, e) for s, e in found if s is not None)

    @property
    def currencies(self) -> list[str]:
        """The currencies, in order."""
        return sorted(self.tallies)

    def to_dict(self) -> dict[str, Any]:
        """Return the preview as plain JSON values; every amount is a text with all digits."""
        keep = ("format", "version", "title", "columns", "rows", "usage_first", "usage_last")
        more = ("providers", "services", "tagged_rows", "tag_keys", "skipped")
        plain: dict[str, Any] = {name: getattr(self, name) for name in (*keep, *more)}
        return plain | {
            "currencies": self.currencies,
            "tallies": {
                currency: {name: tally.to_dict() for name, tally in tallies.items()}
                for currency, tallies in self.tallies.items()
            },
            "categories": {
                name: {"rows": rows, "total": plain_text(total)} for name, (rows, total) in self.categories.items()
            },
            "slices": [part.to_dict() for part in self.slices],
            "findings": [finding.to_dict() for finding in self.findings],
            "warnings": [warning.to_dict() for warning in self.warnings],
        }


def preview(path: Path, reading: Reading | None = None) -> BillPreview:
    """Read a whole bill and say what it holds; stores nothing, raises BillError."""
    return read_bill(path, reading, preview_bill)


def preview_bill(bill: Bill) -> BillPreview:
    """Preview a bill that is open."""
    counter = PreviewCounter(bill.layout)
    for batch in bill.batches:
        counter.look(batch)
    return counter.result(bill.skipped)


class PreviewCounter:
    """Counts a bill batch by batch, so that an import can preview and write in one reading."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows = 0
        self.slices: dict[tuple[Any, ...], Slice] = {}
        self.tallies: dict[str, dict[str, Tally]] = {}
        self.categories: dict[str, tuple[int, Decimal]] = {}
        self.providers: set[str] = set()
        self.services: set[str] = set()
        self.days: list[Any] = []
        self.tag_keys: Counter[str] = Counter()
        self.tagged = 0
        self.conformance = Conformance(layout) if layout.format == "focus" else None
        self.watch = Watchman(layout)

    def look(self, batch: Batch) -> None:
        """Count one batch."""
        self.rows += batch.count
        for name in ("billing_account", "currency"):
            batch.must_fit(name)
        self._money(batch)
        self._categories(batch)
        self._tags(batch)
        self.providers |= set(batch.column("provider").values)
        self.services |= set(batch.column("service").values)
        moments = set(batch.column("usage_start").values) - {None}
        if moments:
            self.days = [min([*self.days, *moments]), max([*self.days, *moments])]
        if self.conformance:
            self.conformance.look(batch)
        self.watch.look(batch)

    def _money(self, batch: Batch) -> None:
        """Tally the amounts by currency, and by account and period."""
        names = ("billing_account", "period_start", "period_end", "currency")
        groups = batch.together([batch.column(name) for name in names])
        for key, rows in zip(groups.values, groups.counts, strict=True):
            part = self._slice(*key)
            part.rows += rows
            self.tallies.setdefault(part.currency, {name: Tally() for name in STORED})
        for name in STORED:
            if name in self.layout.fields:
                self._tally(name, batch.column(name), groups)

    def _slice(self, account: str, start: date | None, end: date | None, currency: str) -> Slice:
        """Find the slice of some rows; rows of one period that end it differently are still of one bill."""
        part = self.slices.setdefault((account, start, currency), Slice(account, start, end, currency))
        part.period_end = max(filter(None, (part.period_end, end)), default=None)
        return part

    def _tally(self, name: str, amounts: Amounts, groups: Coded) -> None:
        """Add one amount to the slices and to the currencies."""
        counts = {"null": amounts.missing, "zero": amounts.zero, "negative": amounts.negative}
        by_group = {word: _count(groups, rows) for word, rows in counts.items()}
        by_group["present"] = [rows - null for rows, null in zip(groups.counts, by_group["null"], strict=True)]
        for place, (key, total) in enumerate(zip(groups.values, amounts.sums(groups), strict=True)):
            part = self._slice(*key)
            part.sums[name] = EXACT.add(part.sums[name], total)
            self.tallies[part.currency][name].take(total, {word: rows[place] for word, rows in by_group.items()})

    def _categories(self, batch: Batch) -> None:
        costs = batch.column("billed" if "billed" in self.layout.fields else "effective")
        words = batch.column("category")
        for word, rows, cost in zip(words.values, words.counts, costs.sums(words, of_nonzero=True), strict=True):
            before, total = self.categories.get(word, (0, ZERO))
            self.categories[word] = (before + rows, EXACT.add(total, cost))

    def _tags(self, batch: Batch) -> None:
        if "tags" not in self.layout.fields:
            return
        found = batch.column("tags")
        for tags, rows in zip(found.values, found.counts, strict=True):
            if tags:
                self.tagged += rows
                for key in tags:
                    self.tag_keys[key] += rows

    def result(self, skipped: Counter[str]) -> BillPreview:
        """Return the finished preview."""
        layout = self.layout
        days = [moment.date().isoformat() for moment in self.days] or [None, None]
        for tallies in self.tallies.values():
            for name in [name for name in tallies if name not in layout.fields]:
                del tallies[name]
        return BillPreview(
            format=layout.format,
            version=layout.version,
            title=layout.title,
            columns=len(layout.header),
            rows=self.rows,
            usage_first=days[0],
            usage_last=days[1],
            providers=sorted(self.providers - {""}),
            tallies=self.tallies,
            categories=dict(self.categories),
            services=len(self.services - {""}),
            tagged_rows=self.tagged,
            tag_keys=dict(self.tag_keys.most_common(MOST_TAG_KEYS)),
            slices=sorted(self.slices.values(), key=_slice_order),
            skipped=dict(skipped),
            findings=self.conformance.findings() if self.conformance else [],
            warnings=self.watch.warnings(self),
        )


def _count(groups: Coded, rows: NDArray[np.bool_]) -> list[int]:
    """Count the marked rows of each group."""
    counted: list[int] = np.bincount(groups.codes[rows], minlength=len(groups.values)).tolist()
    return counted


def _slice_order(part: Slice) -> tuple[Any, ...]:
    """Order slices by account, period and currency."""
    return part.billing_account, part.period_start or date.min, part.currency


class Watchman:
    """Looks for what makes figures dangerous though every cell can be read."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.unspread = Finding(
            "billed-without-effective",
            "",
            "Rows are billed but have no effective cost: charge clients by billed cost, or check "
            "the provider’s export.",
        )
        self.amortised = Finding(
            "looks-amortised",
            "",
            "Rows of unused commitments show that this export is amortised. Read it as amortised; "
            "adding the actual export of the same period would count it twice.",
        )
        folded = ["".join(name.split()).casefold() for name in layout.header]
        is_azure = layout.format == "azure" and "chargetype" in folded
        self.kind = folded.index("chargetype") if is_azure else None

    def look(self, batch: Batch) -> None:
        """Check one batch."""
        if {"billed", "effective"} <= self.layout.fields.keys():
            billed, effective = batch.column("billed"), batch.column("effective")
            self._note(self.unspread, batch, effective.zero & ~billed.zero & ~billed.missing)
        if self.kind is not None and self.layout.version == "actual":
            unused = batch.raw(self.kind).where(lambda cell: cell.strip().casefold().startswith("unused"))
            self._note(self.amortised, batch, unused)

    def _note(self, finding: Finding, batch: Batch, rows: NDArray[np.bool_]) -> None:
        if rows.any():
            finding.count += int(rows.sum())
            finding.first_line = finding.first_line or batch.lines[int(rows.argmax())]

    def warnings(self, counter: PreviewCounter) -> list[Finding]:
        """Return the warnings on the whole bill."""
        found = [Finding(code, "", sentence, 1) for code, sentence in self.layout.notes]
        found += [warning for warning in (self.unspread, self.amortised) if warning.count]
        rules = (
            ("no-rows", counter.rows == 0, "The bill has a header and no rows."),
            ("no-currency", "" in counter.tallies, "Some rows name no currency."),
            ("many-currencies", len(counter.tallies) > 1, "Sums are kept apart by currency."),
            (
                "no-period",
                any(key[1] is None for key in counter.slices),
                "Some rows name no billing period.",
            ),
        )
        return found + [Finding(code, "", text, 1) for code, is_so, text in rules if is_so]
