"""Remote procedure calls and their connections as PyKdump's ``nfsshow`` prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.sockets.every import sockets
from crashdrive.linux.net.sockets.rows import Wanted
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.calls import Calls, CallsAt, RpcCall, RpcClient
from crashdrive.linux.nfs.transports import RpcTransport, Transports
from crashdrive.linux.survey import Fields, Survey
from crashdrive.pykdump.likeness.marks import told
from crashdrive.pykdump.likeness.sockets import socket_line

_NFS = 100003
# names of procedures that a program of the kernel doesn't name: that of NULL is none there
_NULL = {2: "NFSPROC_NULL", 3: "NFS3PROC_NULL", 4: "NFSPROC4_NUL"}
_LONG_AGO = 10 * 3600
_IP = Wanted(frozenset({"tcp", "tcp6", "udp", "udp6"}), listening=True, connected=True)


def summary(survey: NetSurvey, found: Calls, *, verbose: int, most: int) -> Iterator[str]:
    """All calls, ``most`` at most, and the connections that they use; ``verbose`` -1: numbers alone."""
    total = len(found.calls)
    if verbose >= 0 and total > most:
        yield f"  ----Printing first {most} out of total {total} RPC Tasks ---------"
    else:
        yield f"  ------- {total} RPC Tasks ---------"
    if found.clients:
        yield f"      --- {len(found.clients)} RPC Clients ----"
    shown = found.calls[:most] if verbose >= 0 else found.calls
    clients = {int(one.address): one for one in found.clients}
    links = _transports(survey, [one.transport_address for one in found.clients])
    for call in shown if verbose >= 0 else ():
        yield f"    --- <struct rpc_task {int(call.address):#x}>"
        yield from _call(call, clients.get(int(call.client_address or 0)), links, verbose)
    yield " --- XPRT Info ---"
    used = dict.fromkeys(
        client.transport_address
        for call in shown
        if (client := clients.get(int(call.client_address or 0))) is not None
    )
    yield from connections(survey, [links[int(one)] for one in used if one and int(one) in links], 2)


def decoded(survey: Survey, address: int, verbose: int) -> Iterator[str]:
    """The call at an address."""
    at = CallsAt(survey)
    for call in at.calls([address]):
        clients = at.clients([call.client_address]) if call.client_address else []
        links = _transports(survey, [one.transport_address for one in clients])
        yield from _call(call, next(iter(clients), None), links, verbose)


def _transports(survey: Survey, addresses: Sequence[int | None]) -> dict[int, RpcTransport]:
    wanted = list(dict.fromkeys(int(address) for address in addresses if address))
    return {int(one.address): one for one in Transports(survey).at(wanted)}


def _call(
    call: RpcCall, client: RpcClient | None, links: Mapping[int, RpcTransport], verbose: int
) -> Iterator[str]:
    link = links.get(int(client.transport_address or 0)) if client else None
    protocol = told(client.protocol_number if client else None)
    peer = told(link.remote.rpartition(":")[0].strip("[]") if link and link.remote else None)
    yield f"\tProtocol= {protocol}  Server= {told(client.server if client else None)} {peer}"
    if verbose > 1 and client:
        yield f"\t  <struct rpc_clnt {int(client.address):#x}>"
        yield f"\t  <struct rpc_xprt {int(client.transport_address or 0):#x}>"
    yield f"\tOwner pid={told(call.owner_pid)}"
    yield f"\t  rpc_proc={_procedure(call, client)} {_name(call)}  tk_status={told(call.status)}"
    program, version = (client.program_number, client.program_version) if client else (None, None)
    yield f"\t  pmap_prog= {told(program)} , pmap_vers= {told(version)}"
    if call.retries:
        major = "n/a" if call.major_in is None else f"in {call.major_in:.1f} s"
        yield f"\t  rq_retries= {call.retries} rq_timeout= {told(call.timeout)} s rq_majortimeo {major}"
    if call.callback:
        yield f"\t  callback={call.callback}"
    if call.queue:
        yield f"\t  waits on={call.queue}"
    if call.started_ago is not None:
        yield f"\t  started {call.started_ago * 1000:.0f} ms ago"
    if verbose > 2:
        yield f"\t  tk_flags={told(call.flags)}"
        yield f"\t  action={told(call.action)}"


def _procedure(call: RpcCall, client: RpcClient | None) -> str:
    name = call.procedure
    if call.procedure_number == 0 and client and client.program_number == _NFS:
        name = _NULL.get(client.program_version or 0)
    return f"{told(call.procedure_number)}({name})" if name else str(told(call.procedure_number))


def _name(call: RpcCall) -> str:
    """``None`` where the program gives its procedure no name."""
    return str(call.procedure) if call.procedure_number is not None else told(call.procedure)


def connections(survey: NetSurvey, links: Sequence[RpcTransport], verbose: int) -> Iterator[str]:
    """Connections of clients: their state, socket, queues and counters."""
    wanted = {int(link.socket_address) for link in links if link.socket_address} if verbose else set()
    found = sockets(survey, _IP, processes=False) if wanted else []
    own = {int(one.address): one for one in found if int(one.address) in wanted}
    for link in links:
        yield from _connection(link, own, verbose)


def _connection(link: RpcTransport, own: Mapping[int, Any], verbose: int) -> Iterator[str]:
    address = int(link.address)
    kind = "rpc_xprt" if link.protocol == "rdma" else "sock_xprt"
    yield f"      ... <rpc_xprt {address:#x}> ... <{kind} {address:#x}>"
    yield f"        state={told(link.state)}"
    yield f"        last_used {_ago(link.used_ago)} s ago"
    if verbose < 1:
        return
    socket = own.get(int(link.socket_address or 0))
    if socket is not None:
        yield f"        {' '.join(socket_line(socket).split())}"
    elif link.socket_address:
        yield f"        <struct sock {int(link.socket_address):#x}>"
    else:
        yield "         !!! no xport socket yet"
    for name, length in link.queues.items():
        yield f"        len({name}) queue is {told(length)}"
    for name, value in link.call_counters.items():
        yield f"        {name:>15s}  {told(value)}"
    yield ""


def _ago(seconds: float | None) -> str:
    if seconds is None or seconds < 0:
        return "     n/a"
    return ">10hours" if seconds > _LONG_AGO else f"{seconds:8.1f}"


def statistics(survey: Survey, client: RpcClient) -> Iterator[str]:
    """Counters of a client's program, of all its clients."""
    kind = "struct rpc_stat"
    names = ("netcnt", "netudpcnt", "nettcpcnt", "nettcpconn", "netreconn", "rpccnt", "rpcretrans",
             "rpcauthrefresh", "rpcgarbage")  # fmt: skip
    if not client.statistics_address:
        return
    yield f"  .... Stats for program  {told(client.program)}"
    fields = Fields(survey.kernel, kind, {name: (name,) for name in names})
    for row in survey.rows(fields, [client.statistics_address], "counters of programs"):
        yield from (f"        {name:>15s}  {told(row[name])}" for name in names if fields.has(name))
