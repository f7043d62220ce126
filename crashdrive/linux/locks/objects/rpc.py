"""Remote procedure calls, such as those of NFS: their waiters wait for a bit (net/sunrpc/sched.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from crashdrive.linux.locks.objects import Belonging
from crashdrive.linux.survey import Fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crashdrive.linux.survey import Survey

TYPE = "rpc"
OF = "bit"
FUNCTIONS = re.compile(r"rpc_wait_bit_killable|__rpc_execute|rpc_(wait_for_completion_task|run_task)")
_TASK = "struct rpc_task"
_FIELDS = {
    "procedure": ("tk_msg.rpc_proc->p_name",),
    "program": ("tk_client->cl_program->name",),
    "version": ("tk_client->cl_vers",),
    "server": ("tk_client->cl_xprt->servername",),
}
_STRING = 128


def belonging(survey: Survey, addresses: Sequence[int]) -> Iterator[Belonging]:
    """The calls whose ``tk_runstate`` a task waits for: ``READ of nfs version 4 at SERVER``."""
    kernel = survey.kernel
    offset = kernel.offset(_TASK, "tk_runstate")
    fields = Fields(kernel, _TASK, _FIELDS, ("program", "server"))
    calls = [address - offset for address in addresses]
    rows = survey.rows(fields, calls, "remote procedure calls")
    for address, row in zip(addresses, rows, strict=True):
        program, server = (_text(survey, row, name) for name in ("program", "server"))
        if program and server:
            procedure = _text(survey, row, "procedure") or "call"
            version = "?" if row["version"] is None else row["version"]
            yield Belonging(address, f"{procedure} of {program} version {version} at {server}")


def _text(survey: Survey, row: dict[str, Any], name: str) -> str | None:
    place = row.get(name)
    if not place:
        return None
    found = survey.attempt(f"the {name} of a call", lambda: [survey.kernel.read_string(place, _STRING)])
    return found[0].decode("ascii", "backslashreplace") if found else None
