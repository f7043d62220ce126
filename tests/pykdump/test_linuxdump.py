"""Parts of LinuxDump that need no dump: stacks by functions, netmasks, packets of a queue, chains."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer import access
from tests.pykdump.test_folders import Tree

LINUXDUMP = "crashdrive.pykdump.layer.linuxdump"
BTstack, netdevice, proto, dcache = (
    importlib.import_module(f"{LINUXDUMP}.{name}")
    for name in ("BTstack", "inet.netdevice", "inet.proto", "fs.dcache")
)


def stack(pid: int, *functions: str) -> Any:
    found = BTstack.BTStack(pid, 0x1000 + pid)
    for name in functions:
        frame = BTstack.BTFrame()
        frame.func = name
        found.frames.append(frame)
    return found


def test_threads_by_the_functions_on_their_stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    every = {1: stack(1, "schedule", "mutex_lock"), 2: stack(2, "schedule", "do_wait")}

    def told(command: str) -> list[Any]:
        return list(every.values()) if "foreach" in command else [every[int(command.split()[1])]]

    monkeypatch.setattr(BTstack, "exec_bt", told)
    pids, tasks, addresses = BTstack.get_threads_subroutines_slow()
    assert (pids["schedule"], pids["do_wait"], tasks["mutex_lock"]) == ({1, 2}, {2}, {0x1001})
    assert addresses == [0x1001, 0x1002]
    # 2 is a leftover on the stack, which bt doesn't confirm
    assert BTstack.funcsMatch({"mutex_lock": {1, 2}, "do_wait": {2}}, "mutex_") == {1}


@pytest.mark.parametrize(
    ("text", "length"), [("ffffff00", 24), ("00000000", 0), ("ffffffff", 32), ("ff00ff00", -1)]
)
def test_lengths_of_netmasks(text: str, length: int) -> None:
    """As the memory of a little-endian kernel has them."""
    assert netdevice.snetmask(int.from_bytes(bytes.fromhex(text), "little")) == length


class Linked(SimpleNamespace):
    def __int__(self) -> int:
        return int(self.place)


def test_packets_of_a_queue_and_their_headers() -> None:
    head = Linked(place=1)
    first = Linked(place=2, head=0x1000, network_header=14, transport_header=34)
    head.next, first.next = first, head
    assert list(proto.walk_skb(head)) == [first]
    assert (proto.skb_network_header(first), proto.skb_transport_header(first)) == (0x100E, 0x1022)


def test_a_chain_that_is_a_circle_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [Linked(place=0x1008), Linked(place=0x2008)]
    nodes[0].next, nodes[1].next = nodes[1], None
    monkeypatch.setattr(access, "SUInfo", lambda _: {"node": SimpleNamespace(offset=8)})
    monkeypatch.setattr(access, "readSU", lambda _, address: address)
    head = SimpleNamespace(first=nodes[0])
    assert list(access.hlist_for_each_entry("struct x", head, "node")) == [0x1000, 0x2000]
    nodes[1].next = nodes[0]
    found = access.hlist_for_each_entry("struct x", head, "node")
    assert [next(found), next(found)] == [0x1000, 0x2000]
    with pytest.raises(CrashError, match="Duplicate entry 0x1008"):
        next(found)


@pytest.mark.parametrize("name", ["i_mtime", "__i_mtime", "i_mtime_sec"])
def test_when_a_file_was_changed_by_the_names_of_three_kernels(name: str) -> None:
    value = 86400 if name == "i_mtime_sec" else SimpleNamespace(tv_sec=86400)
    inode = SimpleNamespace(**{name: value})
    inode.hasField = lambda asked: asked == name
    assert dcache._changed(inode) == 86400


def test_a_path_goes_through_the_mounts_own_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree()
    inside = tree.kernel.offset("struct mount", "mnt")
    monkeypatch.setattr(dcache, "current", lambda: SimpleNamespace(kernel=tree.kernel))
    monkeypatch.setattr(dcache, "StructResult", lambda kind, address: (kind, address))
    mount = ("struct vfsmount", tree.second + inside)
    # the root of a bind mount is no root of a filesystem
    assert dcache.pathname2dentry("/a/") == (("struct dentry", tree.over), mount)
    assert dcache.pathname2dentry("/a/inside") == (("struct dentry", tree.inside), mount)
    assert dcache.pathname2dentry("/a/nosuch") == (None, mount)
    tree.memory.hole(tree.inside)
    with pytest.raises(CrashError, match="'/a/inside': not found: incomplete"):
        dcache.pathname2dentry("/a/inside")
