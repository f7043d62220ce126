"""PyKdump's programs as reports: what each option of ``xportshow`` and its like asks for.

A function gives the reports that a program's options mean, in the order in which it prints them; UsageError
for an option that no report answers, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from crashdrive.errors import UsageError
from crashdrive.pykdump import looks
from crashdrive.pykdump.likeness import devices, hanging, netfilter, nfs, routes, sockets, summary, tasks

Given = Mapping[str, Any]
_ITSELF = "the program itself has it: crashdrive run --pykdump DIR VMCORE"


class Asked(NamedTuple):
    """One report: its name and options; ``lines`` prints it as the program does, else it is a table.

    ``order`` and ``limit`` are what is shown of each table (`crashdrive.render.choice`). ``asks``: ``lines``
    takes a function, too, that gives the text of a command of crash's. ``looks`` stands in for a report: the
    lines of what no report has, given the dump and a survey of it.
    """

    report: str
    options: Mapping[str, Any]
    lines: Callable[..., Iterator[str]] | None = None
    order: tuple[str, ...] = ()
    limit: int | None = None
    asks: bool = False
    looks: Callable[[Any, Any], Iterator[str]] | None = None


def _ask(report: str, **options: Any) -> Asked:
    return Asked(report, options)


def _like(lines: Callable[..., Iterator[str]], report: str, **options: Any) -> Asked:
    return Asked(report, options, lines)


def _look(name: str, looks: Callable[[Any, Any], Iterator[str]]) -> Asked:
    return Asked(name, {}, looks=looks)


def _refuse(given: Given, reasons: Mapping[str, str], program: str) -> None:
    """UsageError for the first option that no report answers."""
    for name, reason in reasons.items():
        if given.get(name):
            raise UsageError(f"{program} --{name.replace('_', '-')}: {reason}; {_ITSELF} {program}")


# xportshow

_FAMILIES = ("tcp", "udp", "raw", "unix")
_OF_SOCKETS = ("all", "listening", *_FAMILIES, "tcpstate", "retransonly", "port", "program", "pid")


def xportshow(given: Given) -> list[Asked]:
    """The network: sockets, routes, interfaces, counters."""
    space = given.get("netns") or "init"
    if given.get("everything"):
        given = dict(given) | dict.fromkeys(
            (
                "all",
                "route",
                "interfaces",
                "arp",
                "statistics",
                "summary",
                "softnet",
                "netfilter",
                "sysctl",
                "devpack",
            ),
            1,
        )
    found = list(_of_network(given, space))
    if any(given.get(name) for name in _OF_SOCKETS) or not found:
        found.insert(0, _sockets(given, space))
    return found


def _of_network(given: Given, space: str) -> Iterator[Asked]:
    yield from _of_routes(given, space)
    yield from _of_interfaces(given, space)
    verbose = given.get("verbose", 0)
    reports = {
        "arp": _like(routes.neighbours, "neighbours", netns=space),
        "statistics": _like(devices.statistics, "snmp", netns=space),
        "sysctl": _like(devices.settings, "sysctl", prefix=("net",), netns=space),
        "netfilter": _like(netfilter.hooks, "netfilter", netns=space),
        "softnet": _like(devices.softnet, "softnet", packets=bool(verbose)),
        "devpack": _look("devpack", partial(looks.handlers, netns=space)),
    }
    yield from (asked for name, asked in reports.items() if given.get(name))
    if given.get("skbuffhead") is not None:
        yield _ask("skb", queue=(given["skbuffhead"],), data=bool(verbose))
    yield from (_of_header(kind, address, verbose) for kind, address in given.get("decode") or ())


def _of_header(kind: str, address: int, verbose: int) -> Asked:
    if kind == "skb":
        return _ask("skb", address=(address,), data=bool(verbose))
    return _look("decode", partial(looks.headers, kind=kind, addresses=(address,)))


def _of_routes(given: Given, space: str) -> Iterator[Asked]:
    if given.get("summary"):
        yield from (_like(summary.lines, "netsummary", netns=space), _ask("sockstat", netns=space))
    if given.get("route") and given.get("verbose"):
        yield _like(routes.tables, "routing", netns=space, all=True)
    elif given.get("route"):
        yield _like(routes.classic, "routing", netns=space, classic=True)
    if given.get("rtcache"):
        yield _like(routes.exceptions, "routing", netns=space, cache=True)


def _of_interfaces(given: Given, space: str) -> Iterator[Asked]:
    if not given.get("interfaces") and (given.get("interface") is None or given.get("all")):
        return
    verbose = given.get("verbose", 0)
    more = {"statistics": bool(verbose), "qdiscs": bool(verbose), "queues": verbose > 1}
    lines = partial(devices.interfaces, verbosity=verbose)
    yield _like(lines, "interfaces", netns=space, device=given.get("interface"), **more)


def _sockets(given: Given, space: str) -> Asked:
    verbose = given.get("verbose", 0)
    wanted = {name: bool(given.get(name)) for name in _FAMILIES}
    narrow = any(given.get(name) for name in ("tcpstate", "retransonly"))
    if not any(wanted.values()):
        # without a family: those of IP, and unix ones with -a
        wanted = {name: not narrow or name == "tcp" for name in ("tcp", "udp", "raw")}
        wanted["unix"] = False
    state, port = given.get("tcpstate"), given.get("port")
    options = {
        **wanted,
        "all": not given.get("listening"),
        "listening": bool(given.get("listening")),
        "detail": bool(verbose),
        "timers": bool(verbose),
        "retrans_only": bool(given.get("retransonly")),
        "state": (state.upper().removeprefix("TCP_"),) if state else (),
        "port": (port,) if port is not None else (),
        "program": given.get("program"),
        "pid": given.get("pid"),
        "netns": space,
    }
    return Asked("netstat", options, partial(sockets.lines, verbosity=verbose))


# crashinfo

_NOT_OF_CRASHINFO = {
    "ext3": "no report reads ext3's journal",
    "decodesyscalls": "no report decodes arguments of system calls",
}


def crashinfo(given: Given) -> list[Asked]:
    """Why it died; blocks, stacks, locks, memory."""
    _refuse(given, _NOT_OF_CRASHINFO, "crashinfo")
    found = [*_parts_of_crashinfo(given), *_stacks_of_crashinfo(given), *_things_of_crashinfo(given)]
    if found:
        return found
    if given.get("fast"):
        return [_ask("sysinfo"), _ask("panic")]
    first = [_ask("triage")]
    if not given.get("verbose"):
        return first
    more = ("sysinfo", "memory", "block", "cpu", "hang", "netsummary", "stacks", "dmesg")
    return [*first, *(_ask(name) for name in more)]


def _parts_of_crashinfo(given: Given) -> Iterator[Asked]:
    if given.get("sysctl"):
        yield _ask("sysctl")
    if given.get("blkreq") or given.get("blkdevs") or given.get("devmapper"):
        yield _ask("block", queues=bool(given.get("verbose")))
    if given.get("filelock"):
        yield _ask("files", all=True)
    if given.get("keventd_wq") or given.get("kblockd_wq") or given.get("workqueues"):
        yield _ask("workqueues", all=bool(given.get("workqueues")))
    if given.get("runq"):
        yield _ask("cpu")
    if any(given.get(name) for name in ("lws", "semaphore", "rwsemaphore", "mutex")):
        yield _ask("hang", tasks=True)
    if given.get("umem"):
        yield Asked("ps", {"user": True, "show": ("memory",)}, order=("-rss",))


def _stacks_of_crashinfo(given: Given) -> Iterator[Asked]:
    if given.get("stacksummary") or given.get("checkstacks"):
        yield _ask("stacks")
    if given.get("findstacks"):
        yield _ask("stacks", function=f"*{given['findstacks'].strip('*')}*", each=True)


def _things_of_crashinfo(given: Given) -> Iterator[Asked]:
    if given.get("pci"):
        yield _ask("pci")
    if given.get("radix_tree_element") is not None:
        root, index = given["radix_tree_element"]
        yield _look("tree", partial(looks.tree_element, root=root, index=index))
    if given.get("ls"):
        yield _look("ls", partial(looks.folder, name=given["ls"], verbose=given.get("verbose", 0)))


# hanginfo, taskinfo

_NOT_OF_HANGINFO = {"saphana": "no report knows SAP HANA"}


def hanginfo(given: Given) -> list[Asked]:
    """Tasks that wait, in groups, and who holds what they wait for."""
    _refuse(given, _NOT_OF_HANGINFO, "hanginfo")
    shown = partial(
        hanging.lines,
        most=given.get("maxpids"),
        by_pid=bool(given.get("sortbypid")),
        verbose=bool(given.get("verbose")),
        tree=bool(given.get("tree")),
    )
    found = [Asked("hang", {"tasks": True}, shown, asks=True)]
    if given.get("syslogger"):
        found.append(_ask("netstat", all=True, unix=True, detail=True, processes=True))
    return found


def taskinfo(given: Given) -> list[Asked]:
    """Tasks: states, waiting, memory, namespaces."""
    return list(_parts_of_taskinfo(given)) or [_tasks(given, _states(given), most=given.get("maxpids"))]


_SHOWN_OF_HANGING = 8


def _states(given: Given) -> tuple[str, ...]:
    return tuple(state for state in (given.get("taskfilter") or "").replace(",", " ").split() if state)


def _tasks(given: Given, states: tuple[str, ...], most: int | None, *, recent: bool = False) -> Asked:
    # -v is a stack of each
    command = given.get("cmd") or ("bt" if given.get("verbose") else None)
    lines = partial(tasks.lines, recent=recent or bool(given.get("recent")), most=most, command=command)
    return Asked("ps", {"threads": True, "state": states}, lines, asks=True)


def _parts_of_taskinfo(given: Given) -> Iterator[Asked]:
    most = given.get("maxpids")
    if given.get("summary"):
        yield from (_ask("sysinfo"), _ask("cpu"))
    if given.get("hang"):
        yield _tasks(
            given, _states(given) or ("UN",), _SHOWN_OF_HANGING if most is None else most, recent=True
        )
        yield Asked("hang", {"tasks": True}, limit=most)
    if given.get("pidinfo") is not None:
        pid = (given["pidinfo"],)
        yield _ask("ps", pid=pid, arguments=True, files=True, limits=True)
        yield _ask("stacks", pid=pid, each=True, frames=True)
    if given.get("pstree"):
        yield _ask("ps", tree=True)
    if given.get("memory"):
        yield Asked("ps", {"show": ("memory",)}, order=("-rss",), limit=most)
    if given.get("ns"):
        yield _ask("namespaces", members=bool(given.get("verbose")))


# nfsshow


def nfsshow(given: Given) -> list[Asked]:
    """NFS: client, server, remote calls."""
    wanted = {**given, "netns": given.get("netns") or "init"}
    return [_look("nfs", partial(nfs.lines, given=wanted))]
