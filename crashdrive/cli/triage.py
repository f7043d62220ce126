"""``crashdrive triage``: the first look at a dump."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from crashdrive.cli._complete import files
from crashdrive.cli._opening import format_option, opened, session_options, take_files
from crashdrive.errors import UsageError
from crashdrive.render import FORMATS
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.records import Finding, Report
    from crashdrive.render import Output

_EVIDENCE = 3  # lines of a finding, on one page
_HELP = """The first look at a dump, on one page: why the kernel died, what else is wrong,
where to look next, and what the dump lacks.

\b
Examples:
  crashdrive triage vmcore
  crashdrive triage --html page.html vmcore      a page of its own
  crashdrive triage --format json vmcore | jq '.tables.verdict[0].title'

It is the report `triage`: the verdict of `panic`, and the findings of all rules over what `hang`, `sysinfo`
and `netsummary` read.
"""


@click.command(
    "triage",
    help=_HELP,
    short_help="The first look at a dump: why it died, what is wrong, where to look next.",
    params=[
        click.Option(
            ["--html", "page"], metavar="FILE", shell_complete=files, help="Write a page; print nothing."
        ),
        *session_options(),
        format_option(FORMATS, "table"),
        click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
    ],
)
def command(words: tuple[str, ...], form: str, page: str | None, **options: Any) -> int:
    """See the help text."""
    from crashdrive.cli._answers import completeness
    from crashdrive.cli._files import write_file
    from crashdrive.cli._kept import Question, answered
    from crashdrive.cli._witness import Witness
    from crashdrive.render import Output, render
    from crashdrive.render.progress import waiting
    from crashdrive.reports import purpose_of, takes_btf

    target = take_files(words, replay=options["replay"])
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")

    def work(witness: Witness) -> int:
        with opened(
            target, options, purpose=purpose_of("triage"), btf=takes_btf("triage"), witness=witness
        ) as crash:
            with waiting("triage"), step("triage"):
                found = crash.run_report("triage")
            if page:
                write_file(Path(page), partial(render, found, "html"))
            elif form == "table":
                _show(found, Output.standard())
            else:
                render(found, form, Output.standard())
        return completeness(found, "triage")

    return answered(None if page else Question(("triage", form)), target, options, work)


def _show(found: Report, output: Output) -> None:
    """For people: the verdict and the machine first, then findings in short, then where to look."""
    from crashdrive.render import render

    first, rest = found.tables[:2], found.tables[2:]
    render(msgspec.structs.replace(found, tables=first, findings=()), "table", output)
    output.text("\n")
    short = tuple(map(_short, found.findings))
    render(msgspec.structs.replace(found, tables=rest, findings=short), "table", output)


def _short(finding: Finding) -> Finding:
    """The finding with its first lines of evidence."""
    if len(finding.evidence) <= _EVIDENCE:
        return finding
    left = len(finding.evidence) - _EVIDENCE + 1
    shown = (*finding.evidence[: _EVIDENCE - 1], f"and {left} lines more (crashdrive report triage)")
    return msgspec.structs.replace(finding, evidence=shown)
