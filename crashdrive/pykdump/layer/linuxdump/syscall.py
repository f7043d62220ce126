"""``LinuxDump.syscall``: the table of system calls."""

from __future__ import annotations

from crashdrive.pykdump.layer.lazy import lazy_names
from crashdrive.pykdump.layer.memo import kept
from crashdrive.pykdump.run import current


def get_SysCallTable() -> list[str | None]:
    """The names of the functions in ``sys_call_table``, by number."""
    known = kept("system calls")
    if "table" not in known:
        run = current()
        start, word = run.facts.address("sys_call_table"), run.kernel.pointer_size
        count = run.facts.system_calls()
        places = [run.pages.read_pointer(start + number * word) for number in range(count)]
        known["table"] = [str(name) if (name := run.facts.name(place)) else None for place in places]
    table: list[str | None] = known["table"]
    return table


__getattr__ = lazy_names(__name__, {"sct": get_SysCallTable})
