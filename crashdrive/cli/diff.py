"""``crashdrive diff``: two dumps compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._opening import format_option, verbose_option
from crashdrive.cli.batch import options
from crashdrive.errors import EXIT_INCOMPLETE, EXIT_OK, DeadlineError, TargetError, UsageError
from crashdrive.render import FORMATS, Output, render

if TYPE_CHECKING:
    from crashdrive.batch.find import Found

_HELP = """Compare two dumps: what is unlike in why they died, their stacks, machines, modules, settings,
counters, sockets, memory and findings.

Of the same kernel or of two; each kernel is found by its build id. What both have is left out.

\b
Examples:
  crashdrive diff good/vmcore bad/vmcore
  crashdrive diff --format json vmcore.1 vmcore.2 | jq .tables.settings
  crashdrive diff --format html vmcore.1 vmcore.2 > diff.html
"""
_TAKEN = frozenset({"crash_binaries", "debug_dirs", "timeout", "deadline", "memory"})


@click.command(
    "diff",
    help=_HELP,
    short_help="Two dumps compared.",
    params=[
        *(option for option in options() if option.name in _TAKEN),
        verbose_option("Say on stderr what each step took."),
        format_option(FORMATS, "table"),
        click.Argument(["words"], nargs=2, metavar="VMCORE VMCORE", shell_complete=files),
    ],
)
def command(words: tuple[str, str], form: str, **given: Any) -> int:
    """See the help text."""
    from crashdrive.batch.child import run_job
    from crashdrive.batch.compare import REPORTS, compared
    from crashdrive.batch.run import Options, job_for
    from crashdrive.batch.workers import Workers
    from crashdrive.cli._ending import say
    from crashdrive.cli._opening import say_what_is_logged
    from crashdrive.records import told_incomplete
    from crashdrive.render.progress import waiting
    from crashdrive.reports import report_names

    say_what_is_logged(verbose=given["verbose"])
    chosen = Options(
        reports=tuple(name for name in REPORTS if name in report_names()),
        crash=given["crash_binaries"],
        debug_dirs=given["debug_dirs"],
        timeout=given["timeout"],
        deadline=given["deadline"],
        memory=given["memory"] << 20,
    )
    jobs = [job_for(_one_dump(word, given["debug_dirs"]), chosen) for word in words]
    results = []
    with Workers() as workers:
        for word, job in zip(words, jobs, strict=True):
            with waiting(f"reading {word}"):
                results.append(run_job(job, workers=workers))
            if results[-1].status == "failed":
                kind = DeadlineError if results[-1].kind == "deadline" else TargetError
                raise kind(f"{word}: {results[-1].reason}")
    report = compared(*results)
    render(report, form, Output.standard())
    if report.complete:
        return EXIT_OK
    say(told_incomplete("diff", report.warnings))
    return EXIT_INCOMPLETE


def _one_dump(word: str, debug_dirs: Sequence[str]) -> Found:
    """The dump that a word names; TargetError where the file is missing or is none that can be read."""
    from crashdrive.batch.find import find_dumps

    try:
        found = find_dumps([word], debug_dirs).dumps
    except UsageError as error:
        raise TargetError(str(error)) from error
    if len(found) != 1:
        raise UsageError(f"{word!a}: one dump is meant, there are {len(found)}")
    if found[0].trouble:
        raise TargetError(found[0].trouble)
    return found[0]
