"""What a server of NFS exports and has locked for clients, as PyKdump's ``nfsshow --server`` prints it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.caches import RpcCache, rpc_caches
from crashdrive.linux.nfs.exports import address_domains, nfs_exports, nfs_handles, user_groups
from crashdrive.linux.nfs.lockd import lockd_connections, nlm_files
from crashdrive.linux.nfs.served import (
    Connections,
    ServedConnection,
    deferred_requests,
    kept_replies,
    nfsd_connections,
)
from crashdrive.pykdump.likeness.marks import told

# include/uapi/linux/nfsd/export.h: the word of exports(5) where the bit is set, and where it isn't
_FLAGS: Mapping[int, tuple[str, str]] = {
    0x1: ("ro", "rw"), 0x2: ("insecure", ""), 0x4: ("root_squash", "no_root_squash"), 0x8: ("all_squash", ""),
    0x10: ("async", "sync"), 0x20: ("wdelay", "no_wdelay"), 0x200: ("nohide", ""), 0x4000: ("crossmnt", ""),
    0x400: ("no_subtree_check", ""), 0x800: ("insecure_locks", ""), 0x10000: ("v4root", ""),
}  # fmt: skip
_FSID = 0x2000
_RECENT = 10.0
_PROTOCOLS = {6: "tcp", 17: "udp"}


def lines(survey: NetSurvey, verbose: int) -> Iterator[str]:
    """Exports, clients, connections; ``verbose`` -1: numbers alone."""
    yield f"{'*' * 20}  Host As A NFS-server  {'*' * 20}"
    caches = survey.attempt("caches of remote calls", lambda: rpc_caches(survey))
    if verbose >= 0:
        yield from _domains(survey, caches)
        yield ""
    yield from _exports(survey, caches, verbose)
    yield ""
    yield from _handles(survey, caches, verbose)
    yield ""
    if verbose >= 0:
        yield from _groups(survey, caches)
        yield ""
    yield from locked_files(survey)
    yield from _connections(survey, verbose)
    waiting = survey.attempt("deferred requests", lambda: deferred_requests(survey))
    if waiting:
        yield f" WARNING: {len(waiting)} deferred requests"
    if not 0 <= verbose < 2:
        yield from _replies(survey, verbose)


def caches_of_net(survey: NetSurvey) -> Iterator[str]:
    """The caches that addresses and users of clients are looked up in."""
    for cache in survey.attempt("caches of remote calls", lambda: rpc_caches(survey)):
        if cache.cache_name in ("auth.unix.ip", "auth.unix.gid"):
            name = {"auth.unix.ip": "ip_map_cache", "auth.unix.gid": "unix_gid_cache"}[cache.cache_name]
            title = f"{name}/{cache.cache_name}"
            yield f"  {title:30s} <struct cache_detail {int(cache.address):#x}> {told(cache.entries)} entries"


def _domains(survey: NetSurvey, caches: Sequence[RpcCache]) -> Iterator[str]:
    yield "-----IP Map (/proc/net/rpc/auth.unix.ip)------------"
    yield "    #class              IP         domain"
    for one in survey.attempt("addresses of clients", lambda: address_domains(survey, caches)):
        domain = told(one.domain) if one.valid and not one.negative else ""
        yield f"    {told(one.peer_class):<8s} {told(one.remote):>20s}  {domain}".rstrip()


def _exports(survey: NetSurvey, caches: Sequence[RpcCache], verbose: int) -> Iterator[str]:
    yield "----- NFS Exports (/proc/net/rpc/nfsd.export)------------"
    found = survey.attempt("exports", lambda: nfs_exports(survey, caches))
    waiting = [one for one in found if one.unanswered]
    valid = [one for one in found if one.valid and not one.negative and not one.unanswered]
    for one in (*valid, *waiting) if verbose >= 0 else ():
        mark = " (p)" if one.unanswered else "    "
        place = f"  <struct svc_export {int(one.address):#x}>" if verbose > 0 else ""
        yield f"{mark} {told(one.path)} {told(one.client)} {place}".rstrip()
        yield ",".join(_options(one))
    if verbose < 0:
        yield f"    {len(valid)} valid entries"
    if waiting:
        yield f" WARNING: pending entries in nfsd.export cache: {len(waiting)}"


def _options(one: Any) -> Iterator[str]:
    if one.flags is None:
        yield "?"
        return
    for mask, words in _FLAGS.items():
        if word := words[not one.flags & mask]:
            yield word
    if rest := one.flags & ~(sum(_FLAGS) | _FSID):
        yield f"flags={rest:#x}"
    if one.flags & _FSID:
        yield f"fsid={told(one.fsid)}"
    if one.uuid:
        yield "uuid=" + ":".join(one.uuid[at : at + 8] for at in range(0, len(one.uuid), 8))


def _handles(survey: NetSurvey, caches: Sequence[RpcCache], verbose: int) -> Iterator[str]:
    yield "----- NFS FH (/proc/net/rpc/nfsd.fh)------------"
    found = survey.attempt("handles", lambda: nfs_handles(survey, caches))
    if verbose < 0:
        yield f"    {len(found)} entries"
        return
    yield "#domain fsidtype fsid [path]"
    for one in found:
        path = f" {told(one.path)}" if one.valid and not one.negative else ""
        yield f"{told(one.client)} {told(one.fsid_type)} 0x{told(one.fsid_words)}{path}"


def _groups(survey: NetSurvey, caches: Sequence[RpcCache]) -> Iterator[str]:
    yield "-----GID Map (/proc/net/rpc/auth.unix.gid)------------"
    yield "#uid cnt: gids..."
    for one in survey.attempt("groups of users", lambda: user_groups(survey, caches)):
        groups = one.gids if one.valid and not one.negative else ()
        said = "?" if groups is None else " ".join([f"{len(groups)}:", *map(str, groups)])
        yield f"{told(one.uid)} {said}"


def locked_files(survey: NetSurvey) -> Iterator[str]:
    """Files that clients have locked by NLM."""
    found = survey.attempt("files that clients locked", lambda: nlm_files(survey))
    if found:
        yield "  -- Files NLM locks for clients ----"
    for one in found:
        yield f"    File: {told(one.path)}"
        yield f"          <struct nlm_file {int(one.address):#x}>"
        yield from (f"       Host: {host}" for host in one.hosts)


def lockd(survey: NetSurvey) -> Iterator[str]:
    """The connections of the server of locks."""
    yield f"{'*' * 20}  NLM(lockd) Info {'*' * 20}"
    yield from locked_files(survey)
    found = survey.attempt("connections of lockd", lambda: lockd_connections(survey))
    if not found:
        return
    yield "  -- Sockets Used by NLM"
    for kept, title in (("permanent", "     -- Permanent Sockets"), ("temporary", " -- Temp Sockets")):
        some = [one for one in found if one.kept == kept]
        if some or kept == "permanent":
            yield title
        for one in some:
            yield from _connection(one, indent=8)


def _connections(survey: NetSurvey, verbose: int) -> Iterator[str]:
    found = survey.attempt("connections of the server", lambda: nfsd_connections(survey))
    if not found:
        return
    if verbose >= 0:
        yield " ============ SVC Transports/Sockets ============"
    for kept, title in (("permanent", "sv_permsocks"), ("temporary", "sv_tempsocks")):
        if verbose >= 0:
            yield from ("", f" *** {title} ***")
        for one in found:
            if one.kept == kept and (verbose >= 0 or one.mutex_owner):
                yield from _connection(one)


def _connection(one: ServedConnection, indent: int = 0) -> Iterator[str]:
    space = " " * indent
    title = f"<struct svc_xprt {int(one.address):#x}>"
    yield f"{space}{title:-^50}{told(one.connection_class):-^28}"
    yield f"{space}  Local: {one.local or 'none'} Remote: {one.remote or 'none'}"
    yield f"{space}        flags={told(one.flags)}"
    if one.mutex_owner:
        yield f"{space}   +++ mutex is in use +++ <struct task_struct {int(one.mutex_owner):#x}>"


def deferred(survey: NetSurvey, verbose: int) -> Iterator[str]:
    """Requests that wait for what a cache asked for."""
    del verbose  # as the program: all is shown
    yield f" {'cache_defer_hash':-^78}"
    found = survey.attempt("deferred requests", lambda: deferred_requests(survey))
    links = {
        int(one.address): one
        for one in Connections(survey).at([one.connection_address for one in found if one.connection_address])
    }
    for one in found:
        title = f"<struct cache_deferred_req {int(one.address):#x}>"
        yield f"  {title:=^60}"
        if one.request_address is None:
            yield f"        {told(one.revisit)}"
            continue
        yield f"        <struct svc_deferred_req {int(one.request_address):#x}>"
        if (link := links.get(int(one.connection_address or 0))) is not None:
            yield from _connection(link, indent=8)


def _replies(survey: NetSurvey, verbose: int) -> Iterator[str]:
    found = survey.attempt("kept replies", lambda: kept_replies(survey))
    recent = [one for one in found if one.kept_ago is not None and one.kept_ago <= _RECENT]
    if not recent:
        return
    if verbose < 0:
        yield f" -- {len(recent)} RPC Reply-cache Entries in last 10s"
        return
    yield "  -- Recent RPC Reply-cache Entries (most recent first)"
    for one in sorted(recent, key=lambda one: one.kept_ago or 0.0):
        protocol = _PROTOCOLS.get(one.protocol_number or 0, told(one.protocol_number))
        yield (
            f"    <{int(one.address):#x}> {protocol} {told(one.peer)} version {told(one.program_version)} "
            f"procedure {told(one.procedure_number)} {one.kept_ago:.1f} s {told(one.reply_state)}"
        )
