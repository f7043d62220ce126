"""Rules over the machine: each fires on what it is for, and is silent on what is near it."""

from __future__ import annotations

from typing import Any

import pytest

from crashdrive.linux.oops import Verdict
from crashdrive.linux.oops.rows import LoadedInTrace, Register, Reported
from crashdrive.linux.system.taint import Taint, taints
from crashdrive.rules import Facts, judge, rule_for


def event(title: str, *, cause: bool = False) -> Reported:
    return Reported(
        timestamp=1.5, kind="warning", title=title, function=None, module=None, cpu=0, pid=1, comm="init",
        cause=cause,
    )  # fmt: skip


def flag(letter: str) -> list[Taint]:
    return [one for one in taints((1 << 20) - 1) if one.letter == letter]


CASES: list[tuple[str, str, list[Any], list[Any]]] = [
    (
        "out-of-tree-module", "panic.modules",
        [LoadedInTrace(module="nvidia", flags="POE", in_trace=True)],
        [
            LoadedInTrace(module="nvidia", flags="POE", in_trace=False),
            LoadedInTrace(module="xfs", flags="", in_trace=True),
        ],
    ),
    ("log-corrupted", "panic.verdict", [Verdict(title="x", corrupted=True)], [Verdict(title="x")]),
    ("sysrq-crash", "panic.verdict", [Verdict(kind="sysrq")], [Verdict(kind="null")]),
    (
        "earlier-reports", "panic.events",
        [event("WARNING in a"), event("BUG in b", cause=True)],
        [event("BUG in b", cause=True), event("panic")],
    ),
    (
        "poison-in-registers", "panic.registers",
        [Register(register="RAX", value=0x6B6B6B6B6B6B6B73, symbol=None)],
        [Register(register="RAX", value=0x6B6B, symbol=None), Register(register="RDI", value=1, symbol=None)],
    ),
    ("machine-check", "sysinfo.taints", flag("M"), flag("O")),
    ("bad-page", "sysinfo.taints", flag("B"), flag("E")),
    ("soft-lockup-before", "sysinfo.taints", flag("L"), flag("W")),
    ("forced-module", "sysinfo.taints", flag("F"), flag("P")),
    ("live-patched", "sysinfo.taints", flag("K"), flag("X")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "rows", "near"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_fires_and_is_silent(name: str, source: str, rows: list[Any], near: list[Any]) -> None:
    for given, expected in ((rows, [name]), (near, []), ([], [])):
        found = judge(Facts(given={source: given}), [rule_for(name)])
        assert [finding.kind for finding in found.findings] == expected
        assert found.complete


def test_evidence_of_poison_says_what_it_is() -> None:
    rows = [Register(register="RBX", value=0xDEAD000000000100, symbol=None)]
    (finding,) = judge(Facts(given={"panic.registers": rows}), [rule_for("poison-in-registers")]).findings
    assert finding.evidence == ("RBX dead000000000100: an entry that was taken off a list (LIST_POISON1)",)
