"""Starting crash: the ladder of options and binaries, each rung with its deadline."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from crashdrive.cache.rungs import Went
from crashdrive.errors import DeadlineError, SessionDiedError, StartError
from crashdrive.records import Record
from crashdrive.session.binaries import Binary
from crashdrive.session.folder import RawImage
from crashdrive.session.health import (
    ALL_COMMANDS,
    MISSING_WITH,
    Attempt,
    Health,
    doubted,
    greeting_warnings,
    option_warnings,
)
from crashdrive.session.indexing import Index
from crashdrive.session.process import processor_seconds
from crashdrive.session.standin import NOTHING_SHOWN, Shown, standin
from crashdrive.session.transport import OutOfTimeError, PtyTransport
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.session.remote.away import Away

BASE_OPTIONS = ("-s", "--no_crashrc", "--no_scroll")
# From whole to poor. Kernel 7.2 needs --no_modules with crash 9.0.2 and --no_kmem_cache too with 8.0.6;
# dumps without their page tables or slabs need the later ones.
LADDER: tuple[tuple[str, ...], ...] = (
    (),
    ("--no_modules",),
    ("--no_kmem_cache", "--no_modules"),
    ("--zero_excluded", "--no_kmem_cache", "--no_modules"),
    ("--minimal",),
)
# For physical memory alone nothing else is needed: no task table, no modules, no slab caches.
MINIMAL = ("--minimal",)
# seconds of processor, or of doing nothing: it takes two with the vmlinux, and next to none without
_MINIMAL_PATIENCE = 20.0
_MODE = "minimal mode commands:"
# no other option makes these right for the same binary: a dump of another kernel, no dump, no debug data
_FINAL = re.compile(
    r"do not match!|not a supported file format|No such file or directory|Permission denied"
    r"|machine type mismatch|no debugging data available|cannot open object file|^\S+: \S+ failed to start"
    r"|^its prompt is ",
    re.MULTILINE,
)
# where crash says that it fell over a type of the kernel, and the option that leaves that part out
_FELL_IN = re.compile(r"invalid structure .*\n.*FUNCTION: (\w+)\(\)")
_WITHOUT = {"module_init": "--no_modules", "kmem_cache_init": "--no_kmem_cache"}
# a signal that isn't a fault of crash's own, and the words of crash and gdb where the host has no memory
_FROM_OUTSIDE = re.compile(
    r"crash ended: (?:killed by (?!SIG(?:SEGV|BUS|ABRT|FPE|ILL|TRAP)\b)|its keeper|.*: the connection broke)"
    r"|^crash: cannot (?:[mc]|re)?alloc|virtual memory exhausted"
    r"|Cannot allocate memory",
    re.MULTILINE,
)
# mkstemp() in ramdump.c
_RAW_HEADER = re.compile(r"/var/tmp/ramdump_elf_\w{6}")  # noqa: S108 - crash's choice
# all rungs together, as a multiple of the patience for one
_PATIENCE = 2.0

Notify = Callable[[str], object]
# how such a start went on this dump before; None where it wasn't tried
Past = Callable[[str, Sequence[str]], Went | None]


@dataclass(frozen=True, slots=True)
class Start:
    """How a session is started: on which files, with which patience (seconds for each rung), and with gdb's
    index of the vmlinux where there is one. ``machine``: ELF's number of its architecture. A file of bytes is
    made for that crash alone. ``away``: crash starts on another host, and the files are there. ``shown``:
    what a stand-in needs beside its own symbols: see `standin`.
    """

    files: tuple[str | bytes | RawImage, ...]
    rung_seconds: float = 120.0
    extra: tuple[str, ...] = ()
    index: Index | None = None
    machine: int = 62
    away: Away | None = None
    shown: Shown = NOTHING_SHOWN

    def with_standin(self) -> Start | None:
        """The same without the vmlinux: enough to read physical memory; None for other machines."""
        image = standin(self.machine, self.shown)
        if image is None:
            return None
        return replace(self, files=(image, *self.files[1:]), index=None)


class Launched(Record, frozen=True):
    """A crash at its first prompt, and how it got there.

    ``minimal``: what its options take away another crash will give when it is asked for; ``standin``: it has
    no vmlinux.
    """

    binary: Binary
    options: tuple[str, ...]
    greeting: str
    attempts: tuple[Attempt, ...]
    minimal: bool = False
    standin: bool = False


def start_one(
    binary: Binary,
    options: Sequence[str],
    start: Start,
    seconds: float | None = None,
    idle: float | None = None,
) -> tuple[PtyTransport, str]:
    """One crash at its prompt and what it said before; SessionDiedError or OutOfTimeError otherwise.

    ``idle``: seconds after which one that doesn't work any more is given up, and seconds of processor that
    one gets, so that a busy host costs patience, and a hanging crash none.
    """
    index = start.index if start.index is not None and start.index.fits(binary) else None
    arguments = [*BASE_OPTIONS, *options, *start.extra]
    transport: PtyTransport
    if start.away is not None:
        transport = start.away.transport(binary.path, arguments, start.files)
    else:
        transport = PtyTransport(
            Path(binary.path),
            arguments,
            paths=start.files,
            equip=None if index is None else functools.partial(index.equip, binary),
            command=binary.command,
        )
    patience = start.rung_seconds if seconds is None else seconds
    try:
        greeting = transport.greeting(patience, idle)
        if index is not None:
            transport.exchange(index.end(binary), patience)
    except BaseException:
        _drop_header(transport, start)
        transport.close()
        raise
    _drop_header(transport, start)
    return transport, greeting.decode("utf-8", "backslashreplace")


def _drop_header(transport: PtyTransport, start: Start) -> None:
    """Remove the ELF header that crash has made of a raw image, and holds open: killed, it would leave it."""
    if not any(isinstance(file, RawImage) for file in start.files):
        return
    with suppress(OSError):
        for descriptor in Path(f"/proc/{transport.crash_pid()}/fd").iterdir():
            if _RAW_HEADER.fullmatch(str(target := descriptor.readlink())):
                target.unlink()


class Ladder:
    """The starts that are left to try: all binaries on each rung before the next, each until it comes up.

    ``attempts`` is what was tried, ``notify`` is called with a line for each.
    """

    def __init__(
        self,
        binaries: Sequence[Binary],
        start: Start,
        notify: Notify = lambda _line: None,
        past: Past = lambda _binary, _options: None,
    ) -> None:
        """``past``: what is known of such a start on this dump."""
        self.attempts: list[Attempt] = []
        self.start = start
        self.notify = notify
        self._rungs = sorted(_rungs(binaries), key=lambda rung: _promise(past(rung[1].path, rung[0])))
        self._deadline = time.monotonic() + _PATIENCE * start.rung_seconds

    def has_more(self, bound: int) -> bool:
        """Whether a start is left whose options alone leave fewer than ``bound`` commands in doubt."""
        self._rungs = [rung for rung in self._rungs if doubted(option_warnings(rung[0])) < bound]
        return bool(self._rungs) and time.monotonic() < self._deadline

    def climb(self, bound: int = ALL_COMMANDS + 1) -> tuple[PtyTransport, Launched] | None:
        """The next start that gives a prompt, ``bound`` as in `has_more`; None if none does."""
        while self.has_more(bound):
            options, binary = self._rungs.pop(0)
            self.notify(_starting(binary, options, self.start))
            seconds = min(self._deadline - time.monotonic(), self.start.rung_seconds)
            transport, attempt, final = _try_rung(binary, options, self.start, seconds)
            self.attempts.append(attempt)
            if transport is not None or final:
                self._rungs = [rung for rung in self._rungs if rung[1].path != binary.path]
            if transport is not None:
                launched = Launched(
                    binary=binary, options=options, greeting=attempt.said, attempts=tuple(self.attempts)
                )
                return transport, launched
            self._rungs = [rung for rung in self._rungs if not _hopeless(attempt, *rung)]
            self.notify(_went(attempt))
        return None

    def note(self, doubts: Sequence[str]) -> None:
        """Keep the doubts about the last start that a look at its crash has found."""
        self.attempts[-1] = msgspec.structs.replace(self.attempts[-1], doubts=tuple(doubts))

    def fell(self, how: str, cause: BaseException | None = None) -> None:
        """Count the last start as failed: its crash gave a prompt, and ended when it was looked at."""
        cut = isinstance(cause, OutOfTimeError) or ended_from_outside(how)
        self.attempts[-1] = msgspec.structs.replace(self.attempts[-1], outcome="failed", said=how, cut=cut)
        self.notify(how)

    def failure(self) -> StartError | DeadlineError:
        """The error to raise where no start gave a prompt."""
        if self.attempts and all(attempt.outcome == "deadline" for attempt in self.attempts):
            return DeadlineError(_explain(self.attempts))
        return StartError(_explain(self.attempts), self.attempts)


def climb(
    binaries: Sequence[Binary], start: Start, notify: Notify = lambda _line: None
) -> tuple[PtyTransport, Launched]:
    """The first start that gives a prompt; StartError if none does, DeadlineError if none ended in time."""
    ladder = Ladder(binaries, start, notify)
    found = ladder.climb()
    if found is None:
        raise ladder.failure()
    return found


def _hopeless(attempt: Attempt, options: Sequence[str], binary: Binary) -> bool:
    """Whether a start must fail as that attempt: it lacks the option that leaves out what crash fell over."""
    found = _FELL_IN.search(attempt.said) if attempt.outcome == "failed" else None
    wanted = _WITHOUT.get(found[1]) if found else None
    richer = wanted is not None and wanted not in options and MINIMAL[0] not in options
    return richer and binary.path == attempt.binary


def _starting(binary: Binary, options: Sequence[str], start: Start) -> str:
    if start.index is not None and start.index.fits(binary):
        options = (*options, "(with gdb's index)")
    return f"starting {binary.path} ({binary.version or 'unknown version'}) {' '.join(options)}".rstrip()


def _went(attempt: Attempt) -> str:
    return f"{attempt.outcome} after {attempt.seconds:.1f} s: {_last_line(attempt.said)}"


def start_minimal(
    binary: Binary,
    start: Start,
    notify: Notify = lambda _line: None,
    *,
    past: Past = lambda _binary, _options: None,
    learn: Callable[[Attempt], object] = lambda _attempt: None,
) -> tuple[PtyTransport, Launched] | None:
    """A crash that has built no tables of its own (``--minimal``); None where it doesn't come up so.

    It comes up at once where it is content with a stand-in for the vmlinux.
    """
    attempts: list[Attempt] = []
    for how, stands_in in ((start.with_standin(), True), (start, False)):
        name = (*MINIMAL, "(without the vmlinux)") if stands_in else MINIMAL
        if how is None or ((known := past(binary.path, name)) is not None and not known.up):
            continue
        notify(f"{_starting(binary, MINIMAL, how)}{' (without the vmlinux)' * stands_in}")
        transport, attempt, _ = _try_rung(binary, MINIMAL, how, start.rung_seconds, _MINIMAL_PATIENCE)
        attempt = msgspec.structs.replace(attempt, standin=stands_in)
        attempts.append(attempt)
        learn(attempt)
        if transport is not None:
            return transport, Launched(
                binary=binary,
                options=MINIMAL,
                greeting="".join(
                    line for line in attempt.said.splitlines(keepends=True) if _MODE not in line
                ),
                attempts=tuple(attempts),
                minimal=True,
                standin=stands_in,
            )
        notify(_went(attempt))
        if attempt.outcome == "deadline":
            break
    return None


def _promise(went: Went | None) -> int:
    """The lower the sooner to be tried: one that was whole, those that aren't known, one that failed."""
    if went is None or (went.up and went.doubts):
        return 1
    return 0 if went.up else 2


def went(attempt: Attempt) -> Went | None:
    """What there is to learn of a start; None where it wasn't crash's own doing that it failed."""
    if attempt.outcome == "prompt":
        return Went(up=True, doubts=len(attempt.doubts))
    own = attempt.outcome == "failed" and not attempt.cut and not ended_from_outside(attempt.said)
    return Went(up=False) if own else None


def ended_from_outside(said: str) -> bool:
    """Whether crash was killed, or its keeper, or had no memory left: by what is said of its end."""
    return _FROM_OUTSIDE.search(said) is not None


def rung_name(attempt: Attempt) -> tuple[str, ...]:
    """What such a start is known by."""
    return (*attempt.options, "(without the vmlinux)") if attempt.standin else attempt.options


def _rungs(binaries: Sequence[Binary]) -> Iterator[tuple[tuple[str, ...], Binary]]:
    for options in LADDER:
        for binary in binaries:
            yield options, binary


def _try_rung(
    binary: Binary, options: tuple[str, ...], start: Start, seconds: float, idle: float | None = None
) -> tuple[PtyTransport | None, Attempt, bool]:
    began = time.monotonic()
    transport: PtyTransport | None = None
    processor: float | None = None
    cut = False
    try:
        transport, said = start_one(binary, options, start, seconds, idle)
        outcome = "prompt"
        processor = processor_seconds(transport.crash_pid())
    except OutOfTimeError as error:
        outcome, said = "deadline", error.output.decode("utf-8", "backslashreplace")
    except SessionDiedError as error:
        outcome, said = "failed", error.output.decode("utf-8", "backslashreplace") or str(error)
        cut = ended_from_outside(str(error))
    attempt = Attempt(
        binary=binary.path,
        version=binary.version,
        options=options,
        seconds=time.monotonic() - began,
        outcome=outcome,
        said=said,
        processor=processor,
        indexed=start.index is not None and start.index.fits(binary),
        cut=cut,
    )
    return transport, attempt, outcome == "failed" and _FINAL.search(said) is not None


def health_of(launched: Launched) -> Health:
    """What the ladder gave."""
    lacking = () if launched.minimal else launched.options
    return Health(
        binary=launched.binary.path,
        version=launched.binary.version,
        gdb_version=launched.binary.gdb_version,
        options=launched.options,
        attempts=launched.attempts,
        warnings=(*option_warnings(lacking), *greeting_warnings(launched.greeting)),
        missing=tuple(MISSING_WITH[option] for option in lacking if option in MISSING_WITH),
    )


def _explain(attempts: Sequence[Attempt]) -> str:
    """One line with each binary's last words, of its first start: the one without options."""
    first: dict[str, Attempt] = {}
    for attempt in attempts:
        first.setdefault(attempt.binary, attempt)
    told = "; ".join(f"{printable(a.binary)} ({a.version or '?'}): {_words(a)}" for a in first.values())
    tried = f"{len(attempts)} start{'s' * (len(attempts) != 1)} tried"
    hint = "" if any(map(_told, attempts)) else "; it may be too old for this kernel, or the dump damaged"
    return f"crash can't open this dump ({tried}): {told}{hint}"


def _told(attempt: Attempt) -> bool:
    """Whether crash itself said why it ended; killed by a signal it can't."""
    return not attempt.said.startswith("crash ended: exit status")


# of a live kernel: crash compares its vmlinux by a program that may be missing (match_proc_version())
_NO_STRINGS = "/usr/bin/strings: not found"
_OTHER_KERNEL = "/proc/version do not match!"


def _words(attempt: Attempt) -> str:
    """What a start that failed came to: crash's last words, and that they aren't the reason where it hung."""
    if _NO_STRINGS in attempt.said:
        return "it compares the vmlinux with /proc/version by /usr/bin/strings, which is missing (binutils)"
    if _OTHER_KERNEL in attempt.said:
        return "the vmlinux and /proc/version do not match"
    line = _last_line(attempt.said)
    if attempt.outcome == "deadline" and line:
        return f"{_WORDLESS['deadline']}, its last words: {line}"
    return line or _WORDLESS[attempt.outcome]


_WORDLESS = {"failed": "exited without a word", "deadline": "no prompt in time"}


# crash's usage and its trace of itself, for which it has nm look up its own functions
_TRACE = re.compile(r"^\[.*\] error trace: ", re.MULTILINE)
_UNTELLING = re.compile(
    r"Usage|Enter|crash \[|WARNING|NOTE: |FILE: |\[.*\] error trace: |(?:\S*/)?nm: "
    r"|[0-9a-f]{6,16}: \S+(?:\+\d+)?$"
)


def _last_line(said: str) -> str:
    """The line that tells most: behind the error itself are crash's usage, its trace and empty lines."""
    lines = [printable(line.strip()) for line in _TRACE.split(said)[0].splitlines() if line.strip()]
    telling = [line for line in lines if not _UNTELLING.match(line)]
    return (telling or lines or [""])[-1][:300]
