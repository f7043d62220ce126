"""Common parts of iptables' matches and targets: their bytes, and the words of iptables-save.

The arguments of a match or target are structures of the kernel's interface to programs (include/uapi/linux/
netfilter*): for a name and revision their layout is fixed for all kernels of a word size.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from crashdrive.linux.net.addresses import ipv4, ipv6

ICMP6 = 58
# as libxtables knows them without /etc/protocols
_PROTOCOLS = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    50: "esp",
    51: "ah",
    ICMP6: "ipv6-icmp",
    132: "sctp",
    135: "ipv6-mh",
    136: "udplite",
}
_UNQUOTED = frozenset("_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ANY = (0, 0xFFFF)


class Data(NamedTuple):
    """The arguments of a match or target.

    ``order`` as the struct module has it, ``family`` ``ipv4`` or ``ipv6``, ``word`` the size of a pointer.
    """

    raw: bytes
    order: str
    family: str
    word: int

    def get(self, code: str, at: int = 0) -> tuple[Any, ...]:
        """Numbers in the machine's order and without padding, as the struct module's ``code`` says."""
        return struct.unpack_from(self.order + code, self.raw, at)

    def one(self, code: str, at: int = 0) -> Any:
        """A single number."""
        return self.get(code, at)[0]

    def port(self, at: int) -> int:
        """A number in network order."""
        return int.from_bytes(self.raw[at : at + 2], "big")

    def union(self, at: int) -> bytes:
        """A ``union nf_inet_addr``: the bytes that the family uses."""
        return self.raw[at : at + (16 if self.family == "ipv6" else 4)]

    def address(self, at: int) -> str:
        """The same as text."""
        return address(self.union(at))


Decoder: TypeAlias = Callable[[Data], str]


class Unknown(Exception):  # noqa: N818 - not an error: arguments that have no words here
    """Arguments that this decoder has no words for."""


def address(raw: bytes) -> str:
    """An address of either family."""
    return ipv6(raw) if len(raw) == len(bytes(16)) else ipv4(raw)


def prefix(mask: bytes) -> str:
    """A mask as ``/24``; a mask with holes as an address."""
    bits = int.from_bytes(mask, "big")
    width = 8 * len(mask)
    ones = bits.bit_count()
    whole = bits == ((1 << ones) - 1) << (width - ones)
    return f"/{ones}" if whole else f"/{address(mask)}"


def protocol(number: int) -> str:
    """The name of a protocol, or its number."""
    return _PROTOCOLS.get(number, str(number))


def quoted(text: str) -> str:
    """A text as iptables-save writes it: in quotes unless it is one plain word."""
    if text and _UNQUOTED.issuperset(text):
        return text
    escaped = "".join(f"\\{sign}" if sign in "\"\\'" else sign for sign in text)
    return f'"{escaped}"'


def word(raw: bytes) -> str:
    """A char array up to its NUL."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


def option(name: str, value: object = None, *, inverted: object = False) -> str:
    """``--name value``, with ``! `` in front where it is inverted."""
    said = f"--{name}" if value is None else f"--{name} {value}"
    return f"! {said}" if inverted else said


def span(low: object, high: object, sign: str = ":") -> str:
    """``low:high``, or one where both are the same."""
    return f"{low}" if low == high else f"{low}{sign}{high}"


def ports(name: str, low: int, high: int, *, inverted: object = False) -> list[str]:
    """An option for ports; no option for the range of all ports."""
    return [option(name, span(low, high), inverted=inverted)] if (low, high) != _ANY or inverted else []


def flags(bits: int, names: Mapping[int, str]) -> list[str]:
    """The names of bits that are set; Unknown where one has none."""
    if bits & ~sum(names):
        raise Unknown(f"{bits:#x}")
    return [name for bit, name in names.items() if bits & bit]


def chosen(names: Sequence[str] | Mapping[int, str], number: int) -> str:
    """The name of a number; Unknown where it has none."""
    known = dict(enumerate(names)) if isinstance(names, Sequence) else names
    if number not in known:
        raise Unknown(str(number))
    return known[number]


def joined(parts: Iterable[str]) -> str:
    """Words with a space between them."""
    return " ".join(parts)
