"""Settings that the kernel puts together, out of made-up memory."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from crashdrive.errors import FaultError, UnknownMemberError, UnknownSymbolError, UnknownTypeError
from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.sysctl.network import NETWORK
from crashdrive.linux.sysctl.source import Source
from tests.kernel.fake_memory import CHAR, INT, U8, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

LIMIT = 4096
CONTEXT = record("tcp_fastopen_context", ("key", ArrayType(ULONG, 4)), ("num", INT))
INFO = record("inet_hashinfo", ("ehash_mask", UINT), ("pernet", U8))
NAMED = record("nf_logger", ("name", pointer(CHAR)))
NET = record(
    "net",
    ("nf", record("netns_nf", ("nf_loggers", ArrayType(pointer(NAMED), 3)))),
    (
        "ipv4",
        record(
            "netns_ipv4",
            ("tcp_fastopen_ctx", pointer(CONTEXT)),
            ("tcp_death_row", record("death", ("hashinfo", pointer(INFO)))),
            ("ip_local_ports", record("ports", ("range", UINT))),
        ),
    ),
)
TYPES: dict[str, Type] = {
    "struct net": NET, "struct tcp_fastopen_context": CONTEXT, "struct nf_logger": NAMED,
    "struct ipv6_stable_secret": record("secret", ("initialized", U8), ("secret", ArrayType(U8, 16))),
    "struct sk_buff": record("sk_buff", ("all", ArrayType(U8, 232))),
    "struct skb_shared_info": record("skb_shared_info", ("all", ArrayType(U8, 320))),
    "struct static_key": record("static_key", ("enabled", record("atomic", ("counter", INT)))),
}  # fmt: skip


class Image:
    """A namespace, the first one, and a variable for the setting in question."""

    def __init__(self, **symbols: int) -> None:
        self.memory = FakeMemory()
        self.net = self.memory.allocate(NET.size)
        self.data = self.memory.allocate(LIMIT)
        self.symbols = {"init_net": self.net, **symbols}

    def read(self, handler: str, *, length: int = 4, extra: int = 0, net: int = 0) -> str | None:
        kernel = fake_kernel(self.memory, TYPES, self.symbols)
        one = NetNamespace(address=self.net, inum=1, name=None, pid=None, initial=True)
        survey = NetSurvey(kernel, Namespaces(nets=(one,)), Namespaces(nets=(one,)))
        return NETWORK[handler](Source(survey, net or self.net, self.data, length, extra))

    def put(self, path: str, value: int) -> None:
        kernel = fake_kernel(self.memory, TYPES)
        place = kernel.place("struct net", path)
        self.memory.write(self.net + place.offset, value.to_bytes(kernel.sizeof(place.type), "little"))


@pytest.mark.parametrize(
    ("bits", "text"),
    [((), ""), ((0,), "0"), ((8080, 9148), "8080,9148"), ((0, 1, 2, 63, 64, 127), "0-2,63-64,127")],
)
def test_bitmap(bits: tuple[int, ...], text: str) -> None:
    image = Image()
    place = image.memory.allocate(8192)
    image.memory.write(place, sum(1 << bit for bit in bits).to_bytes(8192, "little"))
    image.memory.word(image.data, place)
    assert image.read("proc_do_large_bitmap", length=65536) == text


def test_no_bitmap() -> None:
    image = Image()
    assert image.read("proc_do_large_bitmap", length=64) == ""
    with pytest.raises(UnknownTypeError):
        image.read("proc_do_large_bitmap", length=1 << 30)


def test_fast_open_keys() -> None:
    image = Image()
    assert image.read("proc_tcp_fastopen_key") == "00000000-00000000-00000000-00000000"
    place = image.memory.allocate(64)
    words = (0x11, 0x2222_2222, 0x33, 0x44, 5, 6, 7, 8)
    image.memory.write(place, struct.pack("<8Ii", *words, 1))
    image.put("ipv4.tcp_fastopen_ctx", place)
    first = "00000011-22222222-00000033-00000044"
    assert image.read("proc_tcp_fastopen_key") == first
    image.memory.write(place + 32, struct.pack("<i", 2))
    assert image.read("proc_tcp_fastopen_key") == f"{first},00000005-00000006-00000007-00000008"


def test_secret() -> None:
    image = Image()
    assert image.read("addrconf_sysctl_stable_secret") is None
    image.memory.write(image.data, b"\1" + bytes.fromhex("20010db8" + "00" * 10 + "1234"))
    assert image.read("addrconf_sysctl_stable_secret") == "2001:0db8:0000:0000:0000:0000:0000:1234"


def test_logger() -> None:
    image = Image()
    assert image.read("nf_log_proc_dostring", extra=2) == "NONE"
    name, logger = image.memory.allocate(16), image.memory.allocate(8)
    image.memory.write(name, b"nf_log_ipv4\0")
    image.memory.word(logger, name)
    image.memory.word(image.net + 16, logger)
    assert image.read("nf_log_proc_dostring", extra=2) == "nf_log_ipv4"
    with pytest.raises(UnknownTypeError):
        image.read("nf_log_proc_dostring", extra=3)
    image.memory.word(image.net + 16, 0xFFFF_8880_7777_0000)
    with pytest.raises(FaultError):
        image.read("nf_log_proc_dostring", extra=2)


def test_tables_that_are_shared_or_not() -> None:
    image = Image()
    place = image.memory.allocate(16)
    image.memory.write(place, struct.pack("<IB", 4095, 0))
    image.put("ipv4.tcp_death_row.hashinfo", place)
    assert image.read("proc_tcp_ehash_entries") == "4096"
    other = image.memory.allocate(NET.size)
    image.memory.write(other, image.memory.read(image.net, NET.size))
    assert image.read("proc_tcp_ehash_entries", net=other) == "-4096"
    image.memory.write(place + 4, b"\1")
    assert image.read("proc_tcp_ehash_entries", net=other) == "4096"


def test_queue_length() -> None:
    """On a machine whose cache lines are known; else it is not read."""
    image = Image(entry_SYSCALL_64=1)
    image.memory.int32(image.data, 212992)
    assert image.read("neigh_proc_dointvec_unres_qlen") == "101"
    image.symbols.clear()
    with pytest.raises(UnknownTypeError):
        image.read("neigh_proc_dointvec_unres_qlen")


def test_port_range() -> None:
    image = Image()
    image.put("ipv4.ip_local_ports.range", 64999 << 16 | 10000)
    assert image.read("ipv4_local_port_range", length=0) == "10000 64999"


def test_static_key() -> None:
    image = Image()
    assert image.read("proc_do_static_key") == "0"
    image.memory.int32(image.data, 3)
    assert image.read("proc_do_static_key") == "1"


@pytest.mark.parametrize("handler", ["set_default_qdisc", "proc_udp_hash_entries", "rps_default_mask_sysctl"])
def test_a_kernel_that_keeps_it_elsewhere(handler: str) -> None:
    expected: tuple[Any, ...] = (UnknownMemberError, UnknownSymbolError, UnknownTypeError)
    with pytest.raises(expected):
        Image().read(handler)
