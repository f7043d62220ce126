"""Mounts of all mount namespaces, as /proc/PID/mountinfo has them (fs/proc_namespace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.fs.mounts import for_each_mount
from crashdrive.linux.fs.namespace_files import namespace_names
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.survey import Survey

_KIND = "struct mount"
_SUPER = {
    "super_block": ("mnt.mnt_sb",),
    "device": ("mnt.mnt_sb->s_dev",),
    "super_flags": ("mnt.mnt_sb->s_flags",),
    "type": ("mnt.mnt_sb->s_type->name",),
    "subtype": ("mnt.mnt_sb->s_subtype",),
}
_FIELDS = {
    "id": ("mnt_id",),
    "parent_id": ("mnt_parent->mnt_id",),
    "root": ("mnt.mnt_root",),
    # nsfs: the namespace that the file stands for
    "namespace": ("mnt.mnt_root->d_inode->i_private",),
    "flags": ("mnt.mnt_flags",),
    "source": ("mnt_devname",),
    "group": ("mnt_group_id",),
    "master": ("mnt_master->mnt_group_id",),
    **_SUPER,
}
_NEEDED = ("id", "root", "flags", "super_block", "super_flags", "type")
_TASK = {"namespace": ("nsproxy->mnt_ns",), "inum": ("nsproxy->mnt_ns->ns.inum",), "pid": ("pid",)}
# MNT_READONLY of include/linux/mount.h; the others in the order in which the kernel prints them
_READ_ONLY, _SUPER_READ_ONLY = 0x40, 1
_OPTIONS = {
    0x01: "nosuid",
    0x02: "nodev",
    0x04: "noexec",
    0x08: "noatime",
    0x10: "nodiratime",
    0x20: "relatime",
    0x80: "nosymfollow",
}
_SUPER_OPTIONS = {1 << 4: "sync", 1 << 7: "dirsync", 1 << 6: "mand", 1 << 25: "lazytime"}
_MINOR_BITS = 20


class MountNamespace(NamedTuple):
    """A mount namespace: its inode number, and the lowest pid in it."""

    address: int
    inum: int
    pid: int


class MountRow(Record, frozen=True):
    """A line of /proc/PID/mountinfo.

    ``mount_namespace``: its inode number, ``first_pid`` the lowest pid in it. ``root``: the directory of the
    filesystem that is mounted. ``mount_options``: those of the mount; ``super_options``: those of the
    filesystem that all types have (``rw``, ``sync``), without the type's own. ``propagation``: ``shared:1
    master:2``.
    """

    mount_namespace: int
    first_pid: int
    mount_id: int
    parent_id: int | None
    major: int | None
    minor: int | None
    root: str | None
    mount_point: str | None
    mount_options: str
    super_options: str | None
    type: str | None
    source: str | None
    propagation: str
    super_block: Address
    address: Address


def mount_namespaces(survey: Survey) -> list[MountNamespace]:
    """The mount namespaces with processes, by their lowest pids."""
    tasks = for_each_task(survey.kernel, threads=True)
    survey.walked(tasks, "tasks")
    fields = Fields(survey.kernel, "struct task_struct", _TASK, _TASK)
    found: dict[int, MountNamespace] = {}
    for row in survey.rows(fields, tasks.addresses, "mount namespaces"):
        address, pid = row["namespace"], row["pid"]
        known = address and row["inum"] is not None and pid is not None
        if known and (address not in found or pid < found[address].pid):
            found[address] = MountNamespace(address, row["inum"], pid)
    return sorted(found.values(), key=lambda one: one.pid)


def mount_rows(survey: Survey) -> Iterator[MountRow]:
    """The mounts of all mount namespaces, in the order of the mount ids."""
    places: list[tuple[MountNamespace, int]] = []
    for namespace in mount_namespaces(survey):
        mounts = for_each_mount(survey.kernel, namespace.address)
        survey.walked(mounts, "mounts")
        places += [(namespace, mount) for mount in mounts.addresses]
    yield from _rows(survey, places)


def _rows(survey: Survey, places: Sequence[tuple[MountNamespace, int]]) -> Iterator[MountRow]:
    fields = Fields(survey.kernel, _KIND, _FIELDS, _NEEDED)
    rows = survey.rows(fields, [mount for _, mount in places], "mounts")
    words = (row[name] for row in rows for name in ("type", "subtype", "source"))
    names = texts(survey, words, "mounts", longest=4096)
    points = MountPoints(survey)
    points.bring(mount for _, mount in places)
    special = namespace_names(survey, [row["namespace"] for row in rows if names[row["type"]] == "nsfs"])
    for (namespace, mount), row in zip(places, rows, strict=True):
        if row["id"] is None or row["flags"] is None:
            continue
        kind, subtype, device = names[row["type"]], names[row["subtype"]], row["device"]
        yield MountRow(
            mount_namespace=namespace.inum,
            first_pid=namespace.pid,
            mount_id=row["id"],
            parent_id=row["parent_id"],
            major=None if device is None else device >> _MINOR_BITS,
            minor=None if device is None else device & ((1 << _MINOR_BITS) - 1),
            root=special.get(row["namespace"]) if kind == "nsfs" else points.inside(row["root"]),
            mount_point=points.point(mount),
            mount_options=_options(row["flags"], _READ_ONLY, _OPTIONS),
            super_options=super_options(row["super_flags"]),
            type=f"{kind}.{subtype}" if kind and subtype else kind,
            source=names[row["source"]] if row["source"] else "none",
            propagation=_propagation(row),
            super_block=row["super_block"] or 0,
            address=mount,
        )


def super_options(flags: int | None) -> str | None:
    """The options that a filesystem of any type has, by ``super_block.s_flags``."""
    return None if flags is None else _options(flags, _SUPER_READ_ONLY, _SUPER_OPTIONS)


def _options(flags: int, read_only: int, names: Mapping[int, str]) -> str:
    first = "ro" if flags & read_only else "rw"
    return ",".join([first, *(name for bit, name in names.items() if flags & bit)])


def _propagation(row: Mapping[str, Any]) -> str:
    words = [f"shared:{row['group']}"] if row["flags"] & 0x1000 else []  # MNT_SHARED
    return " ".join([*words, *([f"master:{row['master']}"] if row["master"] else [])])
