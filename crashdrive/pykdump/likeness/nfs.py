"""NFS and remote calls as PyKdump's ``nfsshow`` prints them, in its order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crashdrive.linux.modules.loaded import for_each_module
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs.calls import Calls, rpc_calls
from crashdrive.linux.survey import Survey
from crashdrive.pykdump.likeness import nfs_client, nfs_server, nfs_stacks, rpc

Given = Mapping[str, Any]
_MOST = 20
_CHOOSING = ("all", "client", "server", "rpctasks", "decoderpctask", "nfsclient", "pid", "locks", "deferred")
_NOBODY = "This host is not using NFS!"


def lines(_: Any, survey: Survey, given: Given) -> Iterator[str]:
    """What the options ask for; without any, the summary."""
    net = NetSurvey.of(survey.kernel, given.get("netns"))
    try:
        yield from _lines(net, given)
    finally:
        survey.miss(net.notices, complete=net.complete)


def _lines(survey: NetSurvey, given: Given) -> Iterator[str]:
    modules = for_each_module(survey.kernel)
    survey.walked(modules, "modules")
    names = survey.gaps(modules.read(["name"]), "modules")["name"]
    symbols = survey.kernel.symbols
    if not {"nfs", "nfsd", "sunrpc"} & set(names) and not symbols.has("sunrpc_net_id"):
        yield _NOBODY
        return
    serves = "nfsd" in names or symbols.has("nfsd_net_id")
    verbose, every = given.get("verbose", 0), given.get("all")
    if given.get("client") or every:
        yield from nfs_client.lines(survey, verbose)
    if verbose:
        yield from nfs_server.caches_of_net(survey)
    if serves and (given.get("server") or every):
        yield from nfs_server.lines(survey, verbose)
    if given.get("rpctasks") or every:
        most = given.get("maxrpctasks")
        yield from rpc.summary(survey, _calls(survey), verbose=verbose, most=_MOST if most is None else most)
    yield from _one(survey, given, verbose)
    if not any(given.get(name) for name in _CHOOSING):
        yield from nfs_client.lines(survey, verbose)
        if serves:
            yield from nfs_server.lines(survey, -1)
        yield " RPC ".center(70, "=")
        yield from rpc.summary(survey, _calls(survey), verbose=-1, most=_MOST)


def _one(survey: NetSurvey, given: Given, verbose: int) -> Iterator[str]:
    """What ends the program once it is shown: a call, a client, processes; else locks and what waits."""
    if given.get("decoderpctask") is not None:
        yield from rpc.decoded(survey, given["decoderpctask"], verbose)
    elif given.get("nfsclient") is not None:
        yield from nfs_client.client(survey, given["nfsclient"], verbose)
    elif given.get("pid") is not None:
        yield from nfs_stacks.lines(survey, None if given["pid"] < 0 else given["pid"])
    else:
        if given.get("locks") or given.get("all"):
            yield from nfs_server.lockd(survey)
        if given.get("deferred"):
            yield from nfs_server.deferred(survey, verbose)


def _calls(survey: NetSurvey) -> Calls:
    found = survey.attempt("remote calls", lambda: [rpc_calls(survey)])
    return found[0] if found else Calls((), ())
