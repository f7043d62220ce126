"""Folders in memory: paths across mounts, lists that break off, and what can't be read."""

from __future__ import annotations

import time

import pytest

from crashdrive.errors import CommandFailedError, IncompleteError
from crashdrive.kernel.types.model import ArrayType
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.survey import Survey
from crashdrive.pykdump.folders import listing, lookup
from tests.kernel.fake_memory import (
    CHAR,
    LIST_HEAD,
    LONG,
    PAGE,
    UINT,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

QSTR = record("qstr", ("name", pointer(CHAR)))
TIME = record("timespec64", ("tv_sec", LONG))
INODE = record(
    "inode", ("i_mode", UINT), ("i_uid", UINT), ("i_gid", UINT), ("i_size", LONG), ("i_mtime", TIME)
)
DENTRY = record(
    "dentry",
    ("d_parent", pointer("struct dentry")),
    ("d_name", QSTR),
    ("d_inode", pointer("struct inode")),
    ("d_child", LIST_HEAD),
    ("d_subdirs", LIST_HEAD),
    ("d_iname", ArrayType(CHAR, 16)),
)
VFSMOUNT = record("vfsmount", ("mnt_root", pointer("struct dentry")), ("mnt_flags", UINT))
MOUNT = record(
    "mount",
    ("mnt_parent", pointer("struct mount")),
    ("mnt_mountpoint", pointer("struct dentry")),
    ("mnt", VFSMOUNT),
    ("mnt_list", LIST_HEAD),
)
NAMESPACE = record("mnt_namespace", ("list", LIST_HEAD))
PROXY = record("nsproxy", ("mnt_ns", pointer("struct mnt_namespace")))
TASK = record("task_struct", ("nsproxy", pointer("struct nsproxy")))
KINDS = (QSTR, TIME, INODE, DENTRY, VFSMOUNT, MOUNT, NAMESPACE, PROXY, TASK)


class Tree:
    """Two filesystems: the second one is mounted on ``/a`` of the first, which has ``/a`` and ``/gone``."""

    def __init__(self) -> None:
        self.memory = memory = FakeMemory()
        task, proxy, self.namespace = (memory.allocate(kind.size) for kind in (TASK, PROXY, NAMESPACE))
        memory.word(task, proxy)
        memory.word(proxy, self.namespace)
        self.kernel: Kernel = fake_kernel(
            memory, {f"struct {kind.name}": kind for kind in KINDS}, {"init_task": task}
        )
        self.root, self.point = self.dentry("/"), self.dentry("a")
        self.gone = self.dentry("gone", inode=False)
        self.file = self.dentry("file", mode=0o100644, size=123)
        self.over, self.inside = self.dentry("/"), self.dentry("inside")
        self.fill(self.root, self.point, self.gone, self.file)
        self.fill(self.over, self.inside)
        for other in (self.point, self.gone, self.file, self.inside):
            self.fill(other)
        first, second = (memory.allocate(MOUNT.size, PAGE) for _ in range(2))
        self.second = second
        memory.word(first, first, self.root, self.root)
        memory.word(second, first, self.point, self.over)
        link_list(memory, self.namespace, [one + MOUNT.size - 16 for one in (first, second)])

    def dentry(self, name: str, mode: int = 0o040755, size: int = 0, *, inode: bool = True) -> int:
        place = self.memory.allocate(DENTRY.size, PAGE)
        own, text = place + DENTRY.size, place + DENTRY.size - 16
        self.memory.write(text, name.encode())
        self.memory.word(place, 0, text, own if inode else 0)
        self.memory.allocate(INODE.size)
        self.memory.write(own, bytes(INODE.size))
        self.memory.int32(own, mode)
        self.memory.word(own + 16, size, 86400)
        return place

    def fill(self, folder: int, *children: int) -> None:
        link_list(self.memory, folder + 40, [child + 24 for child in children])


def lines(survey: Survey, dentry: int, verbose: int = 0) -> list[str]:
    return list(listing(survey, dentry, verbose=verbose))


def test_a_path_crosses_mounts() -> None:
    tree = Tree()
    survey = Survey(tree.kernel)
    assert [lookup(survey, path) for path in ("/", "/a", "/a/inside", "/a/../file")] == [
        tree.root, tree.over, tree.inside, tree.file,
    ]  # fmt: skip
    assert survey.complete
    for path in ("/nosuch", "/gone", "/file/below"):
        with pytest.raises(CommandFailedError, match="no such name in memory"):
            lookup(survey, path)


def test_a_folder_lists_its_entries_and_a_file_itself() -> None:
    tree = Tree()
    survey = Survey(tree.kernel)
    moment = time.strftime("%Y-%m-%d %H:%M", time.localtime(86400))
    assert lines(survey, tree.root) == [
        f" drwxr-xr-x     0     0          0 {moment} a",
        f" -rw-r--r--     0     0        123 {moment} file",
    ]
    assert lines(survey, tree.file, 1) == [
        f" -- <struct dentry {tree.file:#x}> file",
        f"       <struct inode {tree.file + DENTRY.size:#x}>   mode=00100644",
        f"       -rw-r--r--     0     0        123 {moment} file",
    ]
    assert f" -- <struct dentry {tree.gone:#x}>  (stale) gone" in lines(survey, tree.root, 2)
    assert survey.complete


def test_a_folder_whose_list_breaks_off_is_incomplete_and_is_not_listed_as_a_file() -> None:
    tree = Tree()
    tree.memory.hole(tree.inside)
    survey = Survey(tree.kernel)
    assert lines(survey, tree.over) == []
    assert not survey.complete
    with pytest.raises(IncompleteError, match=r"'/a/inside': .*: incomplete: the folder: .*excluded"):
        lookup(Survey(tree.kernel), "/a/inside")


def test_a_folder_in_a_circle_ends() -> None:
    tree = Tree()
    tree.memory.word(tree.file + 24, tree.point + 24)
    survey = Survey(tree.kernel)
    assert len(lines(survey, tree.root)) == 2
    assert not survey.complete


def test_an_inode_that_is_missing_is_marked() -> None:
    tree = Tree()
    tree.memory.word(tree.file + 16, 0xFFFF_8880_7000_0000)
    survey = Survey(tree.kernel)
    assert lines(survey, tree.file, 1)[1:] == [
        "       <struct inode 0xffff888070000000>   mode=?",
        "       ?              ?     ?          ? ?                file",
    ]
    assert not survey.complete


def test_mounts_that_are_missing_are_no_other_folder() -> None:
    """What a mount with a missing root covers isn't shown for it."""
    tree = Tree()
    tree.memory.word(tree.second + 16, 0xFFFF_8880_7000_0000)
    with pytest.raises(IncompleteError):
        lookup(Survey(tree.kernel), "/a/inside")
    tree.memory.hole(tree.second)
    with pytest.raises(IncompleteError, match="incomplete: mounts: "):
        lookup(Survey(tree.kernel), "/a/inside")
