"""A conversation with crash that is right or says that it isn't."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import msgspec

from crashdrive.cache.gdb_index import Indexes
from crashdrive.commandline import command_line, is_physical
from crashdrive.dump.find import Target
from crashdrive.errors import DeadlineError, SessionClosedError, SessionDiedError, SessionError, StartError
from crashdrive.session.failure import Judgement, judge
from crashdrive.session.folder import TemporaryFileError
from crashdrive.session.health import (
    Health,
    HealthWarning,
    dump_warnings,
    restart_warning,
    setting_warning,
    task_table_warnings,
)
from crashdrive.session.indexing import Writer
from crashdrive.session.launch import Launched, Notify, health_of
from crashdrive.session.lines import Context, check_line, groups, may_break_off
from crashdrive.session.opening import Known, Opening, Restart, opening
from crashdrive.session.outcome import BROKEN_OFF, Ends, too_long, unfinished
from crashdrive.session.replay import RecordingTransport, ReplayTransport, open_record
from crashdrive.session.result import CommandResult
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, Transport
from crashdrive.steps import sending
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.session.remote.link import Link

DEFAULT_TIMEOUT = 120.0
START_TIMEOUT = 300.0
_LOOKS = 4  # at the tasks of a live kernel, which come and go
# starts crash with all its tables, as a session that the one in need of them takes over
OpenFull = Callable[[], "Session"]


class Session:
    """One crash on one dump: run() and run_many(), deadlines, restart, health.

    A session that fell out of step is interrupted and proven to be in step again, or killed and started
    anew with its context put back; it is never used as it is. Calls from several threads wait for each
    other; a call from a sink or a signal handler while a command runs, or from a forked child, is refused.
    Open one by `Session.open` or `Session.replay`, and close it or use it in a ``with``.
    """

    def __init__(
        self,
        transport: Transport | None,
        health: Health,
        known: Known,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        restart: Restart | None = None,
        side_channel: bool = True,
        holes: bool = True,
        full: OpenFull | None = None,
    ) -> None:
        """Take over a transport that is at its prompt; ``restart`` gives another one.

        ``holes``: whether the dump may lack pages, so that crash is asked whether a command came to its end;
        ``full``: the crash at hand has no tables, this one has.
        """
        self._transport = transport
        self._replays = isinstance(transport, ReplayTransport)
        self._health = health
        self.identity, self.vmcoreinfo, self.marks = known
        self.timeout = timeout
        self._restart = restart
        self._side_channel = side_channel
        self._holes = holes
        self._full = full
        self.words: set[str] = set()  # what was run, by the commands' names
        self._recorder: RecordingTransport | None = None
        self._index_writer: Writer | None = None
        self._context = Context()
        self._told_fifo: Path | None = None
        self._doubtful = self._closed = self._busy = False
        self._lock = threading.RLock()
        self._owner = os.getpid()

    # -- opening and closing

    @classmethod
    def open(  # noqa: PLR0913 - each is an option of the command line
        cls,
        vmlinux: str | os.PathLike[str] | None,
        vmcore: str | os.PathLike[str] | None,
        *,
        crash: Sequence[str] = (),
        debug_dirs: Sequence[str] = (),
        timeout: float = DEFAULT_TIMEOUT,
        start_timeout: float = START_TIMEOUT,
        record: str | os.PathLike[str] | None = None,
        side_channel: bool = True,
        minimal: Callable[[Target], bool] = lambda _target: False,
        indexes: Indexes | None = None,
        link: Link | None = None,
        notify: Notify = lambda _line: None,
    ) -> Session:
        """Start crash on a dump, as well as it can be.

        ``crash``: binaries to try instead of CRASHDRIVE_CRASH's and PATH's; ``timeout``: seconds for a
        command; ``start_timeout``: for each rung of the ladder, and twice that for all of them; ``record``:
        a file to record the session to; ``side_channel=False``: everything through the terminal, no shared
        files; ``minimal`` is asked whether physical memory alone may do, see `minimal`; ``indexes``: where
        gdb's index of the vmlinux is kept, without which crash starts in twice the time; ``link``: to another
        host, which has the files and runs crash. Raises HostError, DumpError,
        VmlinuxError, CrashNotFoundError before anything is started, StartError after, DeadlineError where no
        start came to an end in time.
        """
        how = opening(
            vmlinux, vmcore, debug_dirs, crash, start_timeout=start_timeout, timeout=timeout,
            side_channel=side_channel, notify=notify, indexes=indexes, link=link,
        )  # fmt: skip
        with open_record(record) as file:
            is_minimal = file is None and minimal(how.target)
            return (cls._open_minimal(how) if is_minimal else None) or cls._open_full(how, file)

    @classmethod
    def _open_full(cls, how: Opening, file: BinaryIO | None = None) -> Session:
        """A session on the best crash that the ladder starts."""
        with how.indexing() as index_writer:
            session, attempts = how.best(functools.partial(cls._judged, how=how))
        session._index_writer = index_writer  # noqa: SLF001 - our own
        session._health = msgspec.structs.replace(session.health, attempts=attempts)  # noqa: SLF001 - as above
        try:
            how.learn(attempts)
            session._record(file)  # noqa: SLF001 - as above
        except BaseException:
            session.close()
            raise
        return session

    @classmethod
    def _judged(cls, transport: Transport, launched: Launched, how: Opening) -> Session:
        """A session on a crash that came up, with the warnings about it."""
        try:
            session = cls._on(transport, launched, how)
            looks = _LOOKS if how.live else 1
            session._warn(*dump_warnings(how.target.dump), *task_table_warnings(session, looks=looks))  # noqa: SLF001 - as above
            session.words.clear()
        except BaseException:
            transport.close()
            raise
        return session

    @classmethod
    def _open_minimal(cls, how: Opening) -> Session | None:
        """A session on a crash without its tables, None where that doesn't come up."""
        found = how.minimal()
        if found is None:
            return None
        try:
            return cls._on(*found, how, full=lambda: cls._open_full(how.unchanged()))
        except (OutOfTimeError, SessionDiedError):
            found[0].close()
            return None
        except BaseException:
            found[0].close()
            raise

    @classmethod
    def _on(
        cls, transport: Transport, launched: Launched, how: Opening, full: OpenFull | None = None
    ) -> Session:
        how.prepare(transport)
        return cls(
            transport,
            health_of(launched),
            how.known(),
            timeout=how.timeout,
            restart=how.restart(launched),
            side_channel=how.side_channel,
            holes=how.holes,
            full=full,
        )

    @classmethod
    def replay(cls, path: str | os.PathLike[str], *, timeout: float = DEFAULT_TIMEOUT) -> Session:
        """A recorded session instead of crash; TranscriptError for a command that it doesn't hold."""
        transport = ReplayTransport(Path(path))
        known = Known(transport.head.identity, transport.head.vmcoreinfo)
        return cls(transport, transport.head.health, known, timeout=timeout, restart=transport.again)

    def _record(self, file: BinaryIO | None) -> None:
        if file is None or self._transport is None:
            return
        self._recorder = RecordingTransport(self._transport, file)
        self._recorder.write_head(self._health, self.identity, self.vmcoreinfo)
        self._transport = self._recorder

    def close(self) -> None:
        """End crash and remove all that was temporary; may be called twice, and from any thread.

        A command that another thread is waiting for ends with SessionClosedError.
        """
        self._closed = True
        if os.getpid() != self._owner:
            self._drop()
            return
        if not self._lock.acquire(blocking=False):
            if (transport := self._transport) is not None:
                transport.abort()
            self._lock.acquire()
        try:
            if not self._busy:
                self._finish()
            elif self._transport is not None:
                self._transport.abort()  # called from inside a command: its end will finish
        finally:
            self._lock.release()

    def _finish_if_closed(self) -> None:
        if self._closed:
            self._finish()

    def _finish(self) -> None:
        self._drop()
        if self._index_writer is not None:
            self._index_writer.finish()
            self._index_writer = None
        if self._recorder is not None:
            self._recorder.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what it is

    @property
    def health(self) -> Health:
        """The binary and options that came up, what was tried, what to doubt, what is missing."""
        return self._health

    @property
    def minimal(self) -> bool:
        """Whether crash came up without its tables, in a quarter of the time (``--minimal``).

        It is asked for physical memory alone: what it says of anything else may be wrong without a word. At
        the first command that wants more, a crash with all its tables takes its place.
        """
        return self._full is not None

    @property
    def replayed(self) -> bool:
        """Whether a recorded session answers, and no crash."""
        return self._replays

    @property
    def recording(self) -> bool:
        """Whether all of it is written down, or comes from such a record."""
        return self._recorder is not None or self._replays

    @property
    def version(self) -> str | None:
        """crash's version, such as ``8.0.2``."""
        return self._health.version

    @property
    def binary(self) -> str:
        """The path of the crash binary."""
        return self._health.binary

    @property
    def scratch(self) -> Path | None:
        """A private folder on a tmpfs that crash sees too; None without a side channel."""
        with self._exclusive():
            return self._ready().scratch if self._side_channel else None

    @property
    def fifo(self) -> Path | None:
        """The FIFO that `stream` reads; None without a side channel."""
        with self._exclusive():
            self._told_fifo = self._ready().fifo if self._side_channel else None
            return self._told_fifo

    # -- commands

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        """Run one command to its end. ``timeout`` in seconds (the session's where None).

        With ``to`` the output goes into that file as it comes, whatever its size, and ``raw`` holds its
        last bytes alone. DeadlineError when it took too long (it was interrupted, or crash restarts at the
        next command), SessionDiedError when crash went away; both hold the output until then. A command
        that failed is no exception: see ``failure``.
        """
        check_line(command)
        self._note([command])
        with self._exclusive():
            return self._run(command, self.timeout if timeout is None else timeout, to)

    def _run(self, command: str, limit: float, to: BinaryIO | None = None) -> CommandResult:
        ends = None if to is None else Ends(to)
        transport = self._ready()
        meant = self._context.resolve(command)
        began = time.monotonic()
        with self._in_step(command, limit), sending([command]):
            output = transport.exchange(command, limit, ends)
            if ends is not None:
                ends(output)
            elapsed = time.monotonic() - began
            judged = judge(meant, output) if ends is None else ends.judge(meant)
            if judged.failure is None and self._holes and may_break_off(meant, frozenset()):
                judged = Judgement(BROKEN_OFF) if transport.broke_off(command, limit) else judged
        # what an alias stands for may have been judged by other rules than the alias is read by
        judged = judged if meant == command else Judgement(judged.failure)
        return self._result(command, output if ends is None else ends.last, elapsed, judged)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """Run commands in one round trip through an input file; ``timeout`` is for all of them.

        Commands with a pipe or a redirection take a round trip of their own. A failed command stops
        nothing. When the time is up, or crash dies, the command that was running has the failure
        ``deadline`` or ``died`` and those behind it ``not-run``; those before it stay.
        """
        for command in commands:
            check_line(command)
        limit = self.timeout if timeout is None else timeout
        results: list[CommandResult] = []
        self._note(commands)
        with self._exclusive():
            deadline = time.monotonic() + limit
            aliases, framing = self._context.aliases(), self._side_channel
            for framed, group in groups(commands, aliases, holes=self._holes, framing=framing):
                left = max(deadline - time.monotonic(), 0.001)
                try:
                    results += self._batch(group, left, results) if framed else [self._run(group[0], left)]
                except (DeadlineError, SessionDiedError) as error:
                    return [*results, *unfinished(commands[len(results) :], error, limit)]
        return results

    def _batch(
        self, commands: Sequence[str], limit: float, results: list[CommandResult]
    ) -> list[CommandResult]:
        """The results; when crash doesn't come to the end those so far are added to ``results``."""
        transport = self._ready()
        began = time.monotonic()
        try:
            with self._in_step("a batch of commands", limit), sending(commands):
                outputs = transport.batch(commands, limit)
        except (DeadlineError, SessionDiedError) as error:
            results += self._results(commands, getattr(error.__cause__, "finished", []), limit)
            raise
        return self._results(commands, outputs, time.monotonic() - began)

    def _results(
        self, commands: Sequence[str], outputs: Sequence[bytes], elapsed: float
    ) -> list[CommandResult]:
        each, pairs = elapsed / max(len(outputs), 1), zip(commands, outputs, strict=False)
        return [self._result(command, output, each, judge(command, output)) for command, output in pairs]

    def stream(self, commands: Sequence[str], sink: Sink, *, timeout: float | None = None) -> bytes:
        """Run commands that write raw bytes into `fifo`, in one round trip; ``sink`` gets those bytes.

        Returns what the terminal showed. Nothing here proves that the commands succeeded: count the bytes.
        DeadlineError and SessionDiedError as in `run`; SessionError without a side channel.
        """
        for command in commands:
            check_line(command)
        if not self._side_channel:
            raise SessionError("no side channel: this session has its terminal alone")
        limit = self.timeout if timeout is None else timeout
        self._serve(commands)
        with self._exclusive():
            transport = self._ready()
            # one that was asked for before crash was started again is another one now
            commands = [command.replace(str(self._told_fifo), str(transport.fifo)) for command in commands]
            with self._in_step("a stream of commands", limit), sending(commands):
                return transport.stream(commands, sink, limit)

    # -- inside

    def _note(self, commands: Sequence[str]) -> None:
        self.words.update(command_line(command).name for command in commands)
        self._serve(commands)

    def _serve(self, commands: Sequence[str]) -> None:
        """Start a full crash where these commands need one: without tables it reads physical memory alone."""
        if self._full is not None and not all(map(is_physical, commands)):
            self.make_full()

    def make_full(self) -> bool:
        """Start a crash with all its tables in place of one without. True if that was needed."""
        with self._exclusive():
            if (start := self._full) is None:
                return False
            self._drop()
            self._become(start())
        return True

    def _become(self, other: Session) -> None:
        """Take over another session's crash, and the way to start it again."""
        self._transport, other._transport = other._transport, None
        self._restart, self._health, self._full = other._restart, other.health, None
        self._index_writer, other._index_writer = other._index_writer, None

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One command at a time, in the process that opened the session."""
        if os.getpid() != self._owner:
            raise SessionError(f"this session belongs to process {self._owner}: open one after the fork")
        with self._lock:
            if self._closed:
                raise SessionClosedError("the session is closed")
            if self._busy:
                raise SessionError("a command is running: none can be run from its sink or a signal handler")
            self._busy = True
            try:
                yield
            finally:
                self._busy = False
                self._finish_if_closed()

    @contextlib.contextmanager
    def _in_step(self, command: str, limit: float) -> Iterator[None]:
        """Whatever fails inside, the next command finds crash at its prompt, or a new crash."""
        try:
            yield
        except OutOfTimeError as error:
            self._doubtful = True
            self._settle()
            raise DeadlineError(too_long(command, limit), error.output) from error
        except SessionDiedError as error:
            self._drop()
            if self._closed:
                raise SessionClosedError("the session was closed during a command") from error
            died = SessionDiedError(f"{error} during `{printable(command)[:120]}`", error.output)
            died.cut_off = error.cut_off
            raise died from error
        except TemporaryFileError:
            raise
        except BaseException:
            self._doubtful = True
            raise

    def _ready(self) -> Transport:
        """A transport that is at its prompt, started again where there is none."""
        if self._transport is not None and (self._doubtful or not self._transport.waiting()):
            self._settle()
        return self._transport or self._revive()

    def _settle(self) -> None:
        """A doubtful session is proven to be in step, or ended; interrupted in this, it stays doubtful."""
        self._doubtful = True
        if self._transport is not None and not self._transport.recover():
            self._drop()
        self._doubtful = False

    def _drop(self) -> None:
        transport, self._transport = self._transport, None
        self._doubtful = False
        if transport is not None:
            transport.close()

    def _revive(self) -> Transport:
        if self._restart is None:
            raise SessionDiedError("crash is gone, and there is no way to start it again")
        try:
            fresh, lost = self._restart(self._context.commands())
        except (OutOfTimeError, SessionDiedError) as error:
            raise StartError(f"crash could not be started again: {error}") from error
        if self._recorder is not None:
            self._recorder.replace(fresh)
        self._transport = self._recorder or fresh
        self._warn(restart_warning(self._context.lost(lost)))
        return self._transport

    def _warn(self, *warnings: HealthWarning) -> None:
        self._health = msgspec.structs.replace(self._health, warnings=(*self._health.warnings, *warnings))

    def _result(self, command: str, output: bytes, elapsed: float, judged: Judgement) -> CommandResult:
        failure, quiet = judged
        self._context.note(command, failed=failure is not None)
        if failure is None:
            warning = setting_warning(command.split())
            if warning is not None and warning not in self._health.warnings:
                self._warn(warning)
        elif failure.kind == "gdb-crashed":
            # gdb's state is unknown from here on: the next command gets a new crash
            self._drop()
        return CommandResult(command=command, raw=output, elapsed=elapsed, failure=failure, quiet=quiet)
