"""Unix sockets. Source: net/unix/af_unix.c (what /proc/net/unix shows), net/unix/diag.c (queues)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crashdrive.linux.net.net_list import for_each_net_namespace
from crashdrive.linux.net.packets.queues import queued_bytes
from crashdrive.linux.net.sockets.inet import Named, full, nets, plain, selected
from crashdrive.linux.net.sockets.rows import TYPES, UNCONNECTED, Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields, Survey

ESTABLISHED, LISTEN = 1, 10
_LONGEST = 108  # UNIX_PATH_MAX
MEMBERS = {
    **full("sk."),
    "name": ("addr",),
    "most": ("sk.sk_max_ack_backlog",),
    "queued": ("sk.sk_receive_queue.qlen",),
}


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """Unix sockets: a table in each namespace since 6.0, one for all before."""
    if not wanted.any_of("unix"):
        return
    kernel = survey.kernel
    own = kernel.has_member("struct net", "unx.table.buckets")
    if not own and not kernel.symbols.has("unix_socket_table"):
        survey.absent("unix sockets")
        return
    fields = Fields(kernel, "struct unix_sock", MEMBERS, ("socket", "state", "name"))
    for heads, count in _tables(survey, sorted(survey.chosen)) if own else [_shared_table(survey)]:
        found = kernel.walk_table(heads, count, fields.kind, "sk.__sk_common.skc_node")
        survey.walked(found, "unix sockets")
        if found.addresses:
            columns = survey.read(fields, found.addresses, "unix sockets")
            batch = _batch(survey, found.addresses, columns)
            yield batch.keep(selected(survey, wanted, batch))


def every_socket(survey: Survey) -> list[int]:
    """Addresses of the ``struct unix_sock`` of all namespaces."""
    kernel = survey.kernel
    if not kernel.has_member("struct net", "unx.table.buckets"):
        tables = [_shared_table(survey)]
    else:
        spaces = for_each_net_namespace(kernel)
        survey.walked(spaces, "network namespaces")
        tables = list(_tables(survey, spaces.addresses))
    found: list[int] = []
    for heads, count in tables:
        walked = kernel.walk_table(heads, count, "struct unix_sock", "sk.__sk_common.skc_node")
        survey.walked(walked, "unix sockets")
        found += walked.addresses
    return found


def _tables(survey: Survey, namespaces: Sequence[int]) -> Iterator[tuple[int, int]]:
    kernel = survey.kernel
    # the second half is for sockets without a name; bsd_socket_buckets is as large as the first half
    count = 2 * _length(survey, "bsd_socket_buckets")
    found = kernel.read_many("struct net", namespaces, ["unx.table.buckets"])
    for pointer in survey.gaps(found, "unix sockets of namespaces")["unx.table.buckets"]:
        if pointer:
            yield pointer, count


def _shared_table(survey: Survey) -> tuple[int, int]:
    return survey.kernel.symbols.address("unix_socket_table"), _length(survey, "unix_socket_table")


def _length(survey: Survey, symbol: str) -> int:
    kernel = survey.kernel
    return kernel.variable_size(symbol) // kernel.sizeof("struct hlist_head")


def _batch(survey: NetSurvey, addresses: Sequence[int], columns: Named) -> Batch:
    states = [
        _state(state, socket) for state, socket in zip(columns["state"], columns["socket"], strict=True)
    ]
    bytes_in = queued_bytes(survey, addresses, columns["state"], columns["type"], columns["queued"])
    listening = [state == LISTEN for state in columns["state"]]
    return Batch(
        address=addresses,
        proto=["unix"] * len(addresses),
        family=["unix"] * len(addresses),
        state=states,
        net=nets(survey, columns["net"]),
        socket=columns["socket"],
        local_address=bound_names(survey, columns["name"]),
        recv_q=[
            queued if listens else size
            for listens, queued, size in zip(listening, columns["queued"], bytes_in, strict=True)
        ],
        send_q=[
            most if listens else _less_own(held)
            for listens, most, held in zip(listening, columns["most"], columns["wmem"], strict=True)
        ],
        type=[TYPES.get(kind, str(kind)) for kind in columns["type"]],
        **plain(columns),
    )


def _less_own(held: int | None) -> int | None:
    return None if held is None else held - 1


def _state(state: int | None, socket: int | None) -> str | None:
    """The words of enum socket_state, as /proc/net/unix derives them."""
    if state is None or socket is None:
        return None
    if state == LISTEN:
        return "LISTEN"
    if socket:
        return "CONNECTED" if state == ESTABLISHED else UNCONNECTED
    return "CONNECTING" if state == ESTABLISHED else "DISCONNECTING"


def bound_names(survey: Survey, pointers: Sequence[int | None]) -> list[str | None]:
    """Paths and abstract names by ``struct unix_address``; None where a socket has none."""
    kernel = survey.kernel
    kind = "struct unix_address"
    targets = sorted({pointer for pointer in pointers if pointer})
    lengths = survey.gaps(kernel.read_many(kind, targets, ["len"]), "names of unix sockets")["len"]
    start = kernel.offset(kind, "name") + kernel.offset("struct sockaddr_un", "sun_path")
    family = kernel.offset("struct sockaddr_un", "sun_path")
    sizes = {
        target: min(length - family, _LONGEST)
        for target, length in zip(targets, lengths, strict=True)
        if length is not None and length > family
    }
    window = kernel.window()
    window.fetch((target + start, size) for target, size in sizes.items())
    names: dict[Any, str | None] = {}
    for target, size in sizes.items():
        raw = window.bytes(target + start, size)
        names[target] = None if raw is None else name_text(raw)
    return [names.get(pointer) for pointer in pointers]


def name_text(raw: bytes) -> str:
    """``sun_path`` as /proc/net/unix has it: abstract names with ``@`` for each NUL, paths without theirs."""
    text = raw.replace(b"\0", b"@") if raw.startswith(b"\0") else raw.split(b"\0", 1)[0]
    return text.decode("utf-8", "backslashreplace")
