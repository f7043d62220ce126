"""A line as it is typed: prompt_toolkit, with a history, and names that fit what has been typed so far."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, InMemoryHistory

from crashdrive.errors import CrashdriveError
from crashdrive.pykdump.lines import PYTHON

if TYPE_CHECKING:
    from crashdrive.pykdump.run import Run

_WORD = re.compile(r"[\w.$]*\Z")
_MOST = 200
# commands whose argument is a structure, and may be one of its members behind a dot
_OF_TYPES = frozenset({"struct", "union", "*", "whatis", "list", "tree"})


class Names(Completer):
    """Commands where a line begins, else symbols, types and members; Python's names behind ``>>>``."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - its call
        """Names for the word before the cursor, ``_MOST`` at most."""
        text = document.text_before_cursor
        word = _WORD.search(text)
        typed = word[0] if word else ""
        before = text[: len(text) - len(typed)]
        for number, name in enumerate(self._fitting(before, typed)):
            if number >= _MOST:
                return
            yield Completion(name, start_position=-len(typed))

    def _fitting(self, before: str, typed: str) -> Iterator[str]:
        if before.lstrip().startswith(PYTHON):
            yield from self._of_python(typed)
        elif not before.strip():
            yield from _begin(self._commands(), typed)
        elif before.split(maxsplit=1)[0] == "epython" and len(before.split()) == 1:
            yield from _begin(self._run.programs.known(), typed)
        else:
            yield from self._of_kernel(before.split(maxsplit=1)[0], typed)

    def _commands(self) -> list[str]:
        from crashdrive.commandline import COMMANDS

        programs = self._run.programs
        return sorted({*COMMANDS, *programs.names(), *programs.aliases, "q"})

    def _of_kernel(self, command: str, typed: str) -> Iterator[str]:
        kind, dot, member = typed.partition(".")
        try:
            if dot:
                yield from (f"{kind}.{name}" for name in _begin(self._members(kind), member))
            elif typed:
                tags = self._run.types.names() if command in _OF_TYPES else []
                yield from _begin((name.partition(" ")[2] or name for name in tags), typed)
                yield from _begin(sorted(self._run.kernel.symbols.names()), typed)
        except CrashdriveError:
            return

    def _members(self, kind: str) -> list[str]:
        for keyword in ("struct ", "union ", ""):
            with contextlib.suppress(CrashdriveError):
                body = self._run.describer.named(f"{keyword}{kind}").get("body", ())
                return [str(one["fname"]) for one in body if one["fname"]]
        return []

    def _of_python(self, typed: str) -> Iterator[str]:
        import rlcompleter
        import sys

        complete = rlcompleter.Completer(sys.modules["__main__"].__dict__).complete
        for number in range(_MOST):
            name = complete(typed, number)
            if name is None:
                return
            yield name.rstrip("(")


def _begin(names: Iterable[str], typed: str) -> Iterator[str]:
    return (name for name in names if name.startswith(typed))


def reader(run: Run) -> Callable[[str], str]:
    """What asks for a line."""
    session: PromptSession[str] = PromptSession(
        history=_history(), completer=Names(run), complete_while_typing=False
    )
    return session.prompt


def _history() -> FileHistory | InMemoryHistory:
    """Lines of earlier sessions, where the user's own folder can be written to."""
    from platformdirs import user_state_path

    try:
        folder = user_state_path("crashdrive", ensure_exists=True)
        file = Path(folder) / "history"
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)
