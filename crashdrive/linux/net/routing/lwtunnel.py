"""Light-weight tunnels, the encapsulation of next hops, worded as iproute2 does (``encap ...``).

Sources: include/net/lwtunnel.h, ip_tunnels.h, net/ipv6/seg6_iptunnel.c and seg6_local.c,
net/mpls/mpls_iptunnel.c; iproute2's ip/iproute_lwtunnel.c for the words.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from crashdrive.errors import FaultError, UnknownMemberError, UnknownTypeError
from crashdrive.linux.net.addresses import ipv4, ipv6
from crashdrive.records import Notice

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

_STATE = "struct lwtunnel_state"
# enum lwtunnel_encap_types of include/uapi/linux/lwtunnel.h
_KINDS = {
    1: "mpls", 2: "ip", 3: "ila", 4: "ip6", 5: "seg6", 6: "bpf", 7: "seg6local", 8: "rpl", 9: "ioam6",
    10: "xfrm",
}  # fmt: skip
# SEG6_IPTUN_MODE_*
_MODES = ("inline", "encap", "l2encap", "encap.red", "l2encap.red")
# SEG6_LOCAL_ACTION_*, from 1
_ACTIONS = (
    "End", "End.X", "End.T", "End.DX2", "End.DX6", "End.DX4", "End.DT6", "End.DT4", "End.B6",
    "End.B6.Encaps", "End.BM", "End.S", "End.AS", "End.AM", "End.BPF", "End.DT46",
)  # fmt: skip
# TUNNEL_*, in the order in which they are shown
_FLAGS = ((4, "key"), (1, "csum"), (8, "seq"))
_SEGMENT = 16
_MOST_SEGMENTS = 128
_HMAC = 8  # SR6_FLAG1_HMAC
_MOST_LABELS = 30


def encapsulations(survey: Survey, pointers: Sequence[int | None]) -> list[str | None]:
    """The words for each ``struct lwtunnel_state``: ``mpls 100/200``, ``ip id 7 src ...``; None for NULL.

    Its kind alone, and a notice, where its data can't be read here.
    """
    known = sorted({pointer for pointer in pointers if pointer})
    if not known:
        return [None] * len(pointers)
    kinds = survey.gaps(survey.kernel.read_many(_STATE, known, ["type"]), "encapsulations")["type"]
    data = survey.kernel.offset(_STATE, "data")
    words = {
        pointer: _words(survey, kind, pointer + data) for pointer, kind in zip(known, kinds, strict=True)
    }
    return [words.get(pointer or 0) for pointer in pointers]


def _words(survey: Survey, kind: int | None, data: int) -> str:
    if kind is None:
        return "unread"
    name = _KINDS.get(kind, str(kind))
    try:
        return " ".join((name, *_READERS[name](survey, data)))
    except (KeyError, UnknownMemberError, UnknownTypeError):
        message = f"this kernel keeps what its encapsulation {name} holds elsewhere; not read"
        survey.miss([Notice(kind="elsewhere", message=message)])
    except FaultError as error:
        survey.miss([Notice(kind="hole", message=f"encapsulation {name}: {error}")])
    return name


def _values(survey: Survey, kind: str, address: int, paths: Sequence[str]) -> list[Any]:
    (row,) = survey.kernel.read_many(kind, [address], paths).check()
    return list(row)


def _tunnel(survey: Survey, data: int, family: str) -> list[Any]:
    """Id, addresses and so on of a ``struct ip_tunnel_info``, and the words of its flags."""
    kernel, kind = survey.kernel, "struct ip_tunnel_info"
    # 5832c4a77d69 (6.10) made the flags a bitmap; until then they are in network order
    flags = kernel.path(kind, "key.tun_flags[0]", "key.tun_flags")
    paths = ["key.tun_id", f"key.u.{family}.src", f"key.u.{family}.dst", "key.ttl", "key.tos", flags]
    number, source, target, ttl, tos, bits = _values(survey, kind, data, paths)
    swapped = flags == "key.tun_flags" and kernel.order == "<"
    known = int.from_bytes(bits.to_bytes(2, "little"), "big") if swapped else bits
    return [_swapped(survey, number, 8), source, target, ttl, tos, [w for bit, w in _FLAGS if known & bit]]


def _swapped(survey: Survey, value: int, size: int) -> int:
    """The number in network order that was read in the machine's byte order."""
    raw = value.to_bytes(size, "little" if survey.kernel.order == "<" else "big")
    return int.from_bytes(raw, "big")


def _ip(survey: Survey, data: int) -> list[str]:
    number, *ends, ttl, tos, flags = _tunnel(survey, data, "ipv4")
    source, target = (ipv4(_swapped(survey, end, 4).to_bytes(4, "big")) for end in ends)
    return [f"id {number} src {source} dst {target} ttl {ttl} tos {tos}", *flags]


def _ip6(survey: Survey, data: int) -> list[str]:
    number, source, target, ttl, tos, flags = _tunnel(survey, data, "ipv6")
    return [f"id {number} src {ipv6(source)} dst {ipv6(target)} hoplimit {ttl} tc {tos}", *flags]


def _seg6(survey: Survey, data: int) -> list[str]:
    kernel = survey.kernel
    start = data + kernel.offset("struct seg6_lwt", "tuninfo")
    (mode,) = _values(survey, "struct seg6_iptunnel_encap", start, ["mode"])
    header = start + kernel.offset("struct seg6_iptunnel_encap", "srh")
    known = _MODES[mode] if 0 <= mode < len(_MODES) else str(mode)
    return [f"mode {known}", *_segments(survey, header)]


def _segments(survey: Survey, header: int) -> Iterator[str]:
    """A routing header's addresses in the order of travel: the header has them reversed."""
    kernel, kind = survey.kernel, "struct ipv6_sr_hdr"
    first, flags = _values(survey, kind, header, ["first_segment", "flags"])
    if first >= _MOST_SEGMENTS:
        raise FaultError(f"{first + 1} segments are impossible", header, 0, "node")
    raw = kernel.read(header + kernel.offset(kind, "segments"), _SEGMENT * (first + 1))
    parts = [ipv6(raw[at : at + _SEGMENT]) for at in range(0, len(raw), _SEGMENT)]
    yield f"segs {first + 1} [ {' '.join(reversed(parts))} ]"
    if flags & _HMAC:
        yield "hmac"


# SEG6_LOCAL_* of include/uapi/linux/seg6_local.h: bit, word, member
_ATTRIBUTES = (
    (3, "table", "table"), (9, "vrftable", "dt_info.vrf_table"), (4, "nh4", "nh4.s_addr"), (5, "nh6", "nh6"),
    (6, "iif", "iif"), (7, "oif", "oif"),
)  # fmt: skip


def _seg6local(survey: Survey, data: int) -> Iterator[str]:
    kernel, kind = survey.kernel, "struct seg6_local_lwt"
    (action, needed) = _values(survey, kind, data, ["action", "desc->attrs"])
    # 5.11 brought attributes that may be left out
    optional = kernel.first_path(kind, ["parsed_optattrs"])
    bits = (needed or 0) | (_values(survey, kind, data, [optional])[0] if optional else 0)
    yield f"action {_ACTIONS[action - 1] if 0 < action <= len(_ACTIONS) else action}"
    for bit, word, member in _ATTRIBUTES:
        if bits >> bit & 1:
            (value,) = _values(survey, kind, data, [member])
            yield f"{word} {_attribute(survey, word, value)}"
    rest = bits & ~sum(1 << bit for bit, *_ in _ATTRIBUTES)
    if rest:
        message = f"encapsulation seg6local: its attributes {rest:#x} are not read"
        survey.miss([Notice(kind="elsewhere", message=message)])


def _attribute(survey: Survey, word: str, value: Any) -> str:
    if word == "nh4":
        return ipv4(_swapped(survey, value, 4).to_bytes(4, "big"))
    if word == "nh6":
        return ipv6(value)
    return f"if{value}" if word in {"iif", "oif"} else str(value)


def _mpls(survey: Survey, data: int) -> list[str]:
    """MPLS labels, the outermost first; the structure is a module's."""
    kernel, kind = survey.kernel, "struct mpls_iptunnel_encap"
    count, ttl = _values(survey, kind, data, ["labels", "default_ttl"])
    if count > _MOST_LABELS:
        raise FaultError(f"{count} labels are impossible", data, 0, "node")
    raw = kernel.read(data + kernel.offset(kind, "label"), 4 * count)
    labels = struct.unpack(f"{kernel.order}{count}I", raw)
    return ["/".join(map(str, labels)), *([f"ttl {ttl}"] if ttl else [])]


_READERS: Mapping[str, Callable[[Survey, int], Sequence[str] | Iterator[str]]] = {
    "mpls": _mpls,
    "ip": _ip,
    "ip6": _ip6,
    "seg6": _seg6,
    "seg6local": _seg6local,
}
