"""Expressions of nf_tables that count, limit, log, translate or forward, and matches and targets of iptables.

Each by the function that evaluates it. Sources: net/netfilter/nft_{counter,quota,limit,connlimit,last,log,
reject,nat,masq,redir,queue,objref,tproxy,synproxy,fwd_netdev,dup_netdev,flow_offload,compat}.c.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from crashdrive.linux.net.netfilter import nft_words
from crashdrive.linux.net.netfilter.nft_expressions import WHAT, Decoder, Form, Row
from crashdrive.linux.net.netfilter.nft_forms import same
from crashdrive.linux.net.netfilter.nft_words import bits, named, register
from crashdrive.linux.net.netfilter.xt_matches import MATCHES
from crashdrive.linux.net.netfilter.xt_targets import TARGETS
from crashdrive.linux.net.netfilter.xt_text import Data, Unknown

_BILLION = 1_000_000_000
_LOGGED = {1: "tcpseq", 2: "tcpopt", 4: "ipopt", 8: "uid", 0x20: "macdecode"}
_COPY_LENGTH = 1  # NF_LOG_F_COPY_LEN
# NFT_MATCH_LARGE_THRESH
_LARGE_MATCH = 192
# bytes of a match or target; struct xt_entry_match has 16 bits for its size
_MOST_DATA = 1 << 16
_IPV6 = 10  # NFPROTO_IPV6


def _counter(decoder: Decoder, row: Row) -> str:
    packets, size = decoder.counter(row["counter"])
    shown = ("?" if number is None else number for number in (packets, size))
    return "counter pkts {} bytes {}".format(*shown)


def _counters(decoder: Decoder, rows: Sequence[Row]) -> None:
    decoder.fetch_counters(row["counter"] for row in rows)


def _quota(_: Decoder, row: Row) -> str:
    used = min(row["consumed"], row["quota"])
    return f"quota bytes {row['quota']} consumed {used} flags {row['flags']}"


def _limit(kind: str) -> Form:
    def words(_: Decoder, row: Row) -> str:
        said = f"limit rate {row['rate']}/{nft_words.unit(row['nsecs'] // _BILLION)}"
        return f"{said} burst {row['burst']} type {kind} flags {int(row['invert']):#x}"

    names = ("rate", "nsecs", "burst", "invert")
    packed = kind == "packets"
    # the others until 5.17 (369b6cb5d391), when the tokens went behind a pointer
    structures = ("_priv_pkts", "_pkts") if packed else ("_priv", "")
    return Form(
        tuple(f"struct nft_limit{end}" for end in structures),
        {name: (f"limit.{name}" if packed else name,) for name in names},
        words,
    )


def _connections(_: Decoder, row: Row) -> str:
    return f"connlimit count {row['limit']} flags {int(row['invert'])}"


def _last(decoder: Decoder, row: Row) -> str:
    if not row["set"]:
        return "last never"
    (age,) = decoder.survey.seconds([row["jiffies"]])
    return f"last {round(-(age or 0) * 1000)}"


def _log(decoder: Decoder, row: Row) -> str:
    prefix = decoder.string(row["prefix"]) if row["prefix"] else ""
    parts = ["log", *([f"prefix {prefix} "[:-1]] if prefix else [])]
    if row["type"] == 0:
        parts += [f"level {row['level']}", *bits(row["logflags"], _LOGGED)]
        return " ".join(parts)
    parts.append(f"group {row['group']}")
    length = row["copy_len"] if row["flags"] & _COPY_LENGTH else 0
    return " ".join([*parts, f"snaplen {length}", f"qthreshold {row['qthreshold']}"])


def _prefixes(decoder: Decoder, rows: Sequence[Row]) -> None:
    decoder.fetch_strings(row["prefix"] for row in rows)


def _reject(_: Decoder, row: Row) -> str:
    return f"reject type {row['type']} code {row['icmp_code']}"


def _pair(row: Row, name: str) -> str:
    """Registers of the ends of a range of addresses or ports."""
    low, high = row[f"{name}_min"], row[f"{name}_max"]
    if not low:
        return ""
    short = name.removeprefix("sreg_")
    said = f" {short}_min reg {register(low)}"
    return f"{said} {short}_max reg {register(high)}" if high else said


def _flags(row: Row) -> str:
    return f" flags {row['flags']:#x}" if row["flags"] else ""


def _nat(_: Decoder, row: Row) -> str:
    family = named(nft_words.FAMILIES, row["family"])
    said = f"nat {named(('snat', 'dnat'), row['type'])} {family}"
    return f"{said}{_pair(row, 'sreg_addr')}{_pair(row, 'sreg_proto')}{_flags(row)}"


def _ports(name: str) -> Form:
    def words(_: Decoder, row: Row) -> str:
        return f"{name}{_pair(row, 'sreg_proto')}{_flags(row)}"

    return Form(f"struct nft_{name}", same("sreg_proto_min", "sreg_proto_max", "flags"), words)


def _queue(_: Decoder, row: Row) -> str:
    count = row["queues_total"]
    last = f"-{row['queuenum'] + count - 1}" if count > 1 else ""
    return _with_ways(f"queue num {row['queuenum']}{last}", row)


def _queue_by_register(_: Decoder, row: Row) -> str:
    return _with_ways(f"queue sreg_qnum {register(row['sreg_qnum'])}", row)


def _with_ways(said: str, row: Row) -> str:
    return " ".join([said, *bits(row["flags"], {1: "bypass", 2: "fanout"})])


def _object(decoder: Decoder, row: Row) -> str:
    """The name of an object; the arguments are a pointer to it."""
    kernel, kind = decoder.kernel, "struct nft_object"
    paths = [kernel.path(kind, "ops->type->type", "type->type"), kernel.path(kind, "key.name", "name")]
    columns = kernel.read_many(kind, [kernel.read_pointer(row["place"])], paths)
    ((number, name),) = decoder.survey.gaps(columns, WHAT)
    return f"objref type {'?' if number is None else number} name {decoder.string(name)}"


def _object_of_map(decoder: Decoder, row: Row) -> str:
    return f"objref sreg {register(row['sreg'])} set {decoder.string(row['name'])}"


def _names(decoder: Decoder, rows: Sequence[Row]) -> None:
    decoder.fetch_strings(row["name"] for row in rows)


def _proxy(_: Decoder, row: Row) -> str:
    family = "" if row["family"] == 1 else f" {named(nft_words.FAMILIES, row['family'])}"
    addresses = f" addr reg {register(row['sreg_addr'])}" if row["sreg_addr"] else ""
    ports = f" port reg {register(row['sreg_port'])}" if row["sreg_port"] else ""
    return f"tproxy{family}{addresses}{ports}"


def _syn_proxy(_: Decoder, row: Row) -> str:
    return f"synproxy mss {row['mss']} wscale {row['wscale']}"


def _forward(_: Decoder, row: Row) -> str:
    return f"fwd sreg_dev {register(row['sreg_dev'])}"


def _forward_to_neighbour(_: Decoder, row: Row) -> str:
    said = f"fwd sreg_dev {register(row['sreg_dev'])} sreg_addr {register(row['sreg_addr'])}"
    return f"{said} nfproto {row['nfproto']}"


def _copy(_: Decoder, row: Row) -> str:
    address = f" sreg_addr {register(row['sreg_addr'])}" if row["sreg_addr"] else ""
    device = f" sreg_dev {register(row['sreg_dev'])}" if row["sreg_dev"] else ""
    return f"dup{address}{device}"


def _flow(decoder: Decoder, row: Row) -> str:
    return f"flow_offload flowtable {decoder.string(row['name'])}"


def _plain(name: str) -> Form:
    return Form("struct nft_expr", {}, lambda _decoder, _row: name)


def _extension(kind: str) -> Form:
    """A match or target of iptables: its name, then its arguments in the words of iptables-save."""
    decoders = MATCHES if kind == "match" else TARGETS
    members = ["name", "revision", f"{kind}size", "family"]

    def kinds(decoder: Decoder, rows: Sequence[Row]) -> dict[int, tuple[Any, ...]]:
        known = sorted({row["extra"] for row in rows})
        columns = decoder.kernel.read_many(f"struct xt_{kind}", known, members)
        return dict(zip(known, decoder.survey.gaps(columns, WHAT), strict=True))

    def prepare(decoder: Decoder, rows: Sequence[Row]) -> None:
        known = kinds(decoder, rows)
        decoder.kept.update(known)
        sizes = ((row["place"], known[row["extra"]][2] or 0) for row in rows)
        decoder.kernel.prefetch([(place, min(max(size, 8), _LARGE_MATCH)) for place, size in sizes])

    def words(decoder: Decoder, row: Row) -> str:
        kernel = decoder.kernel
        name, revision, size, family = decoder.kept[row["extra"]]
        if None in (name, revision, size):
            return f"{kind} ?"
        large = kind == "match" and size > _LARGE_MATCH
        raw = kernel.read(kernel.read_pointer(row["place"]) if large else row["place"], min(size, _MOST_DATA))
        data = Data(raw, decoder.order, "ipv6" if family == _IPV6 else "ipv4", kernel.pointer_size)
        said = f"{kind} name {name} rev {revision}"
        try:
            return f"{said} {decoders[name, revision](data)}".rstrip()
        except (Unknown, LookupError, ValueError, ArithmeticError, struct.error):
            decoder.unknown.add(f"{kind} {name}")
            return f"{said} [arguments not decoded: {raw.hex()}]"

    return Form("struct nft_expr", {}, words, prepare)


ACTIONS: dict[str, Form] = {
    "nft_counter_eval": Form("struct nft_counter_percpu_priv", same("counter"), _counter, _counters),
    # the count is behind a pointer since 5.17
    "nft_quota_eval": Form(
        "struct nft_quota",
        same("flags") | {"quota": ("quota.counter", "quota")}
        | {"consumed": ("consumed->counter", "consumed.counter")},
        _quota,
    ),
    "nft_limit_pkts_eval": _limit("packets"),
    "nft_limit_bytes_eval": _limit("bytes"),
    "nft_connlimit_eval": Form("struct nft_connlimit", same("limit", "invert"), _connections),
    "nft_last_eval": Form(
        "struct nft_last_priv", {"jiffies": ("last->jiffies",), "set": ("last->set",)}, _last
    ),
    "nft_log_eval": Form(
        "struct nft_log",
        same("prefix") | {
            "type": ("loginfo.type",), "level": ("loginfo.u.log.level",),
            "logflags": ("loginfo.u.log.logflags",), "group": ("loginfo.u.ulog.group",),
            "copy_len": ("loginfo.u.ulog.copy_len",), "qthreshold": ("loginfo.u.ulog.qthreshold",),
            "flags": ("loginfo.u.ulog.flags",),
        },
        _log,
        _prefixes,
    ),
    "nft_nat_eval": Form(
        "struct nft_nat",
        same("type", "family", "flags", "sreg_addr_min", "sreg_addr_max", "sreg_proto_min", "sreg_proto_max"),
        _nat,
    ),
    "nft_queue_eval": Form("struct nft_queue", same("queuenum", "queues_total", "flags"), _queue),
    "nft_queue_sreg_eval": Form("struct nft_queue", same("sreg_qnum", "flags"), _queue_by_register),
    "nft_objref_map_eval": Form(
        "struct nft_objref_map", same("sreg") | {"name": ("set->name",)}, _object_of_map, _names
    ),
    "nft_synproxy_eval": Form(
        "struct nft_synproxy", {"mss": ("info.mss",), "wscale": ("info.wscale",)}, _syn_proxy
    ),
    "nft_fwd_netdev_eval": Form("struct nft_fwd_netdev", same("sreg_dev"), _forward),
    "nft_fwd_neigh_eval": Form(
        "struct nft_fwd_neigh", same("sreg_dev", "sreg_addr", "nfproto"), _forward_to_neighbour
    ),
    "nft_dup_netdev_eval": Form(
        "struct nft_dup_netdev", same("sreg_dev") | {"sreg_addr": ("sreg_addr", "")}, _copy
    ),
    "nft_flow_offload_eval": Form(
        "struct nft_flow_offload", {"name": ("flowtable->name",)}, _flow, _names
    ),
    "nft_notrack_eval": _plain("notrack"),
    "nft_objref_eval": Form("struct nft_expr", {}, _object),
}  # fmt: skip
_REJECT = Form("struct nft_reject", same("type", "icmp_code"), _reject)
ACTIONS |= {f"nft_reject_{family}_eval": _REJECT for family in ("ipv4", "ipv6", "inet", "netdev", "bridge")}
for _family in ("ipv4", "ipv6", "inet"):
    ACTIONS |= {f"nft_masq_{_family}_eval": _ports("masq"), f"nft_redir_{_family}_eval": _ports("redir")}
ACTIONS |= {
    "nft_masq_eval": _ports("masq"),
    "nft_redir_eval": _ports("redir"),
    "nft_nat_inet_eval": ACTIONS["nft_nat_eval"],
}
_TPROXY = Form("struct nft_tproxy", same("sreg_addr", "sreg_port", "family"), _proxy)
ACTIONS |= {f"nft_tproxy_eval{family}": _TPROXY for family in ("", "_v4", "_v6")}
ACTIONS |= {
    f"nft_dup_{family}_eval": Form(f"struct nft_dup_{family}", same("sreg_addr", "sreg_dev"), _copy)
    for family in ("ipv4", "ipv6")
}
for _kind, _functions in {
    "match": ("nft_match_eval", "nft_match_large_eval"),
    "target": ("nft_target_eval_xt", "nft_target_eval_bridge"),
}.items():
    ACTIONS |= dict.fromkeys(_functions, _extension(_kind))
