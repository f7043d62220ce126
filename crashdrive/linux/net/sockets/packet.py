"""Packet sockets. Source: net/packet/af_packet.c."""

from __future__ import annotations

from collections.abc import Iterator

from crashdrive.linux.net.sockets.inet import dropped, full, mapped, nets, plain, ports, selected
from crashdrive.linux.net.sockets.rows import TYPES, UNCONNECTED, Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields

MEMBERS = {
    **full("sk."),
    "protocol": ("num",),
    "ifindex": ("ifindex",),
}


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """Packet sockets: a list in each namespace."""
    if not wanted.any_of("packet") or not wanted.state(UNCONNECTED):
        return
    kernel = survey.kernel
    if not kernel.has_member("struct net", "packet.sklist"):
        survey.absent("packet sockets")
        return
    fields = Fields(kernel, "struct packet_sock", MEMBERS, ("socket", "protocol", "ifindex"))
    head = kernel.offset("struct net", "packet.sklist")
    for net in sorted(survey.chosen):
        found = kernel.walk_hlist(net + head, fields.kind, "sk.__sk_common.skc_node")
        survey.walked(found, "packet sockets")
        if found.addresses:
            columns = survey.read(fields, found.addresses, "packet sockets")
            batch = Batch(
                address=found.addresses,
                proto=["packet"] * len(found),
                family=["packet"] * len(found),
                state=[UNCONNECTED] * len(found),
                net=nets(survey, columns["net"]),
                socket=columns["socket"],
                bound=columns["ifindex"],
                recv_q=columns["rmem"],
                send_q=mapped(columns["wmem"], lambda value: value - 1),
                type=mapped(columns["type"], lambda kind: TYPES.get(kind, str(kind))),
                protocol_number=ports(kernel, columns["protocol"]),
                drops=dropped(columns),
                **plain(columns),
            )
            yield batch.keep(selected(survey, wanted, batch))
