"""What a server of NFS exports, to whom, and as whom (fs/nfsd/export.c, net/sunrpc/svcauth_unix.c).

Entries are those of /proc/net/rpc/NAME/contents; one that isn't valid has been asked for, and has no answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crashdrive.errors import FaultError
from crashdrive.linux.fs.mount_points import MountPoints
from crashdrive.linux.net.addresses import ipv6
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.caches import CacheEntries, Entry, RpcCache
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import texts
from crashdrive.records import Address, Bits, Notice, Record

_MOUNT = "struct mount"
_EXPORT = {
    "client": ("ex_client->name",), "flags": ("ex_flags",), "fsid": ("ex_fsid",), "uuid": ("ex_uuid",),
    "dentry": ("ex_path.dentry", "ex_dentry"), "mount": ("ex_path.mnt", "ex_mnt"),
    # kuid_t and kgid_t since 3.5
    "uid": ("ex_anon_uid.val", "ex_anon_uid"), "gid": ("ex_anon_gid.val", "ex_anon_gid"),
}  # fmt: skip
_HANDLE = {
    "client": ("ek_client->name",), "type": ("ek_fsidtype",),
    "dentry": ("ek_path.dentry", "ek_dentry"), "mount": ("ek_path.mnt", "ek_mnt"),
}  # fmt: skip
_PEER = {"class": ("m_class",), "domain": ("m_client->h.name",)}
_GROUPS = {"uid": ("uid.val", "uid"), "groups": ("gi",)}
_GROUP_INFO = {"count": ("ngroups",)}
_UUID = 16
# fs/nfsd/nfsfh.h: enum nfsd_fsid, the bytes of each type's identifier
_FSID_BYTES = {0: 8, 1: 4, 2: 12, 3: 8, 4: 8, 5: 8, 6: 16, 7: 24}
_MOST_GROUPS = 65536  # NGROUPS_MAX (include/uapi/linux/limits.h)


class NfsExport(Record, frozen=True):
    """An exported folder, ``struct svc_export``; ``flags``: NFSEXP_* of include/uapi/linux/nfsd/export.h.

    ``client``: the domain that it is exported to; ``uuid`` in hexadecimal; ``anonymous_uid`` and ``_gid``:
    whom squashed users become. ``unanswered``: asked for, and not answered.
    """

    address: Address
    netns: str | None
    path: str | None
    client: str | None
    flags: Bits | None
    fsid: int | None
    uuid: str | None
    anonymous_uid: int | None
    anonymous_gid: int | None
    valid: bool | None
    negative: bool | None
    unanswered: bool | None


class NfsHandle(Record, frozen=True):
    """The folder that the beginning of a file's handle means, ``struct svc_expkey``.

    ``fsid_type`` of ``enum nfsd_fsid``; ``fsid_words``: its words in hexadecimal, as the kernel prints them.
    """

    address: Address
    netns: str | None
    client: str | None
    fsid_type: int | None
    fsid_words: str | None
    path: str | None
    valid: bool | None
    negative: bool | None


class AddressDomain(Record, frozen=True):
    """The domain that an address belongs to, ``struct ip_map``; ``peer_class``: ``nfsd``."""

    address: Address
    netns: str | None
    peer_class: str | None
    remote: str | None
    domain: str | None
    valid: bool | None
    negative: bool | None


class UserGroups(Record, frozen=True):
    """The groups of a user, ``struct unix_gid``."""

    address: Address
    netns: str | None
    uid: int | None
    gids: tuple[int, ...] | None
    valid: bool | None
    negative: bool | None


def nfs_exports(survey: NetSurvey, caches: Sequence[RpcCache]) -> list[NfsExport]:
    """Entries of cache ``nfsd.export``."""
    found = _entries(survey, caches, "nfsd.export", "struct svc_export", _EXPORT)
    paths = _Paths(survey, (row for _, _, row in found))
    return [
        NfsExport(
            address=at, netns=entry.netns, path=paths.of(entry, row), client=paths.names[row["client"]],
            flags=None if row["flags"] is None else row["flags"] & 0xFFFFFFFF, fsid=row["fsid"],
            uuid=_bytes(survey, row["uuid"], _UUID), anonymous_uid=row["uid"], anonymous_gid=row["gid"],
            valid=entry.valid, negative=entry.negative, unanswered=entry.pending,
        )
        for entry, at, row in found
    ]  # fmt: skip


def nfs_handles(survey: NetSurvey, caches: Sequence[RpcCache]) -> list[NfsHandle]:
    """Entries of cache ``nfsd.fh``."""
    kind = "struct svc_expkey"
    found = _entries(survey, caches, "nfsd.fh", kind, _HANDLE)
    paths = _Paths(survey, (row for _, _, row in found))
    shift = survey.kernel.offset(kind, "ek_fsid") if found else 0
    return [
        NfsHandle(
            address=at, netns=entry.netns, client=paths.names[row["client"]], fsid_type=row["type"],
            fsid_words=_words(survey, at + shift, _FSID_BYTES.get(row["type"], 0)), path=paths.of(entry, row),
            valid=entry.valid, negative=entry.negative,
        )
        for entry, at, row in found
    ]  # fmt: skip


def address_domains(survey: NetSurvey, caches: Sequence[RpcCache]) -> list[AddressDomain]:
    """Entries of cache ``auth.unix.ip``."""
    kind = "struct ip_map"
    found = _entries(survey, caches, "auth.unix.ip", kind, _PEER)
    names = texts(survey, (row["domain"] for _, _, row in found), "domains")
    shift = survey.kernel.offset(kind, "m_addr") if found else 0
    return [
        AddressDomain(
            address=at, netns=entry.netns, peer_class=row["class"],
            remote=_plain(_bytes(survey, at + shift, 16)), domain=names[row["domain"]],
            valid=entry.valid, negative=entry.negative,
        )
        for entry, at, row in found
    ]  # fmt: skip


def user_groups(survey: NetSurvey, caches: Sequence[RpcCache]) -> list[UserGroups]:
    """Entries of cache ``auth.unix.gid``."""
    found = _entries(survey, caches, "auth.unix.gid", "struct unix_gid", _GROUPS)
    return [
        UserGroups(
            address=at, netns=entry.netns, uid=row["uid"], valid=entry.valid, negative=entry.negative,
            gids=_groups(survey, row["groups"]),
        )
        for entry, at, row in found
    ]  # fmt: skip


def _entries(
    survey: NetSurvey, caches: Sequence[RpcCache], name: str, kind: str, wanted: Mapping[str, Sequence[str]]
) -> list[tuple[Entry, int, dict[str, Any]]]:
    """Entries of a cache with the structures that they begin or are in."""
    entries = CacheEntries(survey, caches).named(name)
    if not entries:
        return []
    shift = survey.kernel.offset(kind, "h")
    places = [entry.address - shift for entry in entries]
    rows = survey.rows(Fields(survey.kernel, kind, wanted, wanted), places, name)
    return list(zip(entries, places, rows, strict=True))


class _Paths:
    """Paths and clients of entries."""

    def __init__(self, survey: Survey, rows: Iterable[Mapping[str, Any]]) -> None:
        known = list(rows)
        self._points = MountPoints(survey)
        # struct vfsmount is a part of struct mount
        self._shift = survey.kernel.offset(_MOUNT, "mnt") if known else 0
        mounts = (row["mount"] - self._shift for row in known if row["mount"])
        self._points.bring(mounts, (row["dentry"] for row in known))
        self.names = texts(survey, (row["client"] for row in known), "domains")

    def of(self, entry: Entry, row: Mapping[str, Any]) -> str | None:
        """The path; None of an entry without an answer."""
        if not entry.valid or not row["mount"]:
            return None
        return self._points.path(row["dentry"], row["mount"] - self._shift)


def _bytes(survey: Survey, place: int | None, size: int) -> str | None:
    """Bytes in hexadecimal; None behind NULL."""
    if not place:
        return None
    try:
        return bytes(survey.kernel.read(place, size)).hex()
    except FaultError as error:
        survey.miss([Notice(kind="hole", message=f"exports: {error}")])
        return None


def _words(survey: Survey, place: int, size: int) -> str | None:
    """Words of four bytes, each as a number in the machine's byte order, one after the other."""
    found = _bytes(survey, place, size) if size else None
    if found is None:
        return None
    raw, little = bytes.fromhex(found), survey.kernel.byte_order == "little"
    words = [raw[at : at + 4] for at in range(0, size, 4)]
    return "".join((word[::-1] if little else word).hex() for word in words)


def _plain(raw: str | None) -> str | None:
    """An address of IP; one of IPv4 that is written as one of IPv6 as that of IPv4."""
    return None if raw is None else ipv6(bytes.fromhex(raw)).removeprefix("::ffff:")


def _groups(survey: Survey, place: int | None) -> tuple[int, ...] | None:
    if not place:
        return None
    kernel, kind = survey.kernel, "struct group_info"
    fields = Fields(kernel, kind, _GROUP_INFO, _GROUP_INFO)
    (count,) = (row["count"] for row in survey.rows(fields, [place], "groups of users"))
    if count is None or not 0 <= count <= _MOST_GROUPS:
        if count is not None:
            survey.miss([Notice(kind="damaged", message=f"groups of users: {count} of one are impossible")])
        return None
    # blocks of pages until 4.9 (81243eacfa40): then UnknownMemberError, which a reader's caller notes
    first = place + kernel.offset(kind, "gid")
    found = _words(survey, first, 4 * count) if count else ""
    return None if found is None else tuple(int(found[at : at + 8], 16) for at in range(0, len(found), 8))
