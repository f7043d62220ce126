"""The object that users hold: a dump, opened."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

import msgspec

from crashdrive.calls import Calls
from crashdrive.dump.live import LIVE, live_source
from crashdrive.records import Answer, Notice, Report, Source, shown_by
from crashdrive.session import CommandResult, Health, Session
from crashdrive.session.session import START_TIMEOUT

if TYPE_CHECKING:
    from crashdrive.cache.gdb_index import Indexes
    from crashdrive.dump.find import Target
    from crashdrive.linux.kernel import Kernel
    from crashdrive.parsers._foreign import Grammar
    from crashdrive.session.health import HealthWarning
    from crashdrive.session.launch import Notify
    from crashdrive.session.opening import Opening
    from crashdrive.session.remote.link import Link

DEFAULT_TIMEOUT = 120.0
NO_CACHE = "CRASHDRIVE_NO_CACHE"
"""Set in the environment: no kept answer is looked up, none is kept."""

Marked = TypeVar("Marked", Answer[Any], Report)
Function = TypeVar("Function", bound=Callable[..., Any])


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
    purpose: str | None = None,
    btf: bool = False,
    cache: bool = True,
    refresh: bool = False,
    warm: bool = False,
    host: str | Link | None = None,
    ssh_options: Sequence[str] = (),
    identity: str | None = None,
    notify: Notify = lambda _line: None,
) -> Crash:
    """Open a dump with crash; use it in a ``with``, or close it.

    ``vmlinux`` may be None: it is then found by the build id that the dump carries (beside the dump, under
    /usr/lib/debug, in ``debug_dirs``). ``crash`` names binaries to try (else CRASHDRIVE_CRASH, else PATH);
    ``timeout`` is each command's deadline in seconds, ``start_timeout`` that of each start; ``record``
    writes the session to a file, ``replay`` answers from such a file without crash and dump;
    ``side_channel=False`` sends all through the terminal; ``purpose`` is a name for what is going to be done:
    with one, crash starts in no time where it may be asked for nothing but memory, and anew when it is asked
    for more (see `Session.minimal`). ``btf``: nothing indexes an array of several dimensions, which the
    image's BTF keeps as one, so that none is looked for; a report declares that.
    ``cache=False`` looks no kept answer up and keeps none, ``refresh`` makes all anew and keeps that: else
    crash starts at the first question whose answer isn't kept (see docs/cache.md).
    ``warm``: where `crashdrive session start` keeps a crash on this dump that one, and none is started.
    ``host``: the files are on another host, as ssh knows it (``user@box``), and crash is run there; ``crash``
    and ``debug_dirs`` are paths there, too. ``ssh_options`` are ssh's ``-o``, ``identity`` is its ``-i``.
    ``notify`` is called with a line for each step of the start. Raises TargetError's kinds where dump,
    vmlinux or crash can't be used.
    """
    if replay is not None:
        return Crash(Session.replay(replay, timeout=timeout), keep=False)
    link = None if host is None else _link(host, ssh_options, identity, notify)
    open_own = functools.partial(
        Session.open,
        vmlinux,
        vmcore,
        crash=crash or (),
        debug_dirs=debug_dirs,
        timeout=timeout,
        start_timeout=start_timeout,
        record=record,
        side_channel=side_channel,
        link=link,
        notify=notify,
    )
    live = vmcore is not None and live_source(vmcore) is not None
    if warm and not live and link is None and record is None and side_channel and vmcore is not None:
        from crashdrive.session.warm.client import warm_session
        from crashdrive.session.warm.find import Wanted

        wanted = Wanted(None if vmlinux is None else os.fspath(vmlinux), os.fspath(vmcore), crash or ())
        joined = warm_session(wanted, timeout=timeout, notify=notify, otherwise=open_own)
        if joined is not None:
            return Crash(joined, source="session")
    minimal = functools.partial(_before_start, purpose)
    try:
        session: Session | None = None
        if cache and not live and record is None and not os.environ.get(NO_CACHE):
            from crashdrive.session.opening import opening

            how = opening(
                vmlinux, vmcore, debug_dirs, crash or (), start_timeout=start_timeout, timeout=timeout,
                side_channel=side_channel, notify=notify, indexes=_indexes(), link=link,
            )  # fmt: skip
            session = _kept_session(how, minimal, purpose, refresh=refresh)
        session = session or open_own(minimal=minimal, indexes=_indexes())
    except BaseException:
        if link is not None:
            link.close()
        raise
    # a recording has to hold what a host without our store will ask for
    return Crash(session, keep=record is None, btf=btf, link=link)


def _link(host: str | Link, ssh_options: Sequence[str], identity: str | None, notify: Notify) -> Link:
    from crashdrive.session.remote.host import Host
    from crashdrive.session.remote.link import Link

    if isinstance(host, str):
        return Link(Host(host, ssh_options, identity), notify)
    return host


def _kept_session(
    how: Opening, minimal: Callable[[Target], bool], purpose: str | None, *, refresh: bool
) -> Session | None:
    """A session that asks the store first; None where nothing can be kept of this dump."""
    from crashdrive.cache.sessions import KeptSessions
    from crashdrive.cache.store import open_store
    from crashdrive.session.kept import KeptSession

    if how.live or (store := open_store()) is None:
        return None
    files = [(str(Path(one.path).absolute()), one.mark) for one in (how.target.dump, how.target.vmlinux)]
    at = "" if how.away is None else f"{how.away.link.host}:"
    binaries = [(f"{at}{one.path}", one.version, one.gdb_version) for one in how.binaries]
    kept = KeptSessions.of(store, files, binaries, refresh=refresh)
    # a report is kept itself: its pages are wanted by nobody else
    pages = (purpose or sys.argv[0]) if purpose is None or purpose.startswith("script ") else None
    return None if kept is None else KeptSession.on(how, kept, minimal, pages)


def _indexes() -> Indexes | None:
    """Where gdb's indexes are kept; None where nothing is."""
    from crashdrive.cache.gdb_index import Indexes
    from crashdrive.cache.store import open_store

    store = open_store()
    return None if store is None else Indexes(store)


def _before_start(purpose: str | None, target: Target) -> bool:
    """What has time to be done while crash starts; whether it may start without its tables."""
    if not purpose:
        return False
    from crashdrive.cache.store import open_store
    from crashdrive.kernel.keys import prepare_keys

    if (store := open_store()) is not None:
        prepare_keys(str(Path(target.vmlinux.path).absolute()), target.vmlinux.mark, store)
    return _is_minimal(target)


def _is_minimal(target: Target) -> bool:
    """Whether memory of the dump can be read by a crash that has no tables.

    It is at its prompt at once; as soon as it is asked for more, one with tables takes its place.
    """
    from crashdrive.kernel.arch import architecture

    build_id = target.vmlinux.build_id
    readable = build_id and build_id == target.dump.build_id and not target.dump.incomplete
    known = architecture(str(target.vmlinux.machine)) if readable else None
    return known is not None and known.paging(target.dump.vmcoreinfo, lambda _pages: {}) is not None


def doubted(found: Marked, doubts: Sequence[HealthWarning]) -> Marked:
    """An answer or a report, marked with what there is to doubt."""
    if not doubts:
        return found
    told = dict.fromkeys(found.warnings)
    told.update((Notice(kind=doubt.kind, message=doubt.message), None) for doubt in doubts)
    return msgspec.structs.replace(found, complete=False, warnings=tuple(told))


def moving(found: Marked, began: datetime, *, replayed: bool = False) -> Marked:
    """An answer or a report of a live kernel, marked as such, with the time when it was read (UTC).

    ``replayed``: it is of a recording, which doesn't say when it was made.
    """
    notice = Notice(kind=LIVE, message=live_words(began, replayed=replayed))
    # a report that is made of others has theirs
    others: list[Notice] = [one for one in found.warnings if one.kind != LIVE]
    return msgspec.structs.replace(found, live=True, warnings=(*others, notice))


def live_words(began: datetime, *, replayed: bool = False) -> str:
    """One line that says of an answer that it is of a live kernel, read from a moment (UTC) until now."""
    when = "as it was recorded" if replayed else f"read {_span(began, datetime.now(UTC))}"
    return f"a live kernel, {when}: what is shown may be of different moments"


def _span(began: datetime, ended: datetime) -> str:
    """Two moments in UTC, the date once."""
    first, last = (f"{one:%H:%M:%S}.{one.microsecond // 100_000}" for one in (began, ended))
    return f"{began:%Y-%m-%d} {first} UTC" if first == last else f"{began:%Y-%m-%d} {first} to {last} UTC"


def _in_html(value: object) -> str:
    from crashdrive.render.html import piece

    return piece(value)


shown_by(_in_html)


class Crash(Calls):
    """A dump, opened: crash's commands, typed and raw, the kernel as data, reports.

    ``crash.ps()``, ``crash.bt(pid=1)``, ``crash.struct("task_struct", addr)``: every module of
    `crashdrive.commands` is a method (`Calls`), and gives an `Answer`, a sequence of records.
    ``crash.run("...")`` takes any command line as it is.
    """

    def __init__(
        self,
        session: Session,
        *,
        keep: bool = True,
        btf: bool = False,
        source: Source | None = None,
        link: Link | None = None,
    ) -> None:
        """Take over a session; ``keep``: whether what is learnt of the kernel is kept between runs.

        ``btf`` is that of `open_dump`; ``source``: where reports say that they come from; ``link``: to the
        host that crash runs on, closed with it.
        """
        self.session = session
        self._source = source
        self._keep = keep
        self._btf = btf
        self._link = link
        self._in_moment = False
        self.asked_foreign = False
        """Whether a report from elsewhere was asked, of which isn't known what it rests on."""

    # raw commands

    def run(self, command: str, *, timeout: float | None = None, to: BinaryIO | None = None) -> CommandResult:
        """Run one command line as it is: see `Session.run`."""
        return self.session.run(command, timeout=timeout, to=to)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """Run commands in one round trip: see `Session.run_many`."""
        return self.session.run_many(commands, timeout=timeout)

    # typed commands: see Calls

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        began = time.monotonic()
        answer = function(self.session, *arguments, **options)
        return self.marked(answer, time.monotonic() - began) if isinstance(answer, Answer) else answer

    def parse(self, result: CommandResult, grammar: Grammar | None = None) -> Answer[Any]:
        """Records out of a raw command's output, as typed calls give them: marked where crash failed for some
        of several; CommandFailedError where it refused the command. ``grammar``: see `CommandResult.parse`.
        """
        from crashdrive.commands.base import answer_of

        return self.marked(answer_of(result) if grammar is None else result.parse(grammar), result.elapsed)

    def marked(self, answer: Answer[Any], seconds: float = 0.0) -> Answer[Any]:
        """The answer with what the session's health says against it; incomplete then.

        That of a live kernel says so, and when it was read: until now, which took ``seconds``.
        """
        from crashdrive.commandline import command_line

        found = doubted(answer, self.health.affecting(command_line(answer.command).name))
        began = datetime.now(UTC) - timedelta(seconds=seconds)
        return moving(found, began, replayed=self.session.replayed) if self.live else found

    # the kernel as data, reports

    @functools.cached_property
    def kernel(self) -> Kernel:
        """Symbols, layouts, memory, objects and walks of the dump's kernel."""
        from crashdrive.cache.store import open_store
        from crashdrive.linux.opening import open_kernel

        return open_kernel(self.session, open_store() if self._keep else None, btf=self._btf)

    def run_report(self, name: str, **options: Any) -> Report:
        """Compute any report, one from outside too, by a name that is known at run time only.

        ``crash.report(NAME, ...)`` does the same, and type checkers know each report's options there.
        """
        from crashdrive.cache.reports import kept_or_made
        from crashdrive.reports import report_names, run_report
        from crashdrive.session.kept import shelf_of, source_of

        def make() -> Report:
            with self._moment():
                began = datetime.now(UTC)
                made = run_report(self, name, **options)
                found = doubted(made, (*self.health.of_memory, *self._symbol_doubts()))
                return moving(found, began, replayed=self.session.replayed) if self.live else found

        # what a report from elsewhere rests on isn't known
        own = name in report_names()
        self.asked_foreign = self.asked_foreign or not own
        shelf = functools.partial(shelf_of, self.session)
        report = kept_or_made(shelf, name, options, make) if own else make()
        dump = report.dump or self.identity
        source = report.source or self._source or source_of(self.session)
        return msgspec.structs.replace(report, dump=dump, source=source)

    @contextlib.contextmanager
    def _moment(self) -> Iterator[None]:
        """While a report is computed: of a live kernel nothing that an earlier one read is used."""
        if not self.live or self._in_moment:
            yield
            return
        self.__dict__.pop("kernel", None)
        self._in_moment = True
        try:
            with self.kernel.memory.moment():
                yield
        finally:
            self._in_moment = False

    def _symbol_doubts(self) -> Sequence[HealthWarning]:
        """Of the kernel, where any of it was asked for."""
        kernel: Kernel | None = self.__dict__.get("kernel")
        return () if kernel is None else kernel.symbol_doubts

    # the session

    @property
    def health(self) -> Health:
        """How crash came up: binary, options, attempts, warnings, what is missing."""
        return self.session.health

    @property
    def live(self) -> bool:
        """Whether it is a kernel that runs, and no dump: its answers are of the moment (docs/live.md)."""
        return self.session.identity.get("format") == LIVE

    @property
    def identity(self) -> dict[str, str]:
        """Which dump and kernel this is: build id, release, format, paths (``box:/path`` on another host)."""
        found = dict(self.session.identity)
        for name in ("vmlinux", "vmcore"):
            if (there := found.pop(f"{name}_there", None)) is not None:
                found[name] = there
        return found

    def close(self) -> None:
        """End crash; may be called twice."""
        self.session.close()
        if self._link is not None:
            self._link.close()

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


def nocache(function: Function) -> Function:
    """Mark a function of a script: what the script prints isn't kept, it is run anew each time.

    A script that reads anything but the dump is so without a mark (see docs/cache.md).
    """
    return function


__all__ = ["Crash", "live_words", "nocache", "open_dump"]
