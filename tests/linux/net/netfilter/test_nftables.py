"""Expressions, values and intervals of nf_tables out of synthetic memory, and what damage makes of them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.netfilter import nft_values
from crashdrive.linux.net.netfilter.nft_actions import ACTIONS
from crashdrive.linux.net.netfilter.nft_expressions import Decoder, Run
from crashdrive.linux.net.netfilter.nft_forms import FORMS
from crashdrive.linux.net.netfilter.nft_rules import comment
from crashdrive.linux.net.netfilter.nft_sets import _merged, _Raw
from crashdrive.linux.net.netfilter.nft_words import bits, register, unit, verdict, words
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import CHAR, U8, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

KINDS: dict[str, Type] = {
    "struct nft_expr": record(
        "nft_expr", ("ops", pointer("struct nft_expr_ops")), ("data", ArrayType(U8, 0))
    ),
    "struct nft_expr_type": record("nft_expr_type", ("name", pointer(CHAR))),
    "struct nft_expr_ops": record(
        "nft_expr_ops",
        ("eval", ULONG),
        ("init", ULONG),
        ("size", UINT),
        ("type", pointer("struct nft_expr_type")),
        ("data", ULONG),
    ),
    "struct nft_payload": record("nft_payload", ("base", U8), ("offset", U8), ("len", U8), ("dreg", U8)),
    "struct nft_reject": record("nft_reject", ("type", UINT), ("icmp_code", U8)),
}
NET = 0xFFFF_8880_0BAD_0000


class Machine:
    """Expressions of a few kinds."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.raw = b""
        self.kernel = fake_kernel(self.memory, KINDS)

    def kind(self, name: str, function: str, size: int) -> int:
        """What a kind of expression does; the address of its operations."""
        label, kind, ops = self.memory.allocate(32), self.memory.allocate(8), self.memory.allocate(40)
        self.memory.write(label, name.encode() + b"\0")
        self.memory.word(kind, label)
        place = self.memory.allocate(16)
        vars(self.kernel.symbols)["symbols"][function] = place
        self.memory.write(ops, struct.pack("<QQIxxxxQQ", place, 0, size, kind, 0))
        return ops

    def add(self, ops: int, data: bytes) -> None:
        """An expression behind the others."""
        self.raw += struct.pack("<Q", ops) + data

    def decoder(self) -> tuple[Decoder, Run]:
        """With all of them in memory."""
        place = self.memory.allocate(len(self.raw) or 8, 4096)
        self.memory.write(place, self.raw)
        one = NetNamespace(address=NET, inum=1, name=None, pid=None, initial=True)
        everywhere = Namespaces(nets=(one,))
        return Decoder(NetSurvey(self.kernel, everywhere, everywhere), FORMS | ACTIONS), Run(
            place, len(self.raw)
        )


def usual(machine: Machine) -> None:
    """Two expressions that are known, and one between them that isn't."""
    machine.add(machine.kind("payload", "nft_payload_eval", 16), bytes([1, 12, 4, 4]) + bytes(4))
    machine.add(machine.kind("mystery", "nft_mystery_eval", 16), bytes(8))
    machine.add(machine.kind("reject", "nft_reject_inet_eval", 16), struct.pack("<IB3x", 2, 3))


def test_expressions_and_one_without_words() -> None:
    machine = Machine()
    usual(machine)
    decoder, run = machine.decoder()
    assert decoder.texts([run]) == [
        ["[ payload load 4b @ network header + 12 => reg 1 ]", "[ mystery ? ]", "[ reject type 2 code 3 ]"]
    ]
    assert decoder.unknown == {"mystery"}
    assert decoder.survey.complete


@pytest.mark.parametrize("size", [0, 4])
def test_an_expression_of_no_size_ends_its_rule(size: int) -> None:
    machine = Machine()
    usual(machine)
    machine.add(machine.kind("broken", "nft_broken_eval", size), bytes(8))
    usual(machine)
    decoder, run = machine.decoder()
    assert len(decoder.texts([run])[0]) == 3
    assert not decoder.survey.complete


@given(st.integers(0, 5), st.integers(0, (1 << 64) - 1))
def test_damage_never_raises(number: int, value: int) -> None:
    machine = Machine()
    usual(machine)
    machine.raw = machine.raw[: 8 * number] + struct.pack("<Q", value) + machine.raw[8 * number + 8 :]
    decoder, run = machine.decoder()
    assert len(decoder.texts([run])[0]) <= 3


def test_a_rule_that_is_not_in_the_dump() -> None:
    machine = Machine()
    usual(machine)
    decoder, run = machine.decoder()
    machine.memory.hole(run.address)
    assert decoder.texts([run]) == [[]]
    assert not decoder.survey.complete


def test_words() -> None:
    assert [register(number) for number in (0, 4, 8, 16, 5, 19)] == [0, 1, 2, 4, 9, 23]
    assert words(b"\x0a\x00\x02\x4d\x01", "<") == "0x4d02000a 0x00000001"
    assert words(b"\x0a\x00\x02\x4d\x01", ">") == "0x0a00024d 0x01000000"
    assert [verdict(code) for code in (0, 1, 0xFFFF_FFFD, 3 | 7 << 16, 77)] == [
        "drop", "accept", "jump", "queue", "77",
    ]  # fmt: skip
    assert bits(0b1101, {1: "a", 4: "b"}) == ["a", "b", "0x8"]
    assert (unit(60), unit(61)) == ("minute", "61 seconds")


@pytest.mark.parametrize(
    ("number", "raw", "said"),
    [
        (7, b"\xc0\x00\x02\x01", "192.0.2.1"),
        (8, b"\x20\x01\x0d\xb8" + bytes(12), "2001:db8::"),
        (7 << 6 | 13, b"\xc0\x00\x02\x01\x00\x16\x00\x00", "192.0.2.1 . 22"),
        (13, b"\x01\xbb", "443"),
        (19, b"\x10\x00\x00\x00", "0x10"),
        (26, b"\x06\x00\x00\x00", "established,related"),
        (41, b"eth0".ljust(16, b"\0"), "eth0"),
        (7, b"\x0a\x08\x00\x00\x0a\x08\x00\xff", "10.8.0.0-10.8.0.255"),
        (7, b"\x0a\x08", "0a08"),
        (63, b"\x01\x02", "0102"),
        (7 << 6 | 63, b"\xc0\x00\x02\x01\x00\x16\x00\x00", "c000020100160000"),
    ],
)
def test_values(number: int, raw: bytes, said: str) -> None:
    assert nft_values.text(number, raw, "<") == said


def test_types() -> None:
    assert nft_values.type_name(7 << 12 | 12 << 6 | 13) == "ipv4_addr . inet_proto . inet_service"
    assert nft_values.type_name(nft_values.VERDICT) == "verdict"
    assert nft_values.type_name(63) == "63"


def raw(key: int, *, end: bool = False) -> _Raw:
    """An element of one byte."""
    return _Raw(key, bytes([key]), None, int(end), None, None, None, None, None, None)


def test_intervals_of_a_tree() -> None:
    """Ends lie behind the last key; one without an end goes on to the last key that there is."""
    tree = [raw(200), raw(20, end=True), raw(20), raw(30, end=True), raw(10), raw(0, end=True)]
    assert [(one.key[0], end[0] if end else None) for one, end in _merged(tree)] == [
        (10, 19), (20, 29), (200, 255),
    ]  # fmt: skip


@given(st.binary(max_size=60))
def test_comments_of_any_bytes(data: bytes) -> None:
    assert comment(b"\x01\x02xy\x00\x03hi\0" + data) == "hi"
    comment(data)
