"""Numbers of open files of processes: the set bits of ``files_struct.fdt->open_fds``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.fs.descriptor_tables import MOST_SLOTS
from crashdrive.linux.survey import Fields
from crashdrive.records import Notice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from crashdrive.linux.survey import Survey

_FIELDS = {"slots": ("fdt->max_fds",), "bits": ("fdt->open_fds",)}


def open_counts(survey: Survey, tables: Iterable[int | None]) -> dict[int | None, int | None]:
    """Open files by the address of a ``struct files_struct``; None where the dump lacks it."""
    wanted = list(dict.fromkeys(table for table in tables if table))
    fields = Fields(survey.kernel, "struct files_struct", _FIELDS, _FIELDS)
    rows = survey.addressed(fields, wanted, "tables of open files")
    sound = {
        table: (row["bits"], row["slots"] // 8)
        for table, row in rows
        if row["bits"] and row["slots"] is not None and 0 < row["slots"] <= MOST_SLOTS
    }
    memory = survey.kernel.gather(sound.values())
    found: dict[int | None, int | None] = dict.fromkeys(wanted)
    for table, (address, size) in sound.items():
        data = memory.get(address, size)
        found[table] = None if data is None else int.from_bytes(data, "little").bit_count()
    unread = sum(count is None for count in found.values())
    if unread:
        message = f"the open files of {unread} processes can't be counted"
        survey.miss([Notice(kind="hole", message=message)])
    return found
