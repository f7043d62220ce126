"""Lines of a session, as they are typed: programs (``epython``), Python behind ``>>>``, crash's commands.

``Lines`` obeys one line after the other; who reads them, and from where, is the caller's matter.
"""

from __future__ import annotations

import codeop
import sys
from types import CodeType
from typing import TYPE_CHECKING

from crashdrive.pykdump.programs import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashdrive.pykdump.run import Run

PYTHON, MORE = ">>>", "..."
_ENDS = frozenset({"q", "quit", "exit"})


class Lines:
    """The lines of a run. ``failed`` is told of what goes wrong in Python.

    ``more``: whether the next line belongs to a Python statement that isn't whole; ``over``: whether a line
    ended the session; ``status``: 1 once a line has failed, else 0.
    """

    def __init__(self, run: Run, failed: Callable[[BaseException], None]) -> None:
        self._run = run
        self._failed = failed
        self._python = codeop.CommandCompiler()
        self._begun: list[str] = []
        self.over = False
        self.status = 0
        run.programs.failed = self._fail

    @property
    def more(self) -> bool:
        """Whether a Python statement has begun, and isn't whole."""
        return bool(self._begun)

    def obey(self, line: str) -> None:
        """Carry out a line; what it prints goes to standard output."""
        text = line.strip()
        if self._begun:
            self._statement(_after(line, MORE))
        elif text.startswith(PYTHON):
            self._statement(_after(line, PYTHON))
        elif text and not text.startswith("#"):
            self._command(text)
        sys.stdout.flush()

    def give_up(self) -> None:
        """Forget a statement that isn't whole."""
        self._begun.clear()

    def _command(self, text: str) -> None:
        words = split(text)
        if words[0] in _ENDS and len(words) == 1:
            self.over = True
            return
        programs = self._run.programs
        if (told := programs.alias(words)) is not None:
            sys.stdout.write(told)
        elif (program := programs.expanded(words)) is not None:
            self._note(programs.execute(*program))
        else:
            self._of_crash(text)

    def _of_crash(self, text: str) -> None:
        """A command of crash's: what it says of a failure is part of what it prints."""
        result = self._run.crash.run(text)
        printed = result.text.replace("\r", "")
        sys.stdout.write(printed if printed.endswith("\n") or not printed else f"{printed}\n")
        self._note(result.failure is None)

    def _statement(self, text: str) -> None:
        self._begun.append(text)
        source = "\n".join(self._begun)
        try:
            code = self._python(source, "<stdin>", "single")
            if code is None and not text.strip():
                compile(source, "<stdin>", "single")
        except (SyntaxError, ValueError, OverflowError) as error:
            self._begun.clear()
            self._fail(error)
            return
        if code is not None:
            self._begun.clear()
            self._run_python(code)

    def _run_python(self, code: CodeType) -> None:
        try:
            exec(code, sys.modules["__main__"].__dict__)  # noqa: S102 - what the user typed
        except SystemExit as end:
            self.over = True
            self._note(not end.code)
        except Exception as error:  # noqa: BLE001 - whatever a statement raises, the next one is asked for
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self.status = 1
        sys.stdout.flush()
        self._failed(error)

    def _note(self, well: bool) -> None:  # noqa: FBT001 - the only thing it is told
        if not well:
            self.status = 1


def _after(line: str, mark: str) -> str:
    """A line behind a prompt that it was typed, or copied, with; without that as it is."""
    text = line.strip()
    if not text.startswith(mark):
        return line
    rest = text[len(mark) :]
    return rest.removeprefix(" ")
