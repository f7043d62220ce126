"""Errors of disks and their filesystems in the kernel's log, by device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.linux.printk.messages import found as messages
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashdrive.linux.printk.message import Message
    from crashdrive.linux.survey import Survey

# a device's name as the kernel writes it; that of a journal ends in its inode number
_NAME = r"(?P<device>[a-z][\w:!.]*(?:-\d+)?)"
_KINDS = (
    # fs/buffer.c: buffer_io_error(); block/blk-core.c, blk-mq.c: blk_print_req_error()
    ("I/O error", rf"Buffer I/O error on dev(?:ice)? {_NAME},"),
    ("I/O error", rf"\b[\w/ -]*error, dev {_NAME}, sector \d+"),
    # drivers/scsi, drivers/nvme
    ("device error", rf"^sd [\d:]+: \[{_NAME}\] .*(?:FAILED|Medium Error|Hardware Error|timing out)"),
    ("timeout", rf"^nvme {_NAME}: I/O (?:tag )?\d+.* timeout"),
    ("device error", rf"^nvme {_NAME}: (?:controller is down|Removing after probe failure)"),
    # fs/ext4/super.c, fs/xfs/xfs_message.c, fs/btrfs/messages.c, fs/jbd2/journal.c
    ("filesystem error", rf"^EXT4-fs error \(device {_NAME}\)"),
    ("filesystem error", rf"^EXT4-fs warning \(device {_NAME}\): .*I/O error"),
    ("filesystem error", rf"^BTRFS (?:error|critical|alert)[^(]*\(device {_NAME}"),
    (
        "filesystem error",
        rf"^XFS \({_NAME}\): (?:.*(?:I/O [Ee]rror|[Cc]orruption|shutdown|Shutting down)|log I/O error)",
    ),
    ("journal aborted", r"^Aborting journal on device (?P<device>[\w:!.-]+?)(?:-\d+)?\.$"),
    ("remounted read-only", rf"^EXT4-fs \({_NAME}\): Remounting filesystem read-only"),
)
_PATTERNS = [(kind, re.compile(pattern)) for kind, pattern in _KINDS]
_WORDS = re.compile(r"error|timeout|FAILED|Abort|Remount|timing out|down", re.IGNORECASE)


class DiskError(Record, frozen=True):
    """Messages of one kind about one device; ``first_seen`` and ``last_seen`` in seconds since boot.

    ``kind``: ``I/O error``, ``device error``, ``timeout``, ``filesystem error``, ``journal aborted``,
    ``remounted read-only``. ``text``: the first of them.
    """

    device: str
    kind: str
    count: int
    first_seen: float
    last_seen: float
    text: str


class _Hit(NamedTuple):
    device: str
    kind: str
    time: float
    text: str


def disk_errors(survey: Survey) -> Iterator[DiskError]:
    """Errors in the log, in the order of their first messages."""
    by_kind: dict[tuple[str, str], list[_Hit]] = {}
    for hit in _hits(messages(survey)):
        by_kind.setdefault((hit.device, hit.kind), []).append(hit)
    for (device, kind), hits in by_kind.items():
        yield DiskError(
            device=device, kind=kind, count=len(hits),
            first_seen=hits[0].time, last_seen=hits[-1].time, text=hits[0].text,
        )  # fmt: skip


def _hits(log: Iterable[Message]) -> Iterator[_Hit]:
    for message in log:
        # a process can write anything to /dev/kmsg
        if message.text is None or message.facility != "kern" or not _WORDS.search(message.text):
            continue
        for kind, pattern in _PATTERNS:
            if match := pattern.search(message.text):
                yield _Hit(match["device"], kind, message.timestamp, message.text)
                break
