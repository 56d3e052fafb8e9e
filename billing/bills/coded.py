"""Columns of a batch of charges, held once per different value; amounts as exact decimals that NumPy can add.

Python meets each different cell of a column once, not each cell. Nothing here asks pyarrow to turn Python
objects into arrays: that would import pandas, which costs more time and memory than a whole bill.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from billing.bills.amounts import EXACT, LONGEST, NANO_BOUND, NANO_PLACES, plain_text, to_nanos

# How plain_text writes every amount; what is written so needs no closer look. Bounds: FINEST and LARGEST.
PLAIN = r"^-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,48})?$"
NARROW = 38  # digits of decimal128; decimal256 takes any amount of a bill
LIMB = 32  # bits; sums of limbs over a batch stay exact in a double


def strings(texts: Sequence[str]) -> pa.StringArray:
    """Make an array of texts."""
    data = "".join(texts)
    sizes = list(map(len, texts)) if data.isascii() else [len(text.encode()) for text in texts]
    offsets = np.zeros(len(texts) + 1, np.int32)
    np.cumsum(sizes, out=offsets[1:])
    return pa.StringArray.from_buffers(len(texts), pa.py_buffer(offsets), pa.py_buffer(data.encode()))


def integers(values: NDArray[Any], missing: NDArray[np.bool_] | None = None) -> pa.Array:
    """Make an array of whole numbers of the same width."""
    valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    kind = pa.int64() if values.dtype == np.int64 else pa.int32()
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def numbers(array: pa.Array, kind: Any) -> NDArray[Any]:
    """See an array without nulls as NumPy does."""
    found: NDArray[Any] = np.frombuffer(array.buffers()[1], kind)[array.offset : array.offset + len(array)]
    return found


def flags(array: pa.Array) -> NDArray[np.bool_]:
    """Unpack an array of truth values."""
    bits = np.unpackbits(np.frombuffer(array.buffers()[1], np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(bool)


def masks(values: NDArray[np.bool_]) -> pa.Array:
    """Pack truth values."""
    packed = pa.py_buffer(np.packbits(values, bitorder="little"))
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, packed])


@dataclass(frozen=True)
class Coded:
    """A column as its different values, in the order in which they first appear, and each row's place among them."""

    codes: NDArray[np.int32]
    values: list[Any]

    @classmethod
    def same(cls, value: Any, count: int) -> "Coded":
        """Give every row the same value."""
        return cls(np.zeros(count, np.int32), [value] if count else [])

    @classmethod
    def of(cls, cells: Sequence[Any]) -> "Coded":
        """Code a list with a value for each row."""
        if cells and cells[0] == cells[-1] and cells.count(cells[0]) == len(cells):
            return cls.same(cells[0], len(cells))
        known: dict[Any, int] = {}
        codes = [known.setdefault(cell, len(known)) for cell in cells]
        return cls(np.array(codes, np.int32), list(known))

    @classmethod
    def of_dictionary(cls, array: pa.DictionaryArray) -> "Coded":
        """Take over what pyarrow coded."""
        return cls(numbers(array.indices, np.int32), array.dictionary.to_pylist())

    def __len__(self) -> int:
        return len(self.codes)

    def __iter__(self) -> Iterator[Any]:
        return map(self.values.__getitem__, self.codes.tolist())

    def map(self, make: Callable[[Any], Any]) -> "Coded":
        """Make another value of each different one; what becomes equal is one value again."""
        return self._merged([make(value) for value in self.values])

    def map_apart(self, make: Callable[[Any], Any]) -> "Coded":
        """Make another value of each different one, which need not be comparable."""
        return Coded(self.codes, [make(value) for value in self.values])

    def join(self, other: "Coded", make: Callable[[Any, Any], Any]) -> "Coded":
        """Make a value of each different pair of two columns."""
        if len(other.values) == 1:
            right = other.values[0]
            return self.map(lambda left: make(left, right))
        width = len(other.values)
        pairs = self.codes.astype(np.int64) * width + other.codes
        different, first, places = np.unique(pairs, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        found = [divmod(pair, width) for pair in different[order].tolist()]
        made = [make(self.values[left], other.values[right]) for left, right in found]
        return Coded(rank[places], made)._merged(made)

    def _merged(self, made: list[Any]) -> "Coded":
        places: dict[Any, int] = {}
        moved = [places.setdefault(value, len(places)) for value in made]
        if len(places) == len(made):
            return Coded(self.codes, made)
        return Coded(np.array(moved, np.int32)[self.codes], list(places))

    @cached_property
    def counts(self) -> list[int]:
        """How many rows have each value."""
        counted: list[int] = np.bincount(self.codes, minlength=len(self.values)).tolist()
        return counted

    @cached_property
    def firsts(self) -> list[int]:
        """The first row of each value."""
        first = np.empty(len(self.values), np.int64)
        first[self.codes[::-1]] = np.arange(len(self.codes) - 1, -1, -1)
        found: list[int] = first.tolist()
        return found

    def where(self, test: Callable[[Any], Any]) -> NDArray[np.bool_]:
        """Say of each row whether its value passes a test."""
        passed: NDArray[np.bool_] = np.array([bool(test(value)) for value in self.values], bool)[self.codes]
        return passed

    def texts(self, write: Callable[[Any], str] | None = None) -> pa.StringArray:
        """Write the rows as texts."""
        written = strings(list(map(write, self.values)) if write else self.values)
        return pa.DictionaryArray.from_arrays(integers(self.codes), written).cast(pa.string())


class Amounts:
    """A column of exact decimals. ``texts`` has all their digits and no exponent; a null is an empty text."""

    def __init__(self, texts: pa.StringArray) -> None:
        self.texts = texts
        self.offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
        self.lengths = np.diff(self.offsets)
        self.missing: NDArray[np.bool_] = self.lengths == 0

    @classmethod
    def nothing(cls, count: int) -> "Amounts":
        """Give a column of nulls."""
        return cls(strings([""] * count))

    @classmethod
    def of(cls, cells: Coded, read: Callable[[str], Decimal | None]) -> "Amounts":
        """Read each different cell; equal amounts of different digits stay apart, as 1.0 and 1.00."""
        return cls(cells.map_apart(read).texts(_plain))

    @classmethod
    def read(cls, cells: pa.StringArray, read: Callable[[str], Decimal | None]) -> "Amounts":
        """Read a column of cells: plain digits as they are, each different other cell by ``read``."""
        found = cls(cells)
        plain = flags(pc.match_substring_regex(cells, PLAIN))
        odd = ~((plain & (found.lengths <= LONGEST)) | found.missing)
        if not odd.any():
            return found
        mask = masks(odd)
        odd_cells = Coded.of_dictionary(cells.filter(mask).dictionary_encode())
        return cls(pc.replace_with_mask(cells, mask, cls.of(odd_cells, read).texts))

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Decimal | None]:
        return (Decimal(text) if text else None for text in self.texts.to_pylist())

    def at(self, rows: NDArray[np.bool_]) -> list[Decimal | None]:
        """Return the amounts of some rows."""
        return list(Amounts(self.texts.filter(masks(rows))))

    def replaced(self, rows: NDArray[np.bool_], values: Sequence[Decimal | None]) -> "Amounts":
        """Give some rows other amounts."""
        if not values:
            return self
        return Amounts(pc.replace_with_mask(self.texts, masks(rows), strings(list(map(_plain, values)))))

    @cached_property
    def scales(self) -> NDArray[np.int32]:
        """How many digits each amount has behind the point; 0 for a null."""
        points = numbers(pc.find_substring(self.texts, "."), np.int32)
        return np.where(points < 0, 0, self.lengths - points - 1).astype(np.int32)

    @cached_property
    def scale(self) -> int:
        """The most digits behind the point."""
        return int(self.scales.max(initial=0))

    @cached_property
    def decimals(self) -> pa.Array:
        """The amounts as decimals with the same scale; a null is 0."""
        texts = self.texts
        if self.missing.any():
            zeros = strings(["0"] * int(self.missing.sum()))
            texts = pc.replace_with_mask(texts, masks(self.missing), zeros)
        whole = int((self.lengths - self.scales).max(initial=1))
        kind = pa.decimal128(NARROW, self.scale) if whole + self.scale <= NARROW else pa.decimal256(76, self.scale)
        return texts.cast(kind)

    @cached_property
    def limbs(self) -> NDArray[np.uint32]:
        """The decimals as whole numbers, in two's complement, the lowest 32 bits first; one row per limb."""
        words = self.decimals.type.byte_width // 4
        found = np.frombuffer(self.decimals.buffers()[1], np.uint32).reshape(-1, words)
        return np.ascontiguousarray(found[self.decimals.offset : self.decimals.offset + len(self)].T)

    @cached_property
    def zero(self) -> NDArray[np.bool_]:
        """Which amounts are 0; a null is not."""
        return ~np.bitwise_or.reduce(self.limbs, axis=0).astype(bool) & ~self.missing

    @cached_property
    def negative(self) -> NDArray[np.bool_]:
        """Which amounts are below 0."""
        return self.limbs[-1].view(np.int32) < 0

    def sums(self, groups: Coded, *, of_nonzero: bool = False) -> list[Decimal]:
        """Add the amounts up, exactly, for each value of ``groups``, with as many places as the finest has.

        A 0 adds no places if only amounts other than 0 are asked for.
        """
        count = len(groups.values)
        scales = np.where(self.zero, 0, self.scales) if of_nonzero else self.scales
        finest = np.zeros(count, np.int32)
        np.maximum.at(finest, groups.codes, scales)
        totals = [0] * count
        for place, limb in enumerate(self.limbs):
            signed = limb.view(np.int32) if place == len(self.limbs) - 1 else limb
            for group, part in enumerate(np.bincount(groups.codes, weights=signed, minlength=count).tolist()):
                totals[group] += int(part) << (LIMB * place)
        return [
            Decimal(total // 10 ** (self.scale - places)).scaleb(-places, EXACT)
            for total, places in zip(totals, finest.tolist(), strict=True)
        ]

    def nanos(self) -> pa.Array:
        """Return whole units of 1e-9, half to even; BillError for what is beyond 64 bits."""
        rounded = self.decimals
        if self.scale > NANO_PLACES:
            rounded = pc.round(rounded, ndigits=NANO_PLACES, round_mode="half_to_even")
        # 25 digits before the point and 9 behind it always fit.
        halves = np.frombuffer(rounded.cast(pa.decimal128(NARROW, NANO_PLACES)).buffers()[1], np.int64)
        low, high = halves[::2], halves[1::2]
        if bool(((high != low >> 63) | (low < -NANO_BOUND)).any()):
            for amount in self:
                to_nanos(amount or Decimal(0))
        return integers(low, self.missing)


def _plain(amount: Decimal | None) -> str:
    """Write an amount; a null is an empty text."""
    return "" if amount is None else plain_text(amount)
