"""Python of a session: statements in one namespace, ``__main__``'s, one after the other."""

from __future__ import annotations

import codeop
import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

from crashdrive.shell.lines import MORE, PYTHON

LAST = "_"
"""The name of the last answer, as of Python's last value."""


class Console:
    """Statements as they are typed. ``show`` is given each value that isn't None, ``failed`` what goes wrong.

    ``last``: what ``_`` stands for; it is asked for where a statement uses that name.
    """

    def __init__(
        self,
        show: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        last: Callable[[], Any] = lambda: None,
    ) -> None:
        self._show = show
        self._failed = failed
        self._last = last
        self._compile = codeop.CommandCompiler()
        self._begun: list[str] = []

    @property
    def more(self) -> bool:
        """Whether a statement has begun, and isn't whole."""
        return bool(self._begun)

    def give_up(self) -> None:
        """Forget a statement that isn't whole."""
        self._begun.clear()

    def line(self, text: str) -> bool:
        """Take one line of a statement, and run that when it is whole; False where it failed.

        SystemExit is the caller's matter.
        """
        self._begun.append(_after_mark(text) if self._begun else text)
        source = "\n".join(self._begun)
        try:
            code = self._compile(source, "<stdin>", "single")
            if code is None and not self._begun[-1].strip():
                compile(source, "<stdin>", "single")
        except (SyntaxError, ValueError, OverflowError) as error:
            self._begun.clear()
            self._failed(error)
            return False
        if code is None:
            return True
        self._begun.clear()
        return self.run(code)

    def run(self, code: CodeType) -> bool:
        """Run code in the namespace; False where it raised what isn't SystemExit."""
        names = sys.modules["__main__"].__dict__
        if LAST in code.co_names and (value := self._last()) is not None:
            names[LAST] = value
        hook, sys.displayhook = sys.displayhook, self._display
        try:
            exec(code, names)  # noqa: S102 - what the user typed
        except Exception as error:  # noqa: BLE001 - whatever a statement raises, the next one is asked for
            self._failed(error)
            return False
        finally:
            sys.displayhook = hook
        return True

    def value(self, text: str, given: Any) -> Any:
        """What an expression gives where ``_`` is ``given``; it may raise anything."""
        names = sys.modules["__main__"].__dict__
        names[LAST] = given
        return eval(compile(text, "<stdin>", "eval"), names)  # noqa: S307 - what the user typed behind |

    def _display(self, value: Any) -> None:
        if value is None:
            return
        sys.modules["__main__"].__dict__[LAST] = value
        self._show(value)


def _after_mark(line: str) -> str:
    """A line behind a prompt that it was typed, or copied, with; without that as it is."""
    text = line.strip()
    for mark in (MORE, PYTHON):
        if text.startswith(mark):
            return text[len(mark) :].removeprefix(" ")
    return line
