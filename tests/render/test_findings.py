"""Findings for people: how they wrap, and how they are made to fit into a page."""

from __future__ import annotations

import io

import pytest

from crashdrive.records import Finding, Severity
from crashdrive.render.findings import fitting, write_findings
from crashdrive.render.output import Output


def finding(kind: str, severity: Severity, evidence: int = 5) -> Finding:
    lines = tuple(f"fact {number} of {kind}" for number in range(evidence))
    return Finding(
        severity=severity, kind=kind, message=f"{kind} is wrong", evidence=lines, advice=f"Mend {kind}."
    )


FOUND = (
    finding("disk", "critical"),
    finding("lock", "critical"),
    finding("queue", "warning"),
    finding("route", "warning"),
    finding("port", "info"),
)


def shown(findings: tuple[Finding, ...], width: int | None = None) -> list[str]:
    stream = io.StringIO()
    write_findings(findings, Output(stream, width=width))
    return stream.getvalue().splitlines()


def test_all_that_fits_is_shown_with_three_lines_of_evidence() -> None:
    assert shown(fitting(FOUND, 25, None))[:5] == [
        "critical: disk is wrong",
        "    fact 0 of disk",
        "    fact 1 of disk",
        "    fact 2 of disk",
        "    advice: Mend disk.",
    ]
    assert len(shown(fitting(FOUND, 25, None))) == 25


def test_the_last_of_the_mildest_loses_first() -> None:
    assert [len(one.evidence) for one in fitting(FOUND, 23, None)] == [3, 3, 3, 3, 1]
    assert [len(one.evidence) for one in fitting(FOUND, 20, None)] == [3, 3, 3, 1, 0]
    assert [len(one.evidence) for one in fitting(FOUND, 15, None)] == [3, 1, 1, 1, 0]
    assert [one.advice is not None for one in fitting(FOUND, 12, None)] == [True, True, True, False, False]


SHORTEST = [
    "critical: disk is wrong",
    "    fact 0 of disk",
    "    advice: Mend disk.",
    "critical: lock is wrong",
    "    fact 0 of lock",
    "    advice: Mend lock.",
    "warning: queue is wrong",
    "warning: route is wrong",
]


def test_what_is_critical_keeps_its_advice_and_no_warning_is_left_out() -> None:
    assert shown(fitting(FOUND, 9, None)) == [*SHORTEST, "info: port is wrong"]
    assert shown(fitting(FOUND, 8, None)) == SHORTEST
    assert shown(fitting(FOUND, 0, None)) == SHORTEST


def test_findings_of_a_kind_become_one_where_there_is_no_room() -> None:
    found = (*FOUND[:4], finding("route", "warning"), finding("route", "warning"), FOUND[4])
    assert len(shown(fitting(found, 11, None))) == 11
    short = [*SHORTEST[:-1], "warning: route is wrong; 2 more such findings", "info: port is wrong"]
    assert shown(fitting(found, 10, None)) == short
    assert shown(fitting(found, 9, None)) == short


@pytest.mark.parametrize("width", [None, 80, 40])
def test_lines_wrap(width: int | None) -> None:
    words = "a socket of some program " * 8
    one = Finding(severity="info", kind="k", message=words, evidence=(words,), advice=words)
    lines = shown((one,), width)
    assert max(map(len, lines)) <= (width or 80)
    assert " ".join(" ".join(lines).split()) == " ".join(f"info: {words} {words} advice: {words}".split())


def test_a_long_word_is_cut_on_a_terminal_alone() -> None:
    path = "/var/lib/" + "x" * 100
    one = Finding(severity="info", kind="k", message="m", evidence=(path,))
    assert f"    {path}" in shown((one,))
    assert max(map(len, shown((one,), 80))) == 80


def test_what_others_wrote_is_no_markup() -> None:
    one = Finding(severity="info", kind="k", message="a\x1b[31m\nb", evidence=("c\rd",), advice="e\x07")
    assert shown((one,)) == ["info: a\\x1b[31m\\nb", "    c\\rd", "    advice: e\\x07"]
