"""Paths of dentries and below mounts, on a kernel that never was."""

from __future__ import annotations

import pytest

from crashdrive.kernel.types.model import Type
from crashdrive.linux.fs.dentries import DentryPaths
from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.fs.open_files import HeldFile, held_below
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import CHAR, PAGE, FakeMemory, fake_kernel, pointer, record

QSTR = record("qstr", ("hash_len", pointer("void")), ("name", pointer(CHAR)))
VFSMOUNT = record("vfsmount", ("mnt_root", pointer("struct dentry")))
TYPES: dict[str, Type] = {
    "struct qstr": QSTR,
    "struct dentry": record("dentry", ("d_parent", pointer("struct dentry")), ("d_name", QSTR)),
    "struct vfsmount": VFSMOUNT,
    "struct mount": record(
        "mount",
        ("mnt_parent", pointer("struct mount")),
        ("mnt_mountpoint", pointer("struct dentry")),
        ("mnt", VFSMOUNT),
    ),
}


class Tree:
    """Dentries, each with its name behind it, and mounts."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.kernel = fake_kernel(self.memory, TYPES)
        self.survey = Survey(self.kernel)
        self.root = self.dentry(0, b"/")
        self.etc = self.dentry(self.root, b"etc")
        self.host = self.dentry(self.etc, b"host name\xff")

    def dentry(self, above: int, name: bytes) -> int:
        place = self.memory.allocate(PAGE, PAGE)
        self.memory.word(place, above or place, 0, place + 64)
        self.memory.write(place + 64, name + b"\0")
        return place

    def mount(self, root: int, above: int = 0, point: int = 0) -> int:
        place = self.memory.allocate(PAGE, PAGE)
        self.memory.word(place, above or place, point or root, root)
        return place

    def path(self, dentry: int) -> str | None:
        paths = DentryPaths(self.survey)
        paths.bring([dentry])
        return paths.path(dentry)


@pytest.fixture
def tree() -> Tree:
    return Tree()


def test_paths_of_dentries(tree: Tree) -> None:
    assert [tree.path(one) for one in (tree.root, tree.etc, tree.host)] == [
        "/", "/etc", r"/etc/host name\xff",
    ]  # fmt: skip
    assert tree.path(tree.dentry(0, b"memfd:x")) == "memfd:x"
    assert tree.survey.complete


def test_a_part_that_is_missing(tree: Tree) -> None:
    tree.memory.hole(tree.etc)
    assert tree.path(tree.host) is None
    assert not tree.survey.complete


def test_a_circle_ends(tree: Tree) -> None:
    tree.memory.word(tree.etc, tree.host)
    assert (tree.path(tree.host) or "").startswith(".../")


def test_paths_over_mounts(tree: Tree) -> None:
    """/etc has a part of another filesystem on it."""
    inner_root = tree.dentry(0, b"/")
    part = tree.dentry(inner_root, b"part")
    file = tree.dentry(part, b"file")
    outer = tree.mount(tree.root)
    inner = tree.mount(part, outer, tree.etc)
    points = MountPoints(tree.survey)
    points.bring([inner], [file, tree.host])
    assert points.path(file, inner) == "/etc/file"
    assert points.path(tree.host, outer) == r"/etc/host name\xff"
    assert (points.point(inner), points.point(outer)) == ("/etc", "/")
    assert points.inside(part) == "/part"


def test_mounts_in_a_circle_have_no_path(tree: Tree) -> None:
    one, other = tree.mount(tree.root), tree.mount(tree.root)
    tree.memory.word(one, other, tree.etc)
    tree.memory.word(other, one, tree.etc)
    points = MountPoints(tree.survey)
    points.bring([one], [tree.etc])
    assert points.path(tree.etc, one) is None


def test_a_mount_that_is_missing(tree: Tree) -> None:
    outer = tree.mount(tree.root)
    tree.memory.hole(outer)
    points = MountPoints(tree.survey)
    points.bring([outer], [tree.etc])
    assert points.path(tree.etc, outer) is None
    assert not tree.survey.complete


def test_what_is_below_a_path() -> None:
    held = [
        HeldFile(
            pid=1, comm=None, held_by="3", path=path, deleted=False, file_kind=None, size=None,
            filesystem=None, inode=None, file_struct=None,
        )
        for path in ("/mnt", "/mnt/a", "/mnt2", None)
    ]  # fmt: skip
    assert [one.path for one in held_below(held, "/mnt/")] == ["/mnt", "/mnt/a"]
    assert [one.path for one in held_below(held, "/")] == ["/mnt", "/mnt/a", "/mnt2"]
