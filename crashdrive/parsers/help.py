"""``help``: the list of commands, a command's page, or what crash keeps in its own tables (``help -k`` and
the like).

Source in crash: ``cmd_help()``, ``display_help_screen()`` (help.c); the ``dump_*`` functions that its options
call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.parsers.base import Shape, Source
from crashdrive.records import Record

OPTSTRING = "efNDdmM:ngcaBbHhkKsvVoptTzLOr"
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
)


class CommandName(Record, frozen=True):
    """A command that crash has."""

    name: str


class HelpSection(Record, frozen=True):
    """A part of a command's page: its title (``NAME``, ``SYNOPSIS``, ...; None before the first) and its
    lines.
    """

    title: str | None
    text: str


class Entry(Record, frozen=True, kw_only=True):
    """An entry of one of crash's tables.

    ``group``: which block between blank lines it is in, from 0; ``indent``: blanks before the key. ``key`` is
    None for a line without one; ``value``: the text behind the colon, ``more``: the lines below it that have
    no key of their own (flags by name, lists of addresses).
    """

    group: int
    indent: int
    key: str | None
    value: str
    more: tuple[str, ...] = ()


class Option(Record, frozen=True):
    """An option of ``help``, its argument if it takes one, and what it shows (``help -z``)."""

    option: str
    argument: str | None
    meaning: str


_COMMAND = re.compile(r"(?:\*|[a-zA-Z_][\w-]*)(?: +(?:\*|[a-zA-Z_][\w-]*))* *")
_VERSION = re.compile(r".* version: \S+ +gdb version: .*")
_TITLE = re.compile(r"[A-Z][A-Z ]*(?:\([A-Z]\))?")
_ENTRY = re.compile(r"( *)([^\s:(|\"'][^:\n\"']{0,60}?): ?(.*)")
_OPTION = re.compile(r" (-\w)(?: (<\w+>))?(?: -)? (\S.*)")
_NO_HELP = re.compile(r"No help data for .*|help: .*|(?:\S+: )?invalid option.*")


def _parse_commands(source: Source) -> Sequence[CommandName]:
    names: list[str] = []
    for offset, line in source.lines():
        if _VERSION.fullmatch(line) or line.startswith("For help on "):
            continue
        if line.strip() and not _COMMAND.fullmatch(line):
            source.reject(offset, "no names of commands")
            continue
        names += line.split()
    return [CommandName(name) for name in names]


def _parse_nothing(source: Source) -> Sequence[HelpSection]:
    message = source.text.strip()
    source.note("error", message, line=1, text=message, incomplete=True)
    return []


def _parse_page(source: Source) -> Sequence[HelpSection]:
    sections: list[tuple[str | None, list[str]]] = [(None, [])]
    for _, line in source.lines():
        if _TITLE.fullmatch(line):
            sections.append((line, []))
        else:
            sections[-1][1].append(line)
    texts = [(title, "\n".join(lines).strip("\n")) for title, lines in sections]
    return [HelpSection(title, text) for title, text in texts if title or text]


def _parse_options(source: Source) -> Sequence[Option]:
    records = []
    for offset, line in source.lines():
        match = _OPTION.fullmatch(line.rstrip())
        if match:
            records.append(Option(match[1], match[2], match[3]))
        elif line.strip() and offset:
            source.reject(offset, "no option")
    return records


def _parse_entries(source: Source) -> Sequence[Entry]:
    rows: list[tuple[int, int, str | None, str, list[str]]] = []
    group = 0
    blank = False
    for _, line in source.lines():
        if not line.strip():
            blank = bool(rows)
            continue
        group, blank, fresh = (group + 1, False, True) if blank else (group, False, not rows)
        match = _ENTRY.fullmatch(line.rstrip())
        if match:
            rows.append((group, len(match[1]), match[2].rstrip(), match[3].strip(), []))
        elif fresh:
            rows.append((group, len(line) - len(line.lstrip()), None, line.strip(), []))
        else:
            rows[-1][4].append(line.rstrip())
    return [
        Entry(group=number, indent=indent, key=key, value=value, more=tuple(more))
        for number, indent, key, value, more in rows
    ]


def _is_page(source: Source) -> bool:
    first = source.text.lstrip("\n").split("\n", 1)[0]
    prose = source.command.arguments in (("input",), ("output",), ("all",)) and not _NO_HELP.match(first)
    return not source.command.options and (prose or first == "NAME")


SHAPES = (
    Shape(
        name="commands",
        record=CommandName,
        parse=_parse_commands,
        options="help",
        when=lambda source: (
            not source.command.options and any(_VERSION.fullmatch(line) for _, line in source.lines())
        ),
    ),
    Shape(
        name="options",
        record=Option,
        parse=_parse_options,
        options="help -z",
        when=lambda source: source.text.startswith("help options:\n"),
    ),
    Shape(
        name="nothing",
        record=HelpSection,
        parse=_parse_nothing,
        options="help COMMAND, for a command that has no page",
        when=lambda source: re.fullmatch(r"No help data for [^\n]*\n?", source.text) is not None,
    ),
    Shape(
        name="page",
        record=HelpSection,
        parse=_parse_page,
        options="help COMMAND",
        when=_is_page,
    ),
    Shape(
        name="table",
        record=Entry,
        parse=_parse_entries,
        options="help -k|-m|-t|-v|-n|-p|...",
        when=lambda source: bool(source.command.options) and not _NO_HELP.match(source.text),
    ),
)
