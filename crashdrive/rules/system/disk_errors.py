"""Disks or their filesystems reported errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from crashdrive.rules import Match, matches, rule
from crashdrive.text import counted

if TYPE_CHECKING:
    from crashdrive.linux.block.errors import DiskError


@rule(
    id="disk-errors",
    severity="critical",
    looks_at=("block.errors",),
    message="the log tells of {count:kind|kinds} of errors of disks or their filesystems",
    threshold="any message",
    explanation=(
        "Data that was to be read or written is lost; a filesystem may turn read-only after such an error."
    ),
    advice="Look at the disk, its path and the host; messages: crashdrive report dmesg --grep error.",
    reference="block/blk-mq.c: blk_print_req_error(), fs/buffer.c: buffer_io_error()",
)
def disk_errors(errors: Iterable[DiskError]) -> Iterator[Match]:
    return matches(errors, _told)


def _told(one: DiskError) -> str:
    often = counted(one.count, "time", "times")
    return f"{one.device}: {one.kind}, {often}, from {one.first_seen:.3f} on: {one.text}"
