"""``LinuxDump.inet.netdevice``: network devices."""

from __future__ import annotations

import socket
from typing import Any

from crashdrive.pykdump.layer.access import readSUListFromHead
from crashdrive.pykdump.layer.generic import dbits2str
from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.linuxdump.inet import get_ns_net, ntodots
from crashdrive.pykdump.layer.structs import Addr
from crashdrive.pykdump.run import current

# include/uapi/linux/if.h
IFF = {
    name: 1 << number
    for number, name in enumerate(
        [
            "UP",
            "BROADCAST",
            "DEBUG",
            "LOOPBACK",
            "POINTOPOINT",
            "NOTRAILERS",
            "RUNNING",
            "NOARP",
            "PROMISC",
            "ALLMULTI",
            "MASTER",
            "SLAVE",
            "MULTICAST",
            "PORTSEL",
            "AUTOMEDIA",
            "DYNAMIC",
            "LOWER_UP",
            "DORMANT",
            "ECHO",
        ]
    )
}


def dev_base_list() -> list[Any]:
    """Every ``struct net_device`` of the network namespace that is looked at."""
    return readSUListFromHead(Addr(get_ns_net(), "dev_base_head"), "dev_list", "struct net_device")


def hwaddr2str(ha: Any, l: int) -> str:  # noqa: E741 - PyKdump's own name
    """A hardware address as text; ``ha`` is its address, or its bytes."""
    raw = bytes(ha[:l]) if isinstance(ha, list | bytes) else current().pages.readmem(int(ha), l)
    return ":".join(f"{byte:02x}" for byte in raw)


def netdev_flags(dev: Any) -> str:
    """A device's flags by name."""
    return dbits2str(int(dev.flags), IFF)


def get_ifa_list(dev: Any) -> list[Any]:
    """Every ``struct in_ifaddr`` of a device."""
    inside = dev.ip_ptr
    found = []
    address = inside.ifa_list if inside else None
    while address:
        found.append(address)
        address = address.ifa_next
    return found


def snetmask(u32: int) -> int:
    """The length of a netmask, as the kernel's memory has it; -1 for one with holes."""
    size = 32
    mask = socket.ntohl(int(u32) & 0xFFFF_FFFF)
    length = mask.bit_count()
    return length if mask == (0xFFFF_FFFF << (size - length)) & 0xFFFF_FFFF else -1


def get_host_IPs() -> list[str]:
    """The IPv4 addresses of all devices."""
    return [ntodots(one.ifa_local) for dev in dev_base_list() for one in get_ifa_list(dev)]


__getattr__ = lazy_names(__name__, {})
