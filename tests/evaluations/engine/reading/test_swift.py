"""The swift way and the careful way give the same table, or the swift way steps back."""

import random
from pathlib import Path

import pytest

from evaluations.engine.reading import ReadLimits, swift
from evaluations.engine.reading.swift import convert_regular

SWIFT, CAREFUL = ReadLimits(swift_bytes=0), ReadLimits(swift_bytes=2**50)


def rows(n, seed=0):
    rng = random.Random(seed)  # noqa: S311 # cells, not secrets
    for i in range(n):
        yield [str(i), f"{rng.random():.4f}", rng.choice(["red", "blue", ""]), f"2024-01-{i % 28 + 1:02d}"]


def text(lines, quote=""):
    out = "id,x,colour,day\n"
    return out + "".join(",".join(f"{quote}{c}{quote}" for c in line) + "\n" for line in lines)


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks from a small file."""
    monkeypatch.setattr(swift, "BLOCK", 8_000)
    monkeypatch.setattr(swift, "LEARN_CHARACTERS", 4_000)
    taken = []

    def spy(*args, **named):
        taken.append(convert_regular(*args, **named) is not None)
        return convert_regular(*args, **named) if taken[-1] else None

    monkeypatch.setattr("evaluations.engine.reading.delimited.convert_regular", spy)
    return taken


def both(read, source):
    fast = read(source, limits=SWIFT)
    slow = read(source, limits=CAREFUL)
    assert fast.types == slow.types
    assert fast.table.equals(slow.table)
    assert fast["outcome"] == slow["outcome"]
    assert fast["source_sha256"] == slow["source_sha256"]
    assert fast.codes == slow.codes
    return fast


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_regular_file_goes_the_swift_way(read, small_blocks, quote, end):
    out = both(read, text(rows(3_000), quote).replace("\n", end))
    assert small_blocks[0] is True
    assert out["rows"] == 3_000


def test_quoted_line_ends_go_the_swift_way(read, small_blocks):
    lines = [[a, b, f'"{c}, or\n""other"""', d] for a, b, c, d in rows(2_000)]
    both(read, text(lines))
    assert small_blocks[0] is True


@pytest.mark.parametrize(
    ("late", "swiftly"),
    [
        (["7.5", "1.0", "red", "2024-01-01"], True),  # a whole number becomes a number
        (["007", "1.0", "red", "2024-01-01"], False),  # leading zeros
        (["-007", "1.0", "red", "2024-01-01"], False),
        ([" 007", "1.0", "red", "2024-01-01"], False),
        (["0x1F", "1.0", "red", "2024-01-01"], False),
        (["oops", "1.0", "red", "2024-01-01"], False),
        (["7", "NA", "red", "2024-01-01"], True),  # spelled missing among numbers
        (["NA", "nan", "red", "N/A"], True),
        (["7", " ", "red", "2024-01-01"], True),
        (["7", "none", "red", "2024-01-01"], False),  # a word that has to be asked about
        (["7", "inf", "red", "2024-01-01"], False),
        (["7", "1.0", "NA", "2024-01-01"], True),  # spelled missing in a text column
        (["7", "1.0", " ", "2024-01-01"], True),
        (["7", "1.0", "red", "2024-01-01 10:00"], True),
        (["7", "1.0", "red", "01/02/2024"], False),
        (["7", "1.0", "red"], False),  # ragged
        (["7", "1.0", "red", "2024-01-01", "more"], False),
        (["", "", "", ""], False),
        (["7", "1.0", 'r"ed', "2024-01-01"], False),
        (["7", "1.0", '"red', "2024-01-01"], True),  # quotes are plain characters in the whole file
        (["7", "1.0", "r\0ed", "2024-01-01"], False),
        (["7", "1.0", "r\x07ed", "2024-01-01"], False),
        (["7", "1,5", "red", "2024-01-01"], False),
        (["7", "1e3", "red", "2024-01-01"], True),
        (["+7", "1.0", "red", "2024-01-01"], False),
    ],
)
def test_late_oddity_is_read_as_the_careful_way_does(read, small_blocks, late, swiftly):
    lines = list(rows(2_000))
    lines[1_500] = late
    both(read, text(lines))
    assert small_blocks[0] is swiftly


def test_leading_zero_at_the_very_start_of_a_block_is_kept(read, small_blocks):
    ends = [len("id,x,colour,day\n")]
    for line in rows(2_000):
        ends.append(ends[-1] + len(",".join(line)) + 1)
    first_of_second_block = max(i for i, end in enumerate(ends) if end <= swift.BLOCK)
    lines = list(rows(2_000))
    lines[first_of_second_block][0] = "007"
    assert both(read, text(lines)).types["id"] == "text"


def test_late_total_row_is_asked_about(read, small_blocks):
    out = both(read, text([*rows(2_000), ["Total", "1000.0", "", ""]]))
    assert out.asked == {"total_row"}


def test_late_latin_bytes_are_found(read, small_blocks):
    data = text(rows(2_000)).replace("blue", "bleuté").encode() + "1,0.5,rosé,2024-01-01\n".encode("cp1252")
    out = both(read, data)
    assert out.finding("mixed_encoding")["lines"] == [2002]
    assert out.cells("colour")[-1] == "rosé"


def test_source_is_left_alone(read, tmp_path: Path):
    path = tmp_path / "original.csv"
    path.write_text(text(rows(500)))
    before = path.read_bytes()
    both(read, path)
    assert path.read_bytes() == before
