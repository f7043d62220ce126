"""Compact recordings: what was read stays readable in any pieces, and nothing else becomes so."""

from __future__ import annotations

import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import TranscriptError
from crashdrive.kernel.memory.bulk import Memory
from crashdrive.kernel.memory.window import Window
from crashdrive.session import replay
from crashdrive.session.compact import compact, joined
from crashdrive.session.reads import NotRecordedError, RecordedMemory, is_memory
from crashdrive.session.replay import open_record
from crashdrive.session.session import Session
from tests.session.conftest import Fake
from tests.session.fake_crash import memory

PAGE = 4096
BASE = 0x10000


def held(address: int, size: int) -> bytes:
    """Bytes that tell where they are from."""
    return b"".join((address + i).to_bytes(8, "little")[:1] for i in range(size))


def copied(address: int, size: int) -> bytes:
    return f"{size} bytes copied from {address:#x} to FIFO\n".encode()


READS = st.lists(
    st.tuples(st.integers(BASE, BASE + 4 * PAGE), st.integers(1, 2 * PAGE)),
    min_size=1, max_size=6, unique_by=lambda read: read[0],
)  # fmt: skip


@given(streams=st.lists(READS, min_size=1, max_size=4), read=READS)
def test_what_was_read_can_be_read_in_other_pieces(
    streams: list[list[tuple[int, int]]], read: list[tuple[int, int]]
) -> None:
    first, known = RecordedMemory(), set[int]()
    for reads in streams:
        commands = [f"rd -r FIFO {a:x} {size}" for a, size in reads]
        first.add(commands, b"".join(held(*one) for one in reads), b"".join(copied(*one) for one in reads))
        known |= {place for a, size in reads for place in range(a, a + size)}
    second = RecordedMemory()
    for stream in first.streams("FIFO"):
        second.add(stream.commands, stream.data, stream.text)
    commands = [f"rd -r FIFO {a:x} {size}" for a, size in read]
    for recorded in (first, second):
        try:
            answer = recorded.answer(commands)
        except NotRecordedError:
            # a piece that several reads brought is found in one of them alone
            continue
        assert b"".join(answer.data) == b"".join(held(*one) for one in read)
        assert {place for a, size in read for place in range(a, a + size)} <= known


@given(streams=st.lists(READS, min_size=1, max_size=4))
def test_each_read_is_answered_by_what_was_made_compact(streams: list[list[tuple[int, int]]]) -> None:
    """In whole pages, as memory is read."""
    paged = [sorted({(a - a % PAGE, PAGE) for a, _ in reads}) for reads in streams]
    first, second = RecordedMemory(), RecordedMemory()
    for reads in paged:
        commands = [f"rd -r FIFO {a:x} {size}" for a, size in reads]
        first.add(commands, b"".join(held(*one) for one in reads), b"".join(copied(*one) for one in reads))
    for stream in first.streams("FIFO"):
        second.add(stream.commands, stream.data, stream.text)
    for reads in paged:
        answer = second.answer([f"rd -r FIFO {a:x} {size}" for a, size in reads])
        assert answer.data == [held(*one) for one in reads]


def test_bytes_around_reads_that_were_cut() -> None:
    """Of a read that failed some bytes came: what lies before and behind is certain, between it isn't."""
    reads = [(0x1000, PAGE), (0x2000, PAGE), (0x3000, PAGE), (0x4000, PAGE), (0x5000, PAGE)]
    good = [reads[0], reads[2], reads[4]]
    data = held(*reads[0]) + held(0x2000, 1500) + held(*reads[2]) + held(0x4000, 3000) + held(*reads[4])
    recorded = RecordedMemory()
    commands = [f"rd -r FIFO {a:x} {size}" for a, size in reads]
    recorded.add(commands, data, b"".join(copied(*one) for one in good))
    for address in (0x1000, 0x5000):
        assert recorded.answer([f"rd -r FIFO {address:x} 4096"]).data == [held(address, PAGE)]
    with pytest.raises(NotRecordedError, match="4096 bytes of memory at 0x3000"):
        recorded.answer(["rd -r FIFO 3000 4096"])
    assert recorded.answer(["rd -r FIFO 2000 4096"]).data == []


def test_address_spaces_stay_apart() -> None:
    first, second = RecordedMemory(), RecordedMemory()
    spaces = [((), ""), ((), "-p "), (("set ff01",), "-u "), (("set ff02",), "-u ")]
    for number, (context, option) in enumerate(spaces):
        commands = [*context, f"rd {option}-r FIFO 1000 4096", f"rd {option}-r FIFO 9000 4096", "eval 0x1"]
        text = copied(0x1000, PAGE) + b'rd: page excluded: kernel virtual address: 9000  type: "x"\n'
        first.add(commands, bytes([number]) * PAGE, text)
    for stream in first.streams("FIFO"):
        assert is_memory(stream.commands)
        second.add(stream.commands, stream.data, stream.text)
    for number, (context, option) in enumerate(spaces):
        answer = second.answer([*context, f"rd {option}-r FIFO 1000 16"])
        assert answer.data == [bytes([number]) * 16]
        assert b"page excluded" in second.answer([*context, f"rd {option}-r FIFO 9000 512"]).text
    with pytest.raises(NotRecordedError):
        second.answer(["set ff03", "rd -u -r FIFO 1000 16"])


@pytest.fixture
def recorded(make_fake: Callable[..., Fake], tmp_path: Path) -> Path:
    """A session with commands, repeated ones too, and memory."""
    path = tmp_path / "session"
    with make_fake().session() as session, open_record(path) as file:
        session.vmcoreinfo = {"PAGESIZE": "4096"}
        session._record(file)
        fifo, sunk = session.fifo, bytearray()
        for _ in range(3):
            session.run_many(["echo 1", "set 5", "set"])
            session.stream([f"rd -r {fifo} 10000 8192", f"rd -r {fifo} bad000 4096", "eval 0x1"], sunk.extend)
        session.stream([f"rd -r {fifo} 12000 4096", "eval 0x1"], sunk.extend)
    return path


def test_a_compact_session_answers_the_same(recorded: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    compact(recorded, small)
    assert small.stat().st_size < recorded.stat().st_size
    for path in (recorded, small):
        with Session.replay(path) as session:
            assert session.vmcoreinfo == {"PAGESIZE": "4096"}
            assert session.run("echo 1").text == "1\n"
            got = bytearray()
            text = session.stream(["rd -r FIFO 11000 8192", "rd -r FIFO bad000 8", "eval 0x7"], got.extend)
            assert bytes(got) == memory(0x11000, 8192)
            assert b"page excluded" in text
            assert text.endswith(b"hexadecimal: 7\n")
            with pytest.raises(TranscriptError, match=r"doesn't hold `echo 2`; .* record it again"):
                session.run("echo 2")
    again = tmp_path / "again"
    compact(small, again)
    assert again.read_bytes() == small.read_bytes()


def test_a_replay_reads_nothing_but_what_is_wanted(recorded: Path) -> None:
    """Live, pages between wanted ones come along; a record need not have them."""
    with Session.replay(recorded) as session:
        reader = Memory(session)
        reader.__dict__["floor"] = 0x1000
        gathered = reader.gather([(0x10000, 8), (0x12000, 8)])
        assert [chunk.data for chunk in gathered.chunks] == [memory(0x10000, 8), memory(0x12000, 8)]
        assert reader.rounds == 1
        with pytest.raises(TranscriptError, match=r"4096 bytes of memory at 0x14000 .* record it again"):
            reader.read(0x14000, 8)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data[:40], lambda data: data[:60] + b"x" * 99]
)
def test_damaged_packing(recorded: Path, tmp_path: Path, damage: Any) -> None:
    small = tmp_path / "small"
    compact(recorded, small)
    small.write_bytes(damage(small.read_bytes()))
    with pytest.raises(TranscriptError):
        Session.replay(small)


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "_MOST_BYTES", 1 << 20)
    path = tmp_path / "session"
    path.write_bytes(lzma.compress(b"\n" * (1 << 22)))
    with pytest.raises(TranscriptError, match="more than 1 MiB"):
        Session.replay(path)


def test_walks_of_a_replay_read_no_pages_ahead(recorded: Path, make_fake: Callable[..., Fake]) -> None:
    with Session.replay(recorded) as session:
        assert Window(Memory(session)).around(0x12345, 16) == (0x12000, PAGE)
    with make_fake().session() as session:
        assert Window(Memory(session)).around(0x12345, 16) == (0x10000, 8 * PAGE)


def test_a_part_and_its_base_are_the_whole(
    recorded: Path, make_fake: Callable[..., Fake], tmp_path: Path
) -> None:
    """What a base answers in the same way isn't kept twice; what it lacks is."""
    base, part, whole = tmp_path / "base", tmp_path / "part", tmp_path / "whole"
    with make_fake().session() as session, open_record(base) as file:
        session.vmcoreinfo = {"PAGESIZE": "4096"}
        session._record(file)
        session.run("echo 1")
        session.stream([f"rd -r {session.fifo} 10000 8192", "eval 0x1"], bytearray().extend)
    compact(recorded, part, base)
    text = lzma.decompress(part.read_bytes()).decode()
    assert "echo 1" not in text
    assert "rd -r FIFO 12000 4096" in text
    assert "10000" not in text
    joined(base, part, whole)
    with Session.replay(whole) as session:
        assert session.run("echo 1").text == "1\n"
        got = bytearray()
        said = session.stream(["rd -r FIFO 11000 8192", "rd -r FIFO bad000 8", "eval 0x7"], got.extend)
        assert bytes(got) == memory(0x11000, 8192)
        assert b"page excluded" in said
