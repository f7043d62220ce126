"""Counts of dentries, inodes and files: fs.dentry-state, fs.inode-nr, fs.file-nr (fs/dcache.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux import percpu
from crashdrive.records import Record

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_COUNTERS = ("nr_dentry", "nr_dentry_unused", "nr_dentry_negative", "nr_inodes", "nr_unused")


class FileCounts(Record, frozen=True):
    """Counts of the whole machine; ``negative_dentries``: unused ones of names that don't exist.

    ``open_files``: how many struct file exist, of at most ``most_files``; fs.file-nr itself is off by dozens.
    """

    dentries: int | None
    unused_dentries: int | None
    negative_dentries: int | None
    inodes: int | None
    unused_inodes: int | None
    open_files: int | None
    most_files: int | None


def file_counts(survey: Survey) -> FileCounts:
    """The counts; None where a CPU's part is missing, or the kernel has no such counter."""
    kernel = survey.kernel
    found = {name: kernel.symbols.address(name) for name in _COUNTERS if kernel.symbols.has(name)}
    sums = percpu.numbers(survey, "unsigned long", "", list(found.values()))
    values = {name: _signed(sums[address], 8 * kernel.pointer_size) for name, address in found.items()}
    return FileCounts(
        dentries=values.get("nr_dentry"),
        unused_dentries=values.get("nr_dentry_unused"),
        negative_dentries=values.get("nr_dentry_negative"),
        inodes=values.get("nr_inodes"),
        unused_inodes=values.get("nr_unused"),
        open_files=percpu.counters(survey, [kernel.symbols.address("nr_files")], "the count of open files")[
            0
        ],
        most_files=_most_files(survey),
    )


def _signed(total: int | None, bits: int) -> int | None:
    """The sum of the CPUs' parts, each of which may be negative; a negative sum counts as 0."""
    if total is None:
        return None
    value = total & ((1 << bits) - 1)
    return 0 if value >> (bits - 1) else value


def _most_files(survey: Survey) -> int | None:
    kind, place = "struct files_stat_struct", survey.kernel.symbols.address("files_stat")
    columns = survey.kernel.read_many(kind, [place], ["max_files"])
    found: int | None = survey.gaps(columns, "the limit of open files")["max_files"][0]
    return found
