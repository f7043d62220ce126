"""The request queue of each disk: scheduler, limits, frozen or quiesced (``/sys/block/NAME/queue``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.block.devices import BlockDevice, Device
    from crashdrive.linux.survey import Survey

QUEUE = "struct request_queue"
_FIELDS = {
    "elevator": ("elevator",),
    "scheduler": ("elevator->type->elevator_name",),
    "operations": ("mq_ops",),
    "requests": ("nr_requests",),
    "hardware_queues": ("nr_hw_queues",),
    "timeout": ("rq_timeout",),
    "flags": ("queue_flags",),
    "features": ("limits.features",),
    "limit_flags": ("limits.flags",),
    "frozen": ("mq_freeze_depth",),
    "quiesced": ("quiesce_depth",),
    "logical_block": ("limits.logical_block_size",),
    "physical_block": ("limits.physical_block_size",),
    "largest": ("limits.max_sectors",),
    "largest_hw": ("limits.max_hw_sectors",),
    "segments": ("limits.max_segments",),
    "segment_bytes": ("limits.max_segment_size",),
    "discard": ("limits.max_discard_sectors",),
}
_SECTOR, _LONGEST = 512, 32
# include/linux/blkdev.h: bits of limits since 6.11 (1122c0c1cc71, bd4a633b6f7c), of queue_flags before
_WRITE_CACHE, _ROTATIONAL, _CACHE_DISABLED = 1 << 0, 1 << 2, 1 << 0
_FLAG_NONROT, _FLAG_WRITE_CACHE = 1 << 6, 1 << 17


class DiskQueue(Record, frozen=True):
    """The queue of a disk; sizes in bytes.

    ``scheduler``: ``none`` where there is none. ``requests``: how many may be queued in each hardware queue;
    None, as for ``hardware_queues``, where the driver takes whole bios. ``quiesced``: no request goes to the
    driver; ``frozen``: no request may begin. Both count how often that was asked for.
    ``segments``: how many pieces of memory a request may have, of ``segment_bytes`` each at most.
    """

    name: str
    scheduler: str | None
    requests: int | None
    hardware_queues: int | None
    timeout_seconds: float | None
    rotational: bool | None
    write_cache: bool | None
    logical_block_bytes: int | None
    physical_block_bytes: int | None
    request_bytes: int | None
    request_hw_bytes: int | None
    segments: int | None
    segment_bytes: int | None
    discard_bytes: int | None
    quiesced: int | None
    frozen_depth: int | None
    request_queue: Address


def disk_queues(survey: Survey, disks: Sequence[Device]) -> Iterator[DiskQueue]:
    """The queues of disks; one that the dump lacks is noted, and no row."""
    kernel = survey.kernel
    having = [disk.row for disk in disks if disk.row.request_queue]
    fields = Fields(kernel, QUEUE, _FIELDS, ("operations", "flags"))
    rows = survey.rows(fields, [row.request_queue or 0 for row in having], "queues of disks")
    pointers = [row["scheduler"] for row in rows if isinstance(row["scheduler"], int)]
    names = texts(survey, pointers, "schedulers", _LONGEST)
    for disk, row in zip(having, rows, strict=True):
        if row["operations"] is None and row["flags"] is None:
            continue
        known = row["scheduler"]
        yield _queue(disk, row, names[known] if isinstance(known, int) else known, kernel.hz)


def _queue(disk: BlockDevice, row: Mapping[str, Any], scheduler: str | None, hz: int) -> DiskQueue:
    mq = row["operations"]
    return DiskQueue(
        name=disk.name,
        scheduler="none" if row["elevator"] == 0 else scheduler,
        requests=row["requests"] if mq else None,
        hardware_queues=row["hardware_queues"] if mq else None,
        timeout_seconds=row["timeout"] / hz if mq and row["timeout"] is not None else None,
        rotational=_rotational(row),
        write_cache=_write_cache(row),
        logical_block_bytes=row["logical_block"],
        physical_block_bytes=row["physical_block"],
        request_bytes=_sectors(row["largest"]),
        request_hw_bytes=_sectors(row["largest_hw"]),
        segments=row["segments"],
        segment_bytes=row["segment_bytes"],
        discard_bytes=_sectors(row["discard"]),
        quiesced=row["quiesced"],
        frozen_depth=row["frozen"],
        request_queue=disk.request_queue or 0,
    )


def _sectors(count: int | None) -> int | None:
    return None if count is None else count * _SECTOR


def _rotational(row: Mapping[str, Any]) -> bool | None:
    if row["features"] is not None:
        return bool(row["features"] & _ROTATIONAL)
    return None if row["flags"] is None else not row["flags"] & _FLAG_NONROT


def _write_cache(row: Mapping[str, Any]) -> bool | None:
    if row["features"] is not None:
        return bool(row["features"] & _WRITE_CACHE) and not (row["limit_flags"] or 0) & _CACHE_DISABLED
    return None if row["flags"] is None else bool(row["flags"] & _FLAG_WRITE_CACHE)
