"""netstat of a dump that was damaged: what is lost is said, all else is as before."""

from __future__ import annotations

import re
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.kernel import Kernel
from crashdrive.records import Report
from crashdrive.session import Session

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def reported(lab: Any) -> Report:
    """Everything, with processes and details."""
    return Crash(lab.session, keep=False).report("netstat", all=True, processes=True, detail=True)


class Patched:
    """A copy of an ELF dump in which words can be changed."""

    def __init__(self, lab: Any, path: Path) -> None:
        self._session = lab.session
        self.path = path
        shutil.copyfile(lab.vmcore, path)
        self._file = path.open("r+b")
        head = self._file.read(64)
        offset, size, count = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        self._file.seek(offset)
        table = self._file.read(size * count)
        # type, flags, offset, virtual and physical address, size in the file
        self._loads = [struct.unpack_from("<IIQQQQ", table, i * size) for i in range(count)]

    def word(self, address: int, value: int) -> None:
        """Change the word at a kernel virtual address."""
        text = self._session.run(f"vtop {address:x}").check().text
        found = re.search(rf"{address:x} +([0-9a-f]+)", text)
        assert found
        physical = int(found[1], 16)
        (place,) = (
            offset + physical - start
            for kind, _, offset, _, start, size in self._loads
            if kind == 1 and start <= physical < start + size
        )
        self._file.seek(place)
        self._file.write(struct.pack("<Q", value))

    def close(self) -> None:
        self._file.close()


def test_a_damaged_copy(lab: Any, reported: Report, tmp_path: Path) -> None:
    """Loop, poison, a socket without file, a task without files, a namespace that is on no list."""
    if lab.vmcore.name != "vmcore" or "-elf-" not in lab.name:
        pytest.skip("only ELF dumps are easy to change")
    kernel = Crash(lab.session, keep=False).kernel
    sockets = [row for row in reported.table("sockets").rows if row.program == "connections"]
    plain = [row.address for row in sockets if row.state == "ESTABLISHED" and row.proto == "tcp"]
    node = kernel.offset("struct sock_common", "skc_nulls_node")
    # of chains that differ: behind one that is damaged nothing is found any more
    chains = {chain[-1]: (start, chain[:-1]) for start in plain if (chain := behind_of(kernel, start, node))}
    (looped, lost), (poisoned, others), (fileless, _), (homeless, _), *_ = chains.values()
    behind = {*lost, *others}
    tasks = kernel.for_each_task(threads=False)
    task = tasks.addresses[list(tasks.read(["tgid"])["tgid"]).index(udp_pid(reported))]
    copy = Patched(lab, tmp_path / "vmcore")
    copy.word(looped + node, looped + node)
    copy.word(poisoned + node, 0xDEAD000000000122)
    copy.word(fileless + kernel.offset("struct sock", "sk_socket"), 0)
    copy.word(homeless + kernel.offset("struct sock_common", "skc_net.net"), 0xFFFF888000001000)
    copy.word(task + kernel.offset("struct task_struct", "files"), 0)
    copy.close()
    with Session.open(lab.vmlinux, copy.path, crash=[str(lab.crash)]) as session:
        report = Crash(session, keep=False).report("netstat", all=True, processes=True, detail=True)
    copy.path.unlink()  # pytest would keep it
    damaged = {row.address: row for row in report.table("sockets").rows}
    whole = {row.address: row for row in reported.table("sockets").rows}
    assert not report.complete
    assert {"loop", "poison"} <= {notice.kind for notice in report.warnings}
    assert damaged.keys() <= whole.keys()
    assert whole.keys() - damaged.keys() <= behind
    assert (damaged[fileless].inode, damaged[fileless].pid) == (0, None)
    assert damaged[homeless].netns == "ffff888000001000"
    assert not [row for row in damaged.values() if row.program == "udp"]
    touched = {fileless, homeless}
    for address, row in damaged.items():
        if address not in touched and whole[address].program != "udp":
            assert row == whole[address]


def behind_of(kernel: Kernel, socket: int, node: int) -> list[int]:
    """The sockets behind one in its chain, and the mark at the chain's end, which tells the chain."""
    found, following = list[int](), kernel.read_pointer(socket + node)
    while not following & 1:
        found.append(following - node)
        following = kernel.read_pointer(following)
    return [*found, following]


def udp_pid(report: Report) -> int:
    return int(next(row.pid for row in report.table("sockets").rows if row.program == "udp"))
