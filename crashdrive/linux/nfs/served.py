"""A server's connections, deferred requests and kept replies (net/sunrpc/svc_xprt.c, fs/nfsd/nfscache.c)."""

from __future__ import annotations

from collections.abc import Sequence

from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.flags import SERVED, BitNames
from crashdrive.linux.nfs.places import Endpoints, is_loaded, of_namespaces
from crashdrive.linux.survey import Fields, Survey
from crashdrive.linux.texts import functions, texts
from crashdrive.records import Address, Record

_NFSD, _SERVICE, _CONNECTION = "struct nfsd_net", "struct svc_serv", "struct svc_xprt"
# newer kernels have it in a structure of its own (struct svc_info)
_OF_NFSD = {"service": ("nfsd_info.serv", "nfsd_serv")}
_OF_SERVICE = {"name": ("sv_name",), "threads": ("sv_nrthreads",)}
_OF_CONNECTION = {
    "class": ("xpt_class->xcl_name",), "flags": ("xpt_flags",), "service": ("xpt_server",),
    # the owner of a mutex: bits below a task's address are flags
    "owner": ("xpt_mutex.owner.counter", "xpt_mutex.owner"),
}  # fmt: skip
_LISTS = {"permanent": "sv_permsocks", "temporary": "sv_tempsocks"}
_DEFERRED, _REQUEST = "struct cache_deferred_req", "struct svc_deferred_req"
_OF_DEFERRED = {"revisit": ("revisit",), "item": ("item",)}
_BUCKET = "struct nfsd_drc_bucket"
_OF_TABLE = {"buckets": ("drc_hashsize",), "table": ("drc_hashtbl",)}
# the first name is the newer one
_REPLIES = ("struct nfsd_cacherep", "struct svc_cacherep")
_OF_REPLY = {
    "procedure": ("c_key.k_proc", "c_proc"), "protocol": ("c_key.k_prot", "c_prot"),
    "version": ("c_key.k_vers", "c_vers"), "state": ("c_state",), "stamp": ("c_timestamp",),
}  # fmt: skip
_PEER = ("c_key.k_addr", "c_addr")
_UNUSED = 0  # RC_UNUSED (fs/nfsd/cache.h)


class ServedConnection(Record, frozen=True):
    """A socket that a server listens on or is asked by, ``struct svc_xprt``.

    ``service``: ``nfsd``, ``lockd``; ``kept``: ``permanent`` ones listen, ``temporary`` ones are of clients.
    ``connection_class`` as ``tcp``; ``flags`` in the kernel's words. ``mutex_owner``: the task that is
    sending.
    """

    address: Address
    netns: str | None
    service: str | None
    kept: str
    connection_class: str | None
    local: str | None
    remote: str | None
    flags: str | None
    mutex_owner: Address | None


class DeferredRequest(Record, frozen=True):
    """A request that waits for what a cache asked for, ``struct cache_deferred_req``.

    ``request_address``: of the ``struct svc_deferred_req`` that it is part of, where it is one, and
    ``connection_address`` of its connection; ``revisit``: the function that goes on with it.
    """

    address: Address
    revisit: str | None
    request_address: Address | None
    connection_address: Address | None


class KeptReply(Record, frozen=True):
    """A reply that a server keeps for requests that are repeated; ``kept_ago`` in seconds."""

    address: Address
    netns: str | None
    peer: str | None
    protocol_number: int | None
    program_version: int | None
    procedure_number: int | None
    reply_state: int | None
    kept_ago: float | None


def nfsd_connections(survey: NetSurvey) -> list[ServedConnection]:
    """The connections of the server of NFS in each chosen namespace."""
    kernel = survey.kernel
    nets = of_namespaces(survey, "nfsd", "nfsd_net_id")
    if not nets:
        return []
    fields = Fields(kernel, _NFSD, _OF_NFSD, _OF_NFSD)
    rows = survey.rows(fields, list(nets.values()), "servers of NFS")
    found: list[ServedConnection] = []
    for net, row in zip(nets, rows, strict=True):
        if row["service"]:
            found += Connections(survey).of_service(row["service"], survey.labels[net])
    return found


class Connections:
    """Reads connections of servers."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    def of_service(self, service: int, netns: str | None = None) -> list[ServedConnection]:
        """The connections of a ``struct svc_serv``."""
        survey, kernel = self._survey, self._survey.kernel
        places: list[tuple[int, str]] = []
        for kept, member in _LISTS.items():
            listed = kernel.walk_list(service + kernel.offset(_SERVICE, member), _CONNECTION, "xpt_list")
            survey.walked(listed, "connections of servers")
            places += [(address, kept) for address in listed.addresses]
        (own,) = survey.rows(Fields(kernel, _SERVICE, _OF_SERVICE, ("name",)), [service], "servers")
        name = texts(survey, [own["name"]], "servers")[own["name"]]
        return _connections(survey, [one for one, _ in places], [kept for _, kept in places], name, netns)

    def at(self, addresses: Sequence[int]) -> list[ServedConnection]:
        """The connections at these addresses."""
        return _connections(self._survey, addresses, ["" for _ in addresses], None, None)


def _connections(
    survey: Survey, addresses: Sequence[int], kept: Sequence[str], service: str | None, netns: str | None
) -> list[ServedConnection]:
    kernel = survey.kernel
    fields = Fields(kernel, _CONNECTION, _OF_CONNECTION, ("class", "flags"))
    rows = survey.addressed(fields, addresses, "connections of servers")
    if not rows:
        return []
    names = texts(survey, (row["class"] for _, row in rows), "connections of servers")
    here, there = (kernel.offset(_CONNECTION, member) for member in ("xpt_local", "xpt_remote"))
    peers = Endpoints(survey, (address + shift for address, _ in rows for shift in (here, there)))
    bits = BitNames(survey, SERVED)
    return [
        ServedConnection(
            address=address,
            netns=netns,
            service=service,
            kept=how,
            connection_class=names[row["class"]],
            local=local.text if (local := peers[address + here]) else None,
            remote=remote.text if (remote := peers[address + there]) else None,
            flags=bits.words(row["flags"]),
            mutex_owner=(row["owner"] or 0) & ~7 or None,
        )
        for (address, row), how in zip(rows, kept, strict=True)
    ]


def deferred_requests(survey: Survey) -> list[DeferredRequest]:
    """Requests that wait for an answer to a cache's question."""
    kernel = survey.kernel
    if not is_loaded(survey, "sunrpc", "cache_defer_hash"):
        return []
    count = kernel.page_size // kernel.sizeof("struct list_head")  # DFR_HASHSIZE (net/sunrpc/cache.c)
    table = kernel.walk_table(kernel.symbols.address("cache_defer_hash"), count, _DEFERRED, "hash")
    survey.walked(table, "deferred requests")
    rows = survey.addressed(Fields(kernel, _DEFERRED, _OF_DEFERRED), table.addresses, "deferred requests")
    if not rows:
        return []
    code = functions(kernel, (row["revisit"] for _, row in rows))
    shift = kernel.offset(_REQUEST, "handle")
    ours = kernel.symbols.addresses("svc_revisit")
    requests = [address - shift for address, row in rows if row["revisit"] in ours]
    fields = Fields(kernel, _REQUEST, {"xprt": ("xprt",)}, ("xprt",))
    of = dict(survey.addressed(fields, requests, "deferred requests"))
    return [
        DeferredRequest(
            address=address,
            revisit=code[row["revisit"]],
            request_address=address - shift if address - shift in of else None,
            connection_address=of.get(address - shift, {}).get("xprt"),
        )
        for address, row in rows
    ]


def kept_replies(survey: NetSurvey) -> list[KeptReply]:
    """The replies that servers of NFS keep, in the order of their use."""
    kernel = survey.kernel
    nets = of_namespaces(survey, "nfsd", "nfsd_net_id")
    if not nets:
        return []
    kind = next((one for one in _REPLIES if kernel.has_type(one)), _REPLIES[0])
    fields = Fields(kernel, _NFSD, _OF_TABLE, _OF_TABLE)
    rows = survey.rows(fields, list(nets.values()), "kept replies")
    found: dict[int, str] = {}
    shift, step = kernel.offset(_BUCKET, "lru_head"), kernel.sizeof(_BUCKET)
    for net, row in zip(nets, rows, strict=True):
        if not row["table"] or row["buckets"] is None:
            continue
        first = row["table"] + shift
        heads = [first + step * at for at in range(survey.buckets(row["buckets"], "kept replies"))]
        listed = kernel.walk_lists(heads, kind, "c_lru")
        survey.walked(listed, "kept replies")
        found |= dict.fromkeys(listed.addresses, survey.labels[net])
    return _replies(survey, kind, found)


def _replies(survey: Survey, kind: str, found: dict[int, str]) -> list[KeptReply]:
    fields = Fields(survey.kernel, kind, _OF_REPLY, ("state", "stamp"))
    rows = survey.addressed(fields, list(found), "kept replies")
    if not rows:
        return []
    shift = survey.kernel.offset(kind, survey.kernel.path(kind, *_PEER))
    peers = Endpoints(survey, (address + shift for address, _ in rows))
    ago = survey.seconds([row["stamp"] for _, row in rows])
    return [
        KeptReply(
            address=address,
            netns=found[address],
            protocol_number=row["protocol"],
            program_version=row["version"],
            peer=peer.text if (peer := peers[address + shift]) else None,
            procedure_number=row["procedure"],
            reply_state=row["state"],
            kept_ago=None if seconds is None else -seconds,
        )
        for (address, row), seconds in zip(rows, ago, strict=True)
        if row["state"] != _UNUSED
    ]
