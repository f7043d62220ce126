"""The object that users hold: a dump, opened."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import msgspec

from crashdrive.records import Answer, Notice
from crashdrive.session import CommandResult, Health, Session
from crashdrive.session.session import START_TIMEOUT

if TYPE_CHECKING:
    from crashdrive.kernel import Kernel
    from crashdrive.reports.base import Report
    from crashdrive.session.find import Target
    from crashdrive.session.launch import Notify

DEFAULT_TIMEOUT = 120.0
# kept by build id for each report that was computed: how often a quick start was of no use to it, in a row
_STARTS, _VERSION = "wasted-starts", 1
_MOST_WASTED = 3


def open_dump(  # noqa: PLR0913 - each is an option of the command line
    vmlinux: str | os.PathLike[str] | None,
    vmcore: str | os.PathLike[str] | None,
    *,
    crash: Sequence[str] | None = None,
    debug_dirs: Sequence[str] = (),
    timeout: float = DEFAULT_TIMEOUT,
    start_timeout: float = START_TIMEOUT,
    record: str | os.PathLike[str] | None = None,
    replay: str | os.PathLike[str] | None = None,
    side_channel: bool = True,
    report: str | None = None,
    notify: Notify = lambda _line: None,
) -> Crash:
    """Open a dump with crash; use it in a ``with``, or close it.

    ``vmlinux`` may be None: it is then found by the build id that the dump carries (beside the dump, under
    /usr/lib/debug, in ``debug_dirs``). ``crash`` names binaries to try (else CRASHDRIVE_CRASH, else PATH);
    ``timeout`` is each command's deadline in seconds, ``start_timeout`` that of each start; ``record``
    writes the session to a file, ``replay`` answers from such a file without crash and dump;
    ``side_channel=False`` sends all through the terminal; ``report`` says which one the dump is opened for:
    where this kernel's types are known to suffice for it, crash starts in a quarter of the time (see
    `Session.quick`). ``notify`` is called with a line for each step of the start. Raises TargetError's kinds
    where dump, vmlinux or crash can't be used.
    """
    if replay is not None:
        return Crash(Session.replay(replay, timeout=timeout), keep=False)
    session = Session.open(
        vmlinux,
        vmcore,
        crash=crash or (),
        debug_dirs=debug_dirs,
        timeout=timeout,
        start_timeout=start_timeout,
        record=record,
        side_channel=side_channel,
        quick=functools.partial(_is_quick, report) if report else lambda _target: False,
        notify=notify,
    )
    # a recording has to hold what a host without our store will ask for
    return Crash(session, keep=record is None)


def _is_quick(report: str, target: Target) -> bool:
    """Whether a report is likely to need nothing but memory, and crash no tables to read the dump's."""
    from crashdrive.cache.store import open_store
    from crashdrive.kernel.paging import is_known

    build_id = target.vmlinux.build_id
    if not build_id or build_id != target.dump.build_id or target.dump.incomplete:
        return False
    store = open_store() if is_known(str(target.vmlinux.machine), target.dump.vmcoreinfo) else None
    if store is None:
        return False
    wasted = store.get(_STARTS, build_id, report, int, version=_VERSION)
    return wasted is not None and wasted < _MOST_WASTED


class Crash:
    """A dump, opened: crash's commands, typed and raw, the kernel as data, reports.

    ``crash.ps()``, ``crash.bt(pid=1)``, ``crash.struct("task_struct", addr)``: every module of
    `crashdrive.commands` is a method, and gives an `Answer`, a sequence of records. ``crash.run("...")``
    takes any command line as it is.
    """

    def __init__(self, session: Session, *, keep: bool = True) -> None:
        """Take over a session; ``keep``: whether layouts and symbols are kept between runs."""
        self.session = session
        self._keep = keep

    # raw commands

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        """Run one command line as it is: see `Session.run`."""
        return self.session.run(command, timeout=timeout, to=to)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """Run commands in one round trip: see `Session.run_many`."""
        return self.session.run_many(commands, timeout=timeout)

    # typed commands

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from crashdrive.commands import command_function, command_names

        if name.startswith("_") or name not in command_names():
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return functools.partial(self._call, command_function(name))

    def __dir__(self) -> list[str]:
        from crashdrive.commands import command_names

        return sorted({*super().__dir__(), *command_names()})

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        answer = function(self.session, *arguments, **options)
        return self.marked(answer) if isinstance(answer, Answer) else answer

    def parse(self, result: CommandResult) -> Answer[Any]:
        """Records out of a raw command's output, as typed calls give them: marked where crash failed for some
        of several; CommandFailedError where it refused the command.
        """
        from crashdrive.commands.base import answer_of

        return self.marked(answer_of(result))

    def marked(self, answer: Answer[Any]) -> Answer[Any]:
        """The answer with what the session's health says against it; incomplete then."""
        from crashdrive.parsers.base import canonical_words

        doubts = self.health.affecting(canonical_words(answer.command)[0])
        if not doubts:
            return answer
        notices = tuple(Notice(kind=doubt.kind, message=doubt.message) for doubt in doubts)
        return msgspec.structs.replace(answer, complete=False, warnings=(*answer.warnings, *notices))

    # the kernel as data, reports

    @functools.cached_property
    def kernel(self) -> Kernel:
        """Symbols, layouts, memory, objects and walks of the dump's kernel."""
        from crashdrive.cache.store import open_store
        from crashdrive.kernel import open_kernel

        return open_kernel(self.session, open_store() if self._keep else None)

    def report(self, name: str, **options: Any) -> Report:
        """Compute a report; its options are those of ``crashdrive report NAME --help``."""
        from crashdrive.reports import run_report

        quick = self.session.quick
        report = run_report(self, name, **options)
        self._remember(name, wasted=quick and not self.session.quick)
        return report if report.dump else msgspec.structs.replace(report, dump=dict(self.session.identity))

    def _remember(self, report: str, *, wasted: bool) -> None:
        """Keep that this kernel's report was computed, and whether crash had to start twice for it."""
        from crashdrive.cache.store import open_store

        build_id = self.identity.get("build_id")
        store = open_store() if self._keep and build_id else None
        if store is None or build_id is None:
            return
        before = store.get(_STARTS, build_id, report, int, version=_VERSION)
        now = (before or 0) + 1 if wasted else 0 if before is None or self.session.quick else before
        if now != before:
            store.put(_STARTS, build_id, report, now, version=_VERSION)

    # the session

    @property
    def health(self) -> Health:
        """How crash came up: binary, options, attempts, warnings, what is missing."""
        return self.session.health

    @property
    def identity(self) -> dict[str, str]:
        """Which dump and kernel this is: paths, build id, release, format, ..."""
        return self.session.identity

    def close(self) -> None:
        """End crash; may be called twice."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<crash {self.health.version} on {self.identity.get('vmcore', 'a recorded session')}>"


__all__ = ["Crash", "open_dump"]
