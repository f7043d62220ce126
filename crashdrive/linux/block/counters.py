"""Counters of disks and partitions, as in /proc/diskstats (block/genhd.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields, row_dicts
from crashdrive.records import Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.block.devices import Device
    from crashdrive.linux.block.requests import Requests
    from crashdrive.linux.survey import Survey

_KIND = "struct disk_stats"
_ARRAYS = {"nsecs": ("nsecs",), "sectors": ("sectors",), "ios": ("ios",), "merges": ("merges",)}
_NUMBERS = {
    "busy": ("io_ticks",),
    # a local_t each for reads and for writes
    "reads_in_flight": ("in_flight[0].a.counter", "in_flight[0].v"),
    "writes_in_flight": ("in_flight[1].a.counter", "in_flight[1].v"),
}
_FIELDS = {**_ARRAYS, **_NUMBERS}
# enum stat_group
_READ, _WRITE, _DISCARD, _FLUSH = range(4)
_SECTOR, _SECOND = 512, 1_000_000_000


class DiskCounters(Record, frozen=True):
    """A line of /proc/diskstats: sizes in bytes, times in seconds.

    ``in_flight``: requests that the driver has; of a disk whose driver takes whole bios (dm, zram), bios.
    ``busy_seconds``: how long there was any request; ``queue_seconds``: the times of all requests together.
    """

    name: str
    major: int
    minor: int
    reads: int
    reads_merged: int
    read_bytes: Long
    read_seconds: float
    writes: int
    writes_merged: int
    written_bytes: Long
    write_seconds: float
    in_flight: int | None
    busy_seconds: float
    queue_seconds: float
    discards: int
    discards_merged: int
    discarded_bytes: Long
    discard_seconds: float
    flushes: int
    flush_seconds: float


def disk_counters(
    survey: Survey, devices: Sequence[Device], requests: Requests | None
) -> Iterator[DiskCounters]:
    """The counters of disks and partitions; a device has no row where a CPU's part isn't in the dump.

    ``requests``: all pending requests, None where they aren't known.
    """
    kernel, counted = survey.kernel, [one for one in devices if one.statistics and not one.hidden]
    for device, total in zip(counted, _totals(survey, counted), strict=True):
        if total is None:
            continue
        number = _in_flight(device, total, requests)
        busy = total["busy"] + _until_now(kernel.jiffies, device.stamp, number)
        yield _counters(device, total, number, busy / kernel.hz)


def _in_flight(device: Device, total: Mapping[str, Any], requests: Requests | None) -> int | None:
    """Requests or bios in flight: requests are counted by their tags, bios in per-CPU counters."""
    if requests is None:
        return None
    if device.row.request_queue in requests.bio_based:
        return int(total["reads_in_flight"] + total["writes_in_flight"])
    return sum(device.row.name in one.counted_for for one in requests.found)


def _totals(survey: Survey, devices: Sequence[Device]) -> Iterator[dict[str, Any] | None]:
    """Sums over all possible CPUs; None where a CPU's part is missing."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    places = [kernel.per_cpu_address(one.statistics, cpu) for one in devices for cpu in cpus]
    rows = row_dicts(survey.read(Fields(kernel, _KIND, _FIELDS, _FIELDS), places, "counters of disks"))
    for at in range(0, len(rows), len(cpus)):
        yield _sum(rows[at : at + len(cpus)])


def _sum(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    if any(value is None for row in rows for value in row.values()):
        return None
    arrays = {
        name: [sum(each) for each in zip(*(row[name] for row in rows), strict=True)] for name in _ARRAYS
    }
    return arrays | {name: sum(row[name] for row in rows) for name in _NUMBERS}


def _until_now(now: int, stamp: int | None, in_flight: int | None) -> int:
    """Ticks since the counter was updated last; reading /proc/diskstats would add them."""
    low = now & 0xFFFF_FFFF_FFFF_FFFF
    return low - stamp if in_flight and stamp is not None and 0 <= low - stamp < 1 << 62 else 0


def _counters(device: Device, total: Mapping[str, Any], in_flight: int | None, busy: float) -> DiskCounters:
    ios, merges, row = total["ios"], total["merges"], device.row
    sizes = [count * _SECTOR for count in total["sectors"]]
    times = [count / _SECOND for count in total["nsecs"]]
    return DiskCounters(
        name=row.name, major=row.major, minor=row.minor,
        reads=ios[_READ], reads_merged=merges[_READ], read_bytes=sizes[_READ], read_seconds=times[_READ],
        writes=ios[_WRITE], writes_merged=merges[_WRITE],
        written_bytes=sizes[_WRITE], write_seconds=times[_WRITE],
        in_flight=in_flight, busy_seconds=busy, queue_seconds=sum(times),
        discards=ios[_DISCARD], discards_merged=merges[_DISCARD],
        discarded_bytes=sizes[_DISCARD], discard_seconds=times[_DISCARD],
        flushes=ios[_FLUSH], flush_seconds=times[_FLUSH],
    )  # fmt: skip
