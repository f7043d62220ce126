"""``crashdrive query``: questions to what a batch found."""

from __future__ import annotations

from pathlib import Path

import click

from crashdrive.cli._complete import folders
from crashdrive.cli._opening import format_option
from crashdrive.errors import EXIT_OK
from crashdrive.render import FORMATS, Output, render

_HELP = """Ask what crashdrive batch found: OUT is its folder.

QUESTION is one of

\b
  new            groups that nobody knows (known.toml)
  back           groups that were fixed, and came back
  by module      dumps by the module that is to blame
  by host        dumps by machine
  since DATE     dumps of crashes from that day on
  SELECT ...     SQL that only reads; docs/batch.md has the tables

\b
Examples:
  crashdrive query out new
  crashdrive query out since 2026-11-01 --format csv
  crashdrive query out 'SELECT kind, count(*) FROM findings GROUP BY 1'
"""


@click.command(
    "query",
    help=_HELP,
    short_help="Questions to what a batch found.",
    params=[
        format_option(FORMATS, "table"),
        click.Argument(["folder"], metavar="OUT", shell_complete=folders),
        click.Argument(["words"], nargs=-1, required=True, metavar="QUESTION"),
    ],
)
def command(folder: str, words: tuple[str, ...], form: str) -> int:
    """See the help text."""
    from crashdrive.batch.query import answer, question_of

    found = answer(Path(folder), question_of(words))
    render(found, form, Output.standard())
    return EXIT_OK
