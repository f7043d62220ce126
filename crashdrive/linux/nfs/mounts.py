"""Mounted filesystems of NFS servers (``struct nfs_server``), and the state that their clients share.

Sources: fs/nfs/client.c, super.c; include/linux/nfs_fs_sb.h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crashdrive.integers import Long
from crashdrive.linux.fs.mount_table import mount_rows
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.flags import CLIENT, BitNames, words
from crashdrive.linux.nfs.places import Endpoints, of_namespaces
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Bits, Record

_NET, _SERVER, _CLIENT = "struct nfs_net", "struct nfs_server", "struct nfs_client"
# include/uapi/linux/nfs_mount.h; bits from 0x10000 on are the kernel's own, and have moved
_MOUNT_FLAGS = {
    0x1: "SOFT", 0x2: "INTR", 0x4: "SECURE", 0x8: "POSIX", 0x10: "NOCTO", 0x20: "NOAC", 0x40: "TCP",
    0x80: "VER3", 0x100: "KERBEROS", 0x200: "NONLM", 0x400: "BROKEN_SUID", 0x800: "NOACL",
    0x1000: "STRICTLOCK", 0x2000: "SECFLAVOUR", 0x4000: "NORDIRPLUS", 0x8000: "UNSHARED",
}  # fmt: skip
# include/linux/nfs_fs_sb.h: those that have been the same since 2.6
_CAPABILITIES = {1: "READDIRPLUS", 2: "HARDLINKS", 4: "SYMLINKS", 8: "ACLS", 16: "ATOMIC_OPEN"}
_SIZES = ("rsize", "wsize", "rpages", "wpages", "wtmult", "bsize", "dtsize")
_TIMES = ("acregmin", "acregmax", "acdirmin", "acdirmax")
_OF_SERVER = {
    "client": ("nfs_client",), "hostname": ("nfs_client->cl_hostname", "hostname"), "flags": ("flags",),
    "capabilities": ("caps",), "rpc": ("client",), "super": ("super",),
    **{name: (name,) for name in (*_SIZES, *_TIMES)},
}  # fmt: skip
_OF_CLIENT = {
    "hostname": ("cl_hostname",), "version": ("rpc_ops->version",), "minor": ("cl_minorversion",),
    "construction": ("cl_cons_state",), "state": ("cl_state",), "rpc": ("cl_rpcclient",),
    "transport": ("cl_rpcclient->cl_xprt",), "owner": ("cl_owner_id",), "id": ("cl_clientid",),
    "lease": ("cl_lease_time",), "renewal": ("cl_last_renewal",),
}  # fmt: skip


class NfsMount(Record, frozen=True):
    """A filesystem of a server, ``struct nfs_server``; ``mount_points`` of all mount namespaces.

    ``flags``: of include/uapi/linux/nfs_mount.h, others as a number; ``rsize``, ``wsize``, ``dtsize``
    and ``bsize`` in bytes, ``rpages`` and ``wpages`` in pages. ``attribute_times``, in seconds: how long
    attributes of files (acregmin, acregmax) and of folders (acdirmin, acdirmax) are kept.
    """

    address: Address
    netns: str | None
    hostname: str | None
    mount_points: tuple[str, ...]
    flags: str | None
    server_capabilities: str | None
    capability_bits: Bits | None
    rsize: int | None
    wsize: int | None
    rpages: int | None
    wpages: int | None
    wtmult: int | None
    bsize: int | None
    dtsize: int | None
    attribute_times: Mapping[str, float | None]
    client_address: Address | None
    rpc_address: Address | None
    super_block: Address | None


class NfsClient(Record, frozen=True):
    """What the mounts of one server share, ``struct nfs_client``.

    ``construction``: 0 where it is ready, above where it is being made, negative: the error that ended it.
    ``state``: of version 4, in the kernel's words. ``lease``: in seconds, ``renewed_ago``: since it was last
    renewed; None where there is no lease yet.
    """

    address: Address
    netns: str | None
    hostname: str | None
    remote: str | None
    nfs_version: int | None
    minor_version: int | None
    construction: int | None
    state: str | None
    state_bits: Bits | None
    owner_id: str | None
    client_id: Long | None
    lease: float | None
    renewed_ago: float | None
    rpc_address: Address | None
    transport_address: Address | None


def nfs_clients(survey: NetSurvey) -> list[NfsClient]:
    """The clients of the chosen namespaces, those without a mount yet, too."""
    nets = _listed(survey, "nfs_client_list", _CLIENT, "cl_share_link", "NFS clients")
    return NfsClients(survey).at(list(nets), nets)


def nfs_mounts(survey: NetSurvey) -> list[NfsMount]:
    """The filesystems of servers in the chosen namespaces."""
    nets = _listed(survey, "nfs_volume_list", _SERVER, "master_link", "NFS mounts")
    if not nets:
        return []
    points: dict[int, dict[str, None]] = {}
    for mount in survey.attempt("mounts", lambda: mount_rows(survey)):
        if mount.mount_point:
            points.setdefault(mount.super_block, {})[mount.mount_point] = None
    fields = Fields(survey.kernel, _SERVER, _OF_SERVER, ("client", "flags", "capabilities"))
    rows = survey.addressed(fields, list(nets), "NFS mounts")
    names = texts(survey, (row["hostname"] for _, row in rows), "NFS mounts")
    return [
        NfsMount(
            address=address,
            netns=nets[address],
            hostname=names[row["hostname"]],
            mount_points=tuple(points.get(row["super"] or 0, ())),
            flags=words(row["flags"], _MOUNT_FLAGS),
            server_capabilities=words(row["capabilities"], _CAPABILITIES),
            capability_bits=row["capabilities"],
            attribute_times={name: _seconds(row[name], survey.kernel.hz) for name in _TIMES},
            client_address=row["client"] or None,
            rpc_address=row["rpc"] or None,
            super_block=row["super"] or None,
            **{name: row[name] for name in _SIZES},
        )
        for address, row in rows
    ]


class NfsClients:
    """Reads clients by their addresses."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def at(self, addresses: Sequence[int], nets: Mapping[int, str] | None = None) -> list[NfsClient]:
        """The clients at these addresses; ``nets``: the labels of their namespaces."""
        survey, kernel = self._survey, self._survey.kernel
        fields = Fields(kernel, _CLIENT, _OF_CLIENT, ("hostname", "version", "rpc"))
        rows = survey.addressed(fields, addresses, "NFS clients")
        if not rows:
            return []
        names = texts(survey, (row[one] for _, row in rows for one in ("hostname", "owner")), "NFS clients")
        shift = kernel.offset(_CLIENT, "cl_addr")
        peers = Endpoints(survey, (address + shift for address, _ in rows))
        bits = BitNames(survey, CLIENT)
        renewed = survey.seconds([row["renewal"] if row["lease"] else None for _, row in rows])
        return [
            NfsClient(
                address=address,
                netns=(nets or {}).get(address),
                hostname=names[row["hostname"]],
                remote=peer.address if (peer := peers[address + shift]) else None,
                nfs_version=row["version"],
                minor_version=row["minor"],
                construction=row["construction"],
                state=bits.words(row["state"]),
                state_bits=row["state"],
                owner_id=names[row["owner"]],
                client_id=row["id"],
                lease=_seconds(row["lease"], kernel.hz) or None,
                renewed_ago=None if ago is None else -ago,
                rpc_address=_usable(row["rpc"]),
                transport_address=_usable(row["transport"]),
            )
            for (address, row), ago in zip(rows, renewed, strict=True)
        ]


def _usable(pointer: int | None) -> int | None:
    """The pointer; None of NULL, and of the error that stands there while a client is being made."""
    return pointer if pointer and pointer < (1 << 64) - 4095 else None


def _seconds(ticks: Any, hz: int) -> float | None:
    return None if ticks is None else ticks / hz


def _listed(survey: NetSurvey, head: str, kind: str, member: str, what: str) -> dict[int, str]:
    """What is on a list of each namespace, with the namespace's label."""
    found: dict[int, str] = {}
    for net, place in of_namespaces(survey, "nfs", "nfs_net_id").items():
        listed = survey.kernel.walk_list(place + survey.kernel.offset(_NET, head), kind, member)
        survey.walked(listed, what)
        found |= dict.fromkeys(listed.addresses, survey.labels[net])
    return found
