"""``crashdrive shell``: one session, many lines."""

from __future__ import annotations

from typing import Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._opening import Target, files_of, format_option, opened, session_options
from crashdrive.cli._pykdump import pykdump_options
from crashdrive.errors import EXIT_OK
from crashdrive.shell.lines import FORMS
from crashdrive.steps import step

_HELP = """One session over a dump: crash's commands, reports, Python, PyKdump's programs.

Lines are read from the terminal, with completion (TAB), a history of this dump, and a pager; else from
stdin, or from each --command. ? shows what there is.

\b
  bt -a                   a command of crash, as it is
  netstat -anp            a report; `report ps` where crash has a command
                          of that name; --where, --sort, --columns, --limit
  tasks = crash.ps()      Python, in one namespace; `crash` is the dump.
                          >>> before what isn't plainly Python
  epython prog.py --its args
                          a PyKdump program: found as named, then in
                          PYKDUMPPATH; or by the command or alias that was
                          made for it
  table ps, json ps       this answer as table, json, jsonl or csv;
                          `format json` for all that follow
  ps | grep ssh           into a program of this host; > FILE, >> FILE
  ps | >>> len(_)         into Python, where the answer is _
  #, #3, #3.pid           rows of the last answer with their numbers, the
                          third one, a field of it
  #3.bt, #3.struct, bt #3 a command about a row
  q                       the end, as is end of file (^D)

Programs and Python of one session share one __main__. ^C ends the line that runs, not the session. What
comes out of the dump is shown with its control characters escaped, and reaches no command line.

\b
Examples:
  crashdrive shell vmcore
  crashdrive shell --stay vmcore      crash stays for the next command lines
  crashdrive shell vmcore -c 'netstat -lt' -c 'ps | grep ssh'
  printf 'sys\\nepython xportshow -a\\n' | crashdrive shell --pykdump DIR vmcore

Exit status of lines that weren't typed at a terminal: 1 where one failed, else 5 where an answer is
incomplete, else 0; after a terminal 0.
"""


@click.command(
    "shell",
    help=_HELP,
    short_help="A prompt: crash's commands, reports, Python, PyKdump programs.",
    params=[
        *session_options(),
        click.Option(
            ["-c", "--command", "lines"],
            multiple=True,
            metavar="LINE",
            help="Carry out a line, and end; several times, one after the other.",
        ),
        format_option(FORMS, "text"),
        click.Option(
            ["--stay"],
            is_flag=True,
            help="Start a warm session first, which stays when the shell has ended (crashdrive session).",
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
    form: str,
    stay: bool,  # noqa: FBT001 - as above
    **options: Any,
) -> int:
    """See the help text."""
    from crashdrive.cli._shell import talk

    target = files_of(words, options)
    if target.rest:
        raise click.UsageError(f"Got unexpected extra argument {target.rest[0]!a}")
    if stay and (status := _kept_ready(target, words, options)) != EXIT_OK:
        return status
    with opened(target, options, purpose="shell") as crash, step("shell"):
        return talk(crash, lines, pykdump, old_names=old_names, form=form)


def _kept_ready(target: Target, words: tuple[str, ...], options: dict[str, Any]) -> int:
    """Have a warm session of the dump; the exit status where none comes up."""
    from crashdrive.cli.session import IDLE, in_background
    from crashdrive.session.warm.place import dump_key

    key = None if target.vmcore is None or options["host"] else dump_key(target.vmcore)
    if key is None:
        raise click.UsageError("--stay wants a dump in a file of this host: a crash is kept on that")
    return in_background(key, words, IDLE, options)
