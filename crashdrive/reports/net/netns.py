r"""Network namespaces: their names, numbers, and who lives in them.

\b
Examples:
  crashdrive report netns vmcore

Other reports call a namespace by the name that ip netns gave it, the first process's ``init``, and others by
their number; their option --netns takes any of what is shown here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.net_list import for_each_net_device
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.sched.task_list import for_each_task
from crashdrive.records import Address, Record, Report, Table
from crashdrive.reports.base import report_of

NAME = "netns"
SUMMARY = "Network namespaces with their numbers, processes and interfaces."
BTF = True
OPTIONS = ()


class Namespace(Record, frozen=True):
    """A network namespace.

    ``netns`` is what other reports call it, ``inum`` the number that lsns and /proc/PID/ns/net have, ``name``
    that of ip netns. ``processes`` live in it, of which ``pid`` is the lowest and ``program`` its name; a
    namespace without any is kept by its name, a file or a socket. ``address`` of its ``struct net``.
    """

    netns: str
    inum: int
    name: str | None
    initial: bool
    processes: int
    pid: int | None
    program: str | None
    interfaces: int
    address: Address


def report(crash: Any, **_options: Any) -> Report:
    """All of them, the initial one first."""
    survey = NetSurvey.of(crash.kernel, None)
    everywhere = survey.namespaces
    survey.miss(everywhere.unread, complete=not everywhere.unread)
    programs = _programs(survey, everywhere)
    counts = Counter(everywhere.members.values())
    rows = [_row(survey, one, counts[one.address], programs) for one in everywhere.found]
    return report_of(
        NAME,
        survey,
        (
            Table(
                name="namespaces",
                rows=rows,
                columns=("netns", "inum", "processes", "pid", "program", "interfaces"),
            ),
        ),
    )


def _row(survey: NetSurvey, one: NetNamespace, count: int, programs: Mapping[int, str | None]) -> Namespace:
    devices = for_each_net_device(survey.kernel, one.address)
    survey.walked(devices, "interfaces")
    return Namespace(
        netns=one.label, inum=one.inum, name=one.name, initial=one.initial, processes=count, pid=one.pid,
        program=None if one.pid is None else programs.get(one.pid), interfaces=len(devices),
        address=one.address,
    )  # fmt: skip


def _programs(survey: NetSurvey, everywhere: Namespaces) -> dict[int, str | None]:
    """Names of the processes that stand for a namespace."""
    wanted = {one.pid for one in everywhere.found}
    tasks = for_each_task(survey.kernel, threads=False)
    columns = survey.gaps(tasks.read(["tgid", "comm"]), "names of processes")
    return {pid: comm for pid, comm in columns if pid in wanted}
