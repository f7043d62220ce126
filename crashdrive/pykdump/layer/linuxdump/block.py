"""``LinuxDump.block``: request queues, and the requests that are under way in them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from crashdrive.pykdump.layer.access import readSU
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump.Dev import get_gendisks
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.run import current


class RequestInfo(NamedTuple):
    """What is known of a request: its state's name, and when it began and ends, in seconds from now.

    ``rq_alloc`` is negative: so long ago it began.
    """

    state: str
    rq_alloc: float | None
    deadline: float | None


def get_all_request_queues(filter: str = "") -> list[Any]:  # noqa: A002 - PyKdump's own name
    """Every ``struct request_queue``, each once; ``filter``: those of disks whose names begin so."""
    disks = [disk for _, disk in get_gendisks() if str(disk.disk_name).startswith(filter or "")]
    return [
        readSU("struct request_queue", queue) for queue in dict.fromkeys(int(disk.queue) for disk in disks)
    ]


def get_queue_requests(queue: Any) -> list[Any]:
    """Every ``struct request`` that is under way in a queue, with ``_reqinfo_``: a `RequestInfo`."""
    found = []
    for row in _requests().get(int(queue), ()):
        request = readSU("struct request", int(row.address))
        age = None if row.age is None else -row.age
        request.__dict__["_reqinfo_"] = RequestInfo(row.state, age, row.timeout_left)
        found.append(request)
    return found


def _requests() -> dict[int, list[Any]]:
    known = kept("requests")
    if "queues" not in known:
        from crashdrive.linux.block.devices import read_devices
        from crashdrive.linux.block.requests import requests
        from crashdrive.linux.survey import Survey

        survey = Survey(current().kernel)
        queues: dict[int, list[Any]] = defaultdict(list)
        for row in requests(survey, read_devices(survey)).found:
            # a bio that a device holds back is no request
            if row.state != "deferred":
                queues[int(readSU("struct request", int(row.address)).q)].append(row)
        known["queues"] = queues
    found: dict[int, list[Any]] = known["queues"]
    return found


__getattr__ = lazy_names(__name__, {})
