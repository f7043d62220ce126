"""Where the lines of a session come from: words of the command line, standard input, or a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from crashdrive.cli import _script
from crashdrive.cli._ending import say
from crashdrive.errors import CrashdriveError, DeadlineError, SessionDiedError
from crashdrive.pykdump.imports import importable
from crashdrive.shell.ahead import Ahead
from crashdrive.shell.lines import MORE
from crashdrive.shell.talk import Shell

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.pykdump.run import Run

_PROMPT = "crashdrive> "


def talk(
    crash: Crash, given: Sequence[str], pykdump: str | None, *, old_names: bool, form: str | None = None
) -> int:
    """Carry out the lines that were given, those of standard input, or those that are typed; the status."""
    with _session(crash, pykdump, old_names=old_names) as run:
        shell = Shell(run, _script.show_traceback, say, _reports)
        shell.form = form or shell.form
        if given:
            return _carried_out(shell, given)
        if sys.stdin.isatty() and sys.stdout.isatty():
            return _typed(shell)
        return _carried_out(shell, sys.stdin)


def _reports() -> list[str]:
    from crashdrive.reports import foreign_reports, report_names

    return sorted({*report_names(), *foreign_reports().plugins})


@contextmanager
def _session(crash: Crash, pykdump: str | None, *, old_names: bool) -> Iterator[Run]:
    module = _script.as_main("<stdin>", [""])
    module.__dict__.update(crash=crash)
    with importable(crash, pykdump, old_names=old_names) as run:
        _script.prepare(run, module)
        yield run


def _carried_out(shell: Shell, given: Iterable[str]) -> int:
    """Carry the lines out; an error of crashdrive's own in one is told, and the next one comes."""
    for line in given:
        with _told(shell):
            shell.obey(line.rstrip("\r\n"))
        if shell.over:
            break
    if shell.more:
        shell.obey("")
    return shell.status


@contextmanager
def _told(shell: Shell) -> Iterator[None]:
    """What ends a line, and not the session, is told."""
    try:
        yield
    except (SessionDiedError, DeadlineError):
        raise
    except CrashdriveError as error:
        shell.status = 1
        say(str(error))


def _typed(shell: Shell) -> int:
    """Lines out of a terminal, until its end of file."""
    ahead = Ahead(_PROMPT)
    try:
        from crashdrive.shell.prompt import reader

        _read(shell, reader(shell, ahead))
    finally:
        ahead.undo()
    return 0


def _read(shell: Shell, read: Callable[[str], str]) -> None:
    while not shell.over:
        try:
            line = read(f"{MORE} " if shell.more else _PROMPT)
        except EOFError:
            break
        except KeyboardInterrupt:
            shell.give_up()
            continue
        _one(shell, line)


def _one(shell: Shell, line: str) -> None:
    """One line that was typed; ^C ends it, and a crash that went away starts again at the next one."""
    try:
        with _told(shell):
            shell.obey(line)
    except (SessionDiedError, DeadlineError) as error:
        say(str(error))
    except KeyboardInterrupt:
        shell.give_up()
        sys.stdout.write("\n")
        sys.stdout.flush()
