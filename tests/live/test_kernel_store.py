"""What is kept of one kernel serves all its dumps; what was damaged is asked again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from crashdrive.cache.store import Store
from crashdrive.dump.elf import Section, opened_elf
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.opening import open_kernel
from crashdrive.session import Session
from tests.live.conftest import crash_binary, dump_file

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

# two dumps of each kernel: (first, second, crash)
PAIRS = [
    ("6.1-elf-sysrq", "6.1-kdump-sysrq", "8.0.2"),
    ("6.12-elf-sysrq", "6.12-kdump-sysrq", "9.0.2"),
]
SOCK = ["__sk_common.skc_state", "__sk_common.skc_num", "sk_socket->file->f_mode"]
TYPES = ("whatis", "gdb", "struct", "union", "ptype")


class Opened:
    """A dump's kernel, with a list of the commands that crash was sent for it."""

    def __init__(self, session: Session, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands: list[str] = []
        run, run_many = session.run, session.run_many

        def one(command: str, *, timeout: float | None = None) -> object:
            self.commands.append(command)
            return run(command, timeout=timeout)

        def many(commands: Sequence[str], *, timeout: float | None = None) -> object:
            self.commands += commands
            return run_many(commands, timeout=timeout)

        monkeypatch.setattr(session, "run", one)
        monkeypatch.setattr(session, "run_many", many)
        self.kernel = open_kernel(session, store)

    def about_types(self) -> list[str]:
        """The commands that asked for a type."""
        return [command for command in self.commands if command.split()[0] in TYPES]


def use(kernel: Kernel) -> dict[str, object]:
    """Something of everything; what has to be the same in all dumps of a kernel."""
    assert len(kernel.tasks(idle=True)) > 20
    assert len(kernel.modules()) > 20
    assert len(kernel.for_each_mount()) > 5
    assert len(kernel.for_each_net_device()) > 0
    first = kernel.for_each_task(threads=False)[0]
    assert len(kernel.for_each_file(first)) > 0
    assert len(kernel.for_each_vma(first)) > 0
    info = kernel.symbol("tcp_hashinfo")
    table = kernel.walk_table(
        info.ehash, int(info.ehash_mask) + 1, "struct sock", "__sk_common.skc_nulls_node",
        step=kernel.sizeof("struct inet_ehash_bucket"), nulls=True,
    )  # fmt: skip
    assert len(table.read(SOCK)) == len(table) > 0
    assert "comm = " in repr(kernel.symbol("init_task"))
    assert kernel.symbol("__futex_data").queues
    assert not kernel.has_type("struct no_such_struct")
    assert not kernel.has_member("struct sock", "no_such_member")
    return {
        "task": kernel.sizeof("struct task_struct"),
        "state": kernel.offset("struct sock", "__sk_common.skc_state"),
        "states": kernel.enumerators("enum system_states"),
        "offset": kernel.symbols.address("runqueues"),
        "hz": kernel.hz,
    }


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Session, Session]]:
    """Two dumps of one kernel, opened."""
    first, second, version = request.param
    crash = [str(crash_binary(version))]
    vmcores = [dump_file(name) for name in (first, second)]
    with (
        Session.open(vmcores[0].parent / "vmlinux", vmcores[0], crash=crash) as one,
        Session.open(vmcores[1].parent / "vmlinux", vmcores[1], crash=crash) as two,
    ):
        yield one, two


@pytest.fixture
def without_btf(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a kernel without BTF, and of variables that the debug data tells nothing of."""
    monkeypatch.setattr("crashdrive.linux.opening.proven_btf", lambda _kernel: None)


@pytest.fixture
def by_gdb(without_btf: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001 - its effect
    """As of a kernel whose DWARF isn't read here either: gdb is asked."""
    monkeypatch.setattr("crashdrive.linux.opening._image_types", lambda _session: None)


@pytest.mark.usefixtures("by_gdb")
def test_a_second_dump_of_a_kernel_asks_for_no_type(
    pair: tuple[Session, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Opened(pair[0], Store(tmp_path), monkeypatch)
    facts = use(first.kernel)
    assert len(first.about_types()) > 30
    second = Opened(pair[1], Store(tmp_path), monkeypatch)
    assert use(second.kernel) == facts
    assert second.about_types() == []
    assert second.kernel.layouts.queries == 0
    # symbols are the dump's own: KASLR moved them
    assert second.kernel.symbols.queries > 0
    assert second.kernel.symbols.address("init_task") != first.kernel.symbols.address("init_task")
    again = Opened(pair[1], Store(tmp_path), monkeypatch)
    assert use(again.kernel) == facts
    assert again.about_types() == []
    assert again.kernel.symbols.queries == 0


def test_a_second_dump_of_a_kernel_with_btf_asks_for_no_type(
    pair: tuple[Session, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one asks for what BTF lacks alone: dimensions of arrays."""
    first = Opened(pair[0], Store(tmp_path), monkeypatch)
    facts = use(first.kernel)
    second = Opened(pair[1], Store(tmp_path), monkeypatch)
    assert use(second.kernel) == facts
    assert second.about_types() == []


@pytest.mark.usefixtures("without_btf")
def test_a_second_dump_of_a_kernel_without_btf_asks_for_no_type(
    pair: tuple[Session, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one takes types out of the DWARF, and asks for those of variables."""
    first = Opened(pair[0], Store(tmp_path), monkeypatch)
    facts = use(first.kernel)
    assert not [command for command in first.about_types() if "ptype/o struct" in command]
    second = Opened(pair[1], Store(tmp_path), monkeypatch)
    assert use(second.kernel) == facts
    assert second.about_types() == []


@pytest.mark.usefixtures("by_gdb")
def test_what_is_damaged_or_foreign_is_asked_again(
    pair: tuple[Session, Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["struct list_head", "struct hlist_head", "struct rb_root", "struct kref"]
    store = Store(tmp_path)
    first = Opened(pair[0], store, monkeypatch).kernel
    expected = first.layouts.types(names)
    variable = first.variable_type("net_namespace_list")
    with sqlite3.connect(store.path) as database:
        change = "UPDATE entries SET value = {} WHERE kind = 'type' AND name = ?"
        # bytes that decode but aren't what was written; another type's entry; half of one; another kernel's
        database.execute(change.format("CAST(replace(value, 'next', 'nxet') AS BLOB)"), [names[0]])
        other = "(SELECT value FROM entries WHERE name = 'struct kref')"
        database.execute(change.format(other), [names[1]])
        database.execute(change.format("substr(value, 1, 20)"), [names[2]])
        database.execute("UPDATE entries SET key = 'other' WHERE kind = 'type' AND name = ?", [names[3]])
        database.execute("UPDATE entries SET value = x'00' WHERE kind = 'variable'")
    store.close()
    second = Opened(pair[1], store, monkeypatch)
    assert second.kernel.layouts.types(names) == expected
    assert second.kernel.variable_type("net_namespace_list") == variable
    assert second.kernel.layouts.queries == len(names) + 1
    third = Opened(pair[1], store, monkeypatch)
    assert third.kernel.layouts.types(names) == expected
    assert third.kernel.layouts.queries == 0
    store.close()
    store.path.write_bytes(b"this is no database" * 100)
    assert Opened(pair[0], Store(tmp_path), monkeypatch).kernel.layouts.types(names) == expected


def part(path: Path, name: str) -> Section:
    """A section of a vmlinux."""
    with path.open("rb") as file:
        sections = opened_elf(file.fileno()).sections()
        return next(section for section in sections if section.name == name)


def swap(path: Path, places: tuple[int, int], size: int) -> None:
    """Exchange two pieces of a file."""
    with path.open("r+b") as file:
        pieces = [os.pread(file.fileno(), size, place) for place in places]
        for place, piece in zip(places, reversed(pieces), strict=True):
            os.pwrite(file.fileno(), piece, place)


def damage(path: Path) -> None:
    """Exchange the names of two members, and the values of two symbols."""
    names, table, strings = (part(path, name) for name in (".debug_str", ".symtab", ".strtab"))
    with path.open("rb") as file:
        words, values, letters = (os.pread(file.fileno(), s.size, s.offset) for s in (names, table, strings))
    members = [names.offset + words.index(b"\0" + name + b"\0") + 1 for name in (b"skc_daddr", b"skc_dport")]
    swap(path, (members[0], members[1]), 9)
    # names that end alike share their bytes
    named = {
        letters[offset : letters.index(b"\0", offset)]: place
        for place in range(0, len(values), 24)
        for (offset,) in [struct.unpack_from("<I", values, place)]
    }
    entries = [table.offset + named[name] + 8 for name in (b"udp_table", b"udplite_table")]
    swap(path, (entries[0], entries[1]), 8)


def facts(vmlinux: Path, vmcore: Path, version: str, store: Store | None) -> list[object]:
    """What comes from debug data and from the table of symbols."""
    with Session.open(vmlinux, vmcore, crash=[str(crash_binary(version))]) as session:
        kernel = open_kernel(session, store)
        assert "init_task" in kernel.symbols.names()
        members = [kernel.offset("struct sock_common", name) for name in ("skc_daddr", "skc_dport")]
        return [members, kernel.symbols.address("udp_table"), kernel.symbols.address("udplite_table")]


@pytest.mark.usefixtures("by_gdb")
def test_a_damaged_vmlinux_of_the_same_build_harms_no_other(tmp_path: Path) -> None:
    vmcore = dump_file("6.12-kdump-sysrq")
    right, damaged, store = vmcore.parent / "vmlinux", tmp_path / "vmlinux", Store(tmp_path / "store")
    shutil.copy(right, damaged)
    damage(damaged)
    wrong = facts(damaged, vmcore, "8.0.6", store)
    found = facts(right, vmcore, "8.0.6", store)
    assert found == facts(right, vmcore, "8.0.6", None)
    assert found == [[0, 12], wrong[2], wrong[1]]
    assert wrong[0] == [12, 0]
    store.close()
    with sqlite3.connect(store.path) as database:
        keys = [key for (key,) in database.execute("SELECT DISTINCT key FROM entries WHERE kind = 'type'")]
    assert len(keys) == 2
