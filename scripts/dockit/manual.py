"""docs/man/: pages of the manual for crashdrive, each subcommand and each report, out of their --help."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from crashdrive.cli._root import root

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "man"
Rows = list[tuple[str, str]]

# a page's date is the day on which its text changed
_DATED = re.compile(r'^\.TH .* "(\d{4}-\d\d-\d\d)" ')
_WORD = re.compile(r"(?<![\w-])(--?[A-Za-z][\w-]*)")
_METAVAR = re.compile(r"\b[A-Z][A-Z_]+\b")

STATUS: Rows = [
    ("0", "done"),
    ("1", "a command, a report or a script failed"),
    ("2", "usage"),
    ("3", "the dump, the vmlinux or crash is unusable"),
    ("4", "a deadline passed (--timeout)"),
    ("5", "done, but the answer is marked as incomplete: standard error says what is missing"),
    ("130", "interrupted"),
    ("141", "who read standard output went away"),
]
ENVIRONMENT: Rows = [
    ("CRASHDRIVE_CRASH", "crash binaries to try where no --crash is given, separated by colons."),
    ("CRASHDRIVE_CACHE", "The folder of what is kept between runs; off keeps nothing."),
    ("CRASHDRIVE_NO_CACHE", "Where it is 1, no kept answer is given and none is kept."),
    ("CRASHDRIVE_SESSION", "off uses no warm session (see crashdrive-session(1))."),
    ("CRASHDRIVE_PLUGINS", "The folder of the user's reports, rules and parsers; off uses none."),
    ("CRASHDRIVE_OWNERS", "The file that says who owns which modules and functions."),
    ("CRASHDRIVE_PYKDUMP", "PyKdump's own layer, for scripts that shall run on it."),
    ("CRASHDRIVE_TMPDIR", "Where private folders of a session go."),
    ("CRASHDRIVE_GDB_INDEX", "off has gdb write no index of a vmlinux."),
    ("CRASHDRIVE_DEBUG", "Where it is 1, a defect of crashdrive shows its traceback."),
    ("NO_COLOR", "Where it is set, nothing is coloured."),
]
FILES: Rows = [
    ("~/.config/crashdrive/", "Reports, rules and parsers of the user's own; the file owners."),
    ("~/.cache/crashdrive/", "Types, symbols and answers that were kept."),
    ("/usr/lib/debug/", "Where a dump's vmlinux is looked for by its build id."),
]


class _Recorder(click.HelpFormatter):
    """What a command's help is made of, before it is laid out."""

    def __init__(self) -> None:
        super().__init__()
        self.usage = ""
        self.texts: list[str] = []
        self.sections: dict[str, Rows] = {}
        self._section = ""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:  # noqa: ARG002 - click's
        self.usage = args

    def write_text(self, text: str) -> None:
        self.texts.append(text)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        self._section = name
        yield
        self._section = ""

    def write_dl(self, rows: Any, col_max: int = 30, col_spacing: int = 2) -> None:  # noqa: ARG002 - click's
        self.sections.setdefault(self._section, []).extend(rows)


def pages() -> dict[str, str]:
    """All pages, by file name."""
    os.environ["CRASHDRIVE_PLUGINS"] = "off"  # reports of who writes them are no part of them
    return {f"{name}.1": _dated(f"{name}.1", text) for name, text in _texts()}


def _texts() -> Iterator[tuple[str, str]]:
    """Each page's name and text, with ``@DATE@`` in it."""
    above = click.Context(root, info_name="crashdrive", **root.context_settings)
    names = {name: f"crashdrive-{name}" for name in root.list_commands(above)}
    yield "crashdrive", _page(root, above, names.values())
    for name, title in names.items():
        command = root.get_command(above, name)
        if command is None:
            continue
        context = click.Context(command, info_name=name, parent=above)
        below: dict[str, str] = {}
        if isinstance(command, click.Group):
            below = {one: f"crashdrive-{name}-{one}" for one in command.list_commands(context)}
        yield title, _page(command, context, ["crashdrive", *below.values()])
        for one, page in below.items():
            found = command.get_command(context, one) if isinstance(command, click.Group) else None
            if found is not None:
                inner = click.Context(found, info_name=one, parent=context)
                yield page, _page(found, inner, ["crashdrive", title])


def _page(command: click.Command, context: click.Context, also: Iterable[str]) -> str:
    help_text = _Recorder()
    command.format_help(context, help_text)
    title = context.command_path.replace(" ", "-")
    paragraphs = [part for text in help_text.texts for part in re.split(r"\n\s*\n", text.strip("\n"))]
    summary = "kernel dumps as typed records, reports and scripts"
    if context.parent is not None:
        summary = command.get_short_help_str(200).rstrip(".")
    lines = [
        f'.TH {_quoted(title.upper())} 1 "@DATE@" crashdrive "crashdrive"',
        ".SH NAME",
        f"{_plain(title)} \\- {_plain(summary)}",
        ".SH SYNOPSIS",
        f"\\fB{_plain(context.command_path)}\\fR {_marked(help_text.usage)}",
        ".SH DESCRIPTION",
        *_paragraphs([part for part in paragraphs if not _is_examples(part) and not _is_status(part)]),
    ]
    for name, rows in help_text.sections.items():
        heading = "COMMANDS" if name == "Commands" else name.partition(",")[0].upper()
        lines += [f".SH {_quoted(heading)}", *_list(rows)]
    for part in filter(_is_examples, paragraphs):
        lines += [".SH EXAMPLES", *_literal(part.split("\n")[2:])]
    lines += [".SH EXIT STATUS", *_list(STATUS)]
    if context.parent is None:
        lines += [".SH ENVIRONMENT", *_list(ENVIRONMENT), ".SH FILES", *_list(FILES)]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {_plain(name)} (1)" for name in also)]
    return "\n".join(lines).replace(",\n.BR", "\n.BR") + "\n"


def _is_examples(part: str) -> bool:
    return bool(re.match(r"\x08\n *(Examples|Start here):$", part, re.MULTILINE))


def _is_status(part: str) -> bool:
    return part.startswith("\b\nExit status:")


def _paragraphs(parts: Iterable[str]) -> Iterator[str]:
    for position, part in enumerate(parts):
        if position:
            yield ".PP"
        if part.startswith("\b\n"):
            yield from _literal(part.split("\n")[1:])
        else:
            yield from (_marked(line.strip()) for line in part.split("\n"))


def _literal(lines: Iterable[str]) -> Iterator[str]:
    yield ".nf"
    yield from map(_plain, lines)
    yield ".fi"


def _list(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        yield ".TP"
        yield _marked(name)
        yield _marked(re.sub(r"\s*\n\s*", " ", text).replace("\b ", "")) or "\\&"


def _marked(text: str) -> str:
    """Options in bold, what stands for a value in italics."""
    plain = _METAVAR.sub(lambda found: f"\0I{found[0]}\0R", text)
    marked = _WORD.sub(lambda found: f"\0B{found[1]}\0R", plain)
    return re.sub("\0([IBR])", r"\\f\1", _plain(marked))


def _plain(text: str) -> str:
    """Text that no roff reads as anything else."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti").rstrip()
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


def _quoted(text: str) -> str:
    return f'"{_plain(text)}"'


def _dated(name: str, text: str) -> str:
    path = FOLDER / name
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    if (known := _DATED.match(old)) and text.replace("@DATE@", known[1], 1) == old:
        return old
    return text.replace("@DATE@", f"{dt.datetime.now(tz=dt.UTC):%Y-%m-%d}", 1)


def left_over(wanted: Mapping[str, str]) -> list[Path]:
    """Pages of what there is no more."""
    return [path for path in sorted(FOLDER.glob("*")) if path.name not in wanted]
