"""Routes, rules and neighbours as ``xportshow -r``, ``-rv`` and ``--arp`` print them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from crashdrive.linux.net.routing.proc_route import classic_route
from crashdrive.pykdump.likeness.marks import rows, told
from crashdrive.records import Report

_ROUTES = "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface"
_NEIGHBOURS = ("IP ADDRESS", "HW TYPE", "HW ADDRESS", "DEVICE", "STATE")
_TABLES = {"inet": "PF_INET arp_tbl", "inet6": "PF_INET6 nd_tbl"}
_ANY = "0.0.0.0/0"


def classic(report: Report) -> Iterator[str]:
    """The main table of IPv4."""
    yield ""
    yield _ROUTES
    yield from map(_route, (row for row in rows(report, "routes") if row.family == "inet"))


def _route(row: Any) -> str:
    # references and uses are 0 in the kernel's own list, too: nobody counts them any more
    return (
        f"{told(row.destination):<15s} {told(row.gateway):<15s} {told(row.genmask):<15s} {row.flags:<5s} "
        f"{told(row.metric):<6} {0:<6d} {0:>3d} {row.device or '*'}"
    )


def tables(report: Report) -> Iterator[str]:
    """All tables, those of IPv6 as ``ip`` prints them; the rules of both."""
    found = rows(report, "routes")
    for name, some in groupby((row for row in found if row.family == "inet"), key=lambda row: row.table):
        yield from ("", f"==== {_table(name)}", "", _ROUTES)
        yield from (_route(classic_route(row)) for row in some)
    six = [row for row in found if row.family == "inet6"]
    if six:
        yield from ("", "==== IPv6", "")
    for row in six:
        yield from row.lines
    yield from ("", "=== Policy Rules")
    for rule in rows(report, "rules"):
        yield from _rule(rule)


def exceptions(report: Report) -> Iterator[str]:
    """Exceptions to routes, which came after the cache, as ``ip route show cache`` prints them."""
    for row in rows(report, "exceptions"):
        yield from row.lines


def _table(name: str | None) -> str:
    named = {"local": "RT_TABLE_LOCAL", "main": "RT_TABLE_MAIN", "default": "RT_TABLE_DEFAULT"}
    return named.get(str(name), f"table {told(name)}")


def _rule(rule: Any) -> Iterator[str]:
    kind = "fib4_rule" if rule.family == "inet" else "fib6_rule"
    target = f" {_table(rule.table)}" if rule.table is not None else ""
    yield f"    -- <struct {kind} {int(rule.address):#x}>{target}"
    everything = _ANY if rule.family == "inet" else "::/0"
    yield f"\tsrc {rule.source or everything}"
    yield f"\tdst {rule.destination or everything}"
    yield f"\taction {rule.action} iif {rule.input_device or '*'} oif {rule.output_device or '*'}"
    yield f"\t{rule.text}"


def neighbours(report: Report) -> Iterator[str]:
    """Those of IPv4, then of IPv6."""
    found = rows(report, "neighbours")
    for family, title in _TABLES.items():
        yield f"=== {title}"
        yield _neighbour(*_NEIGHBOURS)
        yield _neighbour(*("-" * len(name) for name in _NEIGHBOURS))
        for row in (row for row in found if row.family == family):
            state = "PROXY" if row.proxy else row.state
            yield _neighbour(row.destination, _hardware(row), row.mac or "", told(row.device), state)
        yield ""


def _neighbour(*values: str) -> str:
    address, hardware, mac, device, state = values
    return f"{address:<17s} {hardware:<10s} {mac:<20s} {device:<7s} {state}"


def _hardware(row: Any) -> str:
    """What a hardware address is of: six bytes are Ethernet's, but for those of the loopback device."""
    ether = row.mac is not None and row.device != "lo" and row.mac.count(":") == 5
    return "ETHER" if ether else ""
