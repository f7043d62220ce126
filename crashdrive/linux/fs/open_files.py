"""Held files: descriptors of all processes, their programs, roots and working directories."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.fs.descriptor_tables import DescriptorTable, read_tables, unread
from crashdrive.linux.fs.file_facts import file_facts
from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.fs.file_facts import FileFacts
    from crashdrive.linux.survey import Survey

_TASK = {
    "tgid": ("tgid",),
    "comm": ("group_leader->comm",),
    "files": ("files",),
    "slots": ("files->fdt->max_fds",),
    "table": ("files->fdt->fd",),
    "fs": ("fs",),
    "exe": ("mm->exe_file",),
}
_PLACES = {
    "cwd_mount": ("pwd.mnt",),
    "cwd": ("pwd.dentry",),
    "root_mount": ("root.mnt",),
    "root": ("root.dentry",),
}


class HeldFile(Record, frozen=True):
    """A file that a process holds; ``held_by``: a descriptor's number, ``exe``, ``cwd`` or ``root``.

    ``path``: from the root of its mount namespace on; ``deleted``: it has no name any more. ``size``: bytes
    of a regular file. ``file_struct``: its struct file; None for cwd and root.
    """

    pid: int
    comm: str | None
    held_by: str
    path: str | None
    deleted: bool | None
    file_kind: str | None
    size: int | None
    filesystem: str | None
    inode: Long | None
    file_struct: Address | None


class _Holder(NamedTuple):
    pid: int
    comm: str | None
    held_by: str
    file: int


class _Table(NamedTuple):
    pid: int
    comm: str | None
    table: DescriptorTable


def held_files(survey: Survey) -> Iterator[HeldFile]:
    """The files that processes hold, by pid; threads that share their process's table are left out.

    Files that are only mapped, or that are in a socket's queue, are left out.
    """
    kernel = survey.kernel
    tasks = for_each_task(kernel, threads=True)
    survey.walked(tasks, "tasks")
    rows = survey.rows(Fields(kernel, "struct task_struct", _TASK, _TASK), tasks.addresses, "tasks")
    rows = [row for row in rows if row["tgid"]]
    tables = {
        (row["tgid"], row["files"]): _Table(
            row["tgid"], row["comm"], DescriptorTable(row["table"], row["slots"])
        )
        for row in rows
        if row["files"] and row["table"] and row["slots"] is not None
    }
    holders = list(_descriptors(survey, list(tables.values())))
    programs = {(row["tgid"], row["exe"]): row["comm"] for row in rows if row["exe"]}
    holders += [_Holder(pid, comm, "exe", file) for (pid, file), comm in programs.items()]
    facts = file_facts(survey, [one.file for one in holders])
    found = [_of_file(one, facts[one.file]) for one in holders]
    folders = {(row["tgid"], row["fs"]): row["comm"] for row in rows if row["fs"]}
    found += _folders(survey, folders)
    yield from sorted(found, key=lambda one: one.pid)


def _of_file(one: _Holder, facts: FileFacts) -> HeldFile:
    return HeldFile(
        pid=one.pid, comm=one.comm, held_by=one.held_by, path=facts.path, deleted=facts.deleted,
        file_kind=facts.kind, size=facts.size, filesystem=facts.filesystem, inode=facts.inode,
        file_struct=one.file,
    )  # fmt: skip


def _descriptors(survey: Survey, tables: Sequence[_Table]) -> Iterator[_Holder]:
    lost = 0
    found = read_tables(survey.kernel, [one.table for one in tables])
    for one, files in zip(tables, found, strict=True):
        lost += files is None
        for descriptor, file in enumerate(files or ()):
            if file:
                yield _Holder(one.pid, one.comm, str(descriptor), file)
    if lost:
        survey.miss(unread(lost))


def _folders(survey: Survey, processes: Mapping[tuple[int, int], str | None]) -> Iterator[HeldFile]:
    """Working directories and roots."""
    kernel, places = survey.kernel, list(dict.fromkeys(fs for _, fs in processes))
    fields = Fields(kernel, "struct fs_struct", _PLACES, _PLACES)
    known = dict(zip(places, survey.rows(fields, places, "working directories"), strict=True))
    dentries = [row[name] for row in known.values() for name in ("cwd", "root") if row[name]]
    inodes = {"inode": ("d_inode->i_ino",), "filesystem": ("d_sb->s_id",)}
    facts = survey.read(Fields(kernel, "struct dentry", inodes, inodes), dentries, "working directories")
    of_dentry = dict(zip(dentries, row_dicts(facts), strict=True))
    points, shift = MountPoints(survey), kernel.offset("struct mount", "mnt")
    mounts = [row[f"{name}_mount"] for row in known.values() for name in ("cwd", "root")]
    points.bring([mount - shift for mount in mounts if mount], dentries)
    for (pid, fs), comm in processes.items():
        for name in ("cwd", "root"):
            dentry, mount = known[fs][name], known[fs][f"{name}_mount"]
            if dentry and mount:
                yield HeldFile(
                    pid=pid, comm=comm, held_by=name, path=points.path(dentry, mount - shift), deleted=None,
                    file_kind="directory", size=None, file_struct=None, **of_dentry[dentry],
                )  # fmt: skip


def held_below(found: Sequence[HeldFile], path: str) -> list[HeldFile]:
    """The held files at a path, and below it where it is a directory."""
    wanted = path.rstrip("/") or "/"
    below = wanted if wanted == "/" else f"{wanted}/"
    return [
        one for one in found if one.path is not None and (one.path == wanted or one.path.startswith(below))
    ]
