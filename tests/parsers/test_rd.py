"""``rd`` and ``search``: words against their characters, gaps, symbols, damage."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.hexdump import PER_LINE, Words
from crashdrive.parsers.rd import FileCopy, Word
from crashdrive.parsers.search import Match
from tests.parsers.printed import with_a_line_twice, without_a_line
from tests.parsers.recorded import each, output
from tests.strategies import KERNEL_ADDRESSES

PLAIN = "f6e31f70:  f6e31f6c f779c180 c04a4032 00a9dd40   l.....y.2@J.@...\n"


def dumped(address: int, width: int, raw: bytes, order: str) -> str:
    """Memory as ``display_memory()`` prints it."""
    rows = []
    step = width * PER_LINE[width]
    for start in range(0, len(raw), step):
        part = raw[start : start + step]
        cut = [part[place : place + width] for place in range(0, len(part), width)]
        big = [piece if order == "big" else piece[::-1] for piece in cut]
        words = "".join(f"{piece.hex()} " for piece in big)
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        rows.append(f"{address + start:x}:  {words:<{PER_LINE[width] * (2 * width + 1)}}  {text}\n")
    return "".join(rows)


@given(
    KERNEL_ADDRESSES.map(lambda address: address & ~0xFFF),
    st.sampled_from((1, 2, 4, 8)),
    st.integers(1, 40),
    st.sampled_from(("little", "big")),
    st.data(),
)
def test_what_is_printed_is_read(
    address: int, width: int, count: int, order: str, data: st.DataObject
) -> None:
    raw = data.draw(st.binary(min_size=width * count, max_size=width * count))
    rows = parse(f"rd -{8 * width} {address:x} {count}", dumped(address, width, raw, order))
    assert rows.complete
    words = b"".join(
        word.to_bytes(width, "big" if order == "big" else "little") for row in rows for word in row.words
    )
    assert words == raw
    assert [row.address for row in rows] == [
        address + start for start in range(0, len(raw), width * PER_LINE[width])
    ]


@given(st.binary(min_size=64, max_size=256), st.randoms(use_true_random=False))
def test_a_row_that_is_missing_or_twice_is_noticed(raw: bytes, chance: random.Random) -> None:
    raw = raw[: len(raw) // 16 * 16]
    text = dumped(0xFFFF888000000000, 8, raw, "little")
    damage = chance.choice([without_a_line, with_a_line_twice])
    try:
        found = parse(f"rd ffff888000000000 {len(raw) // 8}", damage(text, chance))
    except ParseError:
        return
    whole = parse("rd ffff888000000000", text).records
    assert not found.complete
    assert set(found) <= set(whole)


def test_a_damaged_word_is_not_its_characters() -> None:
    with pytest.raises(ParseError, match="characters"):
        parse("rd f6e31f70 4", PLAIN.replace("f779c180", "f779c141"))


@pytest.mark.parametrize(
    ("command", "text", "words", "shown"),
    [
        ("rd f6e31f70 4", PLAIN, (0xF6E31F6C, 0xF779C180, 0xC04A4032, 0xA9DD40), "l.....y.2@J.@..."),
        ("rd jiffies", "c0213ae0:  0008cc3a                              :...\n", (0x8CC3A,), ":..."),
        ("rd -d jiffies", "c0213ae0:        577376\n", (577376,), None),
        (
            "rd -64 v",
            "c0226a6c:  35312d352e322e32                    2.2.5-15\n",
            (0x35312D352E322E32,),
            "2.2.5-15",
        ),
        ("rd -8 v 3", "c0226a6c:  32 2e 32                            2.2\n", (0x32, 0x2E, 0x32), "2.2"),
        ("rd -x v 2", "c0226a6c:  2e322e32 35312d35 \n", (0x2E322E32, 0x35312D35), None),
        ("rd -32 -D v", "ffff888000000000:    4294967295 \n", (4294967295,), None),
        ("rd -d v", "ffff888000000000:                -1 \n", (-1,), None),
    ],
)
def test_forms(command: str, text: str, words: tuple[int, ...], shown: str | None) -> None:
    row = parse(command, text).one()
    assert isinstance(row, Words)
    assert (row.words, row.text) == (words, shown)


def test_symbols_and_slab_caches() -> None:
    text = (
        "f6e31f70:  [f6e31f6c:size-4096] [filp]   kmsg_read 00a9dd40 \n"
        "f6e31f80:  00000fff vfs_read+159 [size-4096] .cold+0x10 \n"
    )
    first, second = parse("rd -SS f6e31f70 8", text).records
    assert first.words == (
        Word(value=0xF6E31F6C, cache="size-4096"),
        Word(cache="filp"),
        Word(symbol="kmsg_read", offset=0),
        Word(value=0xA9DD40),
    )
    assert second.words[1] == Word(symbol="vfs_read", offset=159)
    assert second.words[3] == Word(symbol=".cold", offset=16)


def test_text_and_copies() -> None:
    text = "c082a020:  Linux version 2.6.32\nc082a05c:   (GCC) ) #1 SMP\n"
    assert [row.text for row in parse("rd -a linux_banner", text)] == [
        "Linux version 2.6.32",
        " (GCC) ) #1 SMP",
    ]
    copy = parse("rd -r /tmp/x c000 64", "64 bytes copied from 0xc000 to /tmp/x\n").one()
    assert copy == FileCopy(64, 0xC000, "/tmp/x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "f6e31f70:  xyz\n",
        "f6e31f70: f6e31f6c\n",
        "f6e31f70:  f6e31f6c  stray\n",
        "rd: seek error\n",
        PLAIN * 2 + PLAIN[:30],
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("rd f6e31f70 4", text)


@pytest.mark.parametrize(
    ("command", "text", "expected"),
    [
        ("rd v", PLAIN + "zz\n", "line 2.*a row of memory: ADDRESS:  WORDS CHARACTERS"),
        ("rd v", PLAIN[:54] + "x" + PLAIN[55:], "characters are not those of the words"),
        ("rd v", PLAIN + "f6e31f80:  0001 0002 0003\n", "another width"),
        ("rd v", "c0213ae0:  0008cc3a                              :...\n" + PLAIN, "behind a short one"),
        ("rd v", PLAIN.replace("   l", " \t l"), "unexpected text after the words"),
        ("rd -d v", "c0213ae0:        577376  \n", "a row of decimal words"),
        ("rd -32 -d v", "c0213ae0:  1 2 3 4 5\n", "a row of decimal words"),
        ("rd -s v", "c0213ae0:  [filp 00000000\n", "a row of words and symbols"),
        ("rd -a v", f"c0213ae0:  {'x' * 61}\n", "a row of text"),
        ("rd -a v", f"c0213ae0:  {'x' * 60} \n", "a row of text"),
        ("rd -r f v 1", "1 bytes copied from 0xzz to f\n", "SIZE bytes copied from ADDRESS to FILE"),
    ],
)
def test_errors_say_what_was_expected(command: str, text: str, expected: str) -> None:
    with pytest.raises(ParseError, match=expected):
        parse(command, text)


def test_crash_speaks_between_the_rows() -> None:
    text = f'{PLAIN}rd: seek error: kernel virtual address: f6e31f80  type: "32-bit KVADDR"\n'
    found = parse("rd f6e31f70 8", text)
    assert not found.complete
    assert [notice.kind for notice in found.warnings] == ["error", "short"]
    assert len(found) == 1


def test_a_row_set_aside_says_nothing_about_the_next_one() -> None:
    text = PLAIN + "f6e31f80:  0001 0002 0003 \n" + PLAIN.replace("f6e31f70:", "f6e31f80:")
    found = parse("rd f6e31f70 8", text, lenient=True)
    assert [row.address for row in found] == [0xF6E31F70, 0xF6E31F80]
    assert not found.complete


def test_fewer_words_than_asked_for() -> None:
    found = parse("rd f6e31f70 8", PLAIN)
    assert not found.complete
    assert found.warnings[-1].kind == "short"


@each("rd", "rd_*init_task*")
def test_recorded_rows(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    if found.shape != "copy":
        assert len(found) == text.count("\n") == len(re.findall(r"^ *[0-9a-f]+:  ", text, re.MULTILINE))


SEARCHED = (
    'PID: 4876   TASK: ffff81003e9f5860  CPU: 7   COMMAND: "automount"\n'
    "ffff8100288fbe98: ffff81002c0a3050\n\n"
    'PID: 4880   TASK: ffff81003ce967a0  CPU: 0   COMMAND: "automount"\nffff81002c0fbdd8: ffff81002c0a3050\n'
)


def test_search() -> None:
    first, second = parse("search -t ffff81002c0a3050", SEARCHED).records
    assert (first.pid, first.task, first.value) == (4876, 0xFFFF81003E9F5860, 0xFFFF81002C0A3050)
    assert (second.pid, second.address) == (4880, 0xFFFF81002C0FBDD8)
    named = parse("search panic", "ffff81000222a728: ffffffff80493d60 (anon_inode_inode)\n").one()
    assert (named.value, named.expression) == (0xFFFFFFFF80493D60, "anon_inode_inode")
    text = parse('search -c "can"', "ffff8800013ddec1: can't allocate: 12 (x)..<3>\n").one()
    assert text == Match(address=0xFFFF8800013DDEC1, text="can't allocate: 12 (x)..<3>")
    assert parse("search -k deadbeef", "").records == ()
    with pytest.raises(ParseError):
        parse("search -k deadbeef", "ffff: zz\n")


def test_a_name_with_a_newline_is_no_row() -> None:
    head = 'PID: 348      TASK: ffff8a3eef418000  CPU: 0    COMMAND: "line\nbreak"\n'
    text = f"{head}ffff8100288fbe98: ffff81002c0a3050\n"
    found = parse("search -t ffff81002c0a3050", text).one()
    assert (found.pid, found.address) == (348, 0xFFFF8100288FBE98)


def test_memory_around_a_match_is_held_against_its_characters() -> None:
    above = PLAIN.replace("f6e31f70", "f6e31f60")
    text = f"{above}f6e31f70:  f6e31f6c \n{PLAIN.replace('f6e31f70', 'f6e31f74')}\n"
    found = parse("search -x 4 f6e31f6c", text).one()
    assert (found.address, found.before[0].text) == (0xF6E31F70, "l.....y.2@J.@...")
    with pytest.raises(ParseError, match="characters"):
        parse("search -x 4 f6e31f6c", text.replace("c04a4032", "c04a4033", 1))


@each("search", "search_*")
def test_recorded_matches(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    if found.shape == "matches":
        assert len(found) == len(re.findall(r"^[0-9a-f]+: ", text, re.MULTILINE))
    else:
        assert len(found) == text.count("\n\n")
        for match in found:
            assert match.before[-1].address < match.address < match.after[0].address


def test_a_text_that_was_searched_for_takes_no_second_row() -> None:
    """crash shows 56 characters of it at most."""
    row = f"ffff8800013ddec1: can't {'x' * 50}\n"
    assert len(parse('search -c "can"', row * 2)) == 2
    for joined in (row[:-1] + row, row[:-1] + " " + row):
        with pytest.raises(ParseError):
            parse('search -c "can"', joined)
    with pytest.raises(ParseError):
        parse("search -t deadbeef", "ffff8800013ddec0: deadbeef\n")
    named = "ffff8c3b01079620: ffffffff9e5ccf31 (panic)"
    with pytest.raises(ParseError):
        parse("search -k panic", f"{named}{named}\n")
