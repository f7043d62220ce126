r"""Filesystems, mounts, locks on files, and who holds which file.

\b
Examples:
  crashdrive report files vmcore
  crashdrive report files --who /mnt vmcore    who holds it, or what is below
  crashdrive report files --deleted vmcore     files without a name, held
  crashdrive report files --all vmcore         mounts of all namespaces

Mounts are those of the first process; with --all those of every mount namespace that has processes.
super_options are those that all types of filesystems have: what a type itself adds (size=, errors=) isn't
read. dirty_bytes are of the device, whatever is on it. --who and --deleted look at descriptors, programs,
working directories and roots, not at mapped files.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.fs.counts import file_counts
from crashdrive.linux.fs.file_locks import file_locks
from crashdrive.linux.fs.mount_table import mount_rows
from crashdrive.linux.fs.open_files import held_below, held_files
from crashdrive.linux.fs.super_blocks import super_blocks
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "files"
SUMMARY = "Filesystems and their state, mounts, locks on files, who holds which file."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(
        name="who", flags=("-w", "--who"), kind="text", many=True,
        help="Processes that hold this path, or what is below it.",
    ),
    Option(name="deleted", flags=("-d", "--deleted"), help="Files without a name that processes hold."),
    Option(name="all", flags=("-a", "--all"), help="Mounts of all mount namespaces."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """All tables, and who holds the files that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    counts = survey.attempt("counts of files", lambda: [file_counts(survey)])
    mounts = survey.attempt("mounts", partial(mount_rows, survey))
    points: dict[int, list[str | None]] = {}
    for row in mounts:
        points.setdefault(row.super_block, []).append(row.mount_point)
    blocks = survey.attempt("filesystems", partial(super_blocks, survey, points))
    locks = survey.attempt("locks on files", partial(file_locks, survey))
    first = min((row.first_pid for row in mounts), default=0)
    shown = [row for row in mounts if asked["all"] or row.first_pid == first]
    space = ("mount_namespace",) if asked["all"] else ()
    tables = [
        Table(name="filesystems", rows=blocks, columns=_BLOCK, title="Filesystems"),
        Table(name="mounts", rows=shown, columns=(*space, *_MOUNT), title="Mounts"),
        Table(name="locks", rows=locks, columns=_LOCK, title="Locks on files"),
        Table(name="counts", rows=counts, layout="fields", title="Counts"),
    ]
    if asked["who"] or asked["deleted"]:
        held = survey.attempt("open files", partial(held_files, survey))
        if asked["who"]:
            found = {one: None for path in asked["who"] for one in held_below(held, path)}
            tables.insert(0, Table(name="holders", rows=list(found), columns=_HOLDER, title="Who holds it"))
        if asked["deleted"]:
            gone = [one for one in held if one.deleted]
            tables.insert(0, Table(name="deleted", rows=gone, columns=_GONE, title="Deleted files"))
    return judged(report_of(NAME, survey, tables), "system")


_BLOCK = (
    "type", "name", "mount_point", "super_options", "frozen", "state", "dirty_bytes", "writeback_bytes",
    "mounts",
)  # fmt: skip
_MOUNT = ("mount_point", "type", "source", "mount_options", "root", "super_options", "propagation")
_LOCK = ("lock_type", "lock_mode", "pid", "comm", "waits_for", "path", "first_byte", "last_byte", "address")
_HOLDER = ("pid", "comm", "held_by", "file_kind", "path", "deleted")
_GONE = ("pid", "comm", "held_by", "size", "path", "file_kind", "filesystem")
