"""``LinuxDump.inet``: addresses and network namespaces."""

from __future__ import annotations

import socket
import struct
from typing import Any

from crashdrive.pykdump.layer.access import readSU, readSUListFromHead
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.layer.options import get_nsproxy
from crashdrive.pykdump.run import current

_MAPPED = 0xFFFF


def ntodots(n: int, printzeroes: bool = True) -> str:  # noqa: FBT001, FBT002 - PyKdump's call
    """An IPv4 address, as the kernel's memory has it, as text; ``*`` for 0.0.0.0 unless ``printzeroes``."""
    if not n and not printzeroes:
        return "*"
    return socket.inet_ntoa(struct.pack(f"{current().kernel.order}I", int(n)))


def ntodots6(n4: Any, printzeroes: bool = True) -> str:  # noqa: ARG001, FBT001, FBT002 - as above
    """An IPv6 address (``struct in6_addr``, or its four words) as text."""
    words = n4 if isinstance(n4, list) else n4.in6_u.u6_addr32
    return socket.inet_ntop(socket.AF_INET6, struct.pack(f"{current().kernel.order}4I", *words))


def ipv6_addr_v4mapped(in6_addr: Any) -> bool:
    """Whether an IPv6 address is an IPv4 one."""
    words = in6_addr.in6_u.u6_addr32
    return not words[0] and not words[1] and socket.ntohl(words[2]) == _MAPPED


def get_ns_net() -> Any:
    """The ``struct net`` that is looked at."""
    return kept("net").get("net") or get_nsproxy().net_ns


def set_ns_net(addr: Any = None) -> bool:
    """Look at a ``struct net``; at that of the process that is looked at where None."""
    kept("net")["net"] = None if addr is None else readSU("struct net", int(addr))
    return True


def net_all() -> bool:
    """Whether all network namespaces are looked at."""
    return False


def get_net_namespace_list() -> list[Any]:
    """Every ``struct net``."""
    return readSUListFromHead(current().facts.address("net_namespace_list"), "list", "struct net")


__getattr__ = lazy_names(__name__, {})
