"""TCP sockets: listening ones, and those of the established table, which are of three structures.

Sources: include/net/inet_hashtables.h, net/ipv4/tcp_ipv4.c (what /proc/net/tcp shows), inet_hashtables.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING

import msgspec

from crashdrive.linux.net.sockets.inet import (
    REQUIRED,
    Named,
    address_columns,
    distinct,
    dropped,
    full,
    mapped,
    names,
    nets,
    plain,
    selected,
)
from crashdrive.linux.net.sockets.rows import TCP_STATES, Batch, Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from crashdrive.kernel import Columns, Objects

TIME_WAIT, LISTEN, NEW_SYN_RECV = 6, 10, 12
SOCK = "inet_conn.icsk_inet.sk."
COMMON = f"{SOCK}__sk_common."
_HASHINFO = "struct inet_hashinfo"
# Nulls values of listening chains begin here (include/net/inet_hashtables.h), where chains have nulls.
_LISTENING_NULLS_BASE = 1 << 29
# include/net/inet_connection_sock.h: values of icsk_pending, as /proc/net/tcp groups them
_RETRANSMITTING, _PROBING = frozenset({1, 5, 6}), 3

_MEMBERS = {
    **full(SOCK),
    "accepted": (f"{SOCK}sk_ack_backlog",),
    "most": (f"{SOCK}sk_max_ack_backlog",),
    "write_seq": ("write_seq",),
    "snd_una": ("snd_una",),
    "rcv_nxt": ("rcv_nxt",),
    "copied_seq": ("copied_seq",),
    "pending": ("inet_conn.icsk_pending",),
    "timeout": (
        "inet_conn.icsk_timeout",
        "inet_conn.icsk_retransmit_timer.expires",
        f"{SOCK}tcp_retransmit_timer.expires",
    ),
    "retransmits": ("inet_conn.icsk_retransmits",),
    "probes": ("inet_conn.icsk_probes_out",),
    # stable kernels have the first one, too, such as 6.1.192
    "keepalive": ("inet_conn.icsk_keepalive_timer.expires", f"{SOCK}sk_timer.expires"),
    "keepalive_set": ("inet_conn.icsk_keepalive_timer.entry.pprev", f"{SOCK}sk_timer.entry.pprev"),
}
_NEEDED = (*REQUIRED, "write_seq", "snd_una", "rcv_nxt", "copied_seq", "socket")


def find(survey: NetSurvey, wanted: Wanted) -> Iterator[Batch]:
    """TCP sockets of both families."""
    if not wanted.any_of("tcp", "tcp6"):
        return
    fields = Fields(survey.kernel, "struct tcp_sock", _MEMBERS, _NEEDED)
    seen: set[int] = set()
    for hashinfo in hashinfos(survey):
        if wanted.listening:
            yield from _listening(survey, wanted, fields, hashinfo, seen)
        if wanted.connected:
            yield from _established(survey, wanted, fields, hashinfo)


def hashinfos(survey: NetSurvey) -> list[int]:
    """``tcp_hashinfo``, and the tables that namespaces have of their own since 6.1 (d1e5e6408b30)."""
    kernel = survey.kernel
    path = "ipv4.tcp_death_row.hashinfo"
    shared = kernel.symbols.address("tcp_hashinfo")
    if not kernel.has_member("struct net", path):
        return [shared]
    addresses = [one.address for one in survey.namespaces.nets]
    found = survey.gaps(kernel.read_many("struct net", addresses, [path]), "TCP tables of namespaces")
    return distinct([shared, *found[path]])


# listening sockets


def _listening(
    survey: NetSurvey, wanted: Wanted, fields: Fields, hashinfo: int, seen: set[int]
) -> Iterator[Batch]:
    for table in _listening_tables(survey, hashinfo, seen):
        survey.walked(table, "listening TCP sockets")
        if table.addresses:
            columns = survey.read(fields, table.addresses, "listening TCP sockets")
            batch = _full_batch(survey, table.addresses, columns)
            yield batch.keep(selected(survey, wanted, batch))


def _listening_tables(survey: NetSurvey, hashinfo: int, seen: set[int]) -> Iterator[Objects]:
    """Chains of listening sockets: a table by port until 5.19 (cae3873c5b3a), one by address and port since.

    A namespace with its own table of connections still has its listening sockets in the common table;
    ``seen``: tables that were walked.
    """
    kernel = survey.kernel
    bucket = "struct inet_listen_hashbucket"
    head = kernel.path(bucket, "nulls_head", "head")
    nulls = head == "nulls_head"
    if kernel.has_member(_HASHINFO, "listening_hash"):
        start = hashinfo + kernel.offset(_HASHINFO, "listening_hash[0]")
        count = kernel.sizeof(kernel.place(_HASHINFO, "listening_hash").type) // kernel.sizeof(bucket)
    else:
        fields = ["lhash2", "lhash2_mask"]
        ((start, mask),) = kernel.read_many(_HASHINFO, [hashinfo], fields).check()
        count = survey.buckets(mask + 1, "listening TCP sockets")
    if start in seen:
        return
    seen.add(start)
    yield kernel.walk_table(
        start + kernel.offset(bucket, head),
        count,
        "struct tcp_sock",
        f"{COMMON}skc_nulls_node" if nulls else f"{COMMON}skc_node",
        step=kernel.sizeof(bucket),
        nulls=nulls,
        nulls_base=_LISTENING_NULLS_BASE if nulls else None,
    )


# the established table


def _established(survey: NetSurvey, wanted: Wanted, fields: Fields, hashinfo: int) -> Iterator[Batch]:
    """Full sockets, TIME_WAIT and request sockets; the state alone tells the structure."""
    kernel = survey.kernel
    ((table, mask),) = kernel.read_many(_HASHINFO, [hashinfo], ["ehash", "ehash_mask"]).check()
    found = kernel.walk_table(
        table,
        survey.buckets(mask + 1, "TCP sockets"),
        fields.kind,
        f"{COMMON}skc_nulls_node",
        step=kernel.sizeof("struct inet_ehash_bucket"),
        nulls=True,
        nulls_base=0,
        fields=fields.paths,
    )
    survey.walked(found, "TCP sockets")
    if not found.addresses or found.columns is None:
        return
    columns = fields.named(found.columns)
    _note_gaps(survey, found.columns, columns["state"])
    for kind, make in ((None, _full_batch), (TIME_WAIT, _timewait_batch), (NEW_SYN_RECV, _request_batch)):
        chosen = [_kind_of(state) == kind for state in columns["state"]]
        if any(chosen):
            addresses, part = _part(found.addresses, columns, chosen)
            batch = make(survey, addresses, part)
            yield batch.keep(selected(survey, wanted, batch))


def _kind_of(state: int | None) -> int | None:
    return state if state in {TIME_WAIT, NEW_SYN_RECV} else None


def _note_gaps(survey: NetSurvey, columns: Columns, states: Sequence[int | None]) -> None:
    """Note gaps in full sockets alone: the small structures end before most of the members."""
    shared = {i for i, path in enumerate(columns.fields) if path.startswith(COMMON)}
    gaps = [gap for gap in columns.gaps if gap.column in shared or _kind_of(states[gap.row]) is None]
    survey.gaps(msgspec.structs.replace(columns, gaps=tuple(gaps)), "TCP sockets")


def _part(addresses: Sequence[int], columns: Named, chosen: Sequence[bool]) -> tuple[Sequence[int], Named]:
    if all(chosen):
        return addresses, columns
    return (
        list(compress(addresses, chosen)),
        {name: list(compress(values, chosen)) for name, values in columns.items()},
    )


def _base(survey: NetSurvey, addresses: Sequence[int], columns: Named) -> Named:
    base = address_columns(survey.kernel, columns)
    return {
        "address": addresses,
        "proto": names("tcp", base["family"]),
        "net": nets(survey, columns["net"]),
        "bound": columns["bound"],
        "type": ["stream"] * len(addresses),
        **base,
    }


def _full_batch(survey: NetSurvey, addresses: Sequence[int], columns: Named) -> Batch:
    timers = [
        _timer(*values)
        for values in zip(
            columns["pending"],
            columns["timeout"],
            columns["keepalive_set"],
            columns["keepalive"],
            strict=True,
        )
    ]
    return Batch(
        **_base(survey, addresses, columns),
        state=mapped(columns["state"], lambda state: TCP_STATES.get(state, str(state))),
        socket=columns["socket"],
        recv_q=_queue(columns, "accepted", "rcv_nxt", "copied_seq"),
        send_q=_queue(columns, "most", "write_seq", "snd_una"),
        **plain(columns),
        timer=[name for name, _ in timers],
        timer_left=survey.seconds([when for _, when in timers]),
        retransmits=columns["retransmits"],
        probes=columns["probes"],
        drops=dropped(columns),
    )


def _timer(
    pending: int | None, timeout: int | None, keepalive_set: int | None, keepalive: int | None
) -> tuple[str | None, int | None]:
    """/proc/net/tcp's name of the active timer, and its end in jiffies."""
    if pending in _RETRANSMITTING:
        return "on", timeout
    if pending == _PROBING:
        return "probe", timeout
    return ("keepalive", keepalive) if keepalive_set else (None, None)


def _queue(columns: Named, listening: str, end: str, start: str) -> list[int | None]:
    """Bytes between two sequence numbers; for a listening socket the column ``listening``.

    A negative distance (a FIN was counted before) is 0, as in tcp_v4's seq_show.
    """
    return [
        number if state == LISTEN else None if a is None or b is None else _distance(a, b)
        for state, number, a, b in zip(
            columns["state"], columns[listening], columns[end], columns[start], strict=True
        )
    ]


def _distance(end: int, start: int) -> int:
    ahead = (end - start) & 0xFFFFFFFF
    return ahead if ahead < 1 << 31 else 0


_TIMEWAIT = {"substate": ("tw_substate",), "expires": ("tw_timer.expires",)}


def _timewait_batch(survey: NetSurvey, addresses: Sequence[int], columns: Named) -> Batch:
    """Sockets of ``struct inet_timewait_sock``; its substate tells FIN_WAIT2 from TIME_WAIT."""
    fields = Fields(survey.kernel, "struct inet_timewait_sock", _TIMEWAIT, _TIMEWAIT)
    more = survey.read(fields, addresses, "TIME_WAIT sockets")
    nothing = [0] * len(addresses)
    return Batch(
        **_base(survey, addresses, columns),
        state=mapped(more["substate"], lambda state: TCP_STATES.get(state, str(state))),
        recv_q=nothing,
        send_q=nothing,
        timer=["timewait"] * len(addresses),
        timer_left=survey.seconds(more["expires"]),
        retransmits=nothing,
        probes=nothing,
        references=columns["references"],
    )


_REQUEST = {
    "listener": ("__req_common.skc_listener",),
    "timeouts": ("num_timeout",),
    "expires": ("rsk_timer.expires",),
}


def _request_batch(survey: NetSurvey, addresses: Sequence[int], columns: Named) -> Batch:
    """Sockets of ``struct request_sock``, which are in this table since 079096f103fa (4.4)."""
    fields = Fields(survey.kernel, "struct request_sock", _REQUEST, _REQUEST)
    more = survey.read(fields, addresses, "request sockets")
    nothing = [0] * len(addresses)
    return Batch(
        **_base(survey, addresses, columns),
        state=["SYN_RECV"] * len(addresses),
        recv_q=nothing,
        send_q=nothing,
        uid=_uids(survey, more["listener"]),
        timer=["on"] * len(addresses),
        timer_left=survey.seconds(more["expires"]),
        retransmits=more["timeouts"],
        probes=nothing,
        references=columns["references"],
    )


def _uids(survey: NetSurvey, listeners: Sequence[int | None]) -> Sequence[int | None]:
    """The uids of the listening sockets."""
    fields = Fields(survey.kernel, "struct sock", {"uid": full()["uid"]})
    pointers = distinct(listeners)
    if not pointers or not fields.has("uid"):
        return [None] * len(listeners)
    users: Mapping[int, int | None] = dict(
        zip(pointers, survey.read(fields, pointers, "listening TCP sockets")["uid"], strict=True)
    )
    return [users.get(pointer or 0) for pointer in listeners]
