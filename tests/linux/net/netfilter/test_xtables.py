"""Tables of iptables out of synthetic memory: chains, jumps, and every damage that a table can have."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.kernel.types.model import ArrayType, IntType, Type
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.netfilter import xtables
from crashdrive.linux.net.netfilter.xt_matches import MATCHES
from crashdrive.linux.net.netfilter.xt_targets import TARGETS
from crashdrive.linux.net.netfilter.xt_text import Data, Unknown
from crashdrive.linux.net.survey import NetSurvey
from tests.kernel.fake_memory import (
    CHAR,
    TYPES,
    U8,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

U16 = IntType("unsigned short", 2, signed=False)
ADDRESS = record("in_addr", ("s_addr", UINT))
NAME, MASK = ArrayType(CHAR, 16), ArrayType(U8, 16)
COUNTERS = record("xt_counters", ("pcnt", ULONG), ("bcnt", ULONG))
KINDS: dict[str, Type] = {
    "struct net": record("net", ("xt", record(None, ("tables", ArrayType(TYPES["struct list_head"], 13))))),
    "struct xt_table": record(
        "xt_table",
        ("list", TYPES["struct list_head"]),
        ("valid_hooks", UINT),
        ("private", pointer("struct xt_table_info")),
        ("name", ArrayType(CHAR, 32)),
    ),
    "struct xt_table_info": record(
        "xt_table_info",
        ("size", UINT),
        ("number", UINT),
        ("hook_entry", ArrayType(UINT, 5)),
        ("underflow", ArrayType(UINT, 5)),
        ("entries", ArrayType(U8, 0)),
    ),
    "struct xt_counters": COUNTERS,
    "struct xt_match": record("xt_match", ("name", ArrayType(CHAR, 29)), ("revision", U8)),
    "struct xt_target": record("xt_target", ("name", ArrayType(CHAR, 29)), ("revision", U8)),
    "struct ipt_entry": record(
        "ipt_entry",
        (
            "ip",
            record(
                None,
                ("src", ADDRESS),
                ("dst", ADDRESS),
                ("smsk", ADDRESS),
                ("dmsk", ADDRESS),
                ("iniface", NAME),
                ("outiface", NAME),
                ("iniface_mask", MASK),
                ("outiface_mask", MASK),
                ("proto", U16),
                ("flags", U8),
                ("invflags", U8),
            ),
        ),
        ("nfcache", UINT),
        ("target_offset", U16),
        ("next_offset", U16),
        ("comefrom", UINT),
        ("counters", COUNTERS),
        ("elems", ArrayType(U8, 0)),
    ),
}
HEAD = 112
INPUT = 1 << 1
REFUSED = (Unknown, IndexError, ValueError, ArithmeticError, struct.error)


class Machine:
    """A table ``filter`` with one hook, INPUT."""

    def __init__(self) -> None:
        self.memory = memory = FakeMemory()
        cpus = memory.allocate(8)
        memory.int32(cpus, 1)
        self.kernel = fake_kernel(memory, KINDS, {"nr_cpu_ids": cpus})
        self.net = memory.allocate(13 * 16)
        for family in range(13):
            link_list(memory, self.net + 16 * family, [])
        self.table = memory.allocate(self.kernel.sizeof("struct xt_table"))
        memory.write(self.table + self.kernel.offset("struct xt_table", "name"), b"filter")
        memory.int32(self.table + self.kernel.offset("struct xt_table", "valid_hooks"), INPUT)
        link_list(memory, self.net + 16 * 2, [self.table])
        self.kinds: dict[str, int] = {}
        self.policy = 0
        self.blob = b""

    def kind(self, name: str, revision: int = 0) -> int:
        """Who a match or target is."""
        if name not in self.kinds:
            self.kinds[name] = self.memory.allocate(32)
            self.memory.write(self.kinds[name], name.encode().ljust(29, b"\0") + bytes([revision]))
        return self.kinds[name]

    def part(self, name: str, data: bytes, revision: int = 0) -> bytes:
        """A match or target."""
        data += bytes(-len(data) % 8)
        return struct.pack("<H6xQ16x", 32 + len(data), self.kind(name, revision)) + data

    def rule(self, target: bytes, *matches: bytes, proto: int = 0, flags: int = 0) -> int:
        """Adds a rule; its place."""
        place = len(self.blob)
        body = b"".join(matches)
        general = bytes(80) + struct.pack("<HBB", proto, flags, 0) + bytes(4)
        sizes = struct.pack("<HHI", HEAD + len(body), HEAD + len(body) + len(target), 0)
        self.blob += general + sizes + struct.pack("<QQ", place + 1, 10 * place) + body + target
        return place

    def verdict(self, number: int) -> bytes:
        """The standard target."""
        return self.part("", struct.pack("<i", number))

    def survey(self, size: int | None = None) -> NetSurvey:
        """With the rules in place, the first one INPUT's first."""
        info = self.memory.allocate(48 + len(self.blob), 4096)
        self.memory.write(info, struct.pack("<II", len(self.blob) if size is None else size, 0))
        self.memory.int32(info + self.kernel.offset("struct xt_table_info", "underflow") + 4, self.policy)
        self.memory.write(info + 48, self.blob)
        self.info = info
        self.memory.word(self.table + self.kernel.offset("struct xt_table", "private"), info)
        one = NetNamespace(address=self.net, inum=1, name=None, pid=None, initial=True)
        everywhere = Namespaces(nets=(one,))
        return NetSurvey(self.kernel, everywhere, everywhere)


def usual(machine: Machine) -> None:
    """Two rules and a policy, a chain of a user's with one rule, the end."""
    last = machine.rule(machine.part("LOG", bytes([4, 0]) + bytes(30)))
    jump = len(machine.blob)
    tcp = machine.part("tcp", struct.pack("<4H4B", 0, 0xFFFF, 22, 22, 0, 0, 0, 0))
    # the jump goes behind the head of the user's chain: this rule, the policy, the head
    size, policy, head = HEAD + 48 + 40, HEAD + 40, HEAD + 64
    machine.rule(machine.verdict(jump + size + policy + head), tcp, proto=6)
    machine.policy = machine.rule(machine.verdict(-2))
    machine.rule(machine.part("ERROR", b"MINE".ljust(32, b"\0")))
    machine.rule(machine.verdict(-1), machine.part("strange", b"\x01\x02", 9))
    machine.rule(machine.verdict(-5))
    machine.rule(machine.part("ERROR", b"ERROR".ljust(32, b"\0")))
    assert last == 0


def test_rules_chains_and_policies() -> None:
    machine = Machine()
    usual(machine)
    survey = machine.survey()
    found = xtables.contents(survey)
    assert [(c.chain, c.policy, c.rules) for c in found.chains] == [("INPUT", "ACCEPT", 2), ("MINE", None, 1)]
    assert [rule.rule for rule in found.rules] == [
        "-A INPUT -j LOG",
        "-A INPUT -p tcp -m tcp --dport 22 -j MINE",
        "-A MINE -m strange [revision 9, arguments not decoded] -j DROP",
    ]
    assert [rule.counters for rule in found.rules][:1] == ["[1:0]"]
    (undecoded,) = found.rules[2].undecoded
    assert (undecoded.name, undecoded.revision, undecoded.data[:4]) == ("strange", 9, "0102")
    assert survey.complete


def test_a_rule_without_a_target() -> None:
    machine = Machine()
    machine.rule(machine.verdict(HEAD + 40))
    machine.policy = machine.rule(machine.verdict(-1))
    machine.rule(machine.part("ERROR", b"ERROR".ljust(32, b"\0")))
    found = xtables.contents(machine.survey())
    assert [rule.rule for rule in found.rules] == ["-A INPUT"]
    assert found.chains[0].policy == "DROP"


@pytest.mark.parametrize(
    ("at", "value"),
    [(90, 0), (90, 8), (90, 0xFFFF), (88, 0), (88, 0xFFF0)],
    ids=["no size", "small size", "beyond the table", "target in the head", "target behind the rule"],
)
def test_a_rule_that_cannot_be_ends_its_table(at: int, value: int) -> None:
    machine = Machine()
    usual(machine)
    second = HEAD + 64
    machine.blob = machine.blob[: second + at] + struct.pack("<H", value) + machine.blob[second + at + 2 :]
    survey = machine.survey()
    found = xtables.contents(survey)
    assert [rule.rule for rule in found.rules] == ["-A INPUT -j LOG"]
    assert [(chain.chain, chain.policy) for chain in found.chains] == [("INPUT", None)]
    assert not survey.complete
    assert "is impossible; nothing behind it is read" in survey.notices[0].message


def test_a_match_that_cannot_be() -> None:
    machine = Machine()
    usual(machine)
    place = HEAD + 64 + HEAD
    machine.blob = machine.blob[:place] + struct.pack("<H", 0) + machine.blob[place + 2 :]
    survey = machine.survey()
    assert [rule.rule for rule in xtables.contents(survey).rules][1] == "-A INPUT -p tcp -j MINE"
    assert not survey.complete


def test_sizes_that_cannot_be() -> None:
    for size in (0, -1 & 0xFFFF_FFFF):
        machine = Machine()
        usual(machine)
        survey = machine.survey(size)
        assert xtables.contents(survey).rules == []
        assert not survey.complete


def test_a_hole_in_a_table() -> None:
    machine = Machine()
    for _ in range(60):
        machine.policy = machine.rule(machine.verdict(-2))
    survey = machine.survey()
    machine.memory.hole(machine.info + 2 * 4096)
    found = xtables.contents(survey)
    assert 40 < len(found.rules) < 60
    assert not survey.complete


def test_a_table_of_another_family_is_told() -> None:
    machine = Machine()
    usual(machine)
    survey = machine.survey()
    link_list(machine.memory, machine.net + 16 * 2, [])
    link_list(machine.memory, machine.net + 16 * 3, [machine.table])
    assert xtables.contents(survey).rules == []
    assert not survey.complete
    assert "arp" in survey.notices[0].message


@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    machine = Machine()
    usual(machine)
    raw = bytearray(machine.blob)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    machine.blob = bytes(raw)
    xtables.contents(machine.survey())


@given(st.sampled_from(sorted(MATCHES)), st.binary(max_size=400), st.sampled_from(["ipv4", "ipv6"]))
def test_arguments_of_matches_are_decoded_or_refused(which: tuple[str, int], raw: bytes, family: str) -> None:
    with contextlib.suppress(*REFUSED):
        assert isinstance(MATCHES[which](Data(raw, "<", family, 8)), str)


@given(st.sampled_from(sorted(TARGETS)), st.binary(max_size=400), st.sampled_from(["ipv4", "ipv6"]))
def test_arguments_of_targets_are_decoded_or_refused(which: tuple[str, int], raw: bytes, family: str) -> None:
    with contextlib.suppress(*REFUSED):
        assert isinstance(TARGETS[which](Data(raw, "<", family, 8)), str)


@pytest.mark.parametrize(
    ("which", "raw", "said"),
    [
        (("tcp", 0), struct.pack("<4H4B", 1, 9, 0, 0xFFFF, 0, 0x3F, 0, 1 | 4),
         "! --sport 1:9 ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE"),
        (("limit", 0), struct.pack("<2I", 2_000, 5), "--limit 5/sec"),
        (("limit", 0), struct.pack("<2I", 864_000_000, 6), "--limit 1/day --limit-burst 6"),
        (("multiport", 1), struct.pack("<2B15H15BB", 1, 3, *[1, 2, 9], *[0] * 12, *[0, 1], *[0] * 13, 1),
         "! --dports 1,2:9"),
        (("comment", 0), b'say "hi"'.ljust(256, b"\0"), r'--comment "say \"hi\""'),
        (("state", 0), struct.pack("<I", 1 | 64), "--state INVALID,UNTRACKED"),
        (("statistic", 0), struct.pack("<2H3I", 0, 1, 1 << 30, 0, 0),
         "--mode random ! --probability 0.50000000000"),
    ],
)  # fmt: skip
def test_words_of_matches(which: tuple[str, int], raw: bytes, said: str) -> None:
    assert MATCHES[which](Data(raw, "<", "ipv4", 8)) == said


def test_what_has_no_words_is_refused() -> None:
    with pytest.raises(Unknown):
        MATCHES["state", 0](Data(struct.pack("<I", 1 << 20), "<", "ipv4", 8))
    with pytest.raises(Unknown):
        TARGETS["REJECT", 0](Data(struct.pack("<I", 99), "<", "ipv4", 8))
    with pytest.raises(Unknown):
        MATCHES["string", 1](Data(struct.pack("<2H16s128s2B", 0, 9, b"bm", b"\x01|", 2, 0), "<", "ipv4", 8))
