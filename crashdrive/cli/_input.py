"""The commands that ``exec`` is given: words of the shell, and input files as ``crash -i`` reads them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from crashdrive.cli._ending import say
from crashdrive.commandline import command_line
from crashdrive.errors import UsageError
from crashdrive.session.lines import check_line, is_leaving

_COMMENT = re.compile(r"#|//")
# how crash talks to a terminal that isn't there: what it prints is the same with and without
_ABOUT_TERMINAL = frozenset({"scroll", "silent", "edit"})


def read_commands(words: Sequence[str]) -> list[str]:
    """The commands to run, in order, up to the first ``quit``, ``q`` or ``exit``.

    A word of ``-`` stands for the lines of stdin, ``< FILE`` for those of that file. UsageError, before
    anything is opened, for a line that can't be sent; it says where the line stands.
    """
    given = False
    commands = []
    for place, line in _lines(words):
        given = True
        if not line or _COMMENT.match(line):
            continue
        if is_leaving(line):
            break
        if _is_sendable(place, line):
            commands.append(line)
    if not given:
        raise click.UsageError("stdin holds no command" if "-" in words else "Missing argument COMMAND")
    return commands


def _lines(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each line and where it stands: ``FILE:LINE: ``, nothing for a word of the shell."""
    for word in words:
        if word == "-":
            yield from _numbered("stdin", sys.stdin.buffer.read())
        elif word.lstrip().startswith("<"):
            path = word.lstrip()[1:].strip()
            yield from _numbered(path, _content(path))
        else:
            yield "", word.strip()


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise UsageError(f"input file {path!a}: {getattr(error, 'strerror', None) or error}") from error


def _numbered(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    """The lines of an input file; tabs and the CR of other systems part words, too."""
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        if line := line.replace("\t", " ").strip():
            yield f"{name}:{number}: ", line


def _is_sendable(place: str, line: str) -> bool:
    """Whether crash is to be sent the line; UsageError for one that it can't be sent."""
    words = command_line(line).words
    if words[:1] == ("set",) and len(words) == 3 and words[1] in _ABOUT_TERMINAL:
        if words[1:] != ("scroll", "off"):
            say(f"{place}{line}: left out: it is about crash's own terminal")
        return False
    try:
        check_line(line)
    except UsageError as error:
        raise UsageError(f"{place}{error}") from error
    return True
