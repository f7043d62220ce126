"""``crashdrive parse``: records out of captured text."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crashdrive.cli._complete import Items, files, names
from crashdrive.cli._ending import say
from crashdrive.cli._opening import format_option, say_what_is_logged, verbose_option
from crashdrive.errors import EXIT_OK
from crashdrive.render import FORMATS
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.parsers._catalog import CatalogRow

_HELP = """Turn the captured output of a crash COMMAND into records: needs no crash and no dump.

COMMAND is the command line that printed the text, quoted; its options decide what the text means. The text
is what crash printed after it, from FILE or stdin. Text that the grammar doesn't know is an error that names
line and column; nothing is guessed.

\b
Examples:
  crashdrive parse ps < ps.txt
  crashdrive parse 'struct task_struct -o' struct.txt
  crashdrive parse --lenient log dmesg.txt
  crashdrive parse --list
  crashdrive parse --schema ps
"""


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    from crashdrive.parsers import command_names, foreign_parsers

    return names(sorted({*command_names(), *foreign_parsers().plugins}), incomplete)


@click.command(
    "parse",
    help=_HELP,
    short_help="Turn captured output of a crash command into records.",
    params=[
        format_option(FORMATS, None, "json; table with --list"),
        click.Option(
            ["--lenient"],
            is_flag=True,
            help="Keep the rows that are sure, the others as raw text under `warnings`; exit status 5.",
        ),
        click.Option(["--list", "listing"], is_flag=True, help="All commands and shapes with their fields."),
        verbose_option("Say on stderr what each step took."),
        click.Option(["--schema"], is_flag=True, help="JSON schema of what COMMAND's records look like."),
        click.Argument(["line"], required=False, metavar="COMMAND", shell_complete=_complete),
        click.Argument(["file"], required=False, metavar="[FILE]", shell_complete=files),
    ],
)
def command(
    line: str | None,
    file: str | None,
    form: str | None,
    lenient: bool,  # noqa: FBT001 - click's
    listing: bool,  # noqa: FBT001 - click's
    schema: bool,  # noqa: FBT001 - click's
    verbose: bool,  # noqa: FBT001 - click's
) -> int:
    """See the help text."""
    say_what_is_logged(verbose=verbose)
    if listing:
        return _list(form or "table")
    if line is None:
        raise click.UsageError("Missing argument COMMAND")
    if schema:
        return _schema(line)
    return _parse(line, _read(file), form or "json", lenient=lenient)


def _parse(line: str, text: str, form: str, *, lenient: bool) -> int:
    from crashdrive.cli._answers import show, tell_incomplete
    from crashdrive.parsers import parse

    with step("parsed"):
        answer = parse(line, text, lenient=lenient)
    with step("written"):
        show([answer], form)
    return tell_incomplete(answer)


def _read(file: str | None) -> str:
    """The text, with bytes that are no UTF-8 as backslash escapes (as a session gives it)."""
    if file is None or file == "-":
        return sys.stdin.buffer.read().decode("utf-8", "backslashreplace")
    try:
        return Path(file).read_bytes().decode("utf-8", "backslashreplace")
    except OSError as error:
        raise click.UsageError(f"{file}: {error.strerror}") from error


def _list(form: str) -> int:
    from crashdrive.parsers._catalog import foreign_listing, listing
    from crashdrive.render import Output, render

    rows = listing()
    foreign, told = foreign_listing()
    for line in told:
        say(line)
    if form != "table":
        render([*rows, *foreign], form, Output.standard())
        return EXIT_OK
    for row in rows:
        _show(row)
    if foreign:
        click.echo("\nFrom elsewhere, no part of crashdrive:\n")
    for row in foreign:
        _show(row)
        click.echo(f"      from {row.source}")
    return EXIT_OK


def _show(row: CatalogRow) -> None:
    fields = " ".join(field.name for field in row.fields) or row.summary
    click.echo(f"{row.command} ({row.shape}): {row.options}")
    click.echo(
        textwrap.fill(f"{row.record}: {fields}", 79, initial_indent="    ", subsequent_indent="      ")
    )


def _schema(line: str) -> int:
    import msgspec

    from crashdrive.parsers._catalog import schema

    click.echo(msgspec.json.format(msgspec.json.encode(schema(line)), indent=2))
    return EXIT_OK
