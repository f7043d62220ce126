"""What a session is opened with, and what it takes to bring crash up on it once more."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.cache.gdb_index import Indexes
from crashdrive.cache.rungs import Rungs, Went
from crashdrive.dump.addresses import linked_addresses
from crashdrive.dump.contents import current_mark, dump_id, is_same
from crashdrive.dump.find import Target, find_target
from crashdrive.dump.identity import NOTELESS
from crashdrive.dump.image import start_options
from crashdrive.dump.live import LIVE
from crashdrive.errors import DumpError, StartError, VmlinuxError
from crashdrive.session.binaries import Binary, find_fitting
from crashdrive.session.choice import Judge, S, choose
from crashdrive.session.failure import judge
from crashdrive.session.folder import RawImage
from crashdrive.session.health import Attempt
from crashdrive.session.indexing import Index, Writer, usable, write_beside
from crashdrive.session.launch import (
    Ladder,
    Launched,
    Notify,
    Start,
    rung_name,
    start_minimal,
    start_one,
    went,
)
from crashdrive.session.standin import NOTHING_SHOWN, Shown
from crashdrive.session.transport import PtyTransport, Transport

if TYPE_CHECKING:
    from crashdrive.session.remote.away import Away
    from crashdrive.session.remote.link import Link

# formats whose excluded pages crash 9.0.1 and later say nothing of: they leave the command (readmem())
_WITH_HOLES = frozenset({"kdump", "diskdump", "sadump"})
# where memory is mapped, since CONFIG_RANDOMIZE_MEMORY (kernel commit 0483e1fa6e09)
_BASES = ("page_offset_base", "vmalloc_base", "vmemmap_base")
# what the output depends on, pinned
_PINS = ("set zero_excluded off", "set radix 10", "set null-stop on", "set scroll off")
# starts another crash and runs these commands; with it those of them that failed
Restart = Callable[[Sequence[str]], tuple[Transport, list[str]]]


class Known(NamedTuple):
    """What is known of a session's dump, apart from crash: see `DumpSession`."""

    identity: dict[str, str]
    vmcoreinfo: Mapping[str, str] = {}
    marks: Mapping[str, str] = {}


class Opening(NamedTuple):
    """The files, binaries and patience (seconds: for a start, for a command) of one session."""

    target: Target
    binaries: Sequence[Binary]
    rung_seconds: float
    timeout: float
    side_channel: bool
    notify: Notify
    indexes: Indexes | None = None
    away: Away | None = None

    @property
    def start(self) -> Start:
        """The files and the patience that `start_one` wants."""
        dump, shown = self.target.dump, self._shown()
        if self.away is not None:
            return Start(
                files=(self.away.vmlinux.path, self.away.vmcore.path),
                rung_seconds=self.rung_seconds,
                machine=self.target.vmlinux.machine,
                away=self.away,
                shown=shown,
            )
        return Start(
            files=(self.target.vmlinux.path, RawImage(dump.path, 0) if dump.format == "raw" else dump.path),
            rung_seconds=self.rung_seconds,
            extra=start_options(dump.vmcoreinfo) if dump.format in NOTELESS else (),
            index=self.gdb_index,
            machine=self.target.vmlinux.machine,
            shown=shown,
        )

    def _shown(self) -> Shown:
        """What a stand-in for a live kernel's vmlinux has of that."""
        dump = self.target.dump
        if not self.live:
            return NOTHING_SHOWN
        found = linked_addresses(self.target.vmlinux.path, _BASES)
        moved = tuple((name, place + (dump.kaslr_offset or 0)) for name, place in found.items())
        return Shown(moved, (dump.banner or "").encode("utf-8", "backslashreplace"))

    @property
    def gdb_index(self) -> Index | None:
        """gdb's index of the vmlinux, where there is one and no binary here is slower with it."""
        build_id = self.target.vmlinux.build_id
        if self.indexes is None or not build_id or self.away is not None:
            return None
        if not all(self.indexes.pays(build_id, binary.path) for binary in self.binaries):
            return None
        return usable(self.target.vmlinux, self.indexes)

    @contextlib.contextmanager
    def indexing(self) -> Iterator[Writer | None]:
        """While crash starts: a gdb that writes the index where there is none; ended where that fails."""
        needless = self.gdb_index is not None or self.away is not None
        writer = None if needless else write_beside(self.target.vmlinux, self.indexes)
        try:
            yield writer
        except BaseException:
            if writer is not None:
                writer.drop()
            raise

    def learn(self, attempts: Sequence[Attempt]) -> None:
        """Note what full starts took that came to a prompt, with an index and without."""
        build_id = self.target.vmlinux.build_id
        if self.indexes is None or not build_id or self.away is not None:
            return
        for one in attempts:
            if one.outcome == "prompt" and not one.options and one.processor is not None:
                self.indexes.learn(build_id, one.binary, one.processor, indexed=one.indexed)

    def unchanged(self) -> Opening:
        """Itself, to start crash again; DumpError or VmlinuxError where a file was changed since.

        Of files on another host that is asked where crash is started; a live kernel is never what it was.
        """
        if self.away is not None:
            return self
        for path, mark, error in (
            (self.target.vmlinux.path, self.target.vmlinux.mark, VmlinuxError),
            *([] if self.live else [(self.target.dump.path, self.target.dump.mark, DumpError)]),
        ):
            if not is_same(current_mark(path), mark):
                raise error(f"{path!a} was changed since crash opened it: open it anew")
        return self

    @property
    def live(self) -> bool:
        """Whether it is a kernel that runs: nothing that is learnt of it may be kept."""
        return self.target.dump.format == LIVE

    @property
    def holes(self) -> bool:
        """Whether the dump may lack pages of which crash says nothing."""
        return self.target.dump.format in _WITH_HOLES

    def best(self, judge: Judge[S]) -> tuple[S, tuple[Attempt, ...]]:
        """The best crash that comes up, see `choose`; StartError names an incomplete dump as such."""
        try:
            found, attempts = choose(Ladder(self.binaries, self.start, self.notify, self.past), judge)
        except StartError as error:
            self.note(*(one for one in error.attempts if isinstance(one, Attempt)))
            if self.target.dump.incomplete:
                raise StartError(f"{error} (the dump is incomplete)", error.attempts) from error
            raise
        self.note(*attempts)
        return found, attempts

    def minimal(self) -> tuple[PtyTransport, Launched] | None:
        """A crash without its tables; None where none comes up so."""
        return start_minimal(self.binaries[0], self.start, self.notify, past=self.past, learn=self.note)

    @property
    def rungs(self) -> Rungs | None:
        """What starts on this dump came to; None where nothing is kept."""
        if self.indexes is None or self.live:
            return None
        return Rungs(self.indexes.store, self.target.dump.mark, self.target.vmlinux.build_id)

    def past(self, binary: str, options: Sequence[str]) -> Went | None:
        """How such a start went."""
        return None if self.rungs is None else self.rungs.find(self._named(binary), options)

    def _named(self, binary: str) -> str:
        """A binary's name in what is kept."""
        return binary if self.away is None else f"{self.away.link.host}:{binary}"

    def note(self, *attempts: Attempt) -> None:
        """Keep how starts went."""
        for one in attempts:
            how = went(one)
            if how is not None and self.rungs is not None:
                self.rungs.learn(self._named(one.binary), rung_name(one), how, one.said)

    def restart(self, launched: Launched) -> Restart:
        """The way to start the same crash again."""

        def again(context: Sequence[str]) -> tuple[Transport, list[str]]:
            self.unchanged()
            start = (self.start.with_standin() if launched.standin else None) or self.start
            fresh = start_one(launched.binary, launched.options, start)[0]
            try:
                return fresh, self.prepare(fresh, context)
            except BaseException:
                fresh.close()
                raise

        return again

    def prepare(self, transport: Transport, context: Sequence[str] = ()) -> list[str]:
        """Make settings and context of a crash that was just started; see `prepare` of this module."""
        return prepare(transport, context, self.timeout, side_channel=self.side_channel)

    def known(self) -> Known:
        """Which dump and kernel this is, as far as their files tell; what these were then (`file_mark`)."""
        vmlinux, dump = self.target.vmlinux, self.target.dump
        identity = {
            "vmlinux": str(Path(vmlinux.path).absolute()),
            "vmcore": str(Path(dump.path).absolute()),
            "id": None if self.live else dump_id(dump.path),
            "build_id": vmlinux.build_id or dump.build_id,
            "machine": str(vmlinux.machine),
            "osrelease": dump.osrelease,
            "host": dump.host,
            "format": dump.format,
            "kaslr_offset": None if dump.kaslr_offset is None else hex(dump.kaslr_offset),
            "crash_time": None if dump.crash_time is None else str(dump.crash_time),
            "size": None if self.live else str(dump.size),
            "mtime_ns": None if self.live else str(dump.mtime_ns),
        }
        if self.away is not None:
            identity |= {f"{one}_there": name for one, name in self.away.names().items()}
        return Known(
            identity={key: value for key, value in identity.items() if value is not None},
            vmcoreinfo=dump.vmcoreinfo,
            marks={"vmlinux": vmlinux.mark, "vmcore": dump.mark},
        )


def opening(  # noqa: PLR0913 - each is an option of the command line
    vmlinux: str | os.PathLike[str] | None,
    vmcore: str | os.PathLike[str] | None,
    debug_dirs: Sequence[str],
    crash: Sequence[str],
    *,
    start_timeout: float,
    timeout: float,
    side_channel: bool = True,
    notify: Notify = lambda _line: None,
    indexes: Indexes | None = None,
    link: Link | None = None,
) -> Opening:
    """How a session is opened; errors as in `Session.open`, before anything is started."""
    if link is not None:
        from crashdrive.session.remote.target import Copies, Finder

        copies = Copies(None if indexes is None else indexes.store)
        found, away = Finder(link, copies).find(path_text(vmlinux), path_text(vmcore), debug_dirs)
        return Opening(
            target=found,
            binaries=link.binaries(crash),
            rung_seconds=start_timeout,
            timeout=timeout,
            side_channel=side_channel,
            notify=notify,
            indexes=indexes,
            away=away,
        )
    target = find_target(path_text(vmlinux), path_text(vmcore), debug_dirs)
    return Opening(
        target=target,
        binaries=find_fitting(crash, target.vmlinux.machine, target.dump.path),
        rung_seconds=start_timeout,
        timeout=timeout,
        side_channel=side_channel,
        notify=notify,
        indexes=indexes,
    )


def prepare(transport: Transport, context: Sequence[str], timeout: float, *, side_channel: bool) -> list[str]:
    """Make the settings that output depends on, then the ``context``; gives its commands that failed.

    A setting that this crash doesn't know is no loss.
    """
    if side_channel:
        transport.batch(_PINS, timeout)
    else:
        for pin in _PINS:
            transport.exchange(pin, timeout)
    said = ((command, transport.exchange(command, timeout)) for command in context)
    return [command for command, output in said if judge(command, output).failure is not None]


def path_text(path: str | os.PathLike[str] | None) -> str | None:
    """A path as text."""
    return None if path is None else os.fspath(path)
