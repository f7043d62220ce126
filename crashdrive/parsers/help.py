"""``help``: the list of commands, a command's page, or crash's own tables (``help -k`` and the like).

Source in crash: ``cmd_help()``, ``display_help_screen()`` (help.c); the ``dump_*`` functions that its options
call.

As crash prints it::

    crash> help -B
       build_command: crash
          build_data: reproducible build
        build_target: X86_64
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._help_tables import Entry, grouped, table
from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record

__all__ = ["EXAMPLES", "SHAPES", "CommandName", "Entry", "HelpSection", "Option"]


class CommandName(Record, frozen=True):
    """A command that crash has."""

    name: str


class HelpSection(Record, frozen=True):
    """A part of a command's page: its title (``NAME``, ``SYNOPSIS``, ...; None before the first) and its
    lines.
    """

    title: str | None
    text: str


class Option(Record, frozen=True):
    """An option of ``help``, its argument if it takes one, and what it shows (``help -z``)."""

    option: str
    argument: str | None
    meaning: str


_VERSION = r"[^\n]* version: \S+ +gdb version: [^\n]*"
_TITLE = r"[A-Z][A-Z ]*+(?:\([A-Z]\))?+(?:\n|\Z)"
# A title with text behind it in its line: a newline was lost.
_LOST = rf"(?!{_TITLE})(?:NAME|SYNOPSIS|DESCRIPTION|EXAMPLES?)[^\n]"
_NO_HELP = expression(r"No help data for .*|help: .*|(?:\S+: )?invalid option.*", re.ASCII)


def _commands() -> g.ParserElement:
    """Names in columns, and the lines of versions and advice below them::

    *              files          mod            rustfilt       tree
    alias          foreach        mount          sbitmapq       union

    crash version: 9.0.2    gdb version: 16.3
    For help on any command above, enter "help <command>".
    """
    name = r"(?:\*|[a-zA-Z_][\w-]*+)"
    names = g.Row(rf"(?!For help on ){name}(?: ++{name})*+", lambda row: row[0].split(), "names of commands")
    return g.Rows(names, between=g.noise(g.Remark(_VERSION), g.Remark(r"For help on [^\n]*+")))


def _each(source: Source, found: list[list[str]]) -> list[CommandName]:
    """The names. crash fills column by column: the last rows may have one name less, others not."""
    counts = [len(names) for names in found]
    if counts and (counts != sorted(counts, reverse=True) or counts[0] - counts[-1] > 1):
        source.note("partial", "a row has fewer names than it should", incomplete=True)
    return [CommandName(name) for names in found for name in names]


def _options() -> g.ParserElement:
    """A row for each option, with its argument and meaning; a row that holds another one is refused::

    help options:
     -a - alias data
     -M <num> machine specific
    """
    row = g.Row(
        r" (-\w)(?: (<\w+>))?(?: -)? (\S(?:(?! -\w )[^\n])*+)",
        lambda found: Option(found[1], found[2], found[3].rstrip()),
        "an option: -X <ARGUMENT> - MEANING",
    )
    return g.Titles("help", "options:") + g.Rows(row, least=0)


def _nothing() -> g.ParserElement:
    """``No help data for "x" is available.``."""
    return g.Row(r"(No help data for [^\n]*+)", lambda row: row[1], "that there is no help")


def _told(source: Source, found: list[str]) -> list[HelpSection]:
    for message in found:
        source.note("error", message, line=1, text=message, incomplete=True)
    return []


def _page() -> g.ParserElement:
    """Sections below titles in capitals; text above the first title is a section without one::

    NAME
      ascii - translate a hexadecimal string to ASCII
    """
    section = g.Terminal(
        rf"(?=[\s\S])(?!{_LOST})(?:({_TITLE}))?+((?:(?!{_TITLE}|{_LOST})(?:[^\n]*+\n|[^\n]++\Z))*+)",
        "a section of a page",
        lambda found: HelpSection(found[1] and found[1].rstrip("\n"), found[2].strip("\n")),
    )
    return g.Rows(section)


def _filled(_source: Source, found: list[HelpSection]) -> list[HelpSection]:
    return [section for section in found if section.title or section.text]


def _is_page(source: Source) -> bool:
    first = source.text.lstrip("\n").split("\n", 1)[0]
    prose = source.command.arguments in (("input",), ("output",), ("all",)) and not _NO_HELP.match(first)
    return not source.command.options and (prose or first == "NAME")


def _is_table(source: Source) -> bool:
    options = source.command.options
    return bool(options) and "z" not in options and not _NO_HELP.match(source.text)


def _looks(pattern: str) -> Callable[[Source], bool]:
    return lambda source: re.search(pattern, source.text) is not None


_has_version = _looks(rf"(?:\A|\n){_VERSION}(?:\n|\Z)")

SHAPES = (
    Shape(
        name="commands",
        record=CommandName,
        grammar=_commands,
        finish=_each,
        options="help",
        when=lambda source: not source.command.options and _has_version(source),
    ),
    Shape(
        name="options", record=Option, grammar=_options, options="help -z", when=_looks(r"\Ahelp options:\n")
    ),
    Shape(
        name="nothing",
        record=HelpSection,
        grammar=_nothing,
        finish=_told,
        options="help COMMAND, for a command that has no page",
        when=_looks(r"\ANo help data for [^\n]*\n?\Z"),
    ),
    Shape(
        name="page",
        record=HelpSection,
        grammar=_page,
        finish=_filled,
        options="help COMMAND",
        when=_is_page,
    ),
    Shape(
        name="table",
        record=Entry,
        grammar=table,
        finish=grouped,
        options="help -k|-m|-t|-v|-n|-p|...",
        when=_is_table,
    ),
)

EXAMPLES = (
    "help",
    "help ascii",
    "help nosuchcommand",
    "help -k",
    "help -m",
    "help -t",
    "help -v",
    "help -n",
    "help -p",
    "help -B",
    "help -N",
    "help -z",
    "help -g",
    "help -r",
    *(
        "help -a",
        "help -e",
        "help -b",
        "help -c",
        "help -f",
        "help -D",
        "help -d",
        "help -h",
        "help -H",
        "help -K",
        "help -M 1",
        "help -o",
        "help -s",
        "help -T",
        "help -V",
        "help -L",
    ),
)
