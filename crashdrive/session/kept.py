"""A session whose crash starts at the first question that the store can't answer.

What a crash on this dump said before is said again: how it came up, what commands printed, which pages were
read. A dump on which no crash came up yet, or not well, is opened at once. What more than prints goes to
crash, and from then on all else does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from crashdrive.cache.sessions import (
    COMMANDS,
    HEALTHS,
    PAGES,
    KeptCommand,
    KeptFailure,
    KeptPages,
    KeptSessions,
    Reads,
    digest_of,
)
from crashdrive.commandline import command_line, is_physical
from crashdrive.dump.find import Target
from crashdrive.errors import SessionDiedError, StartError
from crashdrive.records import Source
from crashdrive.session.failure import judge
from crashdrive.session.health import Health, restart_warning
from crashdrive.session.lines import check_line
from crashdrive.session.opening import Opening
from crashdrive.session.reads import NotRecordedError, RecordedMemory, is_memory
from crashdrive.session.recall import PASSING, State, kind_of, spoils
from crashdrive.session.result import CommandResult, Failure
from crashdrive.session.session import Session
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, Transport
from crashdrive.steps import recalled

# a FIFO of a crash that isn't started yet
_NO_FIFO: Final = Path("/crashdrive-fifo")
_MOST_OUTPUT: Final = 64 << 20
_MOST_PAGES: Final = 128 << 20
# answers are written this many at a time, or this many seconds after the first of them
_TOGETHER, _SECONDS = 64, 0.5


class KeptSession(Session):
    """A `Session` that asks the store before it asks crash; open one by `KeptSession.on`.

    ``started``: whether a crash runs, or ran.
    """

    def __init__(self, how: Opening, kept: KeptSessions, pages: str | None) -> None:
        super().__init__(
            None,
            cast("Health", None),  # set by `on`
            how.known(),
            timeout=how.timeout,
            side_channel=how.side_channel,
            holes=how.holes,
        )
        self.started = False
        self._how = how
        self._kept = kept
        self._state = State()
        self._apart = self._undecided = self._by_chance = False
        self._waiting: dict[str, KeptCommand] = {}
        self._waiting_since = 0.0
        self._under = ""
        self._pages = _Pages(kept, pages) if pages is not None and how.side_channel else None

    @classmethod
    def on(
        cls, how: Opening, kept: KeptSessions, minimal: Callable[[Target], bool], pages: str | None
    ) -> Self:
        """A session on a dump; ``pages``: what the pages that it reads are kept for, None for nothing.

        Crash is started at once where none came up before as this one is wanted.
        """
        session = cls(how, kept, pages)
        is_minimal = minimal(how.target)
        small = session._health_kept(minimal=True) if is_minimal else None
        health = small or session._health_kept(minimal=False)
        if health is None:
            session._take(session._opened(minimal=is_minimal))
        else:
            session._health = health
            session._full = session._open_whole if small else None
            session._undecided = is_minimal and not small
        return session

    # -- starting crash

    def _opened(self, *, minimal: bool) -> Session:
        found = Session._open_minimal(self._how) if minimal else None  # noqa: SLF001 - our own class
        return found or Session._open_full(self._how)  # noqa: SLF001 - as above

    def _open_whole(self) -> Session:
        return Session._open_full(self._how.unchanged())  # noqa: SLF001 - as above

    def _take(self, other: Session) -> None:
        """Go on with another session's crash, in the context that answers out of the store made."""
        full = other._full  # noqa: SLF001 - as above
        self._become(other)
        self._full, self.started = full, True
        try:
            lost = self._lost_of_context()
        except (OutOfTimeError, SessionDiedError) as error:
            raise StartError(f"crash could not be brought to where the store was: {error}") from error
        if lost:
            self._warn(restart_warning(lost))
        self._keep_health()

    def _lost_of_context(self) -> list[str]:
        """Make the settings and the context that answers out of the store left; those that crash refused."""
        if (transport := self._transport) is None:
            return []
        said = ((one, transport.exchange(one, self.timeout)) for one in self._context.commands())
        return self._context.lost(one for one, output in said if judge(one, output).failure is not None)

    def _ready(self) -> Transport:
        if not self.started:
            self._how.unchanged()
            self._undecided = False
            self._take(self._opened(minimal=self._full is not None))
        return super()._ready()

    def make_full(self) -> bool:
        """See `Session.make_full`: no crash is started where it is known how that comes up."""
        if not self.started and self._full is not None:
            health = self._health_kept(minimal=False)
            if health is not None:
                self._health, self._full = health, None
                return True
        made = super().make_full()
        if made:
            self.started = True
            self._keep_health()
        return made

    def _health_kept(self, *, minimal: bool) -> Health | None:
        found: Health | None = self._kept.get(HEALTHS, "minimal" if minimal else "full", Health)
        return found

    def _keep_health(self) -> None:
        if not self._spoiled():
            self._kept.put_many(HEALTHS, {"minimal" if self.minimal else "full": self._health})

    def _spoiled(self) -> bool:
        kinds = [warning.kind for warning in self._health.warnings]
        return spoils(kinds, [attempt.outcome for attempt in self._health.attempts])

    @property
    def fifo(self) -> Path | None:
        """See `Session.fifo`; one that is nowhere while no crash was started."""
        if self.started or not self._side_channel:
            return super().fifo
        self._told_fifo = _NO_FIFO
        return _NO_FIFO

    @property
    def minimal(self) -> bool:
        """See `Session.minimal`; how a crash for memory alone starts is chosen at this question."""
        if self._undecided and not self._closed:
            self._undecided = False
            if self._pages is None or not self._pages.known():
                with self._exclusive():
                    self._how.unchanged()
                    self._take(self._opened(minimal=True))
        return super().minimal

    @property
    def shelf(self) -> KeptSessions | None:
        """Where what was computed of the dump may be looked up and kept; None where neither may be done."""
        if self._apart or self._spoiled() or self._context.commands():
            return None
        return self._kept

    @property
    def failed_by_chance(self) -> bool:
        """Whether anything failed by no fault of the dump's: a deadline, a crash that died."""
        return self._by_chance

    # -- commands

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        """See `Session.run`."""
        check_line(command)
        kind = self._admit(command)
        found = self._recall([command]) if kind != "acts" else None
        if found is not None:
            if to is not None:
                to.write(found[0].raw)
            return found[0]
        copy = _Copied(to) if to is not None else None
        name = self._state.name(command, self._context.commands())
        with self._by_crash() as answered:
            result = super().run(command, timeout=timeout, to=cast("BinaryIO | None", copy))
            answered.append(result)
        if kind != "acts":
            whole = result.raw if copy is None else copy.content()
            self._keep(name, result, whole)
        self._state.note(command, by_crash=True)
        return result

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """See `Session.run_many`."""
        for command in commands:
            check_line(command)
        kinds = [self._admit(command) for command in commands]
        if any(kind != "prints" for kind in kinds):
            with self._by_crash() as answered:
                results = super().run_many(commands, timeout=timeout)
                answered.extend(results)
            for command in commands:
                self._state.note(command, by_crash=True)
            return results
        if commands and (found := self._recall(commands)) is not None:
            return found
        with self._by_crash() as answered:
            results = super().run_many(commands, timeout=timeout)
            answered.extend(results)
        for result in results:
            name = self._state.name(result.command, self._context.commands())
            self._keep(name, result, result.raw)
            self._state.note(result.command, by_crash=True)
        return results

    def stream(self, commands: Sequence[str], sink: Sink, *, timeout: float | None = None) -> bytes:
        """See `Session.stream`."""
        pages = None if self._apart else self._pages
        if pages is None or not is_memory(commands):
            with self._by_crash():
                return super().stream(commands, sink, timeout=timeout)
        if (text := pages.answer(commands, sink)) is not None:
            return text
        received = bytearray()

        def both(data: bytes) -> None:
            received.extend(data)
            sink(data)

        with self._by_crash():
            text = super().stream(commands, both, timeout=timeout)
        pages.add(commands, bytes(received), text)
        return text

    @contextmanager
    def _by_crash(self) -> Iterator[list[CommandResult]]:
        """While crash answers; what failed by no fault of the dump's would perhaps not fail again."""
        answered: list[CommandResult] = []
        try:
            yield answered
        except BaseException:
            self._by_chance = True
            raise
        kinds = (None if one.failure is None else one.failure.kind for one in answered)
        self._by_chance = self._by_chance or any(kind in PASSING for kind in kinds)

    def _admit(self, command: str) -> str:
        """What a command does; after one that acts nothing is looked up or kept any more."""
        kind = kind_of(command)
        if kind == "acts":
            self._write_waiting()
            self._apart = True
        return kind

    def _recall(self, commands: Sequence[str]) -> list[CommandResult] | None:
        """The answers of all these commands out of the store; None where any isn't there."""
        began = time.monotonic()
        with self._exclusive():
            if self._apart or (health := self._health_of(commands)) is None:
                return None
            context = self._context.commands()
            names = [self._state.names(command, context) for command in commands]
            asked = [self._bound(name) for each in names for name in each] + [n for e in names for n in e]
            found = self._kept.get_many(COMMANDS, asked, KeptCommand, under=_start_of(health))
            taken = [self._first(each, found) for each in names]
            if any(one is None for one in taken):
                return None
            if health is not self._health:
                self._health, self._full = health, None
        self.words.update(command_line(command).name for command in commands)
        seconds = time.monotonic() - began
        recalled(commands, seconds)
        each = seconds / len(commands)
        return [self._given(line, one, each) for line, one in zip(commands, taken, strict=True) if one]

    def _health_of(self, commands: Sequence[str]) -> Health | None:
        """That of the crash which would answer these commands."""
        if self._undecided or self._full is None or all(map(is_physical, commands)):
            return self._health
        return None if self.started else self._health_kept(minimal=False)

    def _first(self, names: Sequence[str], found: dict[str, KeptCommand]) -> KeptCommand | None:
        for name in names:
            for one in (name, self._bound(name)):
                if one in found and found[one].raw() is not None:
                    return found[one]
        return None

    def _given(self, command: str, kept: KeptCommand, elapsed: float) -> CommandResult:
        self._state.note(command, by_crash=False)
        failure = kept.failure
        self._context.note(command, failed=failure is not None)
        return CommandResult(
            command=command,
            raw=kept.raw() or b"",
            elapsed=elapsed,
            failure=None if failure is None else Failure(kind=failure.kind, message=failure.message),
            source="store",
        )

    def _bound(self, name: str) -> str:
        """The same of an answer that tells where the files lie."""
        return digest_of(name, *self._places())

    # -- keeping

    def _keep(self, name: str, result: CommandResult, raw: bytes | None) -> None:
        failure = result.failure
        if self._apart or self._spoiled() or raw is None or len(raw) > _MOST_OUTPUT:
            return
        if failure is not None and failure.kind in PASSING:
            return
        kept = KeptCommand.of(
            raw, None if failure is None else KeptFailure(kind=failure.kind, message=failure.message)
        )
        if self._tells_places(raw):
            name = self._bound(name)
        under = _start_of(self._health)
        if under != self._under:
            self._write_waiting()
            self._under = under
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting[name] = kept
        if len(self._waiting) >= _TOGETHER or time.monotonic() - self._waiting_since > _SECONDS:
            self._write_waiting()

    def _tells_places(self, raw: bytes) -> bool:
        return any(os.fsencode(path) in raw for path in self._places() if path)

    def _places(self) -> list[str]:
        """The paths of vmlinux and dump, where crash has them."""
        if self._how.away is not None:
            return [self._how.away.vmlinux.path, self._how.away.vmcore.path]
        return [self.identity.get(one, "") for one in ("vmlinux", "vmcore")]

    def _write_waiting(self) -> None:
        waiting, self._waiting = self._waiting, {}
        self._kept.put_many(COMMANDS, dict(waiting), under=self._under)

    def _finish(self) -> None:
        if os.getpid() == self._owner:
            self._write_waiting()
            if self._pages is not None and not self._spoiled():
                self._pages.write()
        super()._finish()


def shelf_of(session: Session) -> KeptSessions | None:
    """See `KeptSession.shelf`; None for any other session."""
    return session.shelf if isinstance(session, KeptSession) else None


def is_repeatable(session: Session) -> bool:
    """Whether what a session gave would come out again: it may be kept, and nothing failed by chance."""
    return shelf_of(session) is not None and not (
        isinstance(session, KeptSession) and session.failed_by_chance
    )


def is_up(session: Session) -> bool:
    """Whether a crash, or a recording, answers already: a kept session starts one when it has to."""
    return session.started if isinstance(session, KeptSession) else True


def source_of(session: Session) -> Source:
    """Who gave a session's answers so far."""
    if isinstance(session, KeptSession):
        return "crash" if session.started else "store"
    return "recording" if session.replayed else "crash"


def _start_of(health: Health) -> str:
    return digest_of(health.binary, health.options)


class _Pages:
    """The pages that sessions for one purpose read on a dump."""

    def __init__(self, kept: KeptSessions, purpose: str) -> None:
        self._kept = kept
        self._name = digest_of(purpose)
        self._memory: RecordedMemory | None = None
        self._size = 0
        self._is_new = self._too_many = False

    def known(self) -> bool:
        """Whether there are any."""
        self._loaded()
        return self._size > 0

    def _loaded(self) -> RecordedMemory:
        if self._memory is None:
            self._memory = RecordedMemory()
            found: KeptPages | None = self._kept.get(PAGES, self._name, KeptPages)
            for one in () if found is None else found.each():
                self._memory.add(one.commands, one.data, one.text)
                self._size += len(one.data)
        return self._memory

    def answer(self, commands: Sequence[str], sink: Sink) -> bytes | None:
        """What these reads bring; None where it isn't kept."""
        if self._too_many:
            return None
        began, memory = time.monotonic(), self._loaded()
        try:
            answer = memory.answer(commands)
        except NotRecordedError:
            return None
        recalled(commands, time.monotonic() - began)
        for piece in answer.data:
            sink(piece)
        return answer.text

    def add(self, commands: Sequence[str], data: bytes, text: bytes) -> None:
        """Take in what reads brought."""
        if self._too_many:
            return
        self._size += len(data)
        if self._size > _MOST_PAGES:
            self._too_many, self._memory = True, None
            return
        self._is_new = True
        self._loaded().add(commands, data, text)

    def write(self) -> None:
        """Keep all of it."""
        if not self._is_new or self._memory is None:
            return
        self._is_new = False
        kept = KeptPages.of(Reads(*one) for one in self._memory.streams(str(_NO_FIFO)))
        self._kept.put_many(PAGES, {self._name: kept})


class _Copied:
    """A file that hands bytes on, and keeps them up to a limit."""

    def __init__(self, to: BinaryIO) -> None:
        self._to = to
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        """Hand on all of it."""
        self._size += len(data)
        if self._size <= _MOST_OUTPUT:
            self._parts.append(bytes(data))
        else:
            self._parts.clear()
        return self._to.write(data)

    def flush(self) -> None:
        """Hand on what the file holds back."""
        self._to.flush()

    def content(self) -> bytes | None:
        """All that was written; None where it was more than is kept."""
        return b"".join(self._parts) if self._size <= _MOST_OUTPUT else None
