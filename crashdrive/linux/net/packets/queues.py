"""Packets in queues, and the unread bytes of unix sockets."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.linux.survey import Survey

_DGRAM, _LISTEN = 2, 10
_WHAT = "packets in unix sockets' queues"


def packets(survey: Survey, heads: Sequence[int], what: str) -> dict[int, list[int]]:
    """The ``struct sk_buff`` of queues, in their order, by the address of their ``struct sk_buff_head``.

    ``what`` names the packets in notices of holes.
    """
    found = survey.kernel.walk_lists(heads, "struct sk_buff", "next")
    survey.walked(found, what)
    queues: dict[int, list[int]] = {}
    for packet, number in zip(found.addresses, found.walk.lists, strict=True):
        queues.setdefault(heads[number], []).append(packet)
    return queues


def queued_bytes(
    survey: Survey,
    sockets: Sequence[int],
    states: Sequence[int | None],
    types: Sequence[int | None],
    lengths: Sequence[int | None],
) -> list[int | None]:
    """Unread bytes of unix sockets; of a datagram socket, of its first datagram (SIOCINQ, unix_inq_len)."""
    sizes: list[int | None] = [None if length is None else 0 for length in lengths]
    offset = survey.kernel.offset("struct unix_sock", "sk.sk_receive_queue")
    waiting = {sockets[i] + offset: i for i, length in enumerate(lengths) if length and states[i] != _LISTEN}
    if not waiting:
        return sizes
    queues = packets(survey, list(waiting), _WHAT)
    counted = {i: queues.get(head, [])[: 1 if types[i] == _DGRAM else None] for head, i in waiting.items()}
    buffers = [buffer for queue in counted.values() for buffer in queue]
    left = dict(zip(buffers, _lengths(survey, buffers), strict=True))
    for i, queue in counted.items():
        sizes[i] = _sum([left[buffer] for buffer in queue])
    return sizes


def _lengths(survey: Survey, buffers: Sequence[int]) -> list[int | None]:
    """Unread bytes of packets: their length without the consumed part."""
    kernel = survey.kernel
    whole = survey.gaps(kernel.read_many("struct sk_buff", buffers, ["len"]), _WHAT)["len"]
    if not kernel.has_member("struct unix_skb_parms", "consumed"):
        return list(whole)  # a kernel that cuts read bytes off
    control = kernel.offset("struct sk_buff", "cb")
    consumed = kernel.read_many("struct unix_skb_parms", [b + control for b in buffers], ["consumed"])
    taken = survey.gaps(consumed, _WHAT)["consumed"]
    return [None if a is None or b is None else a - b for a, b in zip(whole, taken, strict=True)]


def _sum(values: Sequence[int | None]) -> int | None:
    return None if None in values else sum(value or 0 for value in values)
