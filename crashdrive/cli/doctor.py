"""``crashdrive doctor``: what this host has, what is missing, what to install."""

from __future__ import annotations

import sys

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._opening import (
    crash_option,
    debug_dir_option,
    format_option,
    say_what_is_logged,
    verbose_option,
)
from crashdrive.errors import EXIT_OK, EXIT_TARGET, UsageError
from crashdrive.render import FORMATS
from crashdrive.steps import step
from crashdrive.text import printable

_HELP = """Say what this host has for working on dumps, what is missing, and what to install. With VMCORE also
what these dumps need: each its own kernel's vmlinux, and a crash of its architecture.

--fix prints the commands that mend what was found, for you to read and to run: it runs none of them.

Exit status 3 where something is missing without which no dump can be opened.

\b
Examples:
  crashdrive doctor
  crashdrive doctor --fix vmcore
  crashdrive doctor --crash /opt/crash-9.0.2/crash --debug-dir /srv/vmlinux
  crashdrive doctor --format json | jq .tables.checks
"""


@click.command(
    "doctor",
    help=_HELP,
    short_help="What this host has, what is missing, what to install.",
    params=[
        crash_option("Look at this crash binary."),
        debug_dir_option("Look for vmlinux files there."),
        format_option(FORMATS, "table"),
        click.Option(["--fix"], is_flag=True, help="Print the commands that mend it, as a program of sh."),
        verbose_option("Say on stderr what the search took."),
        click.Argument(["dumps"], nargs=-1, metavar="[VMCORE...]", shell_complete=files),
    ],
)
def command(
    crash_binaries: tuple[str, ...],
    debug_dirs: tuple[str, ...],
    dumps: tuple[str, ...],
    form: str,
    fix: bool,  # noqa: FBT001 - click's
    verbose: bool,  # noqa: FBT001 - as above
) -> int:
    """See the help text."""
    from crashdrive.host import doctor, mending
    from crashdrive.render import Output, render

    say_what_is_logged(verbose=verbose)
    if fix and form != "table":
        raise UsageError(f"--fix prints commands of a shell; --format {form} has them in the column commands")
    with step("searched"):
        found = doctor(crash_binaries, debug_dirs, dumps)
    if fix:
        lines = list(mending(found))
        sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
        if not lines:
            say("nothing is to be mended")
        return EXIT_OK if found.complete else EXIT_TARGET
    render(found, form, Output.standard())
    for notice in found.warnings:
        say(f"missing: {notice.message}")
    return EXIT_OK if found.complete else EXIT_TARGET
