"""``%dump``, ``%crash``, ``%report``: a dump in a notebook."""

from __future__ import annotations

import argparse
import atexit
import shlex
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from IPython.core.error import UsageError as NotebookError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class

from crashdrive.commands.base import answer_of
from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.records import Bars, Report
from crashdrive.render.choice import chosen
from crashdrive.shell.pager import safe_lines
from crashdrive.shell.report_words import asked

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from crashdrive.crash import Crash

NAME = "crash"
"""What the dump is called in the notebook's namespace."""


class _Parser(argparse.ArgumentParser):
    """Errors are UsageErrors, and end no kernel."""

    def error(self, message: str) -> NoReturn:
        """See the class."""
        raise UsageError(f"{self.prog}: {message}; {' '.join(self.format_usage().split())}")


def _dump_options() -> argparse.ArgumentParser:
    made = _Parser("%dump", add_help=False, allow_abbrev=False)
    made.add_argument("files", nargs="*", metavar="[VMLINUX] VMCORE")
    made.add_argument("--crash", action="append", default=[], metavar="PATH", help="crash binary to use")
    made.add_argument("--debug-dir", action="append", default=[], metavar="DIR")
    made.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
    made.add_argument("--replay", metavar="FILE", help="a recorded session")
    return made


@magics_class
class CrashMagics(Magics):
    """The magics of a notebook; one dump at a time."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._opened: Crash | None = None

    @line_magic
    def dump(self, line: str) -> None:
        """Open a dump as ``crash``: ``%dump [VMLINUX] VMCORE``.

        ``--crash PATH``, ``--debug-dir DIR``, ``--timeout SECONDS`` as on the command line. ``--replay FILE``
        opens a recorded session. A dump that was opened so before is closed.
        """
        _guarded(lambda: self._open(line))

    @line_cell_magic
    def crash(self, line: str, cell: str | None = None) -> Any:
        """A command of crash, as records: ``%crash ps``; ``%crash -t bt -a`` prints what crash prints.

        ``%%crash`` takes a command from each line of the cell, and shows each answer.
        """
        if cell is None:
            return _guarded(lambda: self._command(line))
        from IPython.display import display

        front = line.strip()
        for one in cell.splitlines():
            if one.strip() and not one.lstrip().startswith("#"):
                command = f"{front} {one.strip()}".strip()
                value = _guarded(lambda command=command: self._command(command))
                if value is not None:
                    display(value)  # type: ignore[no-untyped-call] # IPython's
        return None

    @line_magic
    def report(self, line: str) -> Any:
        """A report: ``%report netstat -anp``, with its own options and --columns, --where, --sort, --limit.

        ``--bars COLUMN`` is a picture of how many rows have each value of that column.
        """
        return _guarded(lambda: self._report(line))

    # what they do

    def _open(self, line: str) -> None:
        from crashdrive.crash import open_dump

        given = _dump_options().parse_args(shlex.split(line))
        if given.replay is None and not 1 <= len(given.files) <= 2:
            raise UsageError("%dump: name a VMCORE, and its VMLINUX before it where it isn't found by itself")
        self.close()
        vmlinux, vmcore = [None, None, *given.files][-2:]
        opened = open_dump(
            vmlinux,
            vmcore,
            crash=given.crash,
            debug_dirs=given.debug_dir,
            timeout=given.timeout,
            replay=given.replay,
            purpose="notebook",
            warm=True,
        )
        self._opened = opened
        self._shell().user_ns[NAME] = opened
        for warning in opened.health.warnings:
            _say(f"warning: {warning.message}")

    def _command(self, line: str) -> Any:
        crash = self._crash()
        text = line.strip()
        as_text = text.split(maxsplit=1)[:1] == ["-t"]
        if not text or text == "-t":
            raise UsageError("%crash: which command? such as %crash ps")
        if as_text:
            result = crash.run(text.split(maxsplit=1)[1])
            sys.stdout.write(safe_lines(result.text.replace("\r", "")))
            result.check()
            return None
        result = crash.run(text)
        return crash.marked(answer_of(result), result.elapsed)

    def _report(self, line: str) -> Report | Bars:
        words = shlex.split(line)
        column = None
        if "--bars" in words:
            at = words.index("--bars")
            if at + 1 >= len(words):
                raise UsageError("%report: --bars wants a column")
            column = words[at + 1]
            del words[at : at + 2]
        wanted = asked(shlex.join(words))
        found = self._crash().run_report(wanted.name, **wanted.options)
        shown, cut = chosen(found, wanted.choice, narrow=False)
        for told in cut:
            _say(told)
        return shown if column is None else _bars(shown, column)

    def _crash(self) -> Crash:
        """The dump: what ``%dump`` opened, or what the notebook calls ``crash``."""
        from crashdrive.crash import Crash

        found = self._shell().user_ns.get(NAME)
        if not isinstance(found, Crash):
            raise UsageError("no dump is open: %dump VMCORE opens one")
        return found

    def _shell(self) -> InteractiveShell:
        if self.shell is None:
            raise UsageError("no notebook runs")
        return self.shell

    def close(self) -> None:
        """Close the dump that was opened here."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _bars(report: Report, column: str) -> Bars:
    """Of the first table that has the column."""
    errors = []
    for table in report.tables:
        try:
            if table.rows:
                return table.bars(column)
        except UsageError as error:
            errors.append(str(error))
    raise UsageError(f"{report.report}: {errors[0] if errors else 'it has no rows'}")


def _guarded(work: Any) -> Any:
    """What the work gives; an error of ours as the one line that notebooks show without a traceback."""
    try:
        return work()
    except CrashdriveError as error:
        raise NotebookError(f"crashdrive: {error}") from error
    except ValueError as error:  # a quotation that doesn't end
        raise NotebookError(f"crashdrive: {error}") from error


def _say(line: str) -> None:
    from crashdrive.text import printable

    sys.stderr.write(f"crashdrive: {printable(line)}\n")


# the magics of a shell, by the shell
_LOADED: dict[int, CrashMagics] = {}


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    from crashdrive.records import shown_by
    from crashdrive.render.html import piece

    shown_by(piece)
    made = CrashMagics(shell)
    shell.register_magics(made)
    _LOADED[id(shell)] = made
    atexit.register(made.close)


def unload(shell: InteractiveShell) -> None:
    """Close the dump; the magics stay names that say that none is open."""
    made = _LOADED.pop(id(shell), None)
    if made is not None:
        made.close()
        atexit.unregister(made.close)
        shell.user_ns.pop(NAME, None)
