"""Bulk memory of real dumps, byte for byte and hole for hole against drgn."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from crashdrive.errors import FaultError
from crashdrive.kernel.memory.bulk import Memory
from crashdrive.kernel.objects import address_of
from crashdrive.linux.kernel import Kernel
from tests.kernel.session_double import SessionDouble

if TYPE_CHECKING:
    from tests.live.conftest import Lab

pytestmark = pytest.mark.live

PAGE = 4096
SIZES = [1, 8, 100, 512, 4096, 9000]


def direct_map(lab: Lab) -> int:
    """Where the kernel maps all of memory."""
    (found,) = re.findall(r"= (0x[0-9a-f]+)", lab.session.run("p/x page_offset_base").check().text)
    return int(found, 16)


def some_ranges(lab: Lab, count: int) -> list[tuple[int, int]]:
    """Places all over memory, the same in each run."""
    base, chance = direct_map(lab), random.Random(11)  # noqa: S311 - a sample
    return [(base + chance.randrange(500 << 20), chance.choice(SIZES)) for _ in range(count)]


def peer_bytes(peer: Any, base: int, address: int, size: int) -> bytes | None:
    """What drgn has there: by its own way through the page tables, else by the physical address."""
    import drgn

    for place, physical in ((address, False), (address - base, True)):
        try:
            return bytes(peer.read(place, size, physical))
        except (drgn.FaultError, ValueError):
            continue
    return None


def test_ten_thousand_random_reads_are_those_of_drgn(lab: Lab, peer: Any) -> None:
    base = direct_map(lab)
    wanted = some_ranges(lab, 10_000)
    memory = Memory(lab.session)
    gathered = memory.gather(wanted)
    there = [(a, n, data) for a, n in wanted if (data := gathered.get(a, n)) is not None]
    assert len(there) > 1000
    assert [(hex(a), n) for a, n, data in there if data != peer_bytes(peer, base, a, n)] == []
    assert all(gathered.hole(a, n) for a, n in wanted if gathered.get(a, n) is None)


def test_holes_are_where_drgn_faults_too(lab: Lab, peer: Any) -> None:
    """Only where drgn reads the same file; on a twin without holes all bytes are there, in both."""
    base = direct_map(lab)
    gathered = Memory(lab.session).gather(some_ranges(lab, 3000))
    ends = [address for hole in gathered.holes for address in (hole.address, hole.address + hole.size - 1)]
    readable = [hex(address) for address in ends if peer_bytes(peer, base, address, 1) is not None]
    if lab.vmcore.name == "vmcore":
        assert readable == []
    else:
        assert {hole.reason for hole in gathered.holes} <= {"excluded", "not in the dump", "not mapped"}


def test_bytes_beside_a_hole_are_not_lost(lab: Lab) -> None:
    """Whole runs with holes in them give what the same pages give one by one."""
    base = direct_map(lab)
    start = base + (16 << 20)
    together = Memory(lab.session).gather([(start, 2048 * PAGE)])
    singly = Memory(lab.session)
    singly._gap = 0
    alone = singly.gather([(start + 2 * i * PAGE, PAGE) for i in range(1024)])
    for page in range(0, 2048, 2):
        assert together.get(start + page * PAGE, PAGE) == alone.get(start + page * PAGE, PAGE)


def test_text_gives_the_same_as_the_side_channel(lab: Lab) -> None:
    class Terminal(SessionDouble):
        """The session without its side channel."""

        run = lab.session.run
        run_many = lab.session.run_many

    wanted = some_ranges(lab, 150)
    raw, text = (
        Memory(lab.session).gather(wanted),
        Memory(Terminal(identity=lab.session.identity)).gather(wanted),
    )
    assert raw.chunks == text.chunks
    assert [(h.address, h.size) for h in raw.holes] == [(h.address, h.size) for h in text.holes]


def test_physical_memory_is_the_direct_map(lab: Lab) -> None:
    memory, base = Memory(lab.session), direct_map(lab)
    wanted = [(place << 20, 64) for place in range(1, 400, 7)]
    physical = memory.gather(wanted, space="physical")
    kernel = memory.gather([(base + address, size) for address, size in wanted])
    for address, size in wanted:
        assert physical.get(address, size) == kernel.get(base + address, size)


def test_user_memory_is_that_of_its_task(lab: Lab, kernel: Kernel) -> None:
    """The arguments of a process lie in its own memory; where the dump has them, they name the program."""
    found = 0
    before = lab.session.run("set").check().text
    for task in kernel.for_each_task():
        address, mm = address_of(task), task.mm
        if not mm.value_():
            continue
        start, size = mm.arg_start.value_(), mm.arg_end.value_() - mm.arg_start.value_()
        data = kernel.memory.gather([(start, size)], space="user", task=address).get(start, size)
        if data:
            found += 1
            assert data.endswith(b"\0")
    assert found or lab.vmcore.name != "vmcore" or "kdump" in lab.name
    assert lab.session.run("set").check().text == before


def test_user_pages_are_those_of_drgn(lab: Lab, kernel: Kernel, peer: Any) -> None:
    """The first page of each area; where the dump is drgn's too, a hole is a fault there."""
    import drgn
    from drgn.helpers.linux.mm import access_process_vm

    def theirs(task: Any, page: int) -> bytes | None:
        try:
            return bytes(access_process_vm(task, page, PAGE))
        except (drgn.FaultError, NotImplementedError):
            return None

    there = 0
    for address in list(kernel.for_each_task(threads=False).addresses)[:60:4]:
        pages = [int(area.vm_start) for area in kernel.for_each_vma(address)]
        task = drgn.Object(peer, "struct task_struct *", address)
        gathered = kernel.memory.gather([(page, PAGE) for page in pages], space="user", task=address)
        for page in pages:
            data, other = gathered.get(page, PAGE), theirs(task, page)
            hole = gathered.hole(page, PAGE)
            assert hole is None or hole.reason != "task unknown to crash"
            if data is not None or lab.vmcore.name == "vmcore":
                assert data == other, hex(page)
            there += data is not None
    # crash 8.0.2 knows few tasks of 6.1: their page tables are walked without it
    assert there > 0 or "-elf-" not in lab.name or lab.vmcore.name != "vmcore"


@pytest.mark.parametrize("address", [0, 0xDEAD000000000100, 0x7FFF00001000, 0x8000000000000000])
def test_no_address_of_the_kernel_is_a_fault(lab: Lab, address: int) -> None:
    with pytest.raises(FaultError, match="not an address"):
        Memory(lab.session).read(address, 8)


def test_an_address_that_is_not_mapped_is_a_hole_with_its_reason(lab: Lab) -> None:
    (hole,) = Memory(lab.session).gather([(0xFFFFFFFFFF000000, 64)]).holes
    assert (hole.size, hole.reason) == (64, "not mapped")
