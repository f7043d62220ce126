"""Interfaces, counters and queues of CPUs as ``xportshow -i``, ``-s`` and ``--softnet`` print them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from crashdrive.pykdump.likeness.marks import rows, told
from crashdrive.records import Report

_WIDTH = 78
_FAMILIES = {"inet": "inet4", "inet6": "inet6"}
# told of a device's carrier, not among its flags
_NO_FLAGS = ("NO-CARRIER",)


def interfaces(report: Report, verbosity: int = 0) -> Iterator[str]:
    """Each with its addresses; with ``-v`` its counters and disciplines, with ``-vv`` its queues, too."""
    more: dict[str, dict[str, list[Any]]] = {}
    for name in ("qdiscs", "queues"):
        more[name] = {
            device: list(some)
            for device, some in groupby(rows(report, name), key=lambda row: str(row.device))
        }
    for row in rows(report, "interfaces"):
        yield from _interface(row)
        if verbosity:
            yield from _counters(row)
            yield from map(_discipline, more["qdiscs"].get(row.name, ()))
            yield from map(_queue, more["queues"].get(row.name, ()))


def _interface(row: Any) -> Iterator[str]:
    yield f"{'=' * 22} {row.name} <struct net_device {int(row.address):#x}>  ".ljust(_WIDTH, "=")
    four = [one for one in row.addresses if one.family == "inet"]
    first = f"{four[0].address}/{four[0].prefix_length}" if four else ""
    yield f"{row.name:<6s}{first:>20s}  mtu={told(row.mtu):<8} {row.mac or '':<17s}  {row.type.upper()}"
    for one in row.addresses:
        if four and one is four[0]:
            continue
        place = f"{one.address}/{one.prefix_length}"
        label = one.label if one.label not in (None, row.name) else ""
        yield f"  {_FAMILIES.get(one.family, one.family)} addr: {place:<20s}  {label}".rstrip()
    flags = "|".join(f"IFF_{flag}" for flag in row.flags if flag not in _NO_FLAGS)
    yield f"    flags=<{flags}>"
    if row.promiscuity:
        yield f"    promiscuity={row.promiscuity}"


def _counters(row: Any) -> Iterator[str]:
    statistics = row.statistics
    if statistics is None:
        yield "    statistics: not read"
        return
    for way in ("rx", "tx"):
        names = ("packets", "bytes", "errors", "dropped")
        told_of = ", ".join(f"{name}={told(getattr(statistics, f'{way}_{name}'))}" for name in names)
        yield f"    {way}: {told_of}"


def _discipline(row: Any) -> str:
    return (
        f"    <struct Qdisc {int(row.address):#x}> {row.kind} handle={row.handle} qlen={told(row.qlen)} "
        f"backlog={told(row.backlog)} drops={told(row.drops)} requeues={told(row.requeues)}"
    )


def _queue(row: Any) -> str:
    ago = "n/a" if row.last_start_ago is None else f"{row.last_start_ago:.2f} s"
    stopped = f" stopped={'|'.join(row.stopped)}" if row.stopped else ""
    return (
        f"    <struct netdev_queue {int(row.address):#x}> {told(row.queue)}: trans_start={ago} ago "
        f"timeouts={told(row.timeouts)}{stopped}"
    )


_GROUPS = {"TcpExt": "net", "IpExt": "ip_ext"}


def statistics(report: Report) -> Iterator[str]:
    """Counters, protocol by protocol."""
    for group, some in groupby(rows(report, "counters"), key=lambda row: str(row.group)):
        yield from (f"{'-' * 20} {_GROUPS.get(group, group.lower())}_statistics {'-' * 20} ", "")
        yield from (f"{row.name:>28s} {told(row.value):>20}" for row in some)
        yield from ("", "")


def softnet(report: Report) -> Iterator[str]:
    """What waits on each CPU."""
    for row in rows(report, "softnet"):
        yield f" --CPU={row.cpu}"
        yield f"    ..input_pkt_queue has {told(row.input_queue)} elements"
        yield f"    ..process_queue has {told(row.process_queue)} elements"
        squeezed = f"time_squeeze={told(row.time_squeeze)}"
        yield f"    ..processed={told(row.processed)} dropped={told(row.dropped)} {squeezed}"
    for row in rows(report, "packets"):
        yield f"    <struct sk_buff {int(row.address):#x}>"


def settings(report: Report) -> Iterator[str]:
    """Names and values, in the order of names."""
    for row in sorted(rows(report, "settings"), key=lambda row: str(row.name)):
        yield f"{row.name:<45s} {f'({row.absent})' if row.value is None else row.value}"
