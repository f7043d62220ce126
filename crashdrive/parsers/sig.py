"""``sig``: how tasks handle signals, and which are pending.

Source in crash: ``do_sig()``, ``do_sig_thread_group()``, ``dump_signal_data()``, ``sigqueue_list()``,
``signame_list()``, ``translate_sigset()`` (task.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.columns import is_elided
from crashdrive.parsers.grammar.rows import demand_records, lines_of, parse_rows, skip_or_reject, words_of
from crashdrive.parsers.grammar.tasks import HEADER, TaskHeader, header_of, split_blocks
from crashdrive.records import Address, Bits, Record


class SignalAction(Record, frozen=True, kw_only=True):
    """What a signal does. ``handler`` is an address, or None with ``default`` or ``ignored`` set.

    ``sigaction``: the structure's address, ``mask``: signals blocked meanwhile, ``flags`` with their names.
    """

    signal: int
    sigaction: Address
    handler: Address | None = None
    default: bool = False
    ignored: bool = False
    mask: Bits
    flags: Bits
    flag_names: tuple[str, ...] = ()


class QueuedSignal(Record, frozen=True, kw_only=True):
    """A signal in a queue, and the address of its siginfo."""

    signal: int
    siginfo: Address


class Pending(Record, frozen=True, kw_only=True):
    """Pending signals as a bit mask, and their queue."""

    signal: Bits
    queue: tuple[QueuedSignal, ...] = ()


class TaskSignals(TaskHeader, frozen=True, kw_only=True):
    """The signals of a task; of a whole thread group (``-g``) its leader's, with all ``threads``.

    ``count``: users of the signal_struct (crash's COUNT or NR_THREADS). ``blocked`` is a bit mask.
    ``pending``: the task's own; ``shared_pending``: of its thread group. What crash doesn't print is None.
    """

    signal_struct: Address | None = None
    count: int | None = None
    actions: tuple[SignalAction, ...] = ()
    sigpending: bool | None = None
    blocked: Bits | None = None
    pending: Pending | None = None
    shared_pending: Pending | None = None
    threads: tuple[TaskSignals, ...] = ()


class SignalName(Record, frozen=True, kw_only=True):
    """A signal's number, name and other name."""

    number: int
    name: str
    alternative: str | None = None


class SignalInSet(Record, frozen=True, kw_only=True):
    """A signal whose bit is set (``-s``)."""

    name: str


OPTSTRING = "lR:s:g"
EXAMPLES = ("sig", "sig {pid}", "sig -g {pid}", "sig -l", "sig -s 800A000000000201", "sig -s 0", "sig 999999")

_HEX = r"[0-9a-f]{1,16}"
_STRUCT = re.compile(rf" *+SIGNAL_STRUCT: ({_HEX}) *(?:(?:COUNT|NR_THREADS): (-?\d{{1,10}}))?[ ]*")
_TITLES = ["SIG", "SIGACTION", "HANDLER", "MASK", "FLAGS"]
_ACTION = re.compile(
    rf" *+\[ *(\d{{1,3}})\] +({_HEX}) +(SIG_DFL|SIG_IGN|{_HEX}) ([0-9a-f]{{16}}) ({_HEX})"
    r"(?: \(([A-Z_|]{1,200})\))?[ ]*"
)
_PENDING = re.compile(r" *+SIGPENDING: (yes|no)[ ]*")
_BLOCKED = re.compile(r" *+BLOCKED: ([0-9a-f]{16})[ ]*")
_QUEUE_NAME = re.compile(r" *+(PRIVATE|SHARED)_PENDING[ ]*")
_SIGNAL = re.compile(r" *+SIGNAL: ([0-9a-f]{16})[ ]*")
_QUEUE = re.compile(r" *+SIGQUEUE: +(?:\((empty)\)|SIG +SIGINFO)[ ]*")
_QUEUED = re.compile(rf" *+(\d{{1,3}}) +({_HEX})[ ]*")


class _Reader:
    """The lines of one task."""

    def __init__(self, source: Source, task: TaskHeader) -> None:
        self._source = source
        self.values: dict[str, Any] = {"pid": task.pid, "task": task.task, "cpu": task.cpu, "comm": task.comm}
        self.actions: list[SignalAction] = []
        self._into = "pending"
        self._queue: list[QueuedSignal] | None = None
        self._said = False
        self._titles: set[str] = set()
        self._gap = False

    def feed(self, offset: int, line: str) -> None:
        """One line."""
        if is_elided(self._source, offset, line):
            self._gap = True
        elif not (self._action(offset, line) or self._state(offset, line) or self._pending(offset, line)):
            skip_or_reject(self._source, offset, line, "nothing of a task's signals")

    def _action(self, offset: int, line: str) -> bool:
        found = _ACTION.fullmatch(line)
        if found is None:
            return words_of(line) == _TITLES
        signal, handler = int(found[1]), found[3]
        last = self.actions[-1].signal if self.actions else 0
        if signal <= last:
            self._source.fail(offset, f"signal {signal} follows signal {last}")
        if signal != last + 1 and not self._gap:
            place = self._source.position(offset)[0]
            self._source.note("partial", f"signals before {signal} are missing", line=place, incomplete=True)
        self._gap = False
        self.actions.append(
            SignalAction(
                signal=signal,
                sigaction=int(found[2], 16),
                handler=None if handler.startswith("SIG") else int(handler, 16),
                default=handler == "SIG_DFL",
                ignored=handler == "SIG_IGN",
                mask=int(found[4], 16),
                flags=int(found[5], 16),
                flag_names=tuple(found[6].split("|")) if found[6] else (),
            )
        )
        return True

    def _state(self, offset: int, line: str) -> bool:
        if found := _STRUCT.fullmatch(line):
            self._set(offset, "signal_struct", int(found[1], 16))
            self.values["count"] = int(found[2]) if found[2] else None
        elif found := _PENDING.fullmatch(line):
            self._set(offset, "sigpending", found[1] == "yes")
        elif found := _BLOCKED.fullmatch(line):
            self._set(offset, "blocked", int(found[1], 16))
        else:
            return False
        return True

    def _set(self, offset: int, name: str, value: Any) -> None:
        if name in self.values:
            self._source.fail(offset, f"{name} stands twice")
        self.values[name] = value

    def _pending(self, offset: int, line: str) -> bool:
        if found := _QUEUE_NAME.fullmatch(line):
            self._close()
            self._into = "shared_pending" if found[1] == "SHARED" else "pending"
            self._titles.add(self._into)
        elif found := _SIGNAL.fullmatch(line):
            self._set(offset, self._into, int(found[1], 16))
            self._said = False
        elif found := _QUEUE.fullmatch(line):
            if not isinstance(self.values.get(self._into), int):
                return False
            self._queue = None if found[1] else []
            self._said = True
        elif self._queue is not None and (found := _QUEUED.fullmatch(line)):
            self._queue.append(QueuedSignal(signal=int(found[1]), siginfo=int(found[2], 16)))
        else:
            return False
        return True

    def _close(self) -> None:
        mask = self.values.get(self._into)
        if isinstance(mask, int):
            self.values[self._into] = Pending(signal=mask, queue=tuple(self._queue or ()))
            if not self._said or self._queue == []:
                self._hole(f"has {self._into} without its queue")
        self._queue = None

    def _missing(self, *, alone: bool) -> Iterator[str]:
        """What isn't there although something else is. Kernels before 2.6 have no shared queue."""
        state = ("sigpending", "blocked", "pending")
        if "signal_struct" not in self.values and "sigpending" not in self.values:
            yield "has no signals"
        elif any(name in self.values for name in state):
            yield from (f"has no {name}" for name in state if name not in self.values)
        elif self.values["signal_struct"] and alone and "shared_pending" not in self.values:
            yield "has nothing behind its table of signals"
        yield from (f"has nothing of its {name}" for name in sorted(self._titles - self.values.keys()))
        if self._titles == {"shared_pending"} and "pending" in self.values:
            yield "has a queue without its name"

    def _hole(self, what: str) -> None:
        self._source.note("partial", f"task {self.values['task']:x} {what}", incomplete=True)

    def finish(self, threads: tuple[TaskSignals, ...] = ()) -> TaskSignals:
        """The record; a hole where a task has neither a table nor a state."""
        self._close()
        for text in self._missing(alone=not threads):
            self._hole(text)
        return TaskSignals(**self.values, actions=tuple(self.actions), threads=threads)


def _parse_signals(source: Source) -> list[TaskSignals]:
    return demand_records(source, [_task(source, *block) for block in split_blocks(source)])


def _task(source: Source, head: re.Match[str], _start: int, end: int) -> TaskSignals:
    """A block: the leader, and with ``-g`` each thread below an indented header."""
    whole = _Reader(source, header_of(head))
    inner = [found for found in HEADER.finditer(source.text, head.end() + 1, end) if found["indent"]]
    starts = [head.end() + 1, *(found.end() + 1 for found in inner)]
    ends = [*(found.start() for found in inner), end]
    readers = [whole, *(_Reader(source, header_of(found)) for found in inner)]
    for reader, first, last in zip(readers, starts, ends, strict=True):
        for offset, line in lines_of(source.text, first, last):
            reader.feed(offset, line)
    return whole.finish(tuple(reader.finish() for reader in readers[1:]))


_NAME = re.compile(
    r"^ *+\[ *(?P<number>\d{1,3})\] (?P<name>SIG[A-Z0-9]{1,12}(?:[+-]\d{1,2})?)"
    r"(?:/(?P<other>SIG[A-Z]{1,12}))?[ ]*$",
    re.MULTILINE,
)


def _parse_names(source: Source) -> list[SignalName]:
    def make(row: re.Match[str]) -> SignalName:
        return SignalName(number=int(row["number"]), name=row["name"], alternative=row["other"])

    found = demand_records(source, parse_rows(source, _NAME, make))
    numbers = [signal.number for signal in found]
    if numbers != list(range(1, len(numbers) + 1)) and source.complete:
        source.note("partial", "the numbers don't count up from 1", incomplete=True)
    return found


_SET = re.compile(r"SIG[A-Z0-9]{1,12}(?:[+-]\d{1,2})?(?:/SIG[A-Z]{1,12})?")


def _parse_set(source: Source) -> list[SignalInSet]:
    if source.text.strip() == "(none)":
        return []
    found: list[SignalInSet] = []
    for offset, line in source.lines():
        words = words_of(line)
        if not all(map(_SET.fullmatch, words)):
            source.fail(offset, "no name of a signal")
        found += [SignalInSet(name=word) for word in words]
    return demand_records(source, found)


SHAPES = (
    Shape(
        name="names",
        record=SignalName,
        parse=_parse_names,
        options="-l",
        when=lambda source: source.command.has("l"),
    ),
    Shape(
        name="set",
        record=SignalInSet,
        parse=_parse_set,
        options="-s sigset",
        when=lambda source: source.command.has("s"),
    ),
    Shape(name="signals", record=TaskSignals, parse=_parse_signals, options="(none) -g"),
)
