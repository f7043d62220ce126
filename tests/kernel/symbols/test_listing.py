"""`sym -l` as columns: lines of symbols are taken many at once, others one by one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.kernel.symbols.listing import read_listing

TEXT = b"""\
1000 (D) per_cpu
ffffffff81000000 (T) _text
ffffffff81000000 (t) beside
  ffffffff81000010 (?) blanks_before
ffffffff81000020 ( ) of_no_kind
ffffffffc0000000 MODULE START: ext4

ffffffffc0000040 (t) of_module
ffffffffc0001000 MODULE TEXT END: ext4
ffffffffc0002000 MODULE END: never_begun
ffffffff82000000 (B) behind_its_place
ffffffff83000000 (A) _end"""


def test_symbols_are_in_order_of_address_and_modules_have_borders() -> None:
    found = read_listing(TEXT)
    assert list(zip(found.addresses, found.kinds, found.names, strict=True)) == [
        (0x1000, "D", "per_cpu"),
        (0xFFFFFFFF81000000, "T", "_text"),
        (0xFFFFFFFF81000000, "t", "beside"),
        (0xFFFFFFFF81000010, "?", "blanks_before"),
        (0xFFFFFFFF81000020, " ", "of_no_kind"),
        (0xFFFFFFFF82000000, "B", "behind_its_place"),
        (0xFFFFFFFF83000000, "A", "_end"),
        (0xFFFFFFFFC0000040, "t", "of_module"),
    ]
    assert found.sections == [(0xFFFFFFFFC0000000, 0xFFFFFFFFC0001000, "ext4")]


LINES = st.sampled_from(
    [
        *TEXT.split(b"\n"), b"1 (t) a b", b"1 (t)", b"(t) a", b"g (t) a", b"1 (tt) a", b"1 (t) a\r",
        b"\t1 (t) a", b"1  (t) a", b"1 (t) \xff", b"1 (\t) a", b" ", b"1 MODULE START: a b",
    ]
)  # fmt: skip


@given(st.lists(LINES, max_size=12), st.sampled_from([b"", b"\n"]))
def test_lines_together_are_lines_one_by_one(lines: list[bytes], end: bytes) -> None:
    text = b"\n".join(lines) + end
    symbol = re.compile(r" *([0-9a-f]+) \((.)\) (\S+)")
    border = re.compile(r" *[0-9a-f]+ MODULE (?:[A-Z_]+ )*(?:START|END): \S+")
    rows = []
    for number, line in enumerate(text.decode("ascii", "backslashreplace").split("\n"), 1):
        if found := symbol.fullmatch(line):
            rows.append((int(found[1], 16), found[2], found[3]))
        elif line.strip() and not border.fullmatch(line):
            with pytest.raises(ParseError) as caught:
                read_listing(text)
            assert (caught.value.line, caught.value.text) == (number, line)
            return
    read = read_listing(text)
    assert list(zip(read.addresses, read.kinds, read.names, strict=True)) == sorted(
        rows, key=lambda row: row[0]
    )
