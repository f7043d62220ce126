"""Numbers worded as tc words them: handles, rates, sizes, times; and its units of time.

Sources: include/uapi/linux/pkt_sched.h, include/net/pkt_sched.h; iproute2's tc_util.c, tc_core.c,
json_print.c.
"""

from __future__ import annotations

import math

ROOT = 0xFFFF_FFFF
_TICK_SHIFT = 6  # PSCHED_SHIFT: a tick is 64 nanoseconds
_TICKS_PER_MICROSECOND = 15.625
_MOST = (1 << 31) - 1
_PROTOCOLS = {
    3: "all", 0x800: "ip", 0x806: "arp", 0x8035: "rarp", 0x8100: "802.1Q", 0x86DD: "ipv6", 0x8847: "mpls_uc",
    0x8848: "mpls_mc", 0x8863: "ppp_disc", 0x8864: "ppp_ses", 0x88A8: "802.1ad", 0x88CC: "LLDP",
}  # fmt: skip
_LINK_LAYERS = ("unspec", "ethernet", "atm")


def handle(number: int) -> str:
    """A qdisc's or class's number: ``1:``, ``1:2a``, ``:1``."""
    if number == ROOT:
        return "root"
    major, minor = number >> 16, number & 0xFFFF
    return (
        "none" if not number else f"{major or '':{'x' if major else ''}}:{minor or '':{'x' if minor else ''}}"
    )


def rate(bytes_per_second: int) -> str:
    """Bits per second."""
    bits, units = bytes_per_second * 8, ["", "K", "M", "G", "T"]
    while len(units) > 1 and bits >= 1000 and not (bits % 1000 and bits < 1_000_000):
        bits //= 1000
        units.pop(0)
    return f"{bits}{units[0]}bit"


def size(number: int) -> str:
    """Bytes as tc writes them: 32 KiB, and a few bytes less, are ``32Kb``."""
    for unit, scale, near in (("Mb", 1 << 20, 1024), ("Kb", 1 << 10, 16)):
        whole = round(number / scale)
        if number >= scale and abs(scale * whole - number) < near:
            return f"{whole:g}{unit}"
    return f"{number}b"


def microseconds(seconds: float) -> str:
    """A time that the kernel gives in microseconds, as text."""
    return _time(round(seconds * 1e6), ((1_000_000, "s"), (1000, "ms")), "us")


def nanoseconds(seconds: float) -> str:
    """A time that the kernel gives in nanoseconds, as text."""
    return _time(round(seconds * 1e9), ((1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us")), "ns")


def _time(number: int, units: tuple[tuple[int, str], ...], smallest: str) -> str:
    sign, number = "-" if number < 0 else "", abs(number)
    for scale, unit in units:
        if number >= scale:
            return f"{sign}{number / scale:.3g}{unit}"
    return f"{sign}{number}{smallest}"


def percent(part: float) -> str:
    """A probability."""
    return f"{100 * part:g}%"


def link_layer(number: int) -> str:
    """The name of the link layer for which packet sizes are computed."""
    return _LINK_LAYERS[number] if number < len(_LINK_LAYERS) else "unknown"


def protocol(number: int) -> str:
    """An Ethernet protocol; a number in brackets where it has no name here."""
    return _PROTOCOLS.get(number) or f"[{number}]"


def ticks(nanoseconds: int) -> int:
    """The unit in which classes' tokens are shown."""
    return max(-_MOST, min(_MOST, nanoseconds >> _TICK_SHIFT))


def burst(bytes_per_second: int, nanoseconds: int) -> int:
    """The bytes that a rate sends in a time, with tc's rounding.

    tc loses the upper bits of times beyond 274 seconds, and prints another number.
    """
    return bytes_per_second * tick_microseconds(nanoseconds) // 1_000_000


def tick_microseconds(nanoseconds: int) -> int:
    """A time in whole microseconds, as tc gets it in ticks."""
    return math.trunc((nanoseconds >> _TICK_SHIFT) / _TICKS_PER_MICROSECOND)


def word_list(*parts: str | None) -> list[str]:
    """The parts that aren't None."""
    return [part for part in parts if part]
