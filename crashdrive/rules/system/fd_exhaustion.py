"""The machine has nearly as many files open as fs.file-max allows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule

if TYPE_CHECKING:
    from crashdrive.linux.fs.counts import FileCounts

PERCENT = 90


@rule(
    id="fd-exhaustion",
    severity="critical",
    looks_at=("files.counts",),
    message="the machine has nearly as many open files as fs.file-max allows",
    threshold=f"{PERCENT} % of fs.file-max, or more",
    explanation="open(), accept() and socket() fail with ENFILE for all users but root.",
    advice="See which processes have most: crashdrive report ps --sort open_files --show io.",
    reference="fs/file_table.c: alloc_empty_file()",
)
def fd_exhaustion(counts: Iterable[FileCounts]) -> Iterator[Match]:
    return matches((row for row in counts if _is_full(row)), _told)


def _is_full(row: FileCounts) -> bool:
    return bool(row.most_files) and (row.open_files or 0) * 100 >= (row.most_files or 0) * PERCENT


def _told(row: FileCounts) -> str:
    return f"{row.open_files} files are open of {row.most_files}"
