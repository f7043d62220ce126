"""``crashdrive triage``: the first look at a dump."""

from __future__ import annotations

import textwrap
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from crashdrive.cli._complete import files
from crashdrive.cli._opening import files_of, format_option, opened, session_options
from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.render import FORMATS
from crashdrive.steps import step
from crashdrive.text import counted, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crashdrive.crash import Crash
    from crashdrive.records import Report, Table
    from crashdrive.render import Output

_PAGE = 60  # lines
_AROUND = 2  # of them the line that says where there is more
_TOLD = 4  # lines on what is missing
_HELP = """The first look at a dump, on one page: why the kernel died, what else is wrong,
where to look next, and what the dump lacks.

\b
Examples:
  crashdrive triage vmcore
  crashdrive triage --html page.html vmcore      a page of its own
  crashdrive triage --format json vmcore | jq '.tables.verdict[0].title'

It is the report `triage`: the verdict of `panic`, and what all rules find in `hang`, `sysinfo`, `cpu`,
`block`, `files`, `modules` and `netsummary`. The page is in short: `crashdrive report triage` has all
evidence and advice.
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

    target = files_of(words, options)
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")

    def work(witness: Witness) -> int:
        with opened(
            target, options, purpose=purpose_of("triage"), btf=takes_btf("triage"), witness=witness
        ) as crash:
            with waiting("triage"), step("triage"):
                found = crash.run_report("triage")
            witness.made(found)
            if page:
                found = _with_stacks(crash, found)
                write_file(Path(page), partial(render, found, "html"))
            elif form == "table":
                _show(found, Output.standard())
            else:
                render(found, form, Output.standard())
        return completeness(found, "triage")

    return answered(None if page else Question(("triage", form)), target, options, work)


def _with_stacks(crash: Crash, found: Report) -> Report:
    """The report with a flame graph of all stacks; without one where that can't be made."""
    try:
        drawn = crash.run_report("stacks").pictures
    except CrashdriveError:
        return found
    return msgspec.structs.replace(found, pictures=(*found.pictures, *drawn))


def _show(found: Report, output: Output) -> None:
    """One page for people: the verdict and the machine, findings in short, where to look, what is missing."""
    from crashdrive.render import render
    from crashdrive.render.findings import fitting

    first, rest = found.tables[:2], found.tables[2:]
    missing = _missing(found, output)
    room = _PAGE - _AROUND - len(missing) - sum(_height(table) for table in found.tables)
    short = fitting(found.findings, room, output.width)
    render(msgspec.structs.replace(found, tables=_filled(first), findings=()), "table", output)
    output.text("\n")
    render(msgspec.structs.replace(found, tables=_filled(rest), findings=short), "table", output)
    output.text("".join(f"{line}\n" for line in missing))
    if short != found.findings:
        left = len(short) < len(found.findings)
        some = f", {len(short)} of {len(found.findings)} findings" if left else ""
        output.text(f"\n(in short{some}; all of it: crashdrive report triage VMCORE)\n")


def _filled(tables: Sequence[Table]) -> tuple[Table, ...]:
    return tuple(table for table in tables if table.rows)


def _height(table: Table) -> int:
    """The lines that a table takes, with its title and a blank line."""
    rows = sum(len(table.columns) for _ in table.rows) if table.layout == "fields" else len(table.rows) + 1
    return rows + 2 if table.rows else 0


def _missing(found: Report, output: Output) -> list[str]:
    """What the dump lacks, as far as a page has room for it."""
    if found.complete:
        return []
    from crashdrive.render.findings import PLAIN_WIDTH

    width = min(output.width or PLAIN_WIDTH, PLAIN_WIDTH)
    # what a recording is without, no dump lacks
    told = [printable(notice.message) for notice in found.warnings if notice.kind != "unrecorded"]
    lines = [textwrap.shorten(line, width - 2, placeholder=" ...") for line in told[:_TOLD]]
    left = len(told) - len(lines)
    more = [f"and {counted(left, 'more line', 'more lines')} on stderr"] if left else []
    return ["", "Missing", *(f"  {line}" for line in (*lines, *more))]
