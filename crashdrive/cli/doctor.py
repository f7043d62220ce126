"""``crashdrive doctor``: what this host has, what is missing, what to install."""

from __future__ import annotations

import click

from crashdrive.cli._ending import say
from crashdrive.cli._opening import (
    crash_option,
    debug_dir_option,
    format_option,
    say_what_is_logged,
    verbose_option,
)
from crashdrive.errors import EXIT_OK, EXIT_TARGET
from crashdrive.render import FORMATS
from crashdrive.steps import step

_HELP = """Say what this host has for working on dumps, what is missing, and what to install.

Exit status 3 where something is missing without which no dump can be opened.

\b
Examples:
  crashdrive doctor
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
        verbose_option("Say on stderr what the search took."),
    ],
)
def command(
    crash_binaries: tuple[str, ...],
    debug_dirs: tuple[str, ...],
    form: str,
    verbose: bool,  # noqa: FBT001 - click's
) -> int:
    """See the help text."""
    from crashdrive.host import doctor
    from crashdrive.render import Output, render

    say_what_is_logged(verbose=verbose)
    with step("searched"):
        found = doctor(crash_binaries, debug_dirs)
    render(found, form, Output.standard())
    for notice in found.warnings:
        say(f"missing: {notice.message}")
    return EXIT_OK if found.complete else EXIT_TARGET
