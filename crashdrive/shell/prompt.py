"""A line as it is typed: prompt_toolkit, with a history and completion."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input.vt100 import Vt100Input, raw_mode

from crashdrive.shell.complete import Names
from crashdrive.shell.history import history_file

if TYPE_CHECKING:
    from crashdrive.shell.ahead import Ahead
    from crashdrive.shell.talk import Shell

_SOON = 0.3  # seconds


class ShellCompleter(Completer):
    """`Names` as prompt_toolkit asks for them."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002 - its call
        """Names for the word before the cursor."""
        length, offers = self._names.fitting(document.text_before_cursor)
        return [
            Completion(offer.text, start_position=-length, display_meta=offer.about or None)
            for offer in offers
        ]


class _Input(Vt100Input):
    """The terminal, which the prompt written ahead has changed already: the first line's end undoes that."""

    def __init__(self, ahead: Ahead) -> None:
        super().__init__(sys.stdin)
        self._ahead = ahead

    def raw_mode(self) -> AbstractContextManager[None]:
        """What holds for a line that is edited."""
        mode = raw_mode(self.fileno())
        if (before := self._ahead.taken()) is not None:
            mode.attrs_before = before
        return mode


def reader(shell: Shell, ahead: Ahead) -> Callable[[str], str]:
    """What asks for a line; names of the kernel are loaded as soon as the first prompt stands."""
    names = Names(shell)
    session: PromptSession[str] = PromptSession(
        input=_Input(ahead),
        history=_history(shell),
        completer=ShellCompleter(names),
        complete_while_typing=False,
        enable_history_search=True,
    )

    # once the prompt is drawn
    soon = threading.Timer(_SOON, names.kernel.begin)
    soon.daemon = True
    soon.start()
    return session.prompt


def _history(shell: Shell) -> History:
    file = history_file(shell.crash.identity)
    return InMemoryHistory() if file is None else FileHistory(str(file))
