"""OOM kills and failed page allocations in the kernel's log (mm/oom_kill.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs

from crashdrive.linux.printk.messages import found as messages
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from crashdrive.linux.printk.message import Message
    from crashdrive.linux.survey import Survey

_KB = 1024
# mm/oom_kill.c: dump_header(); gfp_mask without its flags' names in old kernels
_INVOKED = re.compile(
    r"(?P<comm>.{1,24}?) invoked oom-killer: gfp_mask=0x[0-9a-f]+(?:\((?P<gfp>[^)]*)\))?,"
    r"(?: nodemask=[^,]*,)? order=(?P<order>-?\d+)"
)
# since 5.0 (ef8444ea01d7)
_CONSTRAINT = re.compile(r"^oom-kill:constraint=(?P<constraint>\w+),")
_MEMCG = re.compile(r",oom_memcg=(?P<cgroup>.*?),task_memcg=")
# __oom_kill_process()
_KILLED = re.compile(
    r"^(?P<cgroup>Memory cgroup o|O)ut of memory(?: \(oom_kill_allocating_task\))?: Killed process "
    r"(?P<pid>\d+) \((?P<comm>.*?)\),?(?: UID \d+,)? total-vm:(?P<total>\d+)kB, anon-rss:(?P<anon>\d+)kB, "
    r"file-rss:(?P<file>\d+)kB(?:, shmem-rss:(?P<shmem>\d+)kB)?"
)
# in old kernels these stand in a line of their own
_OLD_KILLED = re.compile(
    r"^Killed process (?P<pid>\d+) \((?P<comm>.*?)\),?(?: UID \d+,)? total-vm:(?P<total>\d+)kB, "
    r"anon-rss:(?P<anon>\d+)kB, file-rss:(?P<file>\d+)kB(?:, shmem-rss:(?P<shmem>\d+)kB)?"
)
# mm/page_alloc.c: warn_alloc()
_FAILED = re.compile(
    r"(?P<comm>.{1,24}?): page allocation failure: order:(?P<order>\d+), "
    r"mode:0x[0-9a-f]+(?:\((?P<gfp>[^)]*)\))?"
)
_WORDS = re.compile(r"oom-kill|ut of memory|Killed process|allocation failure")


class OomEvent(Record, frozen=True):
    """An event of the OOM killer, and its victim.

    ``oom_timestamp``: seconds since boot. ``invoker``: the task whose request invoked it, with the request's
    ``order`` and ``gfp_flags``. ``constraint``: ``NONE`` (the machine's memory), ``MEMCG`` (the limit of
    ``cgroup``), ``CPUSET``, ``MEMORY_POLICY``; None where the log lacks it. ``victim_pid``, ``victim_comm``
    and its memory (``victim_vsz`` in bytes, too): None where nobody was killed.
    """

    oom_timestamp: float
    invoker: str | None
    order: int | None
    gfp_flags: str | None
    constraint: str | None
    cgroup: str | None
    victim_pid: int | None
    victim_comm: str | None
    victim_vsz: int | None
    victim_anonymous_bytes: int | None
    victim_file_bytes: int | None
    victim_shared_bytes: int | None


class FailedRequest(Record, frozen=True):
    """Failed page allocations of one task's name, order and flags.

    ``count``: how many; ``first_seen`` and ``last_seen``: seconds since boot. ``order``: of 2**order pages.
    """

    comm: str
    order: int
    gfp_flags: str | None
    count: int
    first_seen: float
    last_seen: float


class Told(NamedTuple):
    """OOM events and failed requests in the log."""

    events: list[OomEvent]
    failures: list[FailedRequest]


def memory_log(survey: Survey) -> Told:
    """OOM events in the order of the log, and failed requests by task name, order and flags."""
    lines = [
        message
        for message in messages(survey)
        # a process can write anything to /dev/kmsg
        if message.text is not None and message.facility == "kern" and _WORDS.search(message.text)
    ]
    return Told(list(_events(lines)), _failures(lines))


def _events(lines: Iterable[Message]) -> Iterator[OomEvent]:
    """Events: each begins with the line of the invoker, and ends with that of the victim."""
    event: OomEvent | None = None
    for message in lines:
        text = message.text or ""
        if match := _INVOKED.search(text):
            if event is not None:
                yield event
            event = _event(message.timestamp)
            event = _with(event, invoker=match["comm"], order=int(match["order"]), gfp_flags=match["gfp"])
        elif match := _CONSTRAINT.search(text):
            group = _MEMCG.search(text)
            constraint = match["constraint"].removeprefix("CONSTRAINT_")
            event = _with(
                event or _event(message.timestamp),
                constraint=constraint,
                cgroup=group["cgroup"] if group else None,
            )
        elif match := _KILLED.search(text) or _OLD_KILLED.search(text):
            yield _killed(event or _event(message.timestamp), match, text)
            event = None
    if event is not None:
        yield event


def _event(timestamp: float) -> OomEvent:
    unknown: dict[str, Any] = dict.fromkeys(OomEvent.__struct_fields__)
    return OomEvent(**unknown | {"oom_timestamp": timestamp})


def _with(event: OomEvent, **fields: object) -> OomEvent:
    return structs.replace(event, **fields)


def _killed(event: OomEvent, match: re.Match[str], text: str) -> OomEvent:
    def size(name: str) -> int | None:
        return None if match[name] is None else int(match[name]) * _KB

    constraint = event.constraint
    if constraint is None and text.startswith("Memory cgroup"):
        constraint = "MEMCG"
    return _with(
        event,
        constraint=constraint,
        victim_pid=int(match["pid"]),
        victim_comm=match["comm"],
        victim_vsz=size("total"),
        victim_anonymous_bytes=size("anon"),
        victim_file_bytes=size("file"),
        victim_shared_bytes=size("shmem"),
    )


def _failures(lines: Iterable[Message]) -> list[FailedRequest]:
    groups: dict[tuple[str, int, str | None], list[float]] = {}
    for message in lines:
        if match := _FAILED.search(message.text or ""):
            key = match["comm"], int(match["order"]), match["gfp"]
            groups.setdefault(key, []).append(message.timestamp)
    return [
        FailedRequest(
            comm=comm, order=order, gfp_flags=gfp, count=len(times), first_seen=times[0], last_seen=times[-1]
        )
        for (comm, order, gfp), times in groups.items()
    ]
