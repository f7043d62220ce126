"""One box for all: a pid, an address, a symbol, a type with an address, a report."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.kernel.types.model import FunctionType, type_name
from crashdrive.near import hint
from crashdrive.reports import report_names
from crashdrive.serve.desk import Desk
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.places import is_per_cpu

if TYPE_CHECKING:
    from crashdrive.crash import Crash

_PID = re.compile(r"[0-9]{1,7}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{1,16}|[0-9a-fA-F]{8,16}")
_TYPED = re.compile(r"((?:(?:struct|union) )?[A-Za-z_]\w*)[ @]+(?:0x)?([0-9a-fA-F]{5,16})")
_NAME = re.compile(r"[A-Za-z_][\w.]*")


class _Symbol(NamedTuple):
    address: int
    type: str | None
    cpu: int | None  # of a per-CPU variable the first one


def page(asked: Asked, desk: Desk) -> Reply:
    """``find?q=...`` leads to the page that is meant."""
    words = " ".join(asked.text("q").split())
    if _PID.fullmatch(words):
        return _to(asked.link("task", pid=int(words)))
    if _ADDRESS.fullmatch(words):
        return _to(asked.link("bytes", address=words.lower().removeprefix("0x")))
    if typed := _TYPED.fullmatch(words):
        return _to(asked.link("structure", type=typed[1], address=typed[2].lower()))
    if words in report_names():
        return _to(asked.link(f"report/{words}"))
    if not _NAME.fullmatch(words):
        raise UsageError(
            f"{words!a}: a pid, an address, a symbol, a report, or a type and an address can be looked up"
        )
    return _to(_of_symbol(asked, desk, words))


def _of_symbol(asked: Asked, desk: Desk, name: str) -> str:
    """The page of a variable as its type, of a CPU's own one, or of the bytes of anything else."""
    found = desk.ask(f"symbol {name}", f"symbol {name}", lambda crash: _symbol(crash, name), short=True)
    if found is None:
        near = hint(name, report_names())
        raise UsageError(f"{name!a} is no symbol of this kernel and no report{near}")
    if found.type is None:
        return asked.link("bytes", address=f"{found.address:x}")
    if found.cpu is not None:
        return asked.link("structure", type=found.type, symbol=name, cpu=found.cpu)
    return asked.link("structure", type=found.type, address=f"{found.address:x}")


def _symbol(crash: Crash, name: str) -> _Symbol | None:
    kernel = crash.kernel
    if not kernel.symbols.has(name):
        return None
    address = kernel.symbols.address(name)
    cpu = kernel.cpus[0] if is_per_cpu(kernel, address) else None
    try:
        kind = kernel.variable_type(name)
    except CrashdriveError:
        return _Symbol(address if cpu is None else kernel.per_cpu_address(name, cpu), None, cpu)
    return _Symbol(address, None if isinstance(kind, FunctionType) else type_name(kind), cpu)


def _to(url: str) -> Reply:
    return Reply(b"", status=303, to=url)
