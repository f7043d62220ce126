"""``crashdrive exec``: crash's own commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crashdrive.cli._opening import complete_commands, files_of, format_option, opened, session_options
from crashdrive.commandline import command_line
from crashdrive.errors import EXIT_OK

_HELP = """Run crash commands on a dump.

Each COMMAND is one word of the shell: quote what has options of its own. All of them run, also when one
fails; then the exit status is 1. A COMMAND of - reads commands from stdin, '< FILE' from a file, one per
line, as crash -i does: comments (#), blank lines and aliases work, and q, quit or exit ends the run.

\b
Examples:
  crashdrive exec vmcore sys
  crashdrive exec vmlinux vmcore 'ps -G' 'bt -a' log
  crashdrive exec --format json vmcore ps | jq '.records[].comm'
  crashdrive exec vmcore - < commands-of-crash-i
  crashdrive exec --record case.session vmcore sys ps 'bt -a'
  crashdrive exec --replay case.session 'bt -a'

\b
Formats:
  text    as crash prints it (on a terminal control characters are escaped);
          of several commands each answer has its command before it
  json    {"command", "shape", "complete", "warnings", "records"},
          one object per line and command
  jsonl   the records alone, one per line
  csv, table
"""


class _Exec(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As ever; who forgets to quote ``ps -a`` is told so."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = f"No such option {error.option_name!r}; a command of crash with options is quoted: 'ps -a'"
            raise click.UsageError(hint, ctx) from error


@click.command(
    "exec",
    cls=_Exec,
    help=_HELP,
    short_help="Run crash commands on a dump.",
    params=[
        *session_options(),
        format_option(("text", "json", "jsonl", "csv", "table"), "text"),
        click.Option(["--lenient"], is_flag=True, help="Keep the rows that are sure, mark the others."),
        click.Option(
            ["--header/--no-header"],
            default=True,
            help="Whether text of several commands names each (default).",
        ),
        click.Argument(
            ["words"],
            nargs=-1,
            required=True,
            metavar="[VMLINUX] VMCORE COMMAND...",
            shell_complete=complete_commands,
        ),
    ],
)
def command(words: tuple[str, ...], form: str, lenient: bool, header: bool, **options: Any) -> int:  # noqa: FBT001 - click's
    """See the help text."""
    from crashdrive.cli._answers import show_answers, show_text
    from crashdrive.cli._input import read_commands
    from crashdrive.cli._kept import Question, answered
    from crashdrive.cli._lines import Lines
    from crashdrive.cli._witness import Witness

    target = files_of(words, options)
    commands = read_commands(target.rest)
    if not commands:
        return EXIT_OK

    def work(witness: Witness) -> int:
        with opened(target, options, witness=witness) as crash:
            lines = Lines(crash, None if options["replay"] else Path.cwd())
            if form == "text":
                return show_text(lines, commands, header=header and len(commands) > 1)
            return show_answers(lines, commands, form, lenient=lenient)

    given = all(word != "-" and not word.lstrip().startswith("<") for word in target.rest)
    asked = Question(("exec", form, lenient, header, commands), again=given)
    keeps = all(command_line(line).only_prints for line in commands)
    return answered(asked if keeps else None, target, options, work)
