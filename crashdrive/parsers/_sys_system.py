"""``sys`` itself: the block that crash prints when it starts, and for ``sys`` without options.

Source in crash: ``display_sys_stats()`` (kernel.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.parsers.set import Context
from crashdrive.parsers.set import context as context_of
from crashdrive.records import Record


class System(Record, frozen=True, kw_only=True):
    """What crash says of the system.

    ``kernel``: the vmlinux; ``kernel_flags`` and ``dump_flags``: crash's bracketed words behind file names
    (``TAINTED``, ``LIVEPATCH``; ``PARTIAL DUMP``, ``INCOMPLETE``, ``LIVE DUMP``). ``dumpfiles`` holds all
    parts of a dump, ``dumpfile`` the first one. ``cpus``, ``offline_cpus``: how many. ``date`` is crash's
    text without the zone, which is ``timezone`` (crash 7.2.9 and later print it). ``uptime``: seconds.
    ``load_average``: over 1, 5 and 15 minutes. ``processor_mhz`` None: unknown. ``memory``: bytes, made of
    crash's rounded figure. ``panic``: the message; ``check_log``: crash's ``(check log for details)``.
    """

    kernel: str
    kernel_flags: tuple[str, ...] = ()
    system_map: str | None = None
    debug_kernel: str | None = None
    debug_kernel_version: str | None = None
    debuginfo: str | None = None
    dumpfile: str
    dumpfiles: tuple[str, ...]
    dump_flags: tuple[str, ...] = ()
    mapfile: str | None = None
    cpus: int
    offline_cpus: int = 0
    date: str
    timezone: str | None = None
    uptime: int | None
    load_average: tuple[float, float, float] | None
    tasks: int
    nodename: str
    release: str
    version: str
    machine: str
    processor_mhz: int | None
    memory: int
    panic: str | None = None
    check_log: bool = False


# crash's words, with blanks between them
_TEXT = r"((?:[^ \n]++| ++(?=[^ \n]))*+)"
_DATE = r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d)(?: ([\w+-]{1,10}))? (\d{4})|(-?\d{1,20})"
_AVERAGE = r"(\d{1,9}\.\d\d), (\d{1,9}\.\d\d), (\d{1,9}\.\d\d)|\([^\n]{1,60}\)"
_DUMPFILES = rf" *+(?:DUMPFILE: ?{_TEXT}|DUMPFILES: ?{_TEXT}((?:[ ]*+\n {{14}}[^\n]++)*+))"
_UPTIME = r"(?:(\d{1,9}) days?, )?(\d{2,9}):(\d\d):(\d\d)|\([^\n]{1,60}\)"
_PANIC = r'"([^\n]*)"( \(check log for details\))?[ \t]*|(\([^\n]{1,60}\))'
_LIVE = ("/dev/", "/proc/", "live:")


def system() -> g.ParserElement:
    """A line for each fact, in this order; ``SYSTEM MAP`` and ``DEBUG KERNEL``, where given, come first::

          KERNEL: /usr/lib/debug/boot/vmlinux-6.1.0  [TAINTED]
        DUMPFILE: /var/crash/vmcore  [PARTIAL DUMP]
            CPUS: 4 [OFFLINE: 1]
            DATE: Thu Jan  1 00:00:10 UTC 1970
          UPTIME: 00:00:07
    LOAD AVERAGE: 0.08, 0.02, 0.01
           TASKS: 95
        NODENAME: guest
         RELEASE: 6.1.0
         VERSION: #1 SMP PREEMPT_DYNAMIC
         MACHINE: x86_64  (2200 Mhz)
          MEMORY: 512 MB
           PANIC: "Kernel panic - not syncing: sysrq triggered crash"
    """
    lines = (
        ("system_map", _text("SYSTEM MAP")),
        ("debug", _text("DEBUG KERNEL")),
        ("kernel", _text("KERNEL")),
        ("debuginfo", _text("DEBUGINFO")),
        ("debug", _text("DEBUG KERNEL")),
        ("dumpfiles", g.Row(_DUMPFILES, _dumpfiles, "the line 'DUMPFILE:'")),
        ("mapfile", _text("MAPFILE")),
        ("cpus", _line("CPUS", r"(\d{1,6})(?: \[OFFLINE: (\d{1,6})\])?", _pair)),
        ("date", _line("DATE", _DATE, _date)),
        ("uptime", _line("UPTIME", _UPTIME, _uptime)),
        ("load_average", _line("LOAD AVERAGE", _AVERAGE, _average)),
        ("tasks", _line("TASKS", r"(\d{1,10})", lambda row: int(row[1]))),
        ("nodename", _text("NODENAME")),
        ("release", _text("RELEASE")),
        ("version", _text("VERSION")),
        ("machine", _line("MACHINE", r"(\S{1,65}) +\((?:(\d{1,9})|unknown) M[Hh]z\)", _pair)),
        ("memory", _line("MEMORY", _TEXT, lambda row: size_of(row[1]))),
        ("panic", _line("PANIC", _PANIC, _panic)),
    )
    optional = frozenset({"system_map", "debug", "kernel", "debuginfo", "mapfile", "panic"})
    return g.Gap() + g.InOrder(_system, lines, optional=optional)


def start() -> g.ParserElement:
    """What crash prints when it starts: the system, then the context's task."""
    return system() + g.Gap() + context_of()


def _line(label: str, pattern: str, make: Callable[[re.Match[str]], Any]) -> g.Terminal:
    return g.Row(f" *+{label}: ?(?:{pattern})", make, f"the line '{label}:'")


def _text(label: str) -> g.Terminal:
    return _line(label, _TEXT, lambda row: row[1])


def _dumpfiles(row: re.Match[str]) -> list[str]:
    """The dump's file, or all its parts."""
    if row[1] is not None:
        return [row[1]]
    return [row[2], *(part.strip() for part in row[3].split("\n")[1:])]


def _pair(row: re.Match[str]) -> tuple[str, int | None]:
    """The text of the first group, and the number in the second one."""
    return row[1], int(row[2]) if row[2] else None


def _date(row: re.Match[str]) -> tuple[str, str | None]:
    """The date, and its zone."""
    return (row[4], None) if row[4] else (f"{row[1]} {row[3]}", row[2])


def _uptime(row: re.Match[str]) -> tuple[int | None]:
    """Seconds; None: unknown."""
    if row[2] is None:
        return (None,)
    return (((int(row[1] or 0) * 24 + int(row[2])) * 60 + int(row[3])) * 60 + int(row[4]),)


def _average(row: re.Match[str]) -> tuple[tuple[float, float, float] | None]:
    """Three numbers; None: unknown."""
    return ((float(row[1]), float(row[2]), float(row[3])) if row[1] else None,)


def _panic(row: re.Match[str]) -> tuple[str, bool]:
    """The message, and whether crash points to the log."""
    return row[3] or row[1], row[2] is not None


def _system(dumpfiles: list[str], **said: Any) -> System:
    """The record of all lines. crash prints no KERNEL line where it was given a System.map."""
    debug_kernel, version = _debug_kernel(said.pop("debug", ""))
    kernel, flags = _without_flags(said.pop("kernel", ""))
    system_map, map_flags = _without_flags(said.pop("system_map", ""))
    parts = [_without_flags(part) for part in dumpfiles]
    cpus, offline = said.pop("cpus")
    date, timezone = said.pop("date")
    machine, mhz = said.pop("machine")
    panic, check_log = said.pop("panic", (None, False))
    (uptime,), (load_average,) = said.pop("uptime"), said.pop("load_average")
    return System(
        kernel=kernel or debug_kernel or "",
        kernel_flags=flags if kernel else map_flags,
        system_map=system_map or None,
        debug_kernel=debug_kernel,
        debug_kernel_version=version,
        debuginfo=said.pop("debuginfo", None) or None,
        dumpfile=parts[0][0],
        dumpfiles=tuple(name for name, _ in parts),
        dump_flags=tuple(dict.fromkeys(flag for _, found in parts for flag in found)),
        mapfile=said.pop("mapfile", None) or None,
        cpus=int(cpus),
        offline_cpus=offline or 0,
        date=date,
        timezone=timezone,
        uptime=uptime,
        load_average=load_average,
        machine=machine,
        processor_mhz=mhz,
        panic=panic,
        check_log=check_log,
        **said,
    )


def _debug_kernel(text: str) -> tuple[str | None, str | None]:
    found = re.fullmatch(r"(.*?)(?: {1,3}\(([^()]{1,100})\))?", text)
    return (found[1].rstrip(), found[2]) if text and found else (None, None)


def check_system(source: Source, found: list[Any]) -> list[System | Context]:
    """The system's records; a missing KERNEL or DUMPFILE line is an error. Notices tell of flags that say
    that the dump is partial, and of a missing PANIC line, which marks the answer.
    """
    one: System = found[0]
    for name, value in (("KERNEL", one.kernel), ("DUMPFILE", one.dumpfile)):
        if not value:
            source.fail(0, f"no {name} line")
    if set(one.dump_flags) & {"PARTIAL DUMP", "INCOMPLETE", "EXCLUDED VMEMMAP"}:
        source.note("partial", f"the dump is marked {', '.join(one.dump_flags)}")
    live = one.dumpfile.startswith(_LIVE) or "live system" in one.dumpfile
    if one.panic is None and not live:
        source.note("partial", "a dump without a PANIC line", incomplete=True)
    return found


_FLAG = expression(
    r" {1,3}(?:\[(LIVEPATCH|TRANSITION|TAINTED|LIVE DUMP|PARTIAL DUMP|INCOMPLETE|EXCLUDED VMEMMAP"
    r"|temporary ELF header)\]|\((temporary|remote live system|remote dumpfile|remote paused system)\))$"
)


def _without_flags(text: str) -> tuple[str, tuple[str, ...]]:
    """A file name, and crash's bracketed words behind it."""
    flags: list[str] = []
    while found := _FLAG.search(text):
        flags.insert(0, found[1] or found[2])
        text = text[: found.start()]
    return text.rstrip(), tuple(flags)


_SIZE = expression(r"(\d{1,12}(?:\.\d{1,6})?) (TB|GB|MB|KB|bytes)", re.ASCII)
_UNITS = {"bytes": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def size_of(text: str) -> int | None:
    """``767.5 MB`` or ``1 GB 512 MB`` in bytes; None for any other text."""
    parts = re.findall(r"\S{1,20} \S{1,10}", text)
    sizes = [_SIZE.fullmatch(part) for part in parts]
    if not parts or " ".join(parts) != text:
        return None
    return sum(round(float(s[1]) * _UNITS[s[2]]) for s in sizes if s) if all(sizes) else None
