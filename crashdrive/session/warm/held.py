"""The crash of a warm session: given to one client after the other, each time as it came up.

What a client leaves behind is known by its command lines. The context (``set PID``) and crash's variables are
put back, and looked at; after anything else that lasts, such as ``mod -S`` or gdb's settings, a new crash
takes the old one's place. Numbers of gdb's value history (``$1``) count on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from crashdrive.commandline import command_line
from crashdrive.errors import SessionDiedError, SessionError, StartError
from crashdrive.session.failure import judge
from crashdrive.session.lines import Context
from crashdrive.session.opening import Restart
from crashdrive.session.session import Session
from crashdrive.session.transport import OutOfTimeError, PtyTransport

_SECONDS = 60.0
_REACHES_OUT = re.compile(r"[|>!].*", re.DOTALL)
# gdb's commands that print
_GDB_PRINTS = frozenset({"cd", "info", "list", "output", "p", "print", "ptype", "show", "whatis", "x"})
_VALUE = re.compile(r"^ *([a-z][a-z_-]*): (.*)$", re.MULTILINE)
# crash keeps sizes of frames between backtraces, and takes them for those of another task (8.0.6)
_FORGET_FRAMES = "bt -D clear"


def lasts(command: str, said: bytes) -> bool:
    """Whether a command may have changed what crash says later, beyond what `Held.clean` puts back."""
    line = command_line(_REACHES_OUT.sub("", command))
    if not line.words or line.name == "set":
        return False
    if line.name == "gdb":
        return _word(line.words).partition("/")[0] not in _GDB_PRINTS or _assigns(line.words[2:])
    if line.name in ("mod", "alias", "extend"):
        return len(line.words) > 1 and line.words[1:] != ("-t",)
    if line.name == "p":
        return _assigns(line.words[1:])
    if line.traits.acts:
        return True
    known = line.only_prints or line.name in ("rd", "struct", "union", "foreach")
    return not known and not said.startswith((b"crash: command not found", b"struct ", b"union "))


def _word(words: Sequence[str]) -> str:
    return words[1] if len(words) > 1 else ""


def _assigns(words: Sequence[str]) -> bool:
    """Whether an expression may do more than read: an assignment, a step, a call."""
    return any(sign in word for word in words for sign in ("=", "++", "--"))


class Held:
    """The crash, and whether it is as it came up."""

    def __init__(self, session: Session) -> None:
        """Take over the crash of a session that was just opened; the session is used no more."""
        # a session's insides are its own; this module is what lends its crash out
        transport, restart = session._transport, session._restart  # noqa: SLF001
        if not isinstance(transport, PtyTransport) or restart is None:
            raise SessionError("only a session on a crash of its own can be kept warm")
        self.holes: bool = session._holes  # noqa: SLF001 - as above
        session._transport = None  # noqa: SLF001 - as above
        self._transport: PtyTransport | None = transport
        self._restart: Restart = restart
        self._doubtful = False
        self._sets: list[str] = []
        self._framed = False
        self.lasting = False
        self.restarts = 0
        self._first = self._look(transport)

    @property
    def pid(self) -> int | None:
        """crash's process id."""
        transport = self._transport
        return None if transport is None else transport.crash_pid()

    def ready(self) -> PtyTransport:
        """The crash at its prompt, started again where it died; StartError where that can't be done."""
        if self._transport is not None and (self._doubtful or not self._transport.waiting()):
            self.settle()
        return self._transport or self._start()

    def settle(self) -> bool:
        """Have the crash in step again; False where it had to be ended."""
        transport = self._transport
        if transport is not None and not transport.recover():
            self.drop()
        self._doubtful = False
        return self._transport is not None

    def doubt(self) -> None:
        """What runs in crash didn't come to its end."""
        self._doubtful = True

    def drop(self) -> None:
        """End the crash; the next one to ask gets a new one."""
        transport, self._transport = self._transport, None
        self._doubtful = self.lasting = self._framed = False
        self._sets.clear()
        if transport is not None:
            transport.close()

    def _start(self) -> PtyTransport:
        try:
            fresh, _ = self._restart(())
        except (OutOfTimeError, SessionDiedError) as error:
            raise StartError(f"crash could not be started again: {error}") from error
        if not isinstance(fresh, PtyTransport):
            raise StartError("crash could not be started again: it has no terminal")
        try:
            self._first = self._look(fresh)
        except (OutOfTimeError, SessionError) as error:
            fresh.close()
            raise StartError(f"crash was started again, and does not answer: {error}") from error
        self._transport = fresh
        self.restarts += 1
        return fresh

    def note(self, command: str, said: bytes) -> None:
        """A command that a client ran, with the beginning of what it printed."""
        line = command_line(_REACHES_OUT.sub("", command))
        if line.sets:
            self._sets.append(line.words[1])
        elif line.traits.draws:
            self._framed = True
        elif lasts(command, said):
            self.lasting = True

    def clean(self) -> None:
        """Give the next client a crash as it came up."""
        if self._transport is None:
            return
        if self.lasting:
            self.drop()
            return
        transport = self.ready()
        try:
            if self._framed:
                transport.exchange(_FORGET_FRAMES, _SECONDS)
                self._framed = False
            if self._sets and not self._put_back(transport):
                self.drop()
        except (OutOfTimeError, SessionError):
            self.drop()
        self._sets.clear()

    def _put_back(self, transport: PtyTransport) -> bool:
        """Put context and variables back; whether crash says then what it said at first."""
        context, variables = self._first
        now = self._look(transport)
        if now == self._first:
            return True
        values = dict(_VALUE.findall(variables))
        for name, value in _VALUE.findall(now[1]):
            if name in values and value != values[name]:
                transport.exchange(f"set {name} {values[name].split()[0]}", _SECONDS)
        task = re.search(r"^ *TASK: ([0-9a-f]+)", context, re.MULTILINE)
        if task is not None:
            transport.exchange(f"set {task[1]}", _SECONDS)
        return self._look(transport) == self._first

    @staticmethod
    def _look(transport: PtyTransport) -> tuple[str, str]:
        """What crash says of its context and its variables."""
        said = (transport.exchange(command, _SECONDS) for command in ("set", "set -v"))
        context, variables = (text.decode("utf-8", "backslashreplace") for text in said)
        return context, variables


class Memory:
    """What one client's later output depends on: put into the crash when it gets it from another client."""

    def __init__(self) -> None:
        self.context = Context()

    def put_back(self, held: Held) -> None:
        """Run the commands of its context; SessionError where one fails that did not."""
        transport = held.ready()
        for command in self.context.commands():
            try:
                said = transport.exchange(command, _SECONDS)
            except (OutOfTimeError, SessionError) as error:
                held.drop()
                raise SessionError(f"{command}: the context could not be put back: {error}") from error
            held.note(command, said)
            if judge(command, said).failure is not None and self.context.lost([command]):
                raise SessionError(f"{command}: the context could not be put back")
