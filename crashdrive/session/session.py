"""A conversation with crash that is right or says that it isn't."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from crashdrive.errors import (
    DeadlineError,
    SessionClosedError,
    SessionDiedError,
    SessionError,
    StartError,
    UsageError,
)
from crashdrive.parsers.base import canonical_words
from crashdrive.session.binaries import Binary, find_binaries
from crashdrive.session.failure import find_failure
from crashdrive.session.find import Target, find_target
from crashdrive.session.health import (
    MISSING_WITH,
    Health,
    HealthWarning,
    greeting_warnings,
    option_warnings,
    task_table_warnings,
)
from crashdrive.session.launch import Launched, Notify, Start, climb, start_one
from crashdrive.session.replay import RecordingTransport, ReplayTransport
from crashdrive.session.result import CommandResult, Failure
from crashdrive.session.transport import OutOfTimeError, Sink, Transport
from crashdrive.text import printable

DEFAULT_TIMEOUT = 120.0
START_TIMEOUT = 300.0
# crash's own bounds for a line: longer ones are refused on a terminal and cut in two in an input file
MOST_CHARACTERS = 1499
MOST_ARGUMENTS = 99
# what the output depends on, pinned
_PINS = ("set zero_excluded off", "set radix 10", "set null-stop on", "set scroll off")
# commands that change what later ones print; run again after a restart
_STATEFUL = frozenset({"set", "mod", "extend", "alias"})
_LEAVING = frozenset({"q", "quit", "exit"})
# how much of an output that goes elsewhere is kept to judge it by
_KEPT = 1 << 14


class Session:
    """One crash on one dump: run() and run_many(), deadlines, restart, health.

    A session that fell out of step is interrupted and proven to be in step again, or killed and started
    anew with its context put back; it is never used as it is. Calls from several threads wait for each
    other. Open one by `Session.open` or `Session.replay`, and close it or use it in a ``with``.
    """

    def __init__(
        self,
        transport: Transport,
        health: Health,
        identity: dict[str, str],
        *,
        timeout: float = DEFAULT_TIMEOUT,
        restart: Callable[[], Transport] | None = None,
    ) -> None:
        """Take over a transport that is at its prompt; ``restart`` gives another one."""
        self._transport: Transport | None = transport
        self._health = health
        self.identity = identity
        self.timeout = timeout
        self._restart = restart
        self._recorder: RecordingTransport | None = None
        self._state: dict[str, str] = {}
        self._doubtful = False
        self._closed = False
        self._lock = threading.RLock()
        self._side_channel = True
        self._record_file: BinaryIO | None = None

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
        notify: Notify = lambda _line: None,
    ) -> Session:
        """Start crash on a dump, as well as it can be.

        ``crash``: binaries to try instead of CRASHDRIVE_CRASH's and PATH's; ``timeout``: seconds for a
        command; ``start_timeout``: for each rung of the ladder; ``record``: a file to record the session
        to; ``side_channel=False``: everything through the terminal, no shared files. Raises DumpError,
        VmlinuxError, CrashNotFoundError before anything is started, StartError after.
        """
        target = find_target(_path(vmlinux), _path(vmcore), debug_dirs)
        start = Start(files=(target.vmlinux.path, target.dump.path), rung_seconds=start_timeout)
        transport, launched = _launch(target, find_binaries(crash), start, notify)
        try:
            return cls._on(transport, launched, start, target, timeout, record, side_channel=side_channel)
        except BaseException:
            transport.close()
            raise

    @classmethod
    def _on(
        cls,
        transport: Transport,
        launched: Launched,
        start: Start,
        target: Target,
        timeout: float,
        record: str | os.PathLike[str] | None,
        *,
        side_channel: bool,
    ) -> Session:
        def again() -> Transport:
            return start_one(launched.binary, launched.options, start)[0]

        session = cls(transport, _health(launched), _identity(target), timeout=timeout, restart=again)
        session._side_channel = side_channel
        session._pin()
        session._check_health(target)
        if record is not None:
            session._record(Path(record))
        return session

    @classmethod
    def replay(cls, path: str | os.PathLike[str], *, timeout: float = DEFAULT_TIMEOUT) -> Session:
        """A recorded session instead of crash; TranscriptError for a command that it doesn't hold."""
        transport = ReplayTransport(Path(path))
        return cls(transport, transport.head.health, transport.head.identity, timeout=timeout)

    def _record(self, path: Path) -> None:
        try:
            self._record_file = path.open("wb")
        except OSError as error:
            raise UsageError(f"can't record to {str(path)!a}: {error.strerror}") from error
        assert self._transport is not None  # noqa: S101 - it was just started
        self._recorder = RecordingTransport(self._transport, self._record_file)
        self._recorder.write_head(self._health, self.identity)
        self._transport = self._recorder

    def close(self) -> None:
        """End crash and remove all that was temporary; may be called twice."""
        with self._lock:
            self._closed = True
            self._drop()
            if self._record_file is not None:
                self._record_file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- what it is

    @property
    def health(self) -> Health:
        """The binary and options that came up, what was tried, what to doubt, what is missing."""
        return self._health

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
        return self._live().scratch if self._side_channel else None

    @property
    def fifo(self) -> Path | None:
        """The FIFO that `stream` reads; None without a side channel."""
        return self._live().fifo if self._side_channel else None

    # -- commands

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        """Run one command to its end. ``timeout`` in seconds (the session's where None).

        With ``to`` the output goes into that file as it comes, whatever its size, and ``raw`` holds its
        last bytes alone. DeadlineError when it took too long (it was interrupted, or crash restarts at the
        next command), SessionDiedError when crash went away. A command that failed is no exception: see
        ``failure``.
        """
        check_line(command)
        with self._lock:
            transport = self._ready()
            began = time.monotonic()
            tail = _Tail(to) if to is not None else None
            with self._in_step(command, timeout):
                output = transport.exchange(command, timeout or self.timeout, tail)
            if tail is not None:
                tail(output)
                output = tail.kept
            return self._result(command, output, time.monotonic() - began)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """Run commands in one round trip through an input file; ``timeout`` is for all of them.

        A failed command stops nothing. When the time is up, or crash dies, the command that was running
        has the failure ``deadline`` or ``died`` and those behind it ``not-run``; those before it stay.
        """
        for command in commands:
            check_line(command)
        if not commands:
            return []
        with self._lock:
            if not self._side_channel or any(line.startswith(("<", "#")) for line in commands):
                return self._one_by_one(commands, timeout)
            transport = self._ready()
            began = time.monotonic()
            try:
                with self._in_step("a batch of commands", timeout):
                    outputs = transport.batch(commands, timeout or self.timeout)
            except (DeadlineError, SessionDiedError) as error:
                outputs = getattr(error.__cause__, "finished", [])
                rest = _unfinished(commands[len(outputs) :], error)
            else:
                rest = []
            each = (time.monotonic() - began) / max(len(outputs), 1)
            done = zip(commands, outputs, strict=False)
            return [*(self._result(command, output, each) for command, output in done), *rest]

    def _one_by_one(self, commands: Sequence[str], timeout: float | None) -> list[CommandResult]:
        results: list[CommandResult] = []
        deadline = time.monotonic() + (timeout or self.timeout)
        for position, command in enumerate(commands):
            left = deadline - time.monotonic()
            try:
                results.append(self.run(command, timeout=max(left, 0.001)))
            except (DeadlineError, SessionDiedError) as error:
                results += _unfinished(commands[position:], error)
                break
        return results

    def stream(self, commands: Sequence[str], sink: Sink, *, timeout: float | None = None) -> bytes:
        """Run commands that write raw bytes into `fifo`, in one round trip; ``sink`` gets those bytes.

        Returns what the terminal showed. Nothing here proves that the commands succeeded: count the bytes.
        DeadlineError and SessionDiedError as in `run`; SessionError without a side channel.
        """
        for command in commands:
            check_line(command)
        if not self._side_channel:
            raise SessionError("no side channel: this session has its terminal alone")
        with self._lock:
            transport = self._ready()
            with self._in_step("a stream of commands", timeout):
                return transport.stream(commands, sink, timeout or self.timeout)

    @contextlib.contextmanager
    def _in_step(self, command: str, timeout: float | None) -> Iterator[None]:
        """Whatever goes wrong inside, the next command finds a crash in step, or a new one."""
        try:
            yield
        except OutOfTimeError as error:
            self._doubtful = True
            self._settle()
            raise self._deadline(command, timeout) from error
        except SessionDiedError as error:
            self._drop()
            raise SessionDiedError(f"{error} during `{printable(command)[:120]}`", error.output) from error
        except BaseException:
            self._doubtful = True
            raise

    # -- inside

    def _live(self) -> Transport:
        if self._closed:
            raise SessionClosedError("the session is closed")
        return self._transport if self._transport is not None else self._revive()

    def _ready(self) -> Transport:
        """A transport that is at its prompt, started again where there is none."""
        if self._doubtful:
            self._settle()
        return self._live()

    def _settle(self) -> None:
        """A doubtful session is proven to be in step, or ended."""
        self._doubtful = False
        if self._transport is not None and not self._transport.recover():
            self._drop()

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _revive(self) -> Transport:
        if self._restart is None:
            raise SessionDiedError("crash is gone, and there is no way to start it again")
        try:
            fresh = self._restart()
        except (OutOfTimeError, SessionDiedError) as error:
            raise StartError(f"crash could not be started again: {error}") from error
        if self._recorder is not None:
            self._recorder.replace(fresh)
        self._transport = self._recorder or fresh
        self._pin()
        for command in list(self._state.values()):
            fresh.exchange(command, self.timeout)
        warning = HealthWarning(kind="restarted", message="crash was started again; its context was put back")
        self._health = msgspec.structs.replace(self._health, warnings=(*self._health.warnings, warning))
        return self._transport

    def _pin(self) -> None:
        """Settings that output depends on; one that this crash doesn't know is none to lose."""
        transport = self._transport
        inner = transport.inner if isinstance(transport, RecordingTransport) else transport
        assert inner is not None  # noqa: S101 - called with a live transport only
        if self._side_channel:
            inner.batch(_PINS, self.timeout)
        else:
            for pin in _PINS:
                inner.exchange(pin, self.timeout)

    def _check_health(self, target: Target) -> None:
        warnings = [*self._health.warnings]
        if target.dump.incomplete:
            message = "the dump is marked as incomplete: it was cut short when it was written"
            warnings.append(HealthWarning(kind="incomplete-dump", message=message, affects=("*",)))
        warnings += task_table_warnings(self)
        self._health = msgspec.structs.replace(self._health, warnings=tuple(warnings))

    def _result(self, command: str, output: bytes, elapsed: float) -> CommandResult:
        failure = find_failure(command, output.decode("utf-8", "backslashreplace"))
        if failure is not None and failure.kind == "gdb-crashed":
            # gdb's state is unknown from here on: the next command gets a new crash
            self._drop()
        elif failure is None:
            self._remember(command)
        return CommandResult(command=command, raw=output, elapsed=elapsed, failure=failure)

    def _remember(self, command: str) -> None:
        words = canonical_words(command)
        if words and words[0] in _STATEFUL and len(words) > 1:
            # of several contexts or values of one variable the last one counts
            key = words[1] if re.fullmatch(r"[a-z][a-z_-]+", words[1]) else "context"
            self._state.pop(f"{words[0]} {key}", None)
            self._state[f"{words[0]} {key}"] = command

    def _deadline(self, command: str, timeout: float | None) -> DeadlineError:
        return DeadlineError(
            f"`{printable(command)[:120]}` took longer than {timeout or self.timeout:g} s "
            "and was interrupted; --timeout (timeout=) allows more"
        )


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)


class _Tail:
    """A sink that writes to a file and keeps the last bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.kept = b""

    def __call__(self, data: bytes) -> None:
        self._file.write(data)
        self.kept = (self.kept + data[-_KEPT:])[-_KEPT:]


def check_line(command: str) -> None:
    """UsageError for what would be no single command: control characters, too long, leaving crash."""
    if not command.strip() or not command.isprintable():
        raise UsageError(f"no single crash command: {ascii(command)[:120]}")
    if len(command.encode()) > MOST_CHARACTERS or len(command.split()) > MOST_ARGUMENTS:
        raise UsageError(
            f"crash takes {MOST_CHARACTERS} characters and {MOST_ARGUMENTS} arguments a line: "
            f"{command[:60]!a}..."
        )
    if command.split(maxsplit=1)[0] in _LEAVING:
        raise UsageError("crash is left by closing the session, not by a command")


def _unfinished(commands: Sequence[str], error: DeadlineError | SessionDiedError) -> list[CommandResult]:
    """The rest of a batch that didn't come to its end: the first is the one that was running."""
    first = Failure(kind="deadline" if isinstance(error, DeadlineError) else "died", message=str(error))
    later = Failure(kind="not-run", message="not run: the batch ended before")
    return [
        CommandResult(command=command, raw=b"", elapsed=0.0, failure=later if position else first)
        for position, command in enumerate(commands)
    ]


def _launch(
    target: Target, binaries: Sequence[Binary], start: Start, notify: Notify
) -> tuple[Transport, Launched]:
    try:
        return climb(binaries, start, notify)
    except StartError as error:
        if target.dump.incomplete:
            raise StartError(f"{error} (the dump is incomplete)", error.attempts) from error
        raise


def _health(launched: Launched) -> Health:
    warnings = [*option_warnings(launched.options), *greeting_warnings(launched.greeting)]
    return Health(
        binary=launched.binary.path,
        version=launched.binary.version,
        gdb_version=launched.binary.gdb_version,
        options=launched.options,
        attempts=launched.attempts,
        warnings=tuple(warnings),
        missing=tuple(MISSING_WITH[option] for option in launched.options if option in MISSING_WITH),
    )


def _identity(target: Target) -> dict[str, str]:
    known = {
        "vmlinux": target.vmlinux.path,
        "vmcore": target.dump.path,
        "build_id": target.vmlinux.build_id or target.dump.build_id,
        "osrelease": target.dump.osrelease,
        "format": target.dump.format,
        "kaslr_offset": None if target.dump.kaslr_offset is None else hex(target.dump.kaslr_offset),
        "crash_time": None if target.dump.crash_time is None else str(target.dump.crash_time),
        "size": str(target.dump.size),
        "mtime_ns": str(target.dump.mtime_ns),
    }
    return {key: value for key, value in known.items() if value is not None}
