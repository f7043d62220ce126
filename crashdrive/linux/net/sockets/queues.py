"""Sockets with queues that aren't empty: connections to accept, unread data, unacknowledged data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from crashdrive.linux.net.sockets.detail import ends
from crashdrive.linux.net.sockets.rows import Socket
from crashdrive.linux.net.sockets.tcp_detail import Listener, TcpDetail
from crashdrive.records import Address, Record

STUCK = 1.0
"""Seconds without progress from which on data is stuck."""


class ListenQueue(Record, frozen=True):
    """The queues of a listening socket: ``accept_queue`` of ``accept_limit`` connections wait for accept(),
    ``syn_queue`` for the end of their handshake (None: unix sockets have no such queue). ``drops`` of
    connections that found no room.

    The kernel takes one more than the limit: the queue is full when ``accept_queue`` is above it.
    """

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    accept_queue: int | None
    accept_limit: int | None
    syn_queue: int | None
    drops: int | None
    pid: int | None
    program: str | None
    address: Address


class QueuedData(Record, frozen=True):
    """A socket with data in its queues, in bytes; a FIN counts as one.

    ``received_ago``, ``acknowledged_ago`` and ``sent_ago``: seconds since data was last received,
    acknowledged, sent; None where the kernel doesn't keep that (TCP does). ``retransmits``: of the data at
    the head.

    ``stuck``: the direction without progress for a second or longer (``receive``, ``send``, ``both``).
    """

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    state: str | None
    recv_q: int | None
    send_q: int | None
    received_ago: float | None
    acknowledged_ago: float | None
    sent_ago: float | None
    retransmits: int | None
    stuck: str | None
    pid: int | None
    program: str | None
    address: Address


class Retransmitting(Record, frozen=True):
    """A TCP socket that retransmits unacknowledged data, or probes a closed window (``probes``)."""

    proto: str
    netns: str | None
    local: str | None
    remote: str | None
    state: str | None
    retransmits: int | None
    probes: int | None
    timer_left: float | None
    pid: int | None
    program: str | None
    address: Address


def stuck_direction(
    recv_q: int | None, send_q: int | None, ages: tuple[float | None, float | None, float | None]
) -> str | None:
    """The stuck direction, by seconds since data was received, acknowledged, sent.

    The last receive is that of the youngest data in the receive queue. Data to send is stuck when it is
    neither sent nor acknowledged: an idle connection has an old acknowledgement, too.
    """
    received, acknowledged, sent = ages
    receiving = bool(recv_q) and received is not None and received >= STUCK
    moved = [age for age in (acknowledged, sent) if age is not None]
    sending = bool(send_q) and bool(moved) and min(moved) >= STUCK
    return "both" if receiving and sending else "receive" if receiving else "send" if sending else None


def _held(row: Socket) -> dict[str, Any]:
    """Columns that identify a socket, and its process."""
    names = ("proto", "netns", "pid", "program", "address")
    return ends(row) | {name: getattr(row, name) for name in names}


def listen_queues(rows: Sequence[Socket], listeners: Iterable[Listener]) -> list[ListenQueue]:
    """Listen queues that aren't empty or were full before, the fullest first."""
    more = {one.address: one for one in listeners}
    made: list[ListenQueue] = []
    for row in rows:
        if row.state != "LISTEN":
            continue
        listener = more.get(row.address)
        queue = ListenQueue(
            **_held(row), accept_queue=row.recv_q, accept_limit=row.send_q,
            syn_queue=listener.syn_queue if listener else None, drops=row.drops,
        )  # fmt: skip
        if queue.accept_queue or queue.syn_queue or queue.drops:
            made.append(queue)
    return sorted(made, key=lambda one: -(one.accept_queue or 0) / ((one.accept_limit or 0) + 1))


def queued_data(rows: Sequence[Socket], connections: Iterable[TcpDetail]) -> list[QueuedData]:
    """Sockets with data in their queues, stuck ones first."""
    more = {one.address: one for one in connections}
    made: list[QueuedData] = []
    for row in rows:
        # the one byte of a socket that is connecting is its SYN
        if row.state in {"LISTEN", "SYN_SENT"} or not (row.recv_q or row.send_q):
            continue
        one = more.get(row.address)
        ages = (one.last_received_ago, one.last_ack_ago, one.last_sent_ago) if one else (None, None, None)
        made.append(
            QueuedData(
                **_held(row), state=row.state, recv_q=row.recv_q, send_q=row.send_q,
                received_ago=ages[0], acknowledged_ago=ages[1], sent_ago=ages[2],
                retransmits=row.retransmits, stuck=stuck_direction(row.recv_q, row.send_q, ages),
            )
        )  # fmt: skip
    return sorted(made, key=lambda one: (one.stuck is None, -(one.recv_q or 0) - (one.send_q or 0)))


def retransmitting(rows: Sequence[Socket]) -> list[Retransmitting]:
    """TCP sockets that retransmit or probe, the most often first."""
    names = ("state", "retransmits", "probes", "timer_left")
    made = [
        Retransmitting(**_held(row), **{name: getattr(row, name) for name in names})
        for row in rows
        if row.proto in {"tcp", "tcp6"} and (row.retransmits or row.probes)
    ]
    return sorted(made, key=lambda one: -(one.retransmits or 0))
