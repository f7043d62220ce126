"""``crashdrive shell``: one session, many lines."""

from __future__ import annotations

from typing import Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._opening import opened, session_options, take_files
from crashdrive.cli._pykdump import pykdump_options
from crashdrive.steps import step

_HELP = """One session over a dump: commands of crash, PyKdump programs, Python.

Lines are read from the terminal, with completion of commands, symbols, types and their members (TAB), and
with a history; else from stdin, or from each --command.

\b
  bt -a                        a command of crash, as it is
  epython prog.py --its args   a PyKdump program: found as named, then in
                               PYKDUMPPATH; crashdrive is no crash extension,
                               the program runs in this process
  prog --its args              ... once it was registered as a command, or
                               by `alias prog "epython prog.py"`
  >>> len(crash.ps())          Python: `crash` is the dump, and what PyKdump's
                               API has is there by `from pykdump.API import *`
  q                            the end, as is end of file (^D)

Programs and Python of one session share one __main__: what one leaves there the next one sees. sys.exit in a
program ends that program. ^C ends the line that runs, not the session.

\b
Examples:
  crashdrive shell vmcore
  crashdrive shell vmcore -c 'epython first.py' -c 'epython second.py'
  printf 'sys\\nepython xportshow -a\\n' | crashdrive shell --pykdump DIR vmcore

Exit status: 1 where a line failed that wasn't typed at a terminal, else 0.
"""


@click.command(
    "shell",
    help=_HELP,
    short_help="Commands, PyKdump programs and Python in one session.",
    params=[
        *session_options(),
        click.Option(
            ["-c", "--command", "lines"],
            multiple=True,
            metavar="LINE",
            help="Carry out a line, and end; several times, one after the other.",
        ),
        *pykdump_options(),
        click.Argument(
            ["words"],
            nargs=-1,
            metavar="[VMLINUX] VMCORE",
            shell_complete=files,
        ),
    ],
)
def command(
    words: tuple[str, ...],
    lines: tuple[str, ...],
    pykdump: str | None,
    old_names: bool,  # noqa: FBT001 - click passes it by name
    **options: Any,
) -> int:
    """See the help text."""
    from crashdrive.cli._shell import talk

    target = take_files(words, replay=options["replay"])
    if target.rest:
        raise click.UsageError(f"Got unexpected extra argument {target.rest[0]!a}")
    with opened(target, options, purpose="shell") as crash, step("shell"):
        return talk(crash, lines, pykdump, old_names=old_names)
