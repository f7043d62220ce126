"""A machine as a client of NFS, as PyKdump's ``nfsshow --client`` prints it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

from crashdrive.linux.net.devices.devices import devices
from crashdrive.linux.net.devices.ifaddrs import ipv4_addresses, ipv6_addresses
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.calls import CallsAt
from crashdrive.linux.nfs.lockd import nlm_waits
from crashdrive.linux.nfs.mounts import NfsClient, NfsClients, NfsMount, nfs_mounts
from crashdrive.linux.nfs.opens import nfs_delegations, nfs_opens
from crashdrive.linux.nfs.transports import Transports
from crashdrive.pykdump.likeness import rpc
from crashdrive.pykdump.likeness.marks import told

_WIDE = 76


def lines(survey: NetSurvey, verbose: int) -> Iterator[str]:
    """Mounts with their servers and connections, and who waits for a lock; nothing without mounts."""
    mounts = survey.attempt("NFS mounts", lambda: [one for one in nfs_mounts(survey) if one.mount_points])
    if not mounts:
        return
    yield f"{'*' * 20}  Host As A NFS-client  {'*' * 20}"
    yield f" -- {len(mounts)} mounted shares, by flags/caps:"
    for name, kind in (("flags", "flags"), ("caps", "server_capabilities")):
        for value, number in Counter(told(getattr(one, kind)) for one in mounts).items():
            yield f"  {number:3d} shares with {name}=<{value}>"
    pointers = dict.fromkeys(int(one.client_address) for one in mounts if one.client_address)
    known = {int(one.address): one for one in NfsClients(survey).at(list(pointers))}
    own = survey.attempt("addresses of interfaces", lambda: _own_addresses(survey))
    for mount in mounts:
        yield from _mount(mount)
        client = known.get(int(mount.client_address or 0))
        if client is not None:
            yield from _client(survey, client, verbose)
            if client.remote in own:
                yield f"       WARNING: NFS loopback mount -> {client.remote}"
        if client is not None and client.nfs_version == 4 and verbose > 1:
            yield from _state(client)
            yield from _server(survey, mount)
    last = [int(one.rpc_address) for one in known.values() if one.rpc_address][-1:]
    for client_of_rpc in CallsAt(survey).clients(last):
        yield from rpc.statistics(survey, client_of_rpc)
    yield from waits(survey)


def _own_addresses(survey: NetSurvey) -> list[str]:
    rows = [device.row for device in devices(survey) if device.row["net"] in survey.chosen]
    four = ipv4_addresses(survey, [row["four"] for row in rows])
    six = ipv6_addresses(survey, [row["six"] for row in rows])
    return [one.address for some in (*four, *six) for one in some]


def client(survey: NetSurvey, address: int, verbose: int) -> Iterator[str]:
    """The client at an address, whose mount may not be done yet."""
    for one in NfsClients(survey).at([address]):
        yield from _client(survey, one, verbose)
        if one.nfs_version == 4 and verbose > 1:
            yield from _state(one)


def _mount(mount: NfsMount) -> Iterator[str]:
    point = ", ".join(mount.mount_points)
    yield f"   ---<struct nfs_server {int(mount.address):#x}> {told(mount.hostname)}:{point}"
    yield (
        f"       flags=<{told(mount.flags)}>, caps=<{told(mount.server_capabilities)}> "
        f"rsize={told(mount.rsize)}, wsize={told(mount.wsize)}"
    )


def _client(survey: NetSurvey, one: NfsClient, verbose: int) -> Iterator[str]:
    yield f"       NFS version: {told(one.nfs_version)}.{told(one.minor_version)}"
    yield f"    --- <struct nfs_client {int(one.address):#x}> {told(one.hostname)} {told(one.remote)}"
    if verbose and one.owner_id:
        yield f"      {one.owner_id}"
    if one.construction:
        said = "is being made" if one.construction > 0 else "couldn't be made"
        yield f"      {said} (cl_cons_state={one.construction})"
    if verbose > 1 and one.rpc_address:
        yield f"        ... <struct rpc_clnt {int(one.rpc_address):#x}>"
    if one.transport_address:
        links = Transports(survey).at([int(one.transport_address)])
        yield from rpc.connections(survey, links, verbose)


def _state(one: NfsClient) -> Iterator[str]:
    yield f"(struct nfs_client *){int(one.address):#x}"
    yield "NFS4 state information:"
    yield f"- cl_state={_hex(one.state_bits)} {one.state or ''}"
    yield "NFS4 lease information:"
    if one.lease is None or one.renewed_ago is None:
        yield "- no lease"
        return
    yield f"- cl_lease_time = {one.lease:.0f} seconds, cl_last_renewal = {one.renewed_ago:.1f} seconds ago"
    expired = "appears expired!" if one.renewed_ago >= one.lease else "is _NOT_ expired"
    yield f"- NFS4 lease {expired}"


def _server(survey: NetSurvey, mount: NfsMount) -> Iterator[str]:
    yield f"(struct nfs_server *){int(mount.address):#x}"
    yield f"- rsize = {told(mount.rsize)}, rpages = {told(mount.rpages)}"
    yield f"- wsize = {told(mount.wsize)}, wpages = {told(mount.wpages)}"
    yield (
        f"- wtmult (server disk block size) = {told(mount.wtmult)}, "
        f"bsize (server block size) = {told(mount.bsize)}"
    )
    yield f"- dtsize (readdir size) = {told(mount.dtsize)}"
    times = ", ".join(f"{name} = {_seconds(value)}" for name, value in mount.attribute_times.items())
    yield f"- {times}"
    yield f"- caps (capabilities) = {_hex(mount.capability_bits)} {told(mount.server_capabilities)}"
    yield "nfs_server.state_owners list:"
    for one in survey.attempt("open files of NFS", lambda: nfs_opens(survey, [mount])):
        yield from _open(one)
    yield "nfs_server.delegations list:"
    for left in survey.attempt("delegations", lambda: nfs_delegations(survey, [mount])):
        yield f"(struct nfs_delegation *){int(left.address):#x}"
        yield f"- inode = {_hex(left.inode_address)} {told(left.path)}"
        yield f"- type = {told(left.mode)} flags = {_hex(left.flags)}"


def _open(one: Any) -> Iterator[str]:
    yield f"(struct nfs4_state_owner *){_hex(one.owner_address)} uid {told(one.owner_uid)}"
    yield f"- so_flags = {_hex(one.owner_flags)}"
    yield f"(struct nfs4_state *){int(one.address):#x} {told(one.path)}"
    yield f"- inode = {_hex(one.inode_address)} flags = {_hex(one.flags)} state = {told(one.mode)}"
    yield (
        f"- n_rdonly = {told(one.readers)}, n_wronly = {told(one.writers)}, n_rdwr = {told(one.read_writers)}"
    )
    yield from (f"(struct nfs4_lock_state *){int(lock):#x}" for lock in one.lock_states)


def waits(survey: NetSurvey) -> Iterator[str]:
    """Processes that wait for locks of NLM at servers."""
    found = survey.attempt("waits for locks at servers", lambda: nlm_waits(survey))
    if found:
        yield "  ................ Waiting For Locks ........................."
    for one in found:
        length = None if one.first_byte is None else 0
        if one.first_byte is not None and one.last_byte is not None:
            length = one.last_byte - one.first_byte + 1
        yield f"    ----   <struct nlm_wait {int(one.address):#x}> {told(one.path)}"
        inode, own = _hex(one.inode_address), _hex(one.nfs_inode_address)
        yield f"      <struct inode {inode}> <struct nfs_inode {own}>"
        yield (
            f"         fl_start={told(one.first_byte)} fl_len={told(length)} owner={told(one.pid)} "
            f"ip={told(one.remote)}"
        )
        yield from _handle(one.handle)


def _handle(handle: str | None) -> Iterator[str]:
    if handle is None:
        return
    title = f"FH({len(handle) // 2})"
    parts = textwrap.wrap(handle, _WIDE - 8 - len(title)) or [""]
    yield f"         {title} {parts[0]}"
    yield from (f"{' ' * (10 + len(title))}{part}" for part in parts[1:])


def _hex(value: int | None) -> str:
    return "?" if value is None else f"{int(value):#x}"


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:g} s"
