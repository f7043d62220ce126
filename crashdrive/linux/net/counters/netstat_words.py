"""Counters in the words of ``netstat -s``, its oddities included.

Source: the output of netstat (net-tools 2.10) for made-up files below /proc/net, in which every counter had a
number of its own, and then zero. It shows counters without words by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol


class Named(Protocol):
    """A counter of a group."""

    @property
    def group(self) -> str:
        """As /proc/net/snmp has it."""
        ...

    @property
    def name(self) -> str:
        """The same, without what snmp6 puts before it."""
        ...

    @property
    def value(self) -> int | None:
        """None where it isn't known."""
        ...


class _Words(NamedTuple):
    """A group's words: for counters that are always shown, for counters that are shown unless they are 0, and
    for messages by type, which have a heading for each direction.
    """

    always: Mapping[str, str]
    counted: Mapping[str, str] = {}
    received: Mapping[str, str] = {}
    sent: Mapping[str, str] = {}
    silent: Sequence[str] = ()


_INDENT, _DEEPER = 4, 8
_HEADINGS = {"received": "ICMP input histogram:", "sent": "ICMP output histogram:"}
# groups in netstat's order; for those without words it shows names
GROUPS = (
    "Ip", "Icmp", "IcmpMsg", "Tcp", "Udp", "UdpLite", "TcpExt", "IpExt", "MPTcpExt", "Ip6", "Icmp6", "Udp6",
    "UdpLite6",
)  # fmt: skip

_WORDS = {
    "Ip": _Words(
        always={
            "InReceives": "{} total packets received",
            "ForwDatagrams": "{} forwarded",
            "InDiscards": "{} incoming packets discarded",
            "InDelivers": "{} incoming packets delivered",
            "OutRequests": "{} requests sent out",
        },
        counted={
            "InHdrErrors": "{} with invalid headers",
            "InAddrErrors": "{} with invalid addresses",
            "InUnknownProtos": "{} with unknown protocol",
            "OutDiscards": "{} outgoing packets dropped",
            "OutNoRoutes": "{} dropped because of missing route",
            "ReasmTimeout": "{} fragments dropped after timeout",
            "ReasmReqds": "{} reassemblies required",
            "ReasmOKs": "{} packets reassembled ok",
            "ReasmFails": "{} packet reassemblies failed",
            "FragOKs": "{} outgoing packets fragmented ok",
            "FragFails": "{} outgoing packets failed fragmentation",
            "FragCreates": "{} fragments created",
        },
        silent=("DefaultTTL",),
    ),
    "Icmp": _Words(
        always={
            "InMsgs": "{} ICMP messages received",
            "InErrors": "{} input ICMP message failed",
            "OutMsgs": "{} ICMP messages sent",
            "OutErrors": "{} ICMP messages failed",
        },
        received={
            "InDestUnreachs": "destination unreachable",
            "InTimeExcds": "timeout in transit",
            "InParmProbs": "wrong parameters",
            "InSrcQuenchs": "source quenches",
            "InRedirects": "redirects",
            "InEchos": "echo requests",
            "InEchoReps": "echo replies",
            "InTimestamps": "timestamp request",
            "InTimestampReps": "timestamp reply",
            "InAddrMasks": "address mask request",
            "InAddrMaskReps": "address mask replies",
        },
        sent={
            "OutDestUnreachs": "destination unreachable",
            "OutTimeExcds": "time exceeded",
            "OutParmProbs": "wrong parameters",
            "OutSrcQuenchs": "source quench",
            "OutRedirects": "redirect",
            "OutEchos": "echo requests",
            "OutEchoReps": "echo replies",
            "OutTimestamps": "timestamp requests",
            "OutTimestampReps": "timestamp replies",
            "OutAddrMasks": "address mask requests",
            "OutAddrMaskReps": "address mask replies",
        },
    ),
    "Tcp": _Words(
        always={
            "ActiveOpens": "{} active connection openings",
            "PassiveOpens": "{} passive connection openings",
            "AttemptFails": "{} failed connection attempts",
            "EstabResets": "{} connection resets received",
            "CurrEstab": "{} connections established",
            "InSegs": "{} segments received",
            "OutSegs": "{} segments sent out",
            "RetransSegs": "{} segments retransmitted",
            "InErrs": "{} bad segments received",
            "OutRsts": "{} resets sent",
        },
        silent=("RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn"),
    ),
    "Udp": _Words(
        always={
            "InDatagrams": "{} packets received",
            "NoPorts": "{} packets to unknown port received",
            "InErrors": "{} packet receive errors",
            "OutDatagrams": "{} packets sent",
            "RcvbufErrors": "{} receive buffer errors",
            "SndbufErrors": "{} send buffer errors",
        },
    ),
    "TcpExt": _Words(
        always={
            "TCPHPHits": "{} packet headers predicted",
        },
        counted={
            "SyncookiesSent": "{} SYN cookies sent",
            "SyncookiesRecv": "{} SYN cookies received",
            "SyncookiesFailed": "{} invalid SYN cookies received",
            "EmbryonicRsts": "{} resets received for embryonic SYN_RECV sockets",
            "PruneCalled": "{} packets pruned from receive queue because of socket buffer overrun",
            "RcvPruned": "{} packets pruned from receive queue",
            "OfoPruned": "{} packets dropped from out-of-order queue because of socket buffer overrun",
            "OutOfWindowIcmps": "{} ICMP packets dropped because they were out-of-window",
            "LockDroppedIcmps": "{} ICMP packets dropped because socket was locked",
            "TW": "{} TCP sockets finished time wait in fast timer",
            "TWRecycled": "{} time wait sockets recycled by time stamp",
            "PAWSActive": "{} active connections rejected because of time stamp",
            "PAWSEstab": "{} packets rejected in established connections because of timestamp",
            "DelayedACKs": "{} delayed acks sent",
            "DelayedACKLocked": "{} delayed acks further delayed because of locked socket",
            "DelayedACKLost": "Quick ack mode was activated {} times",
            "ListenOverflows": "{} times the listen queue of a socket overflowed",
            "ListenDrops": "{} SYNs to LISTEN sockets dropped",
            "TCPPureAcks": "{} acknowledgments not containing data payload received",
            "TCPHPAcks": "{} predicted acknowledgments",
            "TCPRenoRecovery": "{} times recovered from packet loss due to fast retransmit",
            "TCPSACKReorder": "Detected reordering {} times using SACK",
            "TCPRenoReorder": "Detected reordering {} times using reno fast retransmit",
            "TCPTSReorder": "Detected reordering {} times using time stamp",
            "TCPFullUndo": "{} congestion windows fully recovered without slow start",
            "TCPPartialUndo": "{} congestion windows partially recovered using Hoe heuristic",
            "TCPLossUndo": "{} congestion windows recovered without slow start after partial ack",
            "TCPRenoFailures": "{} timeouts after reno fast retransmit",
            "TCPLossFailures": "{} timeouts in loss state",
            "TCPFastRetrans": "{} fast retransmits",
            "TCPSlowStartRetrans": "{} retransmits in slow start",
            "TCPRcvCollapsed": "{} packets collapsed in receive queue due to low socket buffer",
            "TCPAbortOnData": "{} connections reset due to unexpected data",
            "TCPAbortOnClose": "{} connections reset due to early user close",
            "TCPAbortOnMemory": "{} connections aborted due to memory pressure",
            "TCPAbortOnTimeout": "{} connections aborted due to timeout",
            "TCPAbortOnLinger": "{} connections aborted after user close in linger timeout",
            "TCPAbortFailed": "{} times unable to send RST due to no memory",
            "TCPMemoryPressures": "TCP ran low on memory {} times",
            "PAWSPassive": "{} passive connections rejected because of time stamp",
            "SockMallocOOM": "Ran {} times out of system memory during packet sending",
            "TCPAbortOnSyn": "{} connections reset due to unexpected SYN",
            "TCPDirectCopyFromBacklog": "{} bytes directly in process context from backlog",
            "TCPFACKReorder": "Detected reordering {} times using FACK",
            "TCPForwardRetrans": "{} forward retransmits",
            "TCPHPHitsToUser": "{} packet headers predicted and directly queued to user",
            "TCPLostRetransmits": "{} retransmits lost",
            "TCPPrequeued": "{} packets directly queued to recvmsg prequeue",
            "TCPSchedulerFailed": "{} times receiver scheduled too late for direct processing",
        },
    ),
    "Ip6": _Words(
        always={
            "InReceives": "{} total packets received",
            "InDiscards": "{} incoming packets discarded",
            "InDelivers": "{} incoming packets delivered",
            "OutForwDatagrams": "{} forwarded",
            "OutRequests": "{} requests sent out",
        },
        counted={
            "InHdrErrors": "{} with invalid headers",
            "InTooBigErrors": "{} with packets too big",
            "InNoRoutes": "{} incoming packets with no route",
            "InAddrErrors": "{} with invalid addresses",
            "InUnknownProtos": "{} with unknown protocol",
            "InTruncatedPkts": "{} with truncated packets",
            "OutDiscards": "{} outgoing packets dropped",
            "OutNoRoutes": "{} dropped because of missing route",
            "ReasmTimeout": "{} fragments dropped after timeout",
            "ReasmReqds": "{} reassemblies required",
            "ReasmOKs": "{} packets reassembled ok",
            "ReasmFails": "{} packet reassemblies failed",
            "FragOKs": "{} outgoing packets fragmented ok",
            "FragFails": "{} outgoing packets failed fragmentation",
            "FragCreates": "{} fragments created",
            "InMcastPkts": "{} incoming multicast packets",
            "OutMcastPkts": "{} outgoing multicast packets",
        },
    ),
    "Icmp6": _Words(
        always={
            "InMsgs": "{} ICMP messages received",
            "InErrors": "{} input ICMP message failed",
            "OutMsgs": "{} ICMP messages sent",
        },
        received={
            "InDestUnreachs": "destination unreachable",
            "InPktTooBigs": "packets too big",
            "InTimeExcds": "received ICMPv6 time exceeded",
            "InParmProblems": "parameter problem",
            "InEchos": "echo requests",
            "InEchoReplies": "echo replies",
            "InGroupMembQueries": "group member queries",
            "InGroupMembResponses": "group member responses",
            "InGroupMembReductions": "group member reductions",
            "InRouterSolicits": "router solicits",
            "InRouterAdvertisements": "router advertisement",
            "InNeighborSolicits": "neighbour solicits",
            "InNeighborAdvertisements": "neighbour advertisement",
            "InRedirects": "redirects",
        },
        sent={
            "OutDestUnreachs": "destination unreachable",
            "OutPktTooBigs": "packets too big",
            "OutTimeExcds": "sent ICMPv6 time exceeded",
            "OutParmProblems": "parameter problem",
            "OutEchos": "echo requests",
            "OutEchoReplies": "echo replies",
            "OutGroupMembQueries": "group member queries",
            "OutGroupMembResponses": "group member responses",
            "OutGroupMembReductions": "group member reductions",
            "OutRouterSolicits": "router solicits",
            "OutNeighborSolicits": "neighbor solicits",
            "OutNeighborAdvertisements": "neighbor advertisements",
            "OutRedirects": "redirects",
        },
    ),
    "Udp6": _Words(
        always={
            "InDatagrams": "{} packets received",
            "NoPorts": "{} packets to unknown port received",
            "InErrors": "{} packet receive errors",
            "OutDatagrams": "{} packets sent",
        },
    ),
}


def netstat_lines(counters: Iterable[Named]) -> Iterator[str]:
    """The lines of ``netstat -s`` for the counters of one namespace; ``?`` for numbers that are not known."""
    wanted = [one for one in counters if one.group in GROUPS]
    wanted.sort(key=lambda one: GROUPS.index(one.group))
    state = ""
    for group, some in groupby(wanted, key=lambda one: one.group):
        yield f"{group}:"
        words = _WORDS.get(group)
        # an unknown group keeps the indentation of the group before it
        state = "" if words else state
        for one in some:
            kind, text = _kind(words, one)
            if kind in _HEADINGS and kind != state:
                yield f"{_spaces(state)}{_HEADINGS[kind]}"
            if text is not None:
                yield _spaces(state if kind == "unknown" else kind) + text
            state = state if kind in {"unknown", "silent"} else kind


def _spaces(state: str) -> str:
    return " " * (_DEEPER if state in _HEADINGS else _INDENT)


def _kind(words: _Words | None, one: Named) -> tuple[str, str | None]:
    """The kind of a counter, and its text if it is shown."""
    shown = "?" if one.value is None else str(one.value)
    if words is not None:
        if one.name in words.always:
            return "always", words.always[one.name].format(shown)
        if one.name in words.counted:
            return "counted", words.counted[one.name].format(shown) if one.value != 0 else None
        for kind, known in (("received", words.received), ("sent", words.sent)):
            if one.name in known:
                return kind, f"{known[one.name]}: {shown}" if one.value != 0 else None
        if one.name in words.silent:
            return "silent", None
    prefix = one.group if one.group.endswith("6") else ""
    return "unknown", f"{prefix}{one.name}: {shown}" if one.value != 0 else None
