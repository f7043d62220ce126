"""The kernel's network addresses as canonical text."""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey

# many rows share an address
_KEPT = 1 << 16


@functools.lru_cache(maxsize=_KEPT)
def ipv4(raw: bytes) -> str:
    """Four bytes in network order as dotted text."""
    return socket.inet_ntop(socket.AF_INET, raw)


@functools.lru_cache(maxsize=_KEPT)
def ipv6(raw: bytes) -> str:
    """Sixteen bytes in network order as RFC 5952 text; IPv4-mapped ones as ``::ffff:192.0.2.1``."""
    return socket.inet_ntop(socket.AF_INET6, raw)


@functools.lru_cache(maxsize=_KEPT)
def mac(raw: bytes) -> str:
    """A hardware address as ``52:54:00:12:34:56``."""
    return raw.hex(":")


@functools.lru_cache(maxsize=_KEPT)
def port(raw: bytes) -> int:
    """A port (or any ``__be16``) out of its two bytes in network order."""
    return int.from_bytes(raw, "big")


def quad(survey: Survey, value: int) -> str:
    """The address in a ``__be32`` that was read as a number in the machine's byte order."""
    return ipv4(value.to_bytes(4, "little" if survey.kernel.byte_order == "little" else "big"))
