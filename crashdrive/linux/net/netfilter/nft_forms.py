"""Expressions of nf_tables that load, compare and change values, give verdicts, and look up sets.

Each by the function that evaluates it. Sources: net/netfilter/nft_{payload,cmp,bitwise,byteorder,immediate,
lookup,meta,rt,exthdr,range,dynset,ct,fib,numgen,hash,socket,osf,xfrm,tunnel}.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.linux.net.netfilter import nft_words
from crashdrive.linux.net.netfilter.nft_expressions import Decoder, Form, Row
from crashdrive.linux.net.netfilter.nft_words import bits, named, register, verdict

_IS_MAP = 8  # NFT_SET_MAP
_JUMPS = frozenset({"jump", "goto"})
_NO_DIRECTION = 2  # IP_CT_DIR_MAX


def same(*names: str) -> dict[str, Sequence[str]]:
    """Members by their own names."""
    return {name: (name,) for name in names}


_DATA = {"data": ("data",)}


def _payload_load(_: Decoder, row: Row) -> str:
    base = named(nft_words.BASES, row["base"])
    return f"payload load {row['len']}b @ {base} header + {row['offset']} => reg {register(row['dreg'])}"


def _payload_write(_: Decoder, row: Row) -> str:
    base = named(nft_words.BASES, row["base"])
    check = f"csum_type {row['csum_type']} csum_off {row['csum_offset']} csum_flags {row['csum_flags']:#x}"
    place = f"{row['len']}b @ {base} header + {row['offset']}"
    return f"payload write reg {register(row['sreg'])} => {place} {check}"


def _compare(decoder: Decoder, row: Row) -> str:
    value = nft_words.words(row["data"][: row["len"]], decoder.order)
    return f"cmp {named(nft_words.COMPARISONS, row['op'])} reg {register(row['sreg'])} {value}"


def _compare_one_word(decoder: Decoder, row: Row) -> str:
    """A comparison of one word: ``len`` is in bits here, and the value is already masked."""
    size = row["len"] // 8
    raw = row["data"].to_bytes(4, "little" if decoder.order == "<" else "big")[:size]
    value = nft_words.words(raw, decoder.order)
    return f"cmp {'neq' if row['inv'] else 'eq'} reg {register(row['sreg'])} {value}"


def _compare_words(decoder: Decoder, row: Row) -> str:
    value = nft_words.words(row["data"][: row["len"]], decoder.order)
    return f"cmp {'neq' if row['inv'] else 'eq'} reg {register(row['sreg'])} {value}"


def _range(decoder: Decoder, row: Row) -> str:
    low, high = (nft_words.words(row[name][: row["len"]], decoder.order) for name in ("low", "high"))
    return f"range {named(('eq', 'neq'), row['op'])} reg {register(row['sreg'])} {low} {high}"


def _bitwise(decoder: Decoder, row: Row) -> str:
    source, size = f"reg {register(row['sreg'])}", row["len"]
    mask, xor, data = (nft_words.words(row[name][:size], decoder.order) for name in ("mask", "xor", "data"))
    operator = row["op"] or 0
    if operator == 0:
        said = f"{source} & {mask} ) ^ {xor}"
    elif operator in (1, 2):
        said = (
            f"{source} {'<<' if operator == 1 else '>>'} {nft_words.words(row['data'][:4], decoder.order)} )"
        )
    elif row["sreg2"]:
        said = f"{source} {named(('', '', '', '&', '|', '^'), operator)} reg {register(row['sreg2'])} )"
    else:
        said = f"{source} {named(('', '', '', '&', '|', '^'), operator)} {data} )"
    return f"bitwise reg {register(row['dreg'])} = ( {said}"


def _bitwise_one_word(_: Decoder, row: Row) -> str:
    registers = f"bitwise reg {register(row['dreg'])} = ( reg {register(row['sreg'])}"
    return f"{registers} & 0x{row['mask']:08x} ) ^ 0x{row['xor']:08x}"


def _byte_order(_: Decoder, row: Row) -> str:
    call = (
        f"{named(('ntoh', 'hton'), row['op'])}(reg {register(row['sreg'])}, {row['size']}, {row['length']})"
    )
    return f"byteorder reg {register(row['dreg'])} = {call}"


def _immediate(decoder: Decoder, row: Row) -> str:
    if row["dreg"] == 0:
        return f"immediate reg 0 {verdict_words(decoder, row['code'], row['chain'])}"
    value = nft_words.words(row["data"][: row["dlen"]], decoder.order)
    return f"immediate reg {register(row['dreg'])} {value}"


def verdict_words(decoder: Decoder, code: int, chain: int) -> str:
    """A verdict, with its chain where it goes to one."""
    said = verdict(code)
    if said not in _JUMPS:
        return said
    return f"{said} -> {decoder.chain(chain)}"


def _targets(decoder: Decoder, rows: Sequence[Row]) -> None:
    jumps = (row for row in rows if row["dreg"] == 0 and verdict(row["code"]) in _JUMPS)
    decoder.fetch_chains(row["chain"] for row in jumps)


def _lookup(decoder: Decoder, row: Row) -> str:
    said = f"lookup reg {register(row['sreg'])} set {decoder.string(row['name'])}"
    has_target = row["flags"] & _IS_MAP if row["dreg_set"] is None else row["dreg_set"]
    target = f" dreg {register(row['dreg'])}" if has_target else ""
    return f"{said}{target} {int(row['invert'] or 0):#x}"


def _names(decoder: Decoder, rows: Sequence[Row]) -> None:
    decoder.fetch_strings(row["name"] for row in rows)


def _meta_load(_: Decoder, row: Row) -> str:
    return f"meta load {_meta_key(row)} => reg {register(row['dreg'])}"


def _meta_set(_: Decoder, row: Row) -> str:
    return f"meta set {_meta_key(row)} with reg {register(row['sreg'])}"


def _meta_key(row: Row) -> str:
    return named(nft_words.META, row["key"])


def _connection_load(_: Decoder, row: Row) -> str:
    key = named(nft_words.CONNECTION, row["key"])
    said = f"ct load {key} => reg {register(row['dreg'])}"
    # keys of both directions together have no direction
    return said if row["dir"] >= _NO_DIRECTION or key in _UNDIRECTED else f"{said} , dir {_way(row['dir'])}"


_UNDIRECTED = frozenset(
    {"state", "direction", "status", "mark", "secmark", "expiration", "helper", "label", "event", "id"}
)


def _way(number: int) -> str:
    return named(("original", "reply"), number)


def _connection_set(_: Decoder, row: Row) -> str:
    key = named(nft_words.CONNECTION, row["key"])
    said = f"ct set {key} with reg {register(row['sreg'])}"
    return f"{said} , dir {_way(row['dir'])}" if key == "zone" and row["dir"] < _NO_DIRECTION else said


def _route(_: Decoder, row: Row) -> str:
    return f"rt load {named(nft_words.ROUTE, row['key'])} => reg {register(row['dreg'])}"


def _extension_place(row: Row) -> str:
    return f"{row['len']}b @ {row['type']} + {row['offset']}"


def _extension_load(_: Decoder, row: Row) -> str:
    present = " present" if row["flags"] & 1 else ""
    kind = named(nft_words.EXTENSIONS, row["op"])
    return f"exthdr load {kind} {_extension_place(row)}{present} => reg {register(row['dreg'])}"


def _extension_write(_: Decoder, row: Row) -> str:
    kind = named(nft_words.EXTENSIONS, row["op"])
    return f"exthdr write {kind} reg {register(row['sreg'])} => {_extension_place(row)}"


def _extension_reset(_: Decoder, row: Row) -> str:
    return f"exthdr reset {named(nft_words.EXTENSIONS, row['op'])} {row['type']}"


def _fib(_: Decoder, row: Row) -> str:
    parts = bits(row["flags"] & 31, {1: "saddr", 2: "daddr", 4: "mark", 8: "iif", 16: "oif"})
    present = " present" if row["flags"] & 32 else ""
    result = named(("", "oif", "oifname", "type"), row["result"])
    return f"fib {' . '.join(parts)} {result}{present} => reg {register(row['dreg'])}"


def _offset(row: Row) -> str:
    return f" offset {row['offset']}" if row["offset"] else ""


def _counted(kind: str) -> Form:
    def words(_: Decoder, row: Row) -> str:
        return f"numgen reg {register(row['dreg'])} = {kind} mod {row['modulus']}{_offset(row)}"

    structure = {"inc": "struct nft_ng_inc", "random": "struct nft_ng_random"}[kind]
    return Form(structure, same("dreg", "modulus", "offset"), words)


def _hash(_: Decoder, row: Row) -> str:
    seed = 0 if row["automatic"] else row["seed"]
    call = f"jhash(reg {register(row['sreg'])}, {row['len']}, {seed:#x})"
    return f"hash reg {register(row['dreg'])} = {call} % mod {row['modulus']}{_offset(row)}"


def _symmetric_hash(_: Decoder, row: Row) -> str:
    return f"hash reg {register(row['dreg'])} = symhash() % mod {row['modulus']}{_offset(row)}"


def _socket(_: Decoder, row: Row) -> str:
    key = named(("transparent", "mark", "wildcard", "cgroupv2"), row["key"])
    level = f" level {row['level']}" if key == "cgroupv2" else ""
    return f"socket load {key}{level} => reg {register(row['dreg'])}"


def _system(_: Decoder, row: Row) -> str:
    return f"osf dreg {register(row['dreg'])}"


def _ipsec(_: Decoder, row: Row) -> str:
    key = named(("", "daddr4", "daddr6", "saddr4", "saddr6", "reqid", "spi"), row["key"])
    way = named(("in", "out"), row["dir"])
    return f"xfrm load {way} {row['spnum']} {key} => reg {register(row['dreg'])}"


def _tunnel(_: Decoder, row: Row) -> str:
    return f"tunnel load {named(('path', 'id'), row['key'])} => reg {register(row['dreg'])}"


def _inner(_: Decoder, row: Row) -> str:
    return f"inner type {row['type']} hdrsize {row['hdrsize']} flags {row['flags']:#x} ?"


def _dynamic(decoder: Decoder, row: Row) -> str:
    what = named(("add", "update", "delete"), row["op"])
    said = f"dynset {what} reg_key {register(row['sreg_key'])} set {decoder.string(row['name'])}"
    if row["flags"] & _IS_MAP and row["sreg_data"]:
        said += f" sreg_data {register(row['sreg_data'])}"
    timeout = round(row["timeout"] * 1000 / decoder.kernel.hz)
    said += f" timeout {timeout}ms"
    nested = _expressions(row)
    return said + (f" expr {' '.join(map(decoder.nested, nested))}" if nested else "")


def _expressions(row: Row) -> list[int]:
    if row["several"] is None:
        return [row["single"]] if row["single"] else []
    return list(row["several"][: row["num_exprs"]])


def _dynamic_prepare(decoder: Decoder, rows: Sequence[Row]) -> None:
    _names(decoder, rows)
    decoder.fetch_nested(pointer for row in rows for pointer in _expressions(row))


_EXTENSION = same("type", "offset", "len", "op", "flags")
_LOAD = same("key", "dreg")

FORMS: dict[str, Form] = {
    "nft_payload_eval": (
        loaded := Form("struct nft_payload", same("base", "offset", "len", "dreg"), _payload_load)
    ),
    "nft_payload_fast_eval": loaded,
    "nft_payload_set_eval": Form(
        "struct nft_payload_set",
        same("base", "offset", "len", "sreg", "csum_type", "csum_offset", "csum_flags"),
        _payload_write,
    ),
    "nft_cmp_eval": Form("struct nft_cmp_expr", _DATA | same("sreg", "len", "op"), _compare),
    "nft_cmp_fast_init": Form(
        "struct nft_cmp_fast_expr", _DATA | same("sreg", "len", "inv"), _compare_one_word
    ),
    "nft_cmp16_fast_init": Form(
        "struct nft_cmp16_fast_expr", _DATA | same("sreg", "len", "inv"), _compare_words
    ),
    "nft_range_eval": Form(
        "struct nft_range_expr",
        same("sreg", "len", "op") | {"low": ("data_from",), "high": ("data_to",)},
        _range,
    ),
    # shifts since 567d746b55bc (5.6); newer kernels take the second operand from a register, too
    "nft_bitwise_eval": Form(
        "struct nft_bitwise",
        same("sreg", "dreg", "len", "mask", "xor") | {"op": ("op", ""), "data": ("data", "mask")}
        | {"sreg2": ("sreg2", "")},
        _bitwise,
    ),
    "nft_bitwise_fast_init": Form(
        "struct nft_bitwise_fast_expr", same("mask", "xor", "sreg", "dreg"), _bitwise_one_word
    ),
    # a length of its own until 6.12
    "nft_byteorder_eval": Form(
        "struct nft_byteorder",
        same("sreg", "dreg", "op", "size") | {"length": ("len", "size")},
        _byte_order,
    ),
    "nft_immediate_eval": Form(
        "struct nft_immediate_expr",
        _DATA | same("dreg", "dlen") | {"code": ("data.verdict.code",), "chain": ("data.verdict.chain",)},
        _immediate,
        _targets,
    ),
    "nft_lookup_eval": Form(
        "struct nft_lookup",
        same("sreg", "dreg") | {"invert": ("invert", ""), "dreg_set": ("dreg_set", "")}
        | {"name": ("set->name",), "flags": ("set->flags",)},
        _lookup,
        _names,
    ),
    "nft_meta_get_eval": Form("struct nft_meta", _LOAD, _meta_load),
    "nft_meta_set_eval": Form("struct nft_meta", same("key", "sreg"), _meta_set),
    "nft_ct_get_eval": (
        tracked := Form("struct nft_ct", _LOAD | same("dir"), _connection_load)
    ),
    "nft_ct_get_fast_eval": tracked,
    "nft_ct_set_eval": (
        tracking := Form("struct nft_ct", same("key", "sreg", "dir"), _connection_set)
    ),
    "nft_ct_set_zone_eval": tracking,
    "nft_rt_get_eval": Form("struct nft_rt", _LOAD, _route),
    "nft_tunnel_get_eval": Form("struct nft_tunnel", _LOAD, _tunnel),
    "nft_exthdr_tcp_set_eval": Form("struct nft_exthdr", _EXTENSION | same("sreg"), _extension_write),
    "nft_exthdr_tcp_strip_eval": Form("struct nft_exthdr", _EXTENSION, _extension_reset),
    "nft_ng_inc_eval": _counted("inc"),
    "nft_ng_random_eval": _counted("random"),
    "nft_jhash_eval": Form(
        "struct nft_jhash",
        same("sreg", "dreg", "len", "modulus", "seed", "offset") | {"automatic": ("autogen_seed",)},
        _hash,
    ),
    "nft_symhash_eval": Form("struct nft_symhash", same("dreg", "modulus", "offset"), _symmetric_hash),
    "nft_socket_eval": Form("struct nft_socket", _LOAD | {"level": ("level_user", "level", "")}, _socket),
    "nft_osf_eval": Form("struct nft_osf", same("dreg"), _system),
    "nft_xfrm_get_eval": Form("struct nft_xfrm", _LOAD | same("dir", "spnum"), _ipsec),
    "nft_inner_eval": Form("struct nft_inner", same("type", "hdrsize", "flags"), _inner),
    # one expression until 563125a73ac3 (5.11)
    "nft_dynset_eval": Form(
        "struct nft_dynset",
        same("op", "sreg_key", "sreg_data", "timeout")
        | {"name": ("set->name",), "flags": ("set->flags",), "several": ("expr_array", "")}
        | {"single": ("expr", ""), "num_exprs": ("num_exprs", "")},
        _dynamic,
        _dynamic_prepare,
    ),
}  # fmt: skip
FORMS |= {
    f"nft_exthdr_{kind}_eval": Form("struct nft_exthdr", _EXTENSION | same("dreg"), _extension_load)
    for kind in ("ipv4", "ipv6", "tcp", "sctp", "dccp")
}
_FIB = Form("struct nft_fib", same("dreg", "result", "flags"), _fib)
FORMS |= {f"nft_fib{family}_eval{kind}": _FIB for family in ("4", "6") for kind in ("", "_type")} | {
    "nft_fib_inet_eval": _FIB,
    "nft_fib_netdev_eval": _FIB,
}
