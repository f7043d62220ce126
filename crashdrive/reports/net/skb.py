"""Packets of the kernel (struct sk_buff) by their addresses, decoded down to their headers.

\b
Examples:
  crashdrive report skb -a ffff8881033a4f00 vmcore
  crashdrive report skb --queue ffff888103310d18 vmcore   a sk_buff_head

Addresses of packets: the packets table of `report softnet --packets`, a socket's sk_receive_queue (the queue
is in the socket's structure), arguments in backtraces.
"""  # noqa: D301 - click takes the character itself as its mark

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import Any

from crashdrive.errors import UsageError
from crashdrive.linux.net.packets.buffers import read_packets
from crashdrive.linux.net.packets.queues import packets
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, report_of

NAME = "skb"
SUMMARY = "Packets (struct sk_buff) by address, decoded down to their headers."
BTF = True
WHOLE = False
OPTIONS = (
    Option(name="address", flags=("-a", "--address"), help="A struct sk_buff.", kind="address", many=True),
    Option(
        name="queue",
        flags=("--queue",),
        help="A struct sk_buff_head: all packets in it.",
        kind="address",
        many=True,
    ),
    Option(name="data", flags=("--data",), help="The bytes of the linear part, in hexadecimal."),
)


def report(crash: Any, **asked: Any) -> Report:
    """The packets at ``address`` and in ``queue`` (both sequences of addresses)."""
    if not asked["address"] and not asked["queue"]:
        raise UsageError(
            "which packet? --address takes that of a struct sk_buff, --queue a struct sk_buff_head"
        )
    survey = NetSurvey.of(crash.kernel, None)
    places = list(asked["address"])
    if asked["queue"]:
        queued = partial(packets, survey, asked["queue"], "packets in queues")
        places += survey.attempt("queues", lambda: chain(*queued().values()))
    found = survey.attempt("packets", partial(read_packets, survey, places, data=asked["data"]))
    headers = [header for _, decoded in found for header in decoded]
    return report_of(
        NAME,
        survey,
        (
            Table(name="packets", rows=[packet for packet, _ in found], layout="fields"),
            Table(name="headers", rows=headers, title="Headers"),
        ),
    )
