"""Resource limits of processes, as /proc/PID/limits has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from crashdrive.records import Long, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.processes.rows import TaskRow
    from crashdrive.linux.survey import Survey


class _Limit(NamedTuple):
    name: str
    unit: str | None


# lnames of fs/proc/base.c by their number (include/uapi/asm-generic/resource.h)
_LIMITS = (
    _Limit("cpu time", "seconds"), _Limit("file size", "bytes"), _Limit("data size", "bytes"),
    _Limit("stack size", "bytes"), _Limit("core file size", "bytes"), _Limit("resident set", "bytes"),
    _Limit("processes", "processes"), _Limit("open files", "files"), _Limit("locked memory", "bytes"),
    _Limit("address space", "bytes"), _Limit("file locks", "locks"), _Limit("pending signals", "signals"),
    _Limit("msgqueue size", "bytes"), _Limit("nice priority", None), _Limit("realtime priority", None),
    _Limit("realtime timeout", "us"),
)  # fmt: skip


class ProcessLimit(Record, frozen=True):
    """A limit of a process by its name in /proc/PID/limits without ``Max``; None is unlimited."""

    pid: int | None
    comm: str | None
    limit_name: str
    soft_limit: Long | None
    hard_limit: Long | None
    unit: str | None


def process_limits(survey: Survey, rows: Sequence[TaskRow]) -> Iterator[ProcessLimit]:
    """The limits of these processes; a process whose limits the dump lacks has no row."""
    kernel = survey.kernel
    unlimited = (1 << 8 * kernel.pointer_size) - 1
    paths = [
        f"signal->rlim[{number}].{part}"
        for number in range(len(_LIMITS))
        for part in ("rlim_cur", "rlim_max")
    ]
    columns = kernel.read_many("struct task_struct", [row.task for row in rows], paths)
    survey.gaps(columns, "limits")
    for row, values in zip(rows, columns, strict=True):
        for limit, soft, hard in zip(_LIMITS, values[::2], values[1::2], strict=True):
            if soft is not None and hard is not None:
                yield ProcessLimit(
                    pid=row.pid,
                    comm=row.comm,
                    limit_name=limit.name,
                    soft_limit=None if soft == unlimited else soft,
                    hard_limit=None if hard == unlimited else hard,
                    unit=limit.unit,
                )
