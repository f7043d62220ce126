"""Bulk memory held against a model of crash: chunks of 1,500 bytes, holes of all kinds, silence."""
# ruff: noqa: ARG002 - the model has the session's signatures

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.errors import ArgumentError, CommandFailedError, FaultError, SessionError
from crashdrive.kernel.memory.bulk import GAP, Chunk, Gathered, Hole, Memory
from crashdrive.kernel.memory.transfer import bytes_of, locate
from crashdrive.kernel.pages import PAGE, clip, pages_of, runs_of, union
from crashdrive.session.failure import find_failure
from crashdrive.session.result import CommandResult, Failure
from tests.kernel.session_double import SessionDouble

BASE = 0xFFFF888000000000
PAGES = 40
_COMMAND = re.compile(r"rd (-p |-u |)(?:-r (\S+)|-8) ([0-9a-f]+) (\d+)")


MEMORY = random.Random(4).randbytes(PAGES * PAGE)  # noqa: S311 - test data


def held(address: int, size: int) -> bytes:
    """What the model's memory holds; the same pages over and over."""
    start = address % (PAGES * PAGE)
    return (MEMORY[start:] + MEMORY * (size // len(MEMORY) + 1))[:size]


SAID = {"help -m": "   kvbase: ffff888000000000\n", "set": "    PID: 1\n   TASK: ffff88800111a000\n"}


class Crash(SessionDouble):
    """A session whose crash reads as the real one does.

    ``holes``: addresses from, to (excluded) and kind; ``silent``: no word about excluded pages (9.0.1 on).
    """

    fifo: str | None = "/f"

    def __init__(
        self, holes: Sequence[tuple[int, int, str]] = (), *, silent: bool = False, live: bool = False
    ) -> None:
        super().__init__(identity={"format": "live"} if live else None)
        self.holes = holes
        self.silent = silent
        self.sent: list[str] = []
        self.tasks = {f"{BASE:x}", "ffff88800111a000"}

    def missing(self, address: int, size: int) -> tuple[int, str] | None:
        first = [
            (max(low, address), kind)
            for low, high, kind in self.holes
            if low < address + size and high > address
        ]
        return min(first, default=None)

    def error(self, address: int, kind: str) -> str:
        if kind == "page excluded" and self.silent:
            return ""
        where = "" if kind.endswith("address") else "kernel virtual address: "
        return f'rd: {kind}: {where}{address:x}  type: "raw dump to file"\n'

    def stream(
        self, commands: Sequence[str], sink: Callable[[bytes], object], *, timeout: float | None = None
    ) -> bytes:
        text = ""
        for command in commands:
            self.sent.append(command)
            if match := _COMMAND.fullmatch(command):
                text += self.raw(int(match[3], 16), int(match[4]), sink)
            elif command == "eval 0x5eed5":
                text += "hexadecimal: 5eed5  \n    decimal: 388821  \n"
        return text.encode()

    def raw(self, address: int, size: int, sink: Callable[[bytes], object]) -> str:
        for at in range(0, size, 1500):
            part = min(1500, size - at)
            if hole := self.missing(address + at, part):
                return self.error(*hole)
            sink(held(address + at, part))
        return f"{size} bytes copied from 0x{address:x} to /f\n"

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        return self.run_many([command])[0]

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.result(command) for command in commands]

    def result(self, command: str) -> CommandResult:
        self.sent.append(command)
        text = {
            "help -m": "   kvbase: ffff888000000000\n",
            "set": "    PID: 1\n   TASK: ffff88800111a000\n",
        }.get(command, "")
        if command.removeprefix("set ") in self.tasks:
            text = f"    PID: 7\n   TASK: {command.removeprefix('set ')}  [THREAD_INFO: 0]\n"
        if match := _COMMAND.fullmatch(command):
            text = self.rows(int(match[3], 16), int(match[4]))
        return CommandResult(
            command=command, raw=text.encode(), elapsed=0.0, failure=find_failure(command, text)
        )

    def rows(self, address: int, size: int) -> str:
        hole = self.missing(address, size)
        end = hole[0] if hole else address + size
        text = ""
        for at in range(address, end, 16):
            row = held(at, min(16, end - at))
            text += f"{at:16x}:  {row.hex(' ')}   {'.' * len(row)}\n"
        return text + (self.error(*hole) if hole else "")


class Plain(Crash):
    """The same without a side channel."""

    fifo = None


KINDS = ("page excluded", "seek error", "invalid kernel virtual address", "page incomplete")


@st.composite
def holes(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Pages of the model that can't be read; mostly whole ones."""
    numbers = draw(st.sets(st.integers(0, PAGES - 1), max_size=12))
    found = []
    for number in sorted(numbers):
        start = BASE + number * PAGE
        cut = draw(st.sampled_from([0, 0, 0, 0, 512, 3072]))
        found.append((start + cut, start + PAGE, "seek error" if cut else draw(st.sampled_from(KINDS))))
    return found


ranges = st.lists(
    st.tuples(
        st.integers(0, PAGES * PAGE - 1),
        st.one_of(st.integers(1, 64), st.integers(1, 6 * PAGE), st.just(PAGE)),
    ).map(lambda pair: (BASE + pair[0], min(pair[1], PAGES * PAGE - pair[0]))),
    max_size=20,
)


def mask(ranges: Iterable[tuple[int, int]]) -> bytes:
    """One byte per byte of the model: 1 where a range covers it."""
    found = bytearray(PAGES * PAGE)
    for address, size in ranges:
        found[address - BASE : address - BASE + size] = b"\1" * size
    return bytes(found)


def number(ones: bytes) -> int:
    """A mask as a number, for arithmetic on all its bytes at once."""
    return int.from_bytes(ones)


@settings(max_examples=150, deadline=None)
@given(holes(), ranges, ranges, st.sampled_from(["plain", "silent", "talking"]))
def test_bytes_and_holes_are_exactly_those_of_the_model(
    gone: list[tuple[int, int, str]],
    first: list[tuple[int, int]],
    second: list[tuple[int, int]],
    way: str,
) -> None:
    plain, silent = way == "plain", way == "silent"
    if plain:
        gone = [(low & -PAGE, high, kind) for low, high, kind in gone]  # rd's rows are taken by the page
    model = (Plain if plain else Crash)(gone, silent=silent)
    memory = Memory(model, cache_size=16 * PAGE)
    for wanted in (first, second, first):
        gathered = memory.gather(wanted)
        everything, gaps = number(mask(wanted)), number(mask((low, high - low) for low, high, _ in gone))
        assert number(mask((c.address, len(c.data)) for c in gathered.chunks)) == everything & ~gaps
        assert number(mask((h.address, h.size) for h in gathered.holes)) == everything & gaps
        pieces = [
            *((c.address, len(c.data)) for c in gathered.chunks),
            *((h.address, h.size) for h in gathered.holes),
        ]
        assert sum(size for _, size in pieces) == everything.bit_count()
        assert all(c.data == held(c.address, len(c.data)) for c in gathered.chunks)
        assert memory.cached <= 16 * PAGE


@given(ranges)
def test_the_union_is_sorted_disjoint_and_complete(wanted: list[tuple[int, int]]) -> None:
    joined = union(wanted)
    assert all(a + n < b for (a, n), (b, _) in itertools.pairwise(joined))
    pages = pages_of(joined)
    assert pages == sorted({p for a, n in wanted for p in range(a // PAGE, (a + n - 1) // PAGE + 1)})


@given(st.lists(st.integers(0, 300), unique=True).map(sorted), st.integers(0, 9), st.integers(1, 40))
def test_runs_cover_the_pages_and_no_gap_is_too_large(pages: list[int], gap: int, most: int) -> None:
    runs = runs_of(pages, gap, most)
    covered = [page for first, count in runs for page in range(first, first + count)]
    assert covered == sorted(set(covered))
    assert set(pages) <= set(covered)
    assert all(count <= most for _, count in runs)
    wanted = set(pages)
    for first, count in runs:
        assert {first, first + count - 1} <= wanted
        inside = [page for page in range(first, first + count) if page in wanted]
        assert all(b - a - 1 <= gap for a, b in itertools.pairwise(inside))


@given(
    st.lists(st.tuples(st.integers(1, 9000), st.booleans(), st.integers(0, 5)), min_size=1, max_size=12),
)
def test_a_place_in_the_stream_is_right_or_not_told(requests: list[tuple[int, bool, int]]) -> None:
    sizes = [(index * 10000, size) for index, (size, _, _) in enumerate(requests)]
    at, places = 0, []
    for size, ok, chunks in requests:
        places.append(at if ok else None)
        at += size if ok else min(chunks, (size - 1) // 1500) * 1500
    told, cut = locate(sizes, [ok for _, ok, _ in requests], at)
    assert all(a == b for a, b in zip(told, places, strict=True) if a is not None)
    assert cut or told == places


def test_bytes_that_crash_did_not_announce_are_an_error() -> None:
    with pytest.raises(SessionError, match="than it says"):
        locate([(0, 100)], [True], 99)
    with pytest.raises(SessionError):
        locate([(0, 100), (200, 100)], [True, False], 150)


def test_thousands_of_ranges_take_one_round_trip() -> None:
    model = Crash()
    memory = Memory(model)
    memory.gather([(BASE + i * PAGE, 100) for i in range(0, 9000, 3)])
    assert memory.rounds == 1
    memory.gather([(BASE + i * PAGE + 50, 10) for i in range(0, 9000, 3)])
    assert memory.rounds == 1  # all of it was at hand


def test_neighbours_are_joined_over_small_gaps_only() -> None:
    model = Crash()
    Memory(model).gather([(BASE, 8), (BASE + (GAP + 1) * PAGE, 8), (BASE + 100 * PAGE, 8)])
    reads = [command for command in model.sent if command.startswith("rd")]
    assert reads == [f"rd -r /f {BASE:x} {(GAP + 2) * PAGE}", f"rd -r /f {BASE + 100 * PAGE:x} {PAGE}"]


def test_after_an_excluded_page_gaps_are_left_alone() -> None:
    model = Crash([(BASE + PAGE, BASE + 2 * PAGE, "page excluded")])
    memory = Memory(model)
    assert not memory.gather([(BASE, 8), (BASE + 2 * PAGE, 8)]).holes
    memory.drop()
    rounds = memory.rounds
    memory.gather([(BASE, 8), (BASE + 2 * PAGE, 8)])
    assert memory.rounds == rounds + 1


@pytest.mark.parametrize(
    "address", [0, 8, 0x7FFF12345000, 0xDEAD000000000100, 0x8000000000000000, (1 << 64) - 4, -8]
)
def test_what_cannot_be_a_kernel_address_is_a_hole_without_being_sent(address: int) -> None:
    model = Crash()
    holes = Memory(model).gather([(address, 8)]).holes
    assert [(h.address, h.size) for h in holes if h.reason == "not an address"][-1][0] + 8 >= address
    assert not [command for command in model.sent if f" {address & (1 << 64) - 1:x} " in command]


def test_a_range_that_begins_below_the_kernel_keeps_its_upper_part() -> None:
    floor = 0xFF << 56
    gathered = Memory(Crash()).gather([(floor - 10, 30)])
    assert gathered.holes == (Hole(floor - 10, 10, "not an address"),)
    assert [(c.address, len(c.data)) for c in gathered.chunks] == [(floor, 20)]


def test_reading_a_hole_says_where_and_why() -> None:
    memory = Memory(Crash([(BASE + PAGE, BASE + 2 * PAGE, "seek error")]))
    assert memory.read(BASE + 10, 20) == held(BASE + 10, 20)
    assert memory.read(BASE, 0) == b""
    with pytest.raises(FaultError, match="are not in the dump") as error:
        memory.read(BASE + PAGE - 8, 16)
    assert (error.value.address, error.value.size) == (BASE + PAGE, 8)


def test_user_memory_is_read_in_the_context_of_its_task() -> None:
    model = Crash()
    memory = Memory(model)
    with pytest.raises(ArgumentError):
        memory.read(0x400000, 8, space="user")
    memory.read(0x400000, 8, space="user", task=BASE)
    assert model.sent[1:-1] == [
        "set",
        f"set {BASE:x}",
        "set ffff88800111a000",
        f"set {BASE:x}",
        "rd -u -r /f 400000 4096",
        "set ffff88800111a000",
    ]
    assert memory.gather([(0, 8)], space="user", task=BASE).holes[0].reason == "not an address"
    assert memory.gather([(BASE, 8)], space="user", task=BASE).holes[0].reason == "not an address"


def test_user_memory_of_a_task_that_crash_does_not_know_is_a_hole() -> None:
    """Its context can't be entered, and what could be read is another task's."""
    model = Crash()
    model.tasks.clear()
    (hole,) = Memory(model).gather([(0x400000, 8)], space="user", task=BASE).holes
    assert hole.reason == "task unknown to crash"
    assert not any(command.startswith("rd") for command in model.sent)


def test_physical_memory_is_another_space() -> None:
    model = Crash()
    memory = Memory(model)
    memory.read(0x1000, 8, space="physical")
    assert "rd -p -r /f 1000 4096" in model.sent


@pytest.mark.parametrize(
    ("machine", "floor"), [("21", 0xC << 60), ("22", 0x2000), ("62", 0xFF << 56), ("", 0xFF << 56)]
)
def test_the_lowest_kernel_address_follows_the_machine(machine: str, floor: int) -> None:
    model = Crash()
    model.identity = {"machine": machine}
    assert Memory(model).floor == floor


def test_where_processes_have_address_spaces_of_their_own_none_is_cut_off() -> None:
    """s390x: the kernel's begin behind the lowcore, and a process's are all others."""
    for machine, space, address, valid in (
        ("22", "kernel", 0x1FF8, False), ("22", "kernel", 0x2000, True),
        ("22", "kernel", 0x3FF_8000_0000, True),
        ("22", "user", 0x2AA_0000_0000, True), ("62", "user", 0xFF << 56, False),
    ):  # fmt: skip
        model = Crash()
        model.identity = {"machine": machine}
        wanted, holes = Memory(model)._valid([(address, 8)], "user" if space == "user" else "kernel")
        assert (bool(wanted), bool(holes)) == (valid, not valid)


def test_a_batch_that_crash_left_early_is_an_error() -> None:
    class Short(Crash):
        def stream(
            self, commands: Sequence[str], sink: Callable[[bytes], object], *, timeout: float | None = None
        ) -> bytes:
            return super().stream(commands[:-1], sink)

    with pytest.raises(SessionError, match="before its end"):
        Memory(Short()).gather([(BASE, 8)])


def test_a_dead_session_is_no_hole() -> None:
    class Dying(Plain):
        def result(self, command: str) -> CommandResult:
            found = super().result(command)
            if not command.startswith("rd"):
                return found
            return CommandResult(
                command=command, raw=b"", elapsed=0.0, failure=Failure(kind="not-run", message="died")
            )

    with pytest.raises(CommandFailedError):
        Memory(Dying()).gather([(BASE, 8)])


def test_rows_with_a_hole_or_a_stranger_in_them_are_not_taken() -> None:
    good = f"{BASE:x}:  " + "00 " * 16 + "  ................\n"
    assert bytes_of(good.encode(), BASE, 16) == bytes(16)
    assert bytes_of(good.encode(), BASE, 32) is None
    assert bytes_of(good.encode(), BASE + 16, 16) is None
    assert bytes_of(f"{BASE:x}:  00 00 rd: page excluded: \n".encode(), BASE, 16) is None


def test_gathered_answers_for_ranges() -> None:
    gathered = Gathered((Chunk(100, b"abcd"), Chunk(200, b"ef")), (Hole(104, 4, "excluded"),))
    assert gathered.get(101, 2) == b"bc"
    assert gathered.get(200, 2) == b"ef"
    assert gathered.get(99, 2) is gathered.get(102, 4) is gathered.get(50, 1) is None
    assert gathered.hole(100, 5) == Hole(104, 4, "excluded")
    assert gathered.hole(108, 4) is gathered.hole(100, 4) is None


def test_clip() -> None:
    assert clip(5, 10, 0, 100) == ((5, 10), [])
    assert clip(5, 10, 8, 12) == ((8, 4), [(5, 3), (12, 3)])
    assert clip(5, 10, 20, 30)[0] is None


def test_of_a_live_kernel_nothing_is_kept_but_within_a_moment() -> None:
    """What was read a moment ago may be otherwise now."""
    memory = Memory(Crash(live=True))
    for rounds in (1, 2):
        assert memory.read(BASE + 8, 16) == held(BASE + 8, 16)
        assert memory.rounds == rounds
    memory.prefetch([(BASE, PAGE)])
    assert memory.gather([(BASE, 8)]).chunks == (Chunk(BASE, held(BASE, 8)),)
    assert memory.rounds == 3
    with memory.moment():
        assert not memory.cached
        memory.read(BASE, 8)
        with memory.moment():
            memory.read(BASE + 64, 8)
        memory.read(BASE + 128, 8)
        assert memory.rounds == 4
    assert not memory.cached
    dump = Memory(Crash())
    dump.read(BASE, 8)
    with dump.moment():
        dump.read(BASE + 64, 8)
    dump.read(BASE, 8)
    assert dump.rounds == 1


def test_who_looks_for_a_tasks_page_tables_may_read_a_live_kernel() -> None:
    """Reading within a reading lets go of nothing that the outer one needs."""
    seen: list[bytes] = []

    def user_tables(task: int) -> None:
        seen.append(memory.read(task, 8))

    session = Crash(live=True)
    session.minimal = True
    memory = Memory(session, user_tables=user_tables)
    (hole,) = memory.gather([(0x400000, 8)], space="user", task=BASE).holes
    assert hole.reason == "task unknown to crash"
    assert seen == [held(BASE, 8)]
    assert not memory.cached
