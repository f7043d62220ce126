"""Signals of tasks, as masks: the lines Sig* of /proc/PID/status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crashdrive.linux.survey import Fields
from crashdrive.records import Bits, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.survey import Survey

_SIGNALS = 64
_FIELDS = {
    "pending": ("pending.signal.sig",),
    "shared": ("signal->shared_pending.signal.sig",),
    "blocked": ("blocked.sig",),
    "sighand": ("sighand",),
}
_IGNORE = 1  # SIG_IGN (include/uapi/asm-generic/signal-defs.h)


class SignalMasks(Record, frozen=True):
    """Masks of signals: bit N-1 is signal N. ``pending_signals``: pending for this thread,
    ``process_signals``: for any thread of its process.
    """

    pid: int | None
    comm: str | None
    pending_signals: Bits | None
    process_signals: Bits | None
    blocked_signals: Bits | None
    ignored_signals: Bits | None
    caught_signals: Bits | None


def signal_masks(survey: Survey, rows: Sequence[TaskRow]) -> Iterator[SignalMasks]:
    """The signals of these tasks; of an ended one only the pending ones."""
    kernel = survey.kernel
    fields = Fields(kernel, "struct task_struct", _FIELDS, _FIELDS)
    found = survey.rows(fields, [row.task for row in rows], "signals")
    handlers = list(dict.fromkeys(row["sighand"] for row in found if row["sighand"]))
    paths = [f"action[{number}].sa.sa_handler" for number in range(_SIGNALS)]
    columns = survey.gaps(kernel.read_many("struct sighand_struct", handlers, paths), "signals")
    actions = dict(zip(handlers, columns, strict=True))
    for row, masks in zip(rows, found, strict=True):
        done = actions.get(masks["sighand"])
        known = done is not None and None not in done
        yield SignalMasks(
            pid=row.pid,
            comm=row.comm,
            pending_signals=_mask(masks["pending"]),
            process_signals=_mask(masks["shared"]),
            blocked_signals=_mask(masks["blocked"]),
            ignored_signals=_bits([one == _IGNORE for one in done]) if known and done else None,
            caught_signals=_bits([one > _IGNORE for one in done]) if known and done else None,
        )


def _mask(words: Any) -> int | None:
    if words is None:
        return None
    parts: tuple[int, ...] = words if isinstance(words, tuple) else (words,)
    return sum(part << 64 * at for at, part in enumerate(parts))


def _bits(flags: Sequence[bool]) -> int:
    return sum(1 << at for at, flag in enumerate(flags) if flag)
