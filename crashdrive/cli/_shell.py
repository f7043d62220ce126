"""Where the lines of a session come from: words of the command line, standard input, or a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crashdrive.cli import _script
from crashdrive.cli._ending import say
from crashdrive.errors import CrashdriveError, DeadlineError, SessionDiedError
from crashdrive.pykdump.imports import importable
from crashdrive.pykdump.lines import MORE, Lines

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.pykdump.run import Run

_PROMPT = "crashdrive> "


def talk(crash: Crash, given: Sequence[str], pykdump: str | None, *, old_names: bool) -> int:
    """Carry out the lines that were given, those of standard input, or those that are typed; the status."""
    with _session(crash, pykdump, old_names=old_names) as run:
        lines = Lines(run, _script.show_traceback)
        if given:
            return _carried_out(lines, given)
        if sys.stdin.isatty() and sys.stdout.isatty():
            return _typed(lines, run)
        return _carried_out(lines, sys.stdin)


@contextmanager
def _session(crash: Crash, pykdump: str | None, *, old_names: bool) -> Iterator[Run]:
    module = _script.as_main("<stdin>", [""])
    module.__dict__.update(crash=crash)
    with importable(crash, pykdump, old_names=old_names) as run:
        _script.prepare(run, module)
        yield run


def _carried_out(lines: Lines, given: Iterable[str]) -> int:
    """Carry the lines out; an error of crashdrive's own in one is told, and the next one comes."""
    for line in given:
        with _told(lines):
            lines.obey(line.rstrip("\r\n"))
        if lines.over:
            break
    if lines.more:
        lines.obey("")
    return lines.status


@contextmanager
def _told(lines: Lines) -> Iterator[None]:
    """What ends a line, and not the session, is told."""
    try:
        yield
    except (SessionDiedError, DeadlineError):
        raise
    except CrashdriveError as error:
        lines.status = 1
        say(str(error))


def _typed(lines: Lines, run: Run) -> int:
    """Lines out of a terminal, until its end of file."""
    from crashdrive.cli._typing import reader

    read = reader(run)
    while not lines.over:
        try:
            line = read(MORE + " " if lines.more else _PROMPT)
        except EOFError:
            break
        except KeyboardInterrupt:
            lines.give_up()
            continue
        _one(lines, line)
    return 0


def _one(lines: Lines, line: str) -> None:
    """One line that was typed; ^C ends it."""
    try:
        with _told(lines):
            lines.obey(line)
    except DeadlineError as error:
        say(str(error))
    except KeyboardInterrupt:
        lines.give_up()
        sys.stdout.write("\n")
