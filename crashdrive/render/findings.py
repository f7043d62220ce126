"""Findings for people: the message, its evidence, what to do; in full, or as many lines as a page has."""

from __future__ import annotations

import io
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from crashdrive.records import Finding
from crashdrive.render.output import Output
from crashdrive.text import counted, printable

PLAIN_WIDTH = 80
"""Columns of words that wrap, where it is no terminal that they are written to."""

_EVIDENCE = 3  # lines of evidence of a finding on a page that has room for them


def write_findings(findings: Sequence[Finding], output: Output) -> None:
    """Each finding; advice that several in a row share stands once, below the last of them."""
    for at, finding in enumerate(findings):
        same = at + 1 < len(findings) and findings[at + 1].advice == finding.advice
        _write(finding, output, advice=not same)


def _write(finding: Finding, output: Output, *, advice: bool) -> None:
    label: str = finding.severity
    if output.color:
        from crashdrive.render.pretty import severity

        label = severity(finding.severity, output)
    # colours take no columns: the label is put in front of lines that were wrapped without it
    head = _wrapped(f"{finding.severity}: {printable(finding.message)}", output, "", "    ")
    output.text(head.replace(finding.severity, label, 1))
    for line in finding.evidence:
        output.text(_wrapped(printable(line), output, "    ", " " * 8))
    if finding.advice and advice:
        output.text(_wrapped(f"advice: {printable(finding.advice)}", output, "    ", " " * 12))


def _wrapped(text: str, output: Output, first: str, others: str) -> str:
    """A text as lines that fit; a word that doesn't is cut on a terminal alone, else it can be copied."""
    lines = textwrap.wrap(
        text,
        max(output.width or PLAIN_WIDTH, 32),
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=output.terminal,
    )
    return "".join(f"{line}\n" for line in lines)


def fitting(findings: Sequence[Finding], lines: int, width: int | None) -> tuple[Finding, ...]:
    """Findings so short that they take that many lines of that width, if that can be.

    What is left out first is evidence, then advice, of the last and mildest findings first; then all but one
    of a kind, and at last those that are mere information. What is critical keeps its first line of evidence
    and its advice.
    """
    shown = [_brief(finding, _EVIDENCE) for finding in findings]
    heights = [_height(finding, width) for finding in shown]
    for severity, shorten in _STEPS:
        for at in reversed(range(len(shown))):
            if sum(heights) <= lines:
                return tuple(shown)
            if shown[at].severity == severity:
                shown[at] = shorten(shown[at])
                heights[at] = _height(shown[at], width)
    if sum(heights) > lines:
        shown = _one_of_a_kind(shown)
        heights = [_height(finding, width) for finding in shown]
    while sum(heights) > lines and shown and shown[-1].severity == "info":
        shown.pop()
        heights.pop()
    return tuple(shown)


def _one_of_a_kind(findings: Sequence[Finding]) -> list[Finding]:
    """Of findings of a kind that have nothing but a message the first, which says how many more there are."""
    alike = Counter(finding.kind for finding in findings if not (finding.evidence or finding.advice))
    kept: dict[str, Finding] = {}
    for at, finding in enumerate(findings):
        more = alike[finding.kind] - 1
        if finding.evidence or finding.advice:
            kept[str(at)] = finding
        elif finding.kind not in kept:
            told = f"{finding.message}; {counted(more, 'more such finding', 'more such findings')}"
            kept[finding.kind] = msgspec.structs.replace(finding, message=told) if more else finding
    return list(kept.values())


def _height(finding: Finding, width: int | None) -> int:
    stream = io.StringIO()
    write_findings([finding], Output(stream, width=width))
    return stream.getvalue().count("\n")


def _brief(finding: Finding, lines: int = 1) -> Finding:
    return msgspec.structs.replace(finding, evidence=finding.evidence[:lines])


def _bare(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, evidence=(), advice=None)


_STEPS: tuple[tuple[str, Callable[[Finding], Finding]], ...] = (
    ("info", _brief),
    ("info", _bare),
    ("warning", _brief),
    ("critical", _brief),
    ("warning", _bare),
)
