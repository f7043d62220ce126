"""Symbols out of ``sym`` and ``sym -l``."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import ParseError, TranscriptError, UnknownSymbolError
from crashdrive.kernel.symbols.lookup import Symbol, Symbols, _read_symbol, read_table
from crashdrive.session.failure import find_failure
from crashdrive.session.result import CommandResult
from tests.kernel.session_double import SessionDouble

# as crash 9.0.2 prints it for a kernel since 6.4, which keeps a module's parts apart
TABLE = """\
0 (D) __per_cpu_start
0 (D) fixed_percpu_data
35e80 (D) runqueues
ffffffffad200000 (T) _text
ffffffffad200000 (T) _stext
ffffffffad200000 (T) startup_64
ffffffffad200040 (t) version_show
ffffffffad200080 (T) schedule
ffffffffad2000c0 (t) version_show
ffffffffae000000 (D) init_task
ffffffffae003000 (t) special
ffffffffae003000 (T) Special
ffffffffaf000000 (B) _end
ffffffffc038a000 MODULE TEXT START: virtio_blk
ffffffffc038a010 (t) virtblk_done [virtio_blk]
ffffffffc038a050 (T) schedule [virtio_blk]
ffffffffc038afff MODULE TEXT END: virtio_blk
ffffffffc038c000 MODULE RO_AFTER_INIT START: virtio_blk
ffffffffc038dfff MODULE RO_AFTER_INIT END: virtio_blk
ffffffffc0390000 MODULE START: dm
ffffffffc0390100 (?) __this_module
ffffffffc0391000 MODULE END: dm
"""


class Crash(SessionDouble):
    """Answers ``sym`` from the table above."""

    def __init__(self, table: str = TABLE) -> None:
        super().__init__()
        self.table = table
        self.sent: list[str] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:  # noqa: ARG002 - as Runner
        self.sent.append(command)
        wanted = command.removeprefix("sym ")
        lines = [line for line in self.table.splitlines() if f") {wanted}" in line]
        text = "".join(
            f"{line}{' kernel/sched/core.c: 6741' * ('(T)' in line)}\n"
            for line in lines
            if line.split()[2] == wanted
        )
        if wanted == "-l":
            text = self.table
        text = text or f"symbol not found: {wanted}\npossible alternatives:\n  (none found)\n"
        failure = find_failure(command, text)
        return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)


@pytest.fixture(params=["single", "table"])
def symbols(request: pytest.FixtureRequest) -> Symbols:
    table = TABLE.replace(" [virtio_blk]", "")
    found = Symbols(Crash(TABLE if request.param == "single" else table))
    if request.param == "table":
        found.lookup(0)
    return found


def test_addresses(symbols: Symbols) -> None:
    assert symbols.address("init_task") == 0xFFFFFFFFAE000000
    assert symbols.address("runqueues") == 0x35E80
    assert symbols.addresses("version_show") == (0xFFFFFFFFAD200040, 0xFFFFFFFFAD2000C0)
    assert symbols.addresses("nothing") == ()
    assert symbols.has("init_task")
    assert not symbols.has("nothing")


def test_the_kernels_own_and_global_symbols_come_first(symbols: Symbols) -> None:
    assert symbols.address("schedule") == 0xFFFFFFFFAD200080
    assert len(symbols.addresses("schedule")) == 2
    assert {symbol.module for symbol in symbols.symbols("schedule")} == {None, "virtio_blk"}


def test_a_name_of_several_places_is_not_guessed(symbols: Symbols) -> None:
    with pytest.raises(UnknownSymbolError, match="2 symbols are named version_show: 0xffffffffad200040, "):
        symbols.address("version_show")


def test_near_names_are_found_among_thousands_that_share_a_part() -> None:
    others = "".join(f"{0xFFFFFFFFAD300000 + i:x} (t) __a{i}_init_something_{i}\n" for i in range(5000))
    place = "ffffffffae000000"
    table = TABLE.replace(place, others + place, 1).replace(" [virtio_blk]", "")
    with pytest.raises(UnknownSymbolError, match="near: init_task"):
        Symbols(Crash(table)).address("init_tas")


def test_unknown_names_have_near_ones() -> None:
    symbols = Symbols(Crash(TABLE.replace(" [virtio_blk]", "")))
    with pytest.raises(UnknownSymbolError, match="no symbol init_tas; near: init_task"):
        symbols.address("init_tas")


@pytest.mark.parametrize("name", ["", "a b", "a|b", "a;b", "$(ls)", "a\nb", "x" * 600, "-l", "é"])
def test_names_that_are_none_are_not_sent(name: str) -> None:
    crash = Crash()
    assert not Symbols(crash).has(name)
    assert crash.sent == []


@pytest.mark.parametrize(
    ("address", "name", "offset", "module"),
    [
        (0xFFFFFFFFAD200000, "_text", 0, None),
        (0xFFFFFFFFAD20007F, "version_show", 0x3F, None),
        (0xFFFFFFFFAE000010, "init_task", 0x10, None),
        (0xFFFFFFFFAE003001, "Special", 1, None),
        (0xFFFFFFFFC038A040, "virtblk_done", 0x30, "virtio_blk"),
        (0xFFFFFFFFC0390FFF, "__this_module", 0xEFF, "dm"),
    ],
)
def test_the_symbol_at_an_address(address: int, name: str, offset: int, module: str | None) -> None:
    found = Symbols(Crash(TABLE.replace(" [virtio_blk]", ""))).lookup(address)
    assert found is not None
    assert (found.symbol.name, found.offset, found.module) == (name, offset, module)


@pytest.mark.parametrize(
    "address",
    [
        0,
        0x35E88,
        0xFFFFFFFFAD1FFFFF,
        0xFFFFFFFFAF000000,
        0xFFFFFFFFC0389000,
        0xFFFFFFFFC038A000,
        0xFFFFFFFFC038C010,
        0xFFFFFFFFC0391001,
        0xDEAD000000000100,
        1 << 64,
        -1,
    ],
)
def test_an_address_beside_the_kernel_has_none(address: int) -> None:
    assert Symbols(Crash(TABLE.replace(" [virtio_blk]", ""))).lookup(address) is None


def test_what_comes_after() -> None:
    symbols = Symbols(Crash(TABLE.replace(" [virtio_blk]", "")))
    assert symbols.next_after(0xFFFFFFFFAD200080) == Symbol(0xFFFFFFFFAD2000C0, "version_show", "t")
    assert symbols.next_after((1 << 64) - 1) is None


def test_many_names_read_the_table_once() -> None:
    crash = Crash(TABLE.replace(" [virtio_blk]", ""))
    symbols = Symbols(crash)
    symbols.prefetch(f"name_{number}" for number in range(100))
    assert crash.sent == ["sym -l"]
    assert symbols.address("init_task")
    assert crash.sent == ["sym -l"]


def test_a_kept_table_is_used_for_all(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    first = Symbols(Crash(TABLE.replace(" [virtio_blk]", "")), store, "dump")
    place = first.lookup(0xFFFFFFFFC038A040)
    crash = Crash("")
    second = Symbols(crash, store, "dump")
    assert second.address("init_task") == 0xFFFFFFFFAE000000
    assert second.lookup(0xFFFFFFFFC038A040) == place
    assert second.names() == first.names()
    assert crash.sent == []
    other = Crash(TABLE.replace("init_task", "other_task"))
    assert not Symbols(other, store, "other").has("init_task")


def test_a_line_that_is_no_symbol_is_an_error() -> None:
    with pytest.raises(ParseError, match="line 2"):
        read_table(b"0 (D) a\nwhat is this\n")


# of a kernel without CONFIG_KALLSYMS_ALL
FUNCTIONS_ALONE = "".join(
    f"{line}\n" for line in TABLE.replace(" [virtio_blk]", "").splitlines() if "__this_module" not in line
)


def test_names_asked_one_by_one_may_be_variables_of_modules() -> None:
    crash = Crash(FUNCTIONS_ALONE)
    symbols = Symbols(crash)
    assert symbols.has("init_task")
    assert crash.sent == ["sym init_task"]
    assert not symbols.has("nf_conntrack_hash")
    assert crash.sent == ["sym init_task", "sym nf_conntrack_hash", "sym __this_module", "sym -l"]
    [doubt] = symbols.doubts()
    assert "nf_conntrack_hash may be there all the same" in doubt.message


def test_names_of_a_kernel_whose_variables_have_names_are_sure() -> None:
    crash = Crash(TABLE)
    symbols = Symbols(crash)
    assert not symbols.has("nothing")
    assert not symbols.has("nor_this")
    assert crash.sent == ["sym nothing", "sym __this_module", "sym nor_this"]
    assert symbols.doubts() == ()


def test_names_that_may_be_variables_of_modules_are_doubted(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    for crash in (Crash(FUNCTIONS_ALONE), Crash("")):  # read, and kept
        symbols = Symbols(crash, store, "dump")
        assert symbols.lookup(0xFFFFFFFFC038A040)
        assert symbols.has("virtblk_done")
        assert symbols.doubts() == ()
        assert not symbols.has("hash_of_a_module")
        (doubt,) = symbols.doubts()
        assert "CONFIG_KALLSYMS_ALL" in doubt.message
        assert "hash_of_a_module may be there" in doubt.message


def test_where_modules_have_variables_nothing_is_doubted() -> None:
    symbols = Symbols(Crash(TABLE.replace(" [virtio_blk]", "")))
    symbols.lookup(0)
    assert not symbols.has("hash_of_a_module")
    assert symbols.doubts() == ()


class Recorded(Crash):
    """A session that was asked for other names when it was recorded."""

    def __init__(self, *held: str) -> None:
        super().__init__(TABLE.replace(" [virtio_blk]", ""))
        self.held = {f"sym {name}" for name in held}

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        if command not in self.held:
            raise TranscriptError(f"doesn't hold `{command}`")
        return super().run(command, timeout=timeout)


def test_names_that_were_not_recorded_are_in_a_recorded_table() -> None:
    symbols = Symbols(Recorded("init_task", "-l"))
    assert symbols.address("init_task") == 0xFFFFFFFFAE000000
    assert symbols.address("schedule") == 0xFFFFFFFFAD200080
    assert not symbols.has("nothing")
    without = Symbols(Recorded("init_task"))
    with pytest.raises(TranscriptError, match="`sym schedule`"):
        without.address("schedule")
    assert without.address("init_task") == 0xFFFFFFFFAE000000


RUST = (
    "core::panicking::assert_failed::<core::option::Option<usize>, usize>",
    "<core::time::Duration as core::fmt::Debug>::fmt::fmt_decimal::{closure#1}",
    "<[_]>::align_to_offsets::gcd",
    "<fn(&u8) -> core::fmt::Result as core::fmt::Write>::write_str",
)


def test_names_of_rust_have_spaces() -> None:
    table = read_table("".join(f"fff{at} (t) {name}\n" for at, name in enumerate(RUST)).encode())
    assert tuple(table.names) == RUST


@pytest.mark.parametrize("name", RUST)
@pytest.mark.parametrize("behind", ["", " [red]", "  /rust/core/fmt.rs: 12", " [red]  /rust/core/fmt.rs: 12"])
def test_a_name_of_rust_ends_where_it_ends(name: str, behind: str) -> None:
    found = _read_symbol("sym", 1, f"ffffffff81000000 (T) {name}{behind}")
    assert (found.name, found.module) == (name, "red" if "[red]" in behind else None)
