"""The network at a glance, as ``xportshow --summary`` prints it, out of report netsummary's rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from crashdrive.pykdump.likeness.marks import rows, told
from crashdrive.records import Report

_UNIX = {"UNCONN": "CLOSE", "CONNECTED": "ESTABLISHED", "CONNECTING": "SYN_SENT"}
_IDLE = 10 * 3600


def lines(report: Report) -> Iterator[str]:
    """TCP, UDP, unix and raw sockets by state, what is unusual, how long ago interfaces sent."""
    states: dict[str, Counter[str]] = {}
    for row in rows(report, "states"):
        plain = {"icmp": "raw"}.get(row.proto.removesuffix("6"), row.proto.removesuffix("6"))
        states.setdefault(plain, Counter())[str(told(row.state))] += row.socket_count
    totals = next(iter(rows(report, "totals")), None)
    yield from _title("TCP Connection Info", "-")
    yield from _counts(states.get("tcp", Counter()))
    if totals is not None and totals.nagle_disabled:
        yield f"\t\t\tNAGLE disabled (TCP_NODELAY): {totals.nagle_disabled:5d}"
    yield from _unusual(report)
    yield from _title("UDP Connection Info", "-")
    if totals is not None:
        yield f"  {told(totals.udp)} UDP sockets, {told(totals.udp_connected)} in ESTABLISHED"
    yield from _title("Unix Connection Info", "-")
    unix = states.get("unix", Counter())
    yield from _counts(Counter({_UNIX.get(state, state): number for state, number in unix.items()}))
    yield from _title("Raw sockets info", "-")
    yield from _counts(states.get("raw", Counter()))
    yield from _title("Interfaces Info", "-")
    yield "  How long ago (in seconds) interfaces transmitted?"
    yield "\t  Name        TX"
    yield "\t  ----    ---------"
    yield from map(_link, rows(report, "interfaces"))
    yield ""


def _title(text: str, rule: str) -> Iterator[str]:
    yield from ("", text, rule * len(text))


def _counts(counted: Counter[str]) -> Iterator[str]:
    if not counted:
        yield "    None"
    for state in sorted(counted):
        yield f"    {state:>15s}  {counted[state]:5d}"


def _unusual(report: Report) -> Iterator[str]:
    queues = rows(report, "listen_queues")
    waiting = [row for row in queues if row.accept_queue]
    full = [row for row in waiting if row.accept_limit is not None and row.accept_queue > row.accept_limit]
    found = {
        "Listen Queue Non-Empty:": len(waiting),
        "Listen Queue Full:": len(full),
        "Doing Retransmission:": len(rows(report, "retransmitting")),
    }
    if any(found.values()):
        yield from ("", "  Unusual Situations:")
    for text, number in found.items():
        if number:
            yield f"    {text:<26s} {number:5d}"


def _link(row: Any) -> str:
    return f"\t{told(row.device):>8s}    {_ago(row.sent_ago):>8s}"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "n/a"
    return ">10hours" if seconds > _IDLE else f"{seconds:.1f}"
