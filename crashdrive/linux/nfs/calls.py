"""Remote procedure calls that aren't done, and the clients that make them (net/sunrpc/clnt.c, sched.c)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from crashdrive.linux.clock import clock
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.flags import CALL, BitNames
from crashdrive.linux.nfs.places import of_namespaces
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import functions, texts
from crashdrive.records import Address, Record

_NET, _CLIENT, _CALL = "struct sunrpc_net", "struct rpc_clnt", "struct rpc_task"
_OF_CLIENT = {
    "id": ("cl_clid",),
    "program": ("cl_program->name",),
    "program_number": ("cl_prog",),
    "version": ("cl_vers",),
    "server": ("cl_xprt->servername", "cl_server"),
    "protocol": ("cl_xprt->prot",),
    "transport": ("cl_xprt",),
    "statistics": ("cl_stats",),
    "parent": ("cl_parent",),
}
_OF_CALL = {
    "client": ("tk_client",),
    "request": ("tk_rqstp",),
    "number": ("tk_msg.rpc_proc->p_proc",),
    "procedure": ("tk_msg.rpc_proc->p_name",),
    "status": ("tk_status",),
    "owner": ("tk_owner",),
    "flags": ("tk_flags",),
    "callback": ("tk_callback",),
    "action": ("tk_action",),
    "queue": ("tk_waitqueue->name",),
    # ktime_t was a union until 4.10 (2456e8553544)
    "start": ("tk_start", "tk_start.tv64"),
    "retries": ("tk_rqstp->rq_retries",),
    "timeout": ("tk_rqstp->rq_timeout",),
    "major": ("tk_rqstp->rq_majortimeo",),
}
_SECOND = 1_000_000_000


class RpcClient(Record, frozen=True):
    """A client of a program at a server, ``struct rpc_clnt``.

    ``protocol_number`` is that of its transport (6: TCP, 17: UDP), ``parent_address`` the client that it was
    made of. ``statistics_address``: counters of the program.
    """

    address: Address
    netns: str | None
    number: int | None
    program: str | None
    program_number: int | None
    program_version: int | None
    server: str | None
    protocol_number: int | None
    transport_address: Address | None
    statistics_address: Address | None
    parent_address: Address | None


class RpcCall(Record, frozen=True):
    """A call that isn't done, ``struct rpc_task``.

    ``procedure`` by its name, None where the program names none; ``callback`` and ``action`` are functions.
    ``queue``: what it waits on. ``owner_pid``: the process that it is made for. ``started_ago`` and
    ``timeout`` in seconds, ``major_in``: seconds until it counts as timed out, negative since.
    """

    address: Address
    client_address: Address | None
    procedure: str | None
    procedure_number: int | None
    status: int | None
    owner_pid: int | None
    flags: str | None
    callback: str | None
    action: str | None
    queue: str | None
    started_ago: float | None
    retries: int | None
    timeout: float | None
    major_in: float | None


class Calls(NamedTuple):
    """Clients and their calls, each client's together."""

    clients: tuple[RpcClient, ...]
    calls: tuple[RpcCall, ...]


def rpc_calls(survey: NetSurvey) -> Calls:
    """The clients of the chosen namespaces, and their calls that aren't done."""
    kernel = survey.kernel
    nets: dict[int, int] = {}
    for net, place in of_namespaces(survey, "sunrpc", "sunrpc_net_id").items():
        head = place + kernel.offset(_NET, "all_clients")
        found = kernel.walk_list(head, _CLIENT, "cl_clients")
        survey.walked(found, "clients of remote calls")
        nets |= dict.fromkeys(found.addresses, net)
    if not nets:
        return Calls((), ())
    labels = {client: survey.labels[net] for client, net in nets.items()}
    at = CallsAt(survey)
    clients = at.clients(list(nets), labels)
    shift = kernel.offset(_CLIENT, "cl_tasks")
    tasks = kernel.walk_lists([client + shift for client in nets], _CALL, "tk_task")
    survey.walked(tasks, "remote calls")
    return Calls(tuple(clients), tuple(at.calls(tasks.addresses)))


class CallsAt:
    """Reads calls and their clients by their addresses."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def clients(self, addresses: Sequence[int], nets: Mapping[int, str] | None = None) -> list[RpcClient]:
        """The clients at these addresses; ``nets``: the labels of their namespaces."""
        survey = self._survey
        fields = Fields(survey.kernel, _CLIENT, _OF_CLIENT, ("program_number", "version", "transport"))
        rows = survey.addressed(fields, addresses, "clients of remote calls")
        names = texts(survey, (row[one] for _, row in rows for one in ("program", "server")), "clients")
        return [
            RpcClient(
                address=address,
                netns=(nets or {}).get(address),
                number=row["id"],
                program=names[row["program"]],
                program_number=row["program_number"],
                program_version=row["version"],
                server=names[row["server"]],
                protocol_number=row["protocol"],
                transport_address=row["transport"],
                statistics_address=row["statistics"],
                parent_address=row["parent"] or None,
            )
            for address, row in rows
        ]

    def calls(self, addresses: Sequence[int]) -> list[RpcCall]:
        """The calls at these addresses."""
        survey = self._survey
        fields = Fields(survey.kernel, _CALL, _OF_CALL, ("client", "status", "flags"))
        rows = survey.addressed(fields, addresses, "remote calls")
        if not rows:
            return []
        names = texts(survey, (row[one] for _, row in rows for one in ("procedure", "queue")), "remote calls")
        code = functions(survey.kernel, (row[one] for _, row in rows for one in ("callback", "action")))
        bits = BitNames(survey, CALL)
        now = survey.attempt("the clock", lambda: [clock(survey)])
        majors = survey.seconds([row["major"] if row["request"] else None for _, row in rows])
        return [
            RpcCall(
                address=address,
                client_address=row["client"] or None,
                procedure=names[row["procedure"]],
                procedure_number=row["number"],
                status=row["status"],
                owner_pid=row["owner"],
                flags=bits.words(row["flags"]),
                callback=code[row["callback"]],
                action=code[row["action"]],
                queue=names[row["queue"]],
                started_ago=_ago(row, now[0].monotonic if now else None),
                retries=row["retries"] if row["request"] else None,
                timeout=_seconds(row, survey.kernel.hz),
                major_in=major,
            )
            for (address, row), major in zip(rows, majors, strict=True)
        ]


def _ago(row: Mapping[str, Any], now: float | None) -> float | None:
    return None if now is None or row["start"] is None else now - row["start"] / _SECOND


def _seconds(row: Mapping[str, Any], hz: int) -> float | None:
    return row["timeout"] / hz if row["request"] and row["timeout"] is not None else None
