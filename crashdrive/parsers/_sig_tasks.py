"""``sig``, ``sig -g``: how tasks handle signals, and which are pending.

Source in crash: ``do_sig()``, ``do_sig_thread_group()``, ``dump_signal_data()``, ``sigqueue_list()``
(task.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.grammar.columns import ELIDED
from crashdrive.parsers.grammar.tasks import TaskHeader
from crashdrive.records import Address, Bits, Notice, Record


class SignalAction(Record, frozen=True, kw_only=True):
    """What a signal does. ``handler`` is an address, or None with ``default`` or ``ignored`` set.

    ``sigaction``: the address of the ``struct sigaction``; ``mask``: signals blocked while the handler runs;
    ``flags``: a bit mask, with their names.
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
    """The signals of a task; with ``-g`` those of a thread group's leader, and all ``threads``.

    ``count``: users of the signal_struct (crash's COUNT or NR_THREADS). ``blocked`` is a bit mask.
    ``pending``: the task's own; ``shared_pending``: of its thread group. A value that crash doesn't print is
    None.
    """

    signal_struct: Address | None = None
    count: int | None = None
    actions: tuple[SignalAction, ...] = ()
    sigpending: bool | None = None
    blocked: Bits | None = None
    pending: Pending | None = None
    shared_pending: Pending | None = None
    threads: tuple[TaskSignals, ...] = ()


_HEX = r"[0-9a-f]{1,16}+"
_MASK = r"([0-9a-f]{16}+)"


class _State(NamedTuple):
    """Fields that a line gives."""

    place: int
    values: dict[str, Any]


_Row = tuple[int, SignalAction]
"""The offset of a row of the table, and its action: a bare tuple, as there are thousands."""


class _Queue(NamedTuple):
    """A queue's name, if it has one; the mask and the queue below it, None where missing."""

    place: int
    name: str | None = None
    mask: int | None = None
    queue: tuple[QueuedSignal, ...] | None = None


def signals() -> g.ParserElement:
    """A task's signals; with ``-g`` those of a thread group, each thread below an indented header::

    PID: 8970   TASK: f67d8560  CPU: 1   COMMAND: "procsig"
    SIGNAL_STRUCT: f6018680  COUNT: 1
     SIG SIGACTION  HANDLER       MASK       FLAGS
     [1]  f7877684  SIG_DFL 0000000000000000 0
     [2]  f7877698  804867a 0000000000000200 10000004 (SA_SIGINFO|SA_RESTART)
     ...
    SIGPENDING: no
       BLOCKED: 8000000200000800
    PRIVATE_PENDING
        SIGNAL: 0000000200000800
      SIGQUEUE:  SIG  SIGINFO
                  12  f51b9c84
    SHARED_PENDING
        SIGNAL: 0000000000000000
      SIGQUEUE: (empty)
    """
    head = g.task_header()
    thread_head = g.task_header("a thread's header line", indent=" ++")
    titles = g.Titles("SIG", "SIGACTION", "HANDLER", "MASK", "FLAGS")
    part = (_structure() | titles | _action_rows() | _pending() | _blocked() | _queue()).set_name(
        "SIGNAL_STRUCT, an action, SIGPENDING, BLOCKED or a queue of signals"
    )
    own = g.Many(part, until=head | thread_head, least=0)
    threads = g.Many(g.made(thread_head + own, _of_task), until=head, resume=thread_head | head, least=0)
    return g.Many(g.made(head + own + threads, _of_task), resume=head, least=0)


def _structure() -> g.Row:
    def state(row: re.Match[str]) -> _State:
        count = int(row[2]) if row[2] else None
        return _State(row.start(), {"signal_struct": int(row[1], 16), "count": count})

    users = r"(?:(?:COUNT|NR_THREADS): (-?\d{1,10}+))?+"
    return g.Row(rf" *+SIGNAL_STRUCT: ({_HEX}) *+{users}", state, "SIGNAL_STRUCT: ADDRESS")


def _pending() -> g.Row:
    return g.Row(
        r" *+SIGPENDING: (yes|no)",
        lambda row: _State(row.start(), {"sigpending": row[1] == "yes"}),
        "SIGPENDING: yes or no",
    )


def _blocked() -> g.Row:
    return g.Row(
        rf" *+BLOCKED: {_MASK}",
        lambda row: _State(row.start(), {"blocked": int(row[1], 16)}),
        "BLOCKED: MASK",
    )


def _action_rows() -> g.ParserElement:
    row = g.Row(
        rf" *+\[ *+(\d{{1,3}}+)\] ++({_HEX}) ++(SIG_DFL|SIG_IGN|{_HEX}) {_MASK} ({_HEX})"
        r"(?: \(([A-Z_|]{1,200}+)\))?+",
        _action,
        "an action: [SIGNAL] SIGACTION HANDLER MASK FLAGS",
    )
    return g.Rows(row, until=g.Anything(), bare=True)


def _action(row: re.Match[str]) -> _Row:
    signal, address, handler, mask, flags, names = row.groups()
    action = SignalAction(
        signal=int(signal),
        sigaction=int(address, 16),
        handler=None if handler.startswith("SIG") else int(handler, 16),
        default=handler == "SIG_DFL",
        ignored=handler == "SIG_IGN",
        mask=int(mask, 16),
        flags=int(flags, 16),
        flag_names=tuple(names.split("|")) if names else (),
    )
    return row.start(), action


def _queue() -> g.ParserElement:
    """Kernels before 2.6 have one queue, without a name."""
    name = g.Row(
        r" *+(PRIVATE|SHARED)_PENDING",
        lambda row: "shared_pending" if row[1] == "SHARED" else "pending",
        "PRIVATE_PENDING or SHARED_PENDING",
    )
    mask = g.Row(rf" *+SIGNAL: {_MASK}", lambda row: int(row[1], 16), "pending signals: SIGNAL: MASK")
    empty = g.Row(r" *+SIGQUEUE: ++\(empty\)", lambda _row: _Queued(()), "SIGQUEUE: (empty)")
    queued = g.Row(
        rf" *+(\d{{1,3}}+) ++({_HEX})",
        lambda row: QueuedSignal(signal=int(row[1]), siginfo=int(row[2], 16)),
        "a queued signal: SIG SIGINFO",
    )
    rows = g.Rows(queued, until=g.Anything(), least=0)
    full = g.made(g.Titles("SIGQUEUE:", "SIG", "SIGINFO") + rows, _queued)
    signals = mask + g.Gap() + g.Opt(empty | full)
    return g.made((name + g.Gap() + g.Opt(signals)) | signals, _as_queue)


class _Queued(NamedTuple):
    signals: tuple[QueuedSignal, ...]


def _queued(_text: g.Text, _place: int, found: list[QueuedSignal]) -> _Queued | None:
    return _Queued(tuple(found)) if found else None


def _as_queue(_text: g.Text, place: int, found: list[str | int | _Queued]) -> _Queue:
    name, mask, queue = None, None, None
    for one in found:
        match one:
            case str():
                name = one
            case int():
                mask = one
            case _Queued():
                queue = one.signals
    return _Queue(place, name, mask, queue)


def _of_task(text: g.Text, place: int, found: list[Any]) -> TaskSignals:
    """A task, or a thread of one, made of its parts. A part that stands twice is an error, a missing one a
    hole.
    """
    task, *parts = found
    values: dict[str, Any] = {}
    titled: set[str] = set()
    holes: list[str] = []
    rows: list[_Row] = []
    threads: list[TaskSignals] = []
    for part in parts:
        if type(part) is tuple:
            rows.append(part)
        elif isinstance(part, _State):
            _add(text, values, part)
        elif isinstance(part, _Queue):
            _add_queue(text, values, titled, holes, part)
        else:
            threads.append(part)
    holes += _missing(values, titled, alone=not threads)
    for hole in holes:
        said = f"task {task.task:x} {hole}"
        text.remark(place, Notice(kind="partial", message=said), incomplete=True, late=True)
    return TaskSignals(
        pid=task.pid,
        task=task.task,
        cpu=task.cpu,
        comm=task.comm,
        actions=_ascending(text, rows),
        threads=tuple(threads),
        **values,
    )


def _add(text: g.Text, values: dict[str, Any], part: _State) -> None:
    twice = next((name for name in part.values if name in values), None)
    if twice:
        text.misfit(part.place, f"{twice} stands twice")
    else:
        values |= part.values


def _add_queue(
    text: g.Text, values: dict[str, Any], titled: set[str], holes: list[str], part: _Queue
) -> None:
    name = part.name or "pending"
    if part.name:
        titled.add(name)
    if part.mask is None:
        return
    if part.queue is None:
        holes.append(f"has {name} without its queue")
    _add(text, values, _State(part.place, {name: Pending(signal=part.mask, queue=part.queue or ())}))


def _missing(values: dict[str, Any], titled: set[str], *, alone: bool) -> Iterator[str]:
    """The missing parts of a task. Kernels before 2.6 have no shared queue."""
    state = ("sigpending", "blocked", "pending")
    if "signal_struct" not in values and "sigpending" not in values:
        yield "has no signals"
    elif any(name in values for name in state):
        yield from (f"has no {name}" for name in state if name not in values)
    elif values["signal_struct"] and alone and "shared_pending" not in values:
        yield "has nothing behind its table of signals"
    yield from (f"has nothing of its {name}" for name in sorted(titled - values.keys()))
    if titled == {"shared_pending"} and "pending" in values:
        yield "has a queue without its name"


_ELIDED = expression(rf"^ *+(?:{ELIDED.pattern}) *+$", re.MULTILINE | re.ASCII)


def _ascending(text: g.Text, rows: list[_Row]) -> tuple[SignalAction, ...]:
    """Signals count up from 1; a missing one is a hole, unless crash says that it left some out."""
    kept: list[SignalAction] = []
    above, last = rows[0][0] if rows else 0, 0
    for place, action in rows:
        signal = action.signal
        if signal <= last:
            text.misfit(place, f"signal {signal} follows signal {last}")
            continue
        if signal != last + 1 and not _ELIDED.search(text, above, place):
            said = f"signals before {signal} are missing"
            text.note(place, "partial", said, incomplete=True, late=True)
        kept.append(action)
        above, last = place, signal
    return tuple(kept)
