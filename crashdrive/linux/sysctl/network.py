"""Settings of the network whose values a kernel function computes.

Each function here reads as a ``proc_handler`` of the kernel does. It returns None for a setting that has no
value yet. It raises UnknownMemberError, UnknownSymbolError or UnknownTypeError where this kernel keeps the
setting elsewhere, FaultError where the dump lacks it.

Sources: net/core/sysctl_net_core.c, net/core/neighbour.c, net/ipv4/sysctl_net_ipv4.c, net/ipv6/addrconf.c,
net/netfilter/nf_log.c, nf_hooks_lwtunnel.c and nf_conntrack_standalone.c, kernel/sysctl.c.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from crashdrive.errors import UnknownTypeError
from crashdrive.linux.net.pernet import own_memory
from crashdrive.linux.sysctl.source import Source

_ETHERNET_FRAME = 1514
_NON_RESTRICTED = 1  # TCP_CONG_NON_RESTRICTED
_MOST_BITS = 1 << 20
# SMP_CACHE_BYTES
_CACHE_LINES = {"X86_64": 64, "X86": 64, "ARM64": 64, "RISCV64": 64, "PPC64": 128, "S390X": 256}


def _int(source: Source, address: int) -> str:
    return str(source.number(address))


def _own_int(source: Source) -> str:
    return _int(source, source.data)


# numbers of CPUs, bits


def _cpu_mask(source: Source, cpus: Sequence[int]) -> str:
    """A mask as ``%*pb`` prints it: hexadecimal in groups of 32 bits, a bit for each possible CPU."""
    kernel = source.survey.kernel
    width = int(_int(source, kernel.symbols.address("nr_cpu_ids"))) if kernel.symbols.has("nr_cpu_ids") else 1
    value = sum(1 << cpu for cpu in cpus)
    groups: list[str] = []
    for at in range(0, width, 32):
        digits = -(-min(32, width - at) // 4)
        groups.append(f"{value >> at & 0xFFFF_FFFF:0{digits}x}")
    return ",".join(reversed(groups))


def _flow_limit_cpus(source: Source) -> str:
    kernel = source.survey.kernel
    places = [kernel.per_cpu_address("softnet_data", cpu) for cpu in kernel.possible_cpus]
    limits = kernel.read_many("struct softnet_data", places, ["flow_limit"]).check()["flow_limit"]
    return _cpu_mask(source, [cpu for cpu, limit in zip(kernel.possible_cpus, limits, strict=True) if limit])


def _rps_default(source: Source) -> str:
    mask = source.member("core.rps_default_mask")
    bits = _set_bits(source, mask, 8 * source.survey.kernel.sizeof("struct cpumask")) if mask else []
    return _cpu_mask(source, list(bits))


def _set_bits(source: Source, address: int, count: int) -> Iterator[int]:
    """Numbers of the bits that are set in an array of unsigned long."""
    kernel = source.survey.kernel
    size, letter = kernel.pointer_size, "Q" if kernel.pointer_size == 8 else "I"
    words = -(-count // (8 * size))
    raw = struct.unpack(f"{kernel.order}{words}{letter}", kernel.read(address, words * size))
    for at, word in enumerate(raw):
        yield from (8 * size * at + bit for bit in range(8 * size) if word >> bit & 1)


def bitmap(source: Source) -> str:
    """Ranges: ``8080,20000-20010``. ``maxlen`` counts bits."""
    if not 0 < source.length <= _MOST_BITS:
        raise UnknownTypeError(f"a bitmap of {source.length} bits")
    start = source.survey.kernel.read_pointer(source.data)
    if not start:
        return ""
    ranges: list[list[int]] = []
    for bit in _set_bits(source, start, source.length):
        if ranges and ranges[-1][1] == bit - 1:
            ranges[-1][1] = bit
        else:
            ranges.append([bit, bit])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


# net.core


def _default_qdisc(source: Source) -> str:
    kernel = source.survey.kernel
    address = kernel.read_pointer(kernel.symbols.address("default_qdisc_ops"))
    return str(source.of("struct Qdisc_ops", address, "id"))


def _static_key(source: Source) -> str:
    return str(int(source.of("struct static_key", source.data, "enabled.counter") != 0))


def _rss_key(source: Source) -> str:
    kernel = source.survey.kernel
    size = kernel.variable_size("netdev_rss_key")
    return kernel.read(kernel.symbols.address("netdev_rss_key"), size).hex(":")


def _rps_entries(source: Source) -> str:
    kernel = source.survey.kernel
    # newer kernels (6.12) have it in net_hotdata
    if kernel.symbols.has("rps_sock_flow_table"):
        table = kernel.read_pointer(kernel.symbols.address("rps_sock_flow_table"))
    else:
        place = kernel.symbols.address("net_hotdata")
        table = source.of("struct net_hotdata", place, "rps_sock_flow_table")
    return str(source.of("struct rps_sock_flow_table", table, "mask") + 1) if table else "0"


# neighbours


def _queue_length(source: Source) -> str:
    """The limit in packets: the kernel keeps bytes, and divides by those of the largest Ethernet frame."""
    kernel = source.survey.kernel
    line = _CACHE_LINES.get(_machine(source))
    if line is None:
        raise UnknownTypeError("the size of a cache line of this machine is not known")
    sizes = (kernel.sizeof("struct sk_buff"), kernel.sizeof("struct skb_shared_info"))
    frame = _ETHERNET_FRAME + sum(-(-size // line) * line for size in sizes)
    return str(int(_own_int(source)) // frame)


def _machine(source: Source) -> str:
    kernel = source.survey.kernel
    symbols = {
        "X86_64": "entry_SYSCALL_64", "ARM64": "kimage_vaddr", "S390X": "s390_base_ext_handler",
        "PPC64": "ppc_md", "RISCV64": "riscv_isa_extension_base",
    }  # fmt: skip
    found = [name for name, symbol in symbols.items() if kernel.symbols.has(symbol)]
    return found[0] if len(found) == 1 else ""


# TCP and UDP


def _registered(source: Source, symbol: str, kind: str) -> Iterator[tuple[Any, ...]]:
    kernel = source.survey.kernel
    found = kernel.walk_list(kernel.symbols.address(symbol), kind, "list").check()
    fields = ["name", *(["flags"] if kernel.has_member(kind, "flags") else [])]
    return iter(found.read(fields).check())


def _algorithms(source: Source) -> str:
    return " ".join(name for name, _ in _registered(source, "tcp_cong_list", "struct tcp_congestion_ops"))


def _allowed_algorithms(source: Source) -> str:
    found = _registered(source, "tcp_cong_list", "struct tcp_congestion_ops")
    return " ".join(name for name, flags in found if flags & _NON_RESTRICTED)


def _algorithm(source: Source) -> str:
    return str(source.member("ipv4.tcp_congestion_control->name"))


def _upper_protocols(source: Source) -> str:
    return " ".join(name for name, *_ in _registered(source, "tcp_ulp_list", "struct tcp_ulp_ops"))


def _tcp_buckets(source: Source) -> str:
    """Buckets of the table; negative where a namespace shares the first one's table."""
    table = "ipv4.tcp_death_row.hashinfo"
    own = source.initial or source.member(f"{table}->pernet")
    return str((source.member(f"{table}->ehash_mask") + 1) * (1 if own else -1))


def _udp_buckets(source: Source) -> str:
    shared = source.member("ipv4.udp_table") == source.survey.kernel.symbols.address("udp_table")
    return str((source.member("ipv4.udp_table->mask") + 1) * (-1 if shared and not source.initial else 1))


def _fast_open_keys(source: Source) -> str:
    """Keys of 16 bytes, each as four little-endian numbers; zeros where there is none."""
    kernel, kind = source.survey.kernel, "struct tcp_fastopen_context"
    # keys for siphash since 438ac88009bc (5.3)
    path = kernel.path(kind, "key")
    place = source.member("ipv4.tcp_fastopen_ctx")
    count = source.of(kind, place, kernel.path(kind, "num")) if place else 0
    keys = kernel.sizeof(kernel.place(kind, path).type) // 16
    raw = kernel.read(place + kernel.offset(kind, path), 16 * keys) if count else bytes(16)
    halves = struct.unpack(f"{kernel.order}{len(raw) // 8}Q", raw)
    words = [f"{part:08x}" for half in halves for part in (half & 0xFFFF_FFFF, half >> 32)]
    texts = ["-".join(words[at : at + 4]) for at in range(0, len(words), 4)]
    return ",".join(texts[: max(count, 1)])


def _port_range(source: Source) -> str:
    """The range in the entry, or (6.12) in its namespace: two ints until 6.8 (d9f28735af87), halves of a
    number since.
    """
    kernel, path = source.survey.kernel, "ipv4.ip_local_ports.range"
    place, size = source.data, source.length
    if size not in {4, 8}:
        place = source.net + kernel.offset("struct net", path)
        size = kernel.sizeof(kernel.place("struct net", path).type)
    raw = kernel.read(place, size)
    if size == 8:
        low, high = struct.unpack(f"{kernel.order}2i", raw)
    else:
        (both,) = struct.unpack(f"{kernel.order}I", raw)
        low, high = both & 0xFFFF, both >> 16
    return f"{low} {high}"


def _multipath_seed(source: Source) -> str:
    return str(source.member("ipv4.sysctl_fib_multipath_hash_seed.user_seed"))


def _mptcp_schedulers(source: Source) -> str:
    return " ".join(name for name, *_ in _registered(source, "mptcp_sched_list", "struct mptcp_sched_ops"))


def _mpls_labels(source: Source) -> str:
    return str(source.member("mpls.platform_labels"))


# IPv6, netfilter


def _secret(source: Source) -> str | None:
    """The secret; None until it is set."""
    kernel, kind = source.survey.kernel, "struct ipv6_stable_secret"
    raw = kernel.read(source.data, kernel.sizeof(kind))
    if not raw[kernel.offset(kind, "initialized")]:
        return None
    digits = raw[kernel.offset(kind, "secret") :][:16].hex()
    return ":".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _lwtunnel_hooks(source: Source) -> str:
    place = source.survey.kernel.symbols.address("nf_hooks_lwtunnel_enabled")
    return str(int(source.of("struct static_key", place, "enabled.counter") != 0))


def _logger(source: Source) -> str:
    """The name of the logger of a family, whose number is the entry's ``extra1``."""
    kernel = source.survey.kernel
    kind = kernel.place("struct net", "nf.nf_loggers").type
    size = kernel.pointer_size
    if not 0 <= source.extra < kernel.sizeof(kind) // size:
        raise UnknownTypeError(f"no family {source.extra} logs")
    first = source.net + kernel.offset("struct net", "nf.nf_loggers")
    logger = kernel.read_pointer(first + source.extra * size)
    if not logger:
        return "NONE"
    name = source.of("struct nf_logger", logger, "name")
    return kernel.read_string(name, 64).decode("utf-8", "backslashreplace")


def _vrf_strict(source: Source) -> str | None:
    """Whether each table belongs to one VRF alone."""
    place = own_memory(source.survey, source.net, "vrf_net_id")
    return None if place is None else str(int(source.of("struct netns_vrf", place, "vmap.strict_mode")))


NETWORK: Mapping[str, Callable[[Source], str | None]] = {
    "set_default_qdisc": _default_qdisc,
    "flow_limit_cpu_sysctl": _flow_limit_cpus,
    "flow_limit_table_len_sysctl": _own_int,
    "rps_default_mask_sysctl": _rps_default,
    "rps_sock_flow_sysctl": _rps_entries,
    "proc_do_static_key": _static_key,
    "proc_do_rss_key": _rss_key,
    "proc_do_large_bitmap": bitmap,
    "neigh_proc_dointvec_unres_qlen": _queue_length,
    "proc_tcp_available_congestion_control": _algorithms,
    "proc_allowed_congestion_control": _allowed_algorithms,
    "proc_tcp_congestion_control": _algorithm,
    "proc_tcp_available_ulp": _upper_protocols,
    "proc_tcp_ehash_entries": _tcp_buckets,
    "proc_udp_hash_entries": _udp_buckets,
    "proc_tcp_fastopen_key": _fast_open_keys,
    "ipv4_local_port_range": _port_range,
    "proc_fib_multipath_hash_seed": _multipath_seed,
    "proc_available_schedulers": _mptcp_schedulers,
    "mpls_conf_proc": _own_int,
    "mpls_platform_labels": _mpls_labels,
    "addrconf_sysctl_stable_secret": _secret,
    "nf_conntrack_hash_sysctl": _own_int,
    "nf_hooks_lwtunnel_sysctl_handler": _lwtunnel_hooks,
    "nf_log_proc_dostring": _logger,
    "vrf_shared_table_handler": _vrf_strict,
}
