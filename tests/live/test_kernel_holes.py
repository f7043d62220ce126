"""A dump without some pages that the kernel used: what is lost is said, and all else is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crashdrive.crash import open_dump
from crashdrive.errors import FaultError, IncompleteError, KernelError
from crashdrive.linux.kernel import Kernel
from tests.live.conftest import crash_binary, dump_file

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]
drgn = pytest.importorskip("drgn")

DUMP = "6.12-kdump-holes"
PAGE = 4096


@pytest.fixture(scope="module", params=["8.0.6", "9.0.2"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """The dump's kernel in each crash that knows it.

    Types are those of the vmlinux: where crash comes up with --minimal alone, gdb has none.
    """
    vmcore = dump_file(DUMP)
    crash = [str(crash_binary(request.param))]
    with open_dump(vmcore.parent / "vmlinux", vmcore, crash=crash, btf=True, cache=False) as opened:
        yield opened.kernel


@pytest.fixture(scope="module")
def peer() -> Any:
    """drgn on the same dump."""
    program = drgn.Program()
    try:
        program.set_core_dump(dump_file(DUMP))
    except (OSError, ValueError) as error:
        pytest.skip(f"drgn doesn't open {DUMP}: {error}")
    program.load_debug_info([dump_file(DUMP, "vmlinux")])
    return program


def page_of(peer: Any, address: int) -> bytes | None:
    try:
        return bytes(peer.read(address, PAGE))
    except drgn.FaultError:
        return None


def test_every_page_is_that_of_drgn_or_a_hole_in_both(kernel: Kernel, peer: Any) -> None:
    base = kernel.symbol("page_offset_base").value_()
    # runs of eight pages, so that there are holes beside data within one request
    pages = [base + (first + i) * PAGE for first in range(256, 190_000, 97) for i in range(8)]
    gathered = kernel.gather([(page, PAGE) for page in pages])
    there = [page for page in pages if gathered.get(page, PAGE) is not None]
    assert [hex(p) for p in pages if gathered.get(p, PAGE) != page_of(peer, p)] == []
    assert 1000 < len(there) < len(pages) - 1000
    assert {hole.reason for hole in gathered.holes} == {"excluded", "not in the dump"}
    assert sum(len(chunk.data) for chunk in gathered.chunks) == len(there) * PAGE
    assert sum(hole.size for hole in gathered.holes) == (len(pages) - len(there)) * PAGE


def border(kernel: Kernel) -> int:
    """The end of a readable page with an excluded one behind it."""
    base = kernel.symbol("page_offset_base").value_()
    gathered = kernel.gather([(base + (16 << 20), 64 << 20)])
    ends = {chunk.address + len(chunk.data) for chunk in gathered.chunks}
    return next(hole.address for hole in gathered.holes if hole.address in ends)


def test_a_structure_with_a_hole_in_its_middle(kernel: Kernel) -> None:
    edge = border(kernel)
    kind, offset = "struct task_struct", kernel.offset("struct task_struct", "pid")
    task = kernel.object(kind, edge - offset)
    assert isinstance(task.flags.value_(), int)
    with pytest.raises(FaultError, match="excluded"):
        task.pid.value_()
    shown = repr(task)
    assert "  pid = <not in the dump: excluded>,\n" in shown
    assert f"\n  flags = {task.flags.value_()},\n" in shown
    columns = kernel.read_many(kind, [edge - offset, edge - 64 * PAGE], ["flags", "pid", "comm"])
    row = next(iter(columns))
    assert row == (task.flags.value_(), None, None)
    assert [(gap.row, gap.column, gap.reason) for gap in columns.gaps if gap.row == 0] == [
        (0, 1, "excluded"),
        (0, 2, "excluded"),
    ]
    with pytest.raises(FaultError):
        columns.check()
    with pytest.raises(FaultError) as error:
        kernel.read(edge - 8, 16)
    assert (error.value.address, error.value.reason) == (edge, "excluded")


def test_walks_say_where_they_were_cut(kernel: Kernel) -> None:
    """Which slab pages are missing differs by dump: some tasks and mounts, or none."""
    # a dump that opens with --zero_excluded alone says so of each walk
    zeros = {"zeros"} if "--zero_excluded" in kernel.session.health.options else set()
    tasks = kernel.for_each_task()
    assert tasks.complete == (not tasks.problems)
    assert {problem.kind for problem in tasks.problems} <= {"hole"} | zeros
    holes = [problem for problem in tasks.problems if problem.kind == "hole"]
    assert all("is not in the dump (excluded)" in hole.message for hole in holes)
    if not tasks.complete:
        with pytest.raises((KernelError, IncompleteError), match="found"):
            tasks.check()
    answer = kernel.tasks(threads=False)
    assert answer.complete == (not answer.warnings)
    # both were there when the guest looked, and live as long as it
    assert {1, 2} <= {record.pid for record in answer} or not answer.complete
    modules = kernel.for_each_module()
    assert modules.complete == (not zeros)
    assert {problem.kind for problem in modules.problems} <= zeros
    mounts = kernel.for_each_mount()
    assert mounts.complete == (not mounts.problems)
    assert {problem.kind for problem in mounts.problems} <= {"hole"} | zeros


def test_a_hash_table_with_holes_in_it(kernel: Kernel) -> None:
    info = kernel.symbol("tcp_hashinfo")
    table = kernel.walk_table(
        info.ehash, int(info.ehash_mask) + 1, "struct sock", "__sk_common.skc_nulls_node",
        step=kernel.sizeof("struct inet_ehash_bucket"), nulls=True, nulls_base=0,
        fields=["__sk_common.skc_state", "__sk_common.skc_family"],
    )  # fmt: skip
    zeros = {"zeros"} if "--zero_excluded" in kernel.session.health.options else set()
    assert table.complete == (not table.problems)
    assert {problem.kind for problem in table.problems} <= {"hole"} | zeros
    assert table.columns is not None
    found = [row for row in table.columns if None not in row]
    # of some 200 sockets, of which a page holds one
    assert len(found) > 50
    assert len(found) == len(table.columns) or not table.columns.complete
    assert {family for _, family in found} <= {2, 10}
    assert {state for state, _ in found} <= set(range(1, 14))
