r"""Disks and partitions, their counters and queues, pending requests, devices of the device mapper.

\b
Examples:
  crashdrive report block vmcore
  crashdrive report block --queues vmcore      schedulers, limits, virtio-blk
  crashdrive report block --device dm-0 vmcore
  crashdrive report block --format json vmcore | jq '.tables.requests'

A request waits (for the driver, or in the scheduler) or is in flight; a suspended device of the device
mapper defers bios. age is counted from when the request was made. path is the file of its first page, pid the
task that sleeps until it is done. Counters are those of /proc/diskstats, in bytes and seconds.

Not shown: MD, multipath's paths, what NVMe and SCSI keep of a device's state.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from crashdrive.linux.block.counters import disk_counters
from crashdrive.linux.block.devices import read_devices, whole
from crashdrive.linux.block.dm import mapped_devices
from crashdrive.linux.block.errors import disk_errors
from crashdrive.linux.block.queues import disk_queues
from crashdrive.linux.block.requests import requests
from crashdrive.linux.block.virtio import virt_queues
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
NAME = "block"
SUMMARY = "Disks, partitions, counters, pending requests, devices of the device mapper."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(
        name="device", flags=("-d", "--device"), kind="text", many=True,
        help="This disk or partition (vda, dm-0); a disk has its partitions with it.",
    ),
    Option(name="queues", flags=("-q", "--queues"), help="Scheduler and limits of each disk, virtqueues."),
)  # fmt: skip


def report(crash: Any, **asked: Any) -> Report:
    """The devices that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    devices = survey.attempt("block devices", partial(read_devices, survey))
    flying = _one(survey.attempt("requests", lambda: [requests(survey, devices)]))
    mapped = _one(survey.attempt("mapped devices", lambda: [mapped_devices(survey, devices)]))
    counters = survey.attempt("counters of disks", partial(disk_counters, survey, devices, flying))
    errors = survey.attempt("the kernel's log", partial(disk_errors, survey))
    survey.require("disk", asked["device"], sorted({device.row.name for device in devices}))
    wanted = {
        device.row.name
        for device in devices
        if not asked["device"] or {device.row.name, device.row.disk} & set(asked["device"])
    }
    held = [*(flying.found if flying else ()), *(mapped.deferred if mapped else ())]
    tables = [
        Table(name="disks", rows=[each.row for each in devices if each.row.name in wanted], columns=_DISK),
        Table(
            name="counters", rows=[row for row in counters if row.name in wanted], columns=_COUNTER,
            title="Counters",
        ),
        Table(
            name="requests", rows=[row for row in held if row.device in wanted], columns=_REQUEST,
            title="Requests that aren't done",
        ),
        Table(
            name="mapped", rows=[row for row in (mapped.devices if mapped else ()) if row.name in wanted],
            columns=_MAPPED, title="Device mapper",
        ),
        Table(
            name="targets", rows=[row for row in (mapped.targets if mapped else ()) if row.name in wanted],
            title="Targets",
        ),
        Table(
            name="errors", rows=[row for row in errors if not asked["device"] or row.device in wanted],
            columns=_ERROR, title="Errors in the log",
        ),
    ]  # fmt: skip
    if asked["queues"]:
        disks = [disk for disk in whole(devices) if disk.row.name in wanted]
        queues = survey.attempt("queues of disks", partial(disk_queues, survey, disks))
        rings = survey.attempt("virtio-blk's queues", partial(virt_queues, survey, disks))
        tables.append(Table(name="queues", rows=queues, columns=_QUEUE, title="Queues"))
        tables.append(Table(name="virtqueues", rows=rings, title="virtio-blk's queues"))
    return judged(report_of(NAME, survey, tables), "system")


def _one(found: Sequence[T]) -> T | None:
    return found[0] if found else None


_DISK = ("name", "major", "minor", "size", "read_only", "openers", "state", "operations")
_COUNTER = (
    "name", "reads", "read_bytes", "writes", "written_bytes", "in_flight", "busy_seconds", "queue_seconds",
)  # fmt: skip
_REQUEST = (
    "device",
    "state",
    "operation",
    "age",
    "sector",
    "size",
    "pid",
    "comm",
    "path",
    "filesystem",
    "end_io",
)
_MAPPED = ("name", "mapped_name", "suspended", "deferred", "openers", "target_types", "devices")
_ERROR = ("device", "kind", "count", "first_seen", "last_seen", "text")
_QUEUE = (
    "name", "scheduler", "requests", "hardware_queues", "rotational", "write_cache", "logical_block_bytes",
    "request_bytes", "quiesced", "frozen_depth",
)  # fmt: skip
