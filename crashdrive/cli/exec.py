"""``crashdrive exec``: crash's own commands."""

from __future__ import annotations

import sys
from typing import Any

import click

from crashdrive.cli._opening import format_option, opened, session_options, take_files

_HELP = """Run crash commands on a dump.

Each COMMAND is one word of the shell: quote what has options of its own. A COMMAND of - reads commands from
stdin, one per line. All of them run, also when one fails; then the exit status is 1.

\b
Examples:
  crashdrive exec vmcore sys
  crashdrive exec vmlinux vmcore 'ps -G' 'bt -a' log
  crashdrive exec --format json vmcore ps | jq '.records[].comm'
  crashdrive exec --record case.session vmcore sys ps 'bt -a'
  crashdrive exec --replay case.session 'bt -a'

\b
Formats:
  text    as crash prints it (on a terminal control characters are escaped)
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
        click.Argument(["words"], nargs=-1, required=True, metavar="[VMLINUX] VMCORE COMMAND..."),
    ],
)
def command(words: tuple[str, ...], form: str, lenient: bool, **options: Any) -> int:  # noqa: FBT001 - click's
    """See the help text."""
    from crashdrive.cli._answers import show_answers, show_text

    target = take_files(words, replay=options["replay"])
    commands = list(_commands(target.rest))
    if not commands:
        raise click.UsageError("Missing argument COMMAND")
    with opened(target, options) as crash:
        if form == "text":
            return show_text(crash, commands)
        return show_answers(crash, commands, form, lenient=lenient)


def _commands(words: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for word in words:
        lines = sys.stdin.read().splitlines() if word == "-" else [word]
        found += (line.strip() for line in lines if line.strip())
    return found
