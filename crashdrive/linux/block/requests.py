"""Pending requests: age, operation, origin (block/blk-mq.c).

A taken tag leads to its request. crash's ``dev -d`` and the kernel's own count have the requests in the
driver; those that wait for it are here, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.linux.block.bios import Ends, Origin, origins
from crashdrive.linux.block.operations import flag_names, operation_name
from crashdrive.linux.block.tags import hardware_queues, slots
from crashdrive.linux.clock import clock
from crashdrive.linux.survey import Fields
from crashdrive.records import Address, Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.block.devices import Device
    from crashdrive.linux.block.tags import Hardware, Slot
    from crashdrive.linux.survey import Survey

_KIND = "struct request"
_FIELDS = {
    "queue": ("q",),
    "hardware": ("mq_hctx",),
    "flags": ("cmd_flags",),
    "tag": ("tag",),
    "internal_tag": ("internal_tag",),
    "size": ("__data_len",),
    "sector": ("__sector",),
    "bio": ("bio",),
    "end_io": ("end_io",),
    "end_data": ("end_io_data",),
    # the disk itself, until 6.11 or so, for a request that is for no partition
    "part": ("part",),
    "begun": ("start_time_ns",),
    "given": ("io_start_time_ns",),
    "state": ("state",),
    # a refcount_t until 5.16 (0a467d0fdb4c)
    "references": ("ref.counter", "ref.refs.counter"),
    "deadline": ("deadline",),
    "timeout": ("timeout",),
}
_NEEDED = ("queue", "flags", "tag", "internal_tag", "state", "references")
_STATES = {"MQ_RQ_IDLE": "waiting", "MQ_RQ_IN_FLIGHT": "in flight", "MQ_RQ_COMPLETE": "complete"}
_SECOND = 1_000_000_000


class Request(Record, frozen=True):
    """A pending request; ``size`` in bytes, times in seconds, ``sector`` in sectors of 512 bytes.

    ``state``: ``waiting`` (in the scheduler, or for the driver), ``in flight`` (the driver has it),
    ``complete`` (done, and not yet ended), ``deferred`` (a bio that a suspended device holds back: it has
    neither age nor tag). ``age``: since it was made; ``driver_age``: since the driver got it; None where the
    queue keeps no times. ``timeout_left``: until its timeout, negative where it is over. ``queue``: the
    number of its hardware queue. ``end_io``: the function that is called at its end. ``counted_for``: the
    devices that count it. ``filesystem``, ``inode`` and ``path`` are of the file whose page comes first,
    ``pid`` and ``comm`` of the task that sleeps until it is done, where that is known.
    """

    device: str
    state: str
    operation: str
    flags: tuple[str, ...]
    sector: int | None
    size: int | None
    age: float | None
    driver_age: float | None
    timeout_left: float | None
    queue: int | None
    request_tag: int | None
    pid: int | None
    comm: str | None
    filesystem: str | None
    inode: Long | None
    path: str | None
    end_io: str | None
    counted_for: tuple[str, ...]
    address: Address


class Requests(NamedTuple):
    """All requests, the oldest first; ``bio_based``: request_queues whose driver takes bios instead."""

    found: list[Request]
    bio_based: list[int]


def requests(survey: Survey, devices: Sequence[Device]) -> Requests:
    """The pending requests of disks."""
    names = {
        device.row.request_queue: device.row.disk
        for device in devices
        if device.row.request_queue and device.row.partition is None
    }
    hardware, plain = hardware_queues(survey, [queue for queue in names if queue])
    found = list(_alive(survey, slots(survey, hardware), names))
    if not found:
        return Requests([], plain)
    made = _made(survey, found, names, hardware, {one.row.address: one.row.name for one in devices})
    return Requests(sorted(made, key=lambda one: -(one.age or 0.0)), plain)


def _alive(
    survey: Survey, taken: Sequence[Slot], queues: Mapping[int, str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The requests that still have the tag by which they were found, each once."""
    fields = Fields(survey.kernel, _KIND, _FIELDS, _NEEDED)
    rows = survey.rows(fields, [slot.request for slot in taken], "requests")
    seen: set[int] = set()
    for slot, row in zip(taken, rows, strict=True):
        if slot.request in seen or row["queue"] not in queues or not row["references"]:
            continue
        # the driver's entry of a tag may be a request that was freed
        if slot.own or row["internal_tag" if slot.scheduler else "tag"] == slot.tag:
            seen.add(slot.request)
            yield slot.request, row


def _made(
    survey: Survey,
    found: Sequence[tuple[int, dict[str, Any]]],
    names: Mapping[int, str],
    hardware: Sequence[Hardware],
    devices: Mapping[int, str],
) -> Iterator[Request]:
    whose = origins(survey, [Ends(row["bio"], row["end_io"], row["end_data"]) for _, row in found])
    numbers = {one.address: one.number for one in hardware}
    states = {number: name for name, number in survey.kernel.enumerators("enum mq_rq_state").items()}
    now = next((one.monotonic for one in survey.attempt("the clocks", lambda: [clock(survey)])), None)
    left = survey.seconds([row["deadline"] for _, row in found])
    for (address, row), origin, until in zip(found, whose, left, strict=True):
        disk, part = names[row["queue"]], devices.get(row["part"] or 0)
        state = states.get(row["state"], str(row["state"]))
        flying = state == "MQ_RQ_IN_FLIGHT"
        yield _request(
            survey, row, origin, address=address, device=part or disk, state=_STATES.get(state, state),
            queue=numbers.get(row["hardware"] or 0), now=now, timeout_left=until if flying else None,
            counted_for=tuple(dict.fromkeys((disk, part))) if flying and part else (),
        )  # fmt: skip


def _request(
    survey: Survey, row: Mapping[str, Any], origin: Origin, *, now: float | None, **known: Any
) -> Request:
    size, tag = row["size"], row["tag"] if row["tag"] >= 0 else row["internal_tag"]
    return Request(
        operation=operation_name(survey, row["flags"]),
        flags=flag_names(survey, row["flags"]),
        sector=row["sector"] if size else None,
        size=size,
        age=_since(now, row["begun"]),
        driver_age=_since(now, row["given"]),
        request_tag=tag,
        pid=origin.pid, comm=origin.comm, filesystem=origin.filesystem, inode=origin.inode, path=origin.path,
        end_io=origin.end_io,
        **known,
    )  # fmt: skip


def _since(now: float | None, nanoseconds: int | None) -> float | None:
    """Seconds since then; the clock lags by some ticks, so a newer request has age 0."""
    if now is None or not nanoseconds:
        return None
    age = now - nanoseconds / _SECOND
    return None if age < -1 else max(round(age, 6), 0.0)
