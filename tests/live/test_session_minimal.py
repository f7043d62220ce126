"""A crash without its tables gives the same answers as one with them, or makes way for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from crashdrive.cache.store import Store
from crashdrive.crash import Crash
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.modules.loaded import for_each_module
from crashdrive.linux.opening import open_kernel
from crashdrive.records import Report, to_builtins
from crashdrive.reports import report_names
from crashdrive.session import Session
from tests.live.conftest import crash_binary, dump_file

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

TARGETS = [
    ("6.1-elf-sysrq", "vmcore", "8.0.6"),
    ("6.1-kdump-sysrq", "vmcore", "8.0.2"),
    ("6.12-elf-sysrq", "vmcore.filtered", "9.0.2"),
    ("6.12-kdump-holes", "vmcore", "9.0.2"),
]
PAGE = 4096
NEEDS_AN_ADDRESS = frozenset({"skb"})


class Both(msgspec.Struct):
    """The same dump in a crash with its tables and in one without, with a store in common.

    ``fresh`` is like ``minimal``, but knows nothing of the kernel: its types come from BTF.
    ``told``: what each report is in ``whole``.
    """

    whole: Crash
    minimal: Crash
    fresh: Crash
    told: dict[str, Report]

    @property
    def kernels(self) -> tuple[Kernel, Kernel]:
        return self.whole.kernel, self.fresh.kernel


@pytest.fixture(scope="module", autouse=True)
def patience() -> Iterator[None]:
    """A busy machine takes longer for a start without tables than a user is made to wait for it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("crashdrive.session.launch._MINIMAL_PATIENCE", 120.0)
        yield


@pytest.fixture(scope="module", params=TARGETS, ids="-".join)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    name, file, version = request.param
    crash, vmcore = [str(crash_binary(version))], dump_file(name, file)
    vmlinux, store = vmcore.parent / "vmlinux", Store(tmp_path_factory.mktemp("store"))
    with Session.open(vmlinux, vmcore, crash=crash) as session:
        whole = Crash(session, keep=False)
        whole.kernel = open_kernel(session, store)
        told = {name: whole.run_report(name) for name in reports()}  # and now the store knows the types
        opened = [Session.open(vmlinux, vmcore, crash=crash, minimal=lambda _target: True) for _ in range(2)]
        with opened[0], opened[1]:
            minimal, fresh = (Crash(each, keep=False) for each in opened)
            minimal.kernel = open_kernel(opened[0], store, btf=True)
            # knows no types, and no symbols either: those of the store are crash's
            fresh.kernel = open_kernel(opened[1], None, btf=True)
            assert minimal.kernel.memory._paging
            yield Both(whole, minimal, fresh, told)


def reports() -> list[str]:
    return [name for name in report_names() if name not in NEEDS_AN_ADDRESS]


@pytest.mark.parametrize("name", reports())
def test_reports_are_equal(both: Both, name: str) -> None:
    whole = both.told[name]
    found = [crash.run_report(name) for crash in (both.minimal, both.fresh)]
    assert both.minimal.session.minimal, both.minimal.session.words
    assert both.fresh.session.minimal, both.fresh.session.words
    if takes_holes_for_zeros(both):
        assert not whole.complete
        whole = found[0]
    for other in found:
        for one, another in zip(whole.tables, other.tables, strict=True):
            assert to_builtins(one) == to_builtins(another), one.name
        assert (whole.complete, whole.warnings) == (other.complete, other.warnings)


def test_memory_of_all_kinds_is_equal(both: Both) -> None:
    """Page by page. Around the image crash reads by arithmetic what the kernel, and drgn, have not mapped."""
    whole, minimal = both.kernels
    names = ("init_task", "_stext", "jiffies_64", "__per_cpu_offset", "linux_banner", "_end")
    places = [place for m in for_each_module(whole).addresses for place in (m, first_part(whole, m))]
    places += [whole.symbols.address(name) for name in names]
    places += [whole.per_cpu_address("runqueues", cpu) for cpu in whole.cpus]
    places += list(whole.for_each_task().addresses)[:50]
    places += [0xFFFFFFFFFFFFF000, 0xFFFFFFFFFF600000, 0xFFFF800000000000, 0xFFFFFE0000000000]
    numbers = sorted({(place >> 12) + step for place in places for step in range(-3, 4)})
    wanted = [(number << 12, PAGE) for number in numbers if number << 12 < 1 << 64]
    one, other = whole.gather(wanted), minimal.gather(wanted)
    low, high = whole.symbols.address("_stext"), whole.symbols.address("_end")
    read = 0
    for address, size in wanted:
        theirs, ours = one.get(address, size), other.get(address, size)
        if theirs != ours:
            hole = other.hole(address, size)
            assert hole is not None, hex(address)
            assert hole.reason == "not mapped", hex(address)
            assert not low <= address < high, hex(address)
        read += ours is not None
    assert read > 200
    assert both.fresh.session.minimal


def takes_holes_for_zeros(both: Both) -> bool:
    """Whether the dump opens with --zero_excluded alone: then a whole crash reads what isn't there."""
    return bool(both.whole.health.of_memory)


def of_the_image(kernel: Kernel, name: str) -> list[int]:
    """A symbol's addresses that lie in no module."""
    if not kernel.symbols.has(name):
        return []
    low, high = kernel.symbols.address("_stext"), kernel.symbols.address("_end")
    return [address for address in kernel.symbols.addresses(name) if low <= address < high]


def first_part(kernel: Kernel, module: int) -> int:
    path = kernel.path("struct module", "mem[0].base", "core_layout.base")
    return int(kernel.read_many("struct module", [module], [path]).columns[0][0])


def test_symbols_are_equal(both: Both) -> None:
    whole, minimal = both.kernels
    known = [name for name in whole.symbols.names() if not name.startswith(".")]  # no sections
    names = random.Random(7).sample(known, 3000)  # noqa: S311 - test data
    unequal = [
        name for name in [*names, "no_such_symbol_at_all"]
        if whole.symbols.addresses(name) != minimal.symbols.addresses(name)
    ]  # fmt: skip
    if takes_holes_for_zeros(both):
        # crash reads modules' tables of symbols out of such memory
        unequal = [name for name in unequal if of_the_image(whole, name) != of_the_image(minimal, name)]
        names = [
            name for name in names if of_the_image(whole, name)[:1] == list(whole.symbols.addresses(name)[:1])
        ]
    assert unequal == []
    places = [whole.symbols.addresses(name)[0] + 5 for name in names]
    for place in places:
        one, other = whole.symbols.lookup(place), minimal.symbols.lookup(place)
        assert (one and (one.module, one.symbol.address)) == (other and (other.module, other.symbol.address))
    assert both.fresh.session.minimal


def test_another_command_makes_way(tmp_path: Path) -> None:
    name, file, version = TARGETS[0]
    vmcore = dump_file(name, file)
    crash = [str(crash_binary(version))]
    with Session.open(None, vmcore, crash=crash, minimal=lambda _target: True) as session:
        states = [session.minimal]
        assert list(session.health.options) == ["--minimal"]
        # content with the stand-in for the vmlinux
        assert [attempt.outcome for attempt in session.health.attempts] == ["prompt"]
        assert not session.health.warnings
        assert not session.health.missing
        kernel = open_kernel(session, Store(tmp_path))
        states.append(session.minimal)
        said = session.run("rd linux_banner 2")
        states.append(session.minimal)
        assert states == [True, True, False]
        assert said.ok
        assert list(session.health.options) == []
        assert kernel.read(kernel.symbols.address("linux_banner"), 13) == b"Linux version"
        assert len(Crash(session).ps()) > 50
