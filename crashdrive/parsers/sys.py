"""``sys``: the system that the dump was taken of.

Source in crash: ``display_sys_stats()``, ``show_kernel_taints()``, ``dump_sys_call_table()``,
``dump_dmi_info()``, ``read_in_kernel_config()`` (kernel.c).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.rows import demand_records, parse_rows, skip_or_reject, words_of
from crashdrive.parsers.set import Context, context_at
from crashdrive.records import Address, Bits, Record


class System(Record, frozen=True, kw_only=True):
    """What crash says of the system.

    ``kernel``: the vmlinux; ``kernel_flags`` and ``dump_flags``: crash's bracketed words behind file names
    (``TAINTED``, ``LIVEPATCH``; ``PARTIAL DUMP``, ``INCOMPLETE``, ``LIVE DUMP``). ``dumpfiles`` holds all
    parts of a dump, ``dumpfile`` the first one. ``cpus``, ``offline_cpus``: how many. ``date`` is crash's
    text, its zone apart in ``timezone`` (crash 7.2.9 and later print it). ``uptime``: seconds.
    ``load_average``: over 1, 5 and 15 minutes. ``processor_mhz`` None: unknown. ``memory``: bytes, as exact
    as crash's rounded figure. ``panic``: the message; ``check_log``: crash's ``(check log for details)``.
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


class Taint(Record, frozen=True, kw_only=True):
    """The kernel's taint: the mask, and crash's letters for its bits (None on kernels with ``tainted``)."""

    mask: Bits
    letters: str | None


class SystemCall(Record, frozen=True, kw_only=True):
    """An entry of the system call table; ``entry`` is the address of one that is no function's."""

    number: int
    name: str | None
    file: str | None = None
    line: int | None = None
    entry: Address | None = None


class DmiString(Record, frozen=True, kw_only=True):
    """A string of the firmware's DMI data."""

    name: str
    value: str


class ConfigLine(Record, frozen=True, kw_only=True):
    """A setting of the kernel's configuration; ``value`` None: ``# CONFIG_X is not set``."""

    name: str
    value: str | None


OPTSTRING = "ctip:"
EXAMPLES = ("sys", "sys -t", "sys -i", "sys -c", "sys -c select", "sys -c 0", "sys config")

_LABEL = re.compile(
    r" *+(SYSTEM MAP|DEBUG KERNEL|KERNEL|DEBUGINFO|DUMPFILES?|MAPFILE|CPUS|DATE|UPTIME|LOAD AVERAGE|TASKS"
    r"|NODENAME|RELEASE|VERSION|MACHINE|MEMORY|PANIC): ?(.*)"
)
_ORDER = (
    *(
        "SYSTEM MAP",
        "DEBUG KERNEL",
        "KERNEL",
        "DEBUGINFO",
        "DEBUG KERNEL",
        "DUMPFILE",
        "DUMPFILES",
        "MAPFILE",
    ),
    *("CPUS", "DATE", "UPTIME", "LOAD AVERAGE", "TASKS", "NODENAME", "RELEASE", "VERSION", "MACHINE"),
    *("MEMORY", "PANIC"),
)
_NEEDED = (
    "CPUS",
    "DATE",
    "UPTIME",
    "LOAD AVERAGE",
    "TASKS",
    "NODENAME",
    "RELEASE",
    "VERSION",
    "MACHINE",
    "MEMORY",
)
_LIVE = ("/dev/", "/proc/", "live:")


def _parse_system(source: Source) -> list[System]:
    values = _values(source)
    for label in _NEEDED:
        if label not in values:
            source.fail(0, f"no {label} line")
    reader = _Reader(source, values)
    return [reader.system()]


_TASK = re.compile(r"^ *PID: ", re.MULTILINE)


def _parse_start(source: Source) -> list[System | Context]:
    """What crash prints when it starts: the system, then the context's task."""
    below = _TASK.search(source.text)
    offset = below.start() if below else len(source.text)
    above = Source(source.command, source.text[:offset].rstrip() + "\n", lenient=source.lenient)
    system = _parse_system(above)
    source.warnings += above.warnings
    source.complete = source.complete and above.complete
    return [*system, context_at(source, offset)]


def _values(source: Source) -> dict[str, tuple[int, str]]:
    """Label -> (offset of the value, value); each label once and in crash's order."""
    values: dict[str, tuple[int, str]] = {}
    rank = -1
    last = ""
    for offset, line in source.lines():
        found = _LABEL.fullmatch(line.rstrip("\r"))
        if found is None and last == "DUMPFILES" and line.startswith("              "):
            values[last] = (values[last][0], f"{values[last][1]}\n{line.strip()}")
        elif found is None:
            skip_or_reject(source, offset, line, "no line of the system's data")
        else:
            last = found[1]
            rank = _next_rank(source, offset, last, rank)
            values[last] = (offset + found.start(2), found[2].rstrip() if last != "PANIC" else found[2])
    return values


def _next_rank(source: Source, offset: int, label: str, rank: int) -> int:
    try:
        return _ORDER.index(label, rank + 1)
    except ValueError:
        return source.fail(offset, f"{label} stands twice, or out of order")


class _Reader:
    """The values of the main block as what they mean."""

    def __init__(self, source: Source, values: dict[str, tuple[int, str]]) -> None:
        self._source = source
        self._values = values

    def system(self) -> System:
        """The whole block."""
        kernel, kernel_flags = self._kernel()
        dumpfiles, dump_flags = self._dumpfiles()
        panic, check_log = self._panic(dumpfiles[0])
        cpus, offline = self._cpus()
        date, timezone = self._date()
        debug_kernel, debug_version = self._debug_kernel()
        machine, mhz = self._machine()
        return System(
            kernel=kernel,
            kernel_flags=kernel_flags,
            system_map=_without_flags(self._text("SYSTEM MAP"))[0] or None,
            debug_kernel=debug_kernel,
            debug_kernel_version=debug_version,
            debuginfo=self._text("DEBUGINFO") or None,
            dumpfile=dumpfiles[0],
            dumpfiles=dumpfiles,
            dump_flags=dump_flags,
            mapfile=self._text("MAPFILE") or None,
            cpus=cpus,
            offline_cpus=offline,
            date=date,
            timezone=timezone,
            uptime=self._uptime(),
            load_average=self._load_average(),
            tasks=self._number("TASKS"),
            nodename=self._text("NODENAME"),
            release=self._text("RELEASE"),
            version=self._text("VERSION"),
            machine=machine,
            processor_mhz=mhz,
            memory=self._memory(),
            panic=panic,
            check_log=check_log,
        )

    def _text(self, label: str) -> str:
        return self._values[label][1] if label in self._values else ""

    def _matched(self, label: str, pattern: str, what: str) -> re.Match[str]:
        offset, text = self._values[label]
        return re.fullmatch(pattern, text) or self._source.fail(offset, f"no {what}")

    def _number(self, label: str) -> int:
        return int(self._matched(label, r"\d{1,10}", "number")[0])

    def _kernel(self) -> tuple[str, tuple[str, ...]]:
        name, flags = _without_flags(self._text("KERNEL"))
        if name:
            return name, flags
        # With a System.map, crash has no KERNEL line.
        debug, _version = self._debug_kernel()
        if not debug:
            self._source.fail(0, "no KERNEL line")
        return debug, _without_flags(self._text("SYSTEM MAP"))[1]

    def _debug_kernel(self) -> tuple[str | None, str | None]:
        text = self._text("DEBUG KERNEL")
        found = re.fullmatch(r"(.*?)(?: {1,3}\(([^()]{1,100})\))?", text)
        return (found[1].rstrip(), found[2]) if text and found else (None, None)

    def _dumpfiles(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        label = "DUMPFILES" if "DUMPFILES" in self._values else "DUMPFILE"
        if label not in self._values:
            self._source.fail(0, "no DUMPFILE line")
        parts = [_without_flags(line) for line in self._text(label).split("\n")]
        if not parts[0][0]:
            self._source.fail(self._values[label][0], "no file name")
        flags = dict.fromkeys(flag for _, flags in parts for flag in flags)
        if flags.keys() & {"PARTIAL DUMP", "INCOMPLETE", "EXCLUDED VMEMMAP"}:
            self._source.note("partial", f"the dump is marked {', '.join(flags)}")
        return tuple(name for name, _ in parts), tuple(flags)

    def _cpus(self) -> tuple[int, int]:
        found = self._matched("CPUS", r"(\d{1,6})(?: \[OFFLINE: (\d{1,6})\])?", "number of CPUs")
        return int(found[1]), int(found[2] or 0)

    def _date(self) -> tuple[str, str | None]:
        pattern = r"(\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d)(?: ([\w+-]{1,10}))? (\d{4})|-?\d{1,20}"
        found = self._matched("DATE", pattern, "date")
        return (f"{found[1]} {found[3]}", found[2]) if found[1] else (found[0], None)

    def _uptime(self) -> int | None:
        pattern = r"(?:(\d{1,9}) days?, )?(\d{2,9}):(\d\d):(\d\d)|\(.{1,60}\)"
        found = self._matched("UPTIME", pattern, "time")
        if found[2] is None:
            return None
        return ((int(found[1] or 0) * 24 + int(found[2])) * 60 + int(found[3])) * 60 + int(found[4])

    def _load_average(self) -> tuple[float, float, float] | None:
        pattern = r"(\d{1,9}\.\d\d), (\d{1,9}\.\d\d), (\d{1,9}\.\d\d)|\(.{1,60}\)"
        found = self._matched("LOAD AVERAGE", pattern, "three numbers")
        return (float(found[1]), float(found[2]), float(found[3])) if found[1] else None

    def _machine(self) -> tuple[str, int | None]:
        pattern = r"(\S{1,65}) +\((?:(\d{1,9})|unknown) M[Hh]z\)"
        found = self._matched("MACHINE", pattern, "machine and its speed")
        return found[1], int(found[2]) if found[2] else None

    def _memory(self) -> int:
        return size_of(self._text("MEMORY")) or self._source.fail(self._values["MEMORY"][0], "no size")

    def _panic(self, dumpfile: str) -> tuple[str | None, bool]:
        if "PANIC" not in self._values:
            live = dumpfile.startswith(_LIVE) or "live system" in dumpfile
            if not live:
                self._source.note("partial", "a dump without a PANIC line", incomplete=True)
            return None, False
        found = self._matched(
            "PANIC", r'"(.*)"( \(check log for details\))?[ \t]*|(\(.{1,60}\))', "panic message"
        )
        return (found[3], False) if found[3] else (found[1], found[2] is not None)


_FLAG = re.compile(
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


_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) (TB|GB|MB|KB|bytes)")
_UNITS = {"bytes": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}


def size_of(text: str) -> int | None:
    """``767.5 MB`` or ``1 GB 512 MB`` in bytes; None when it is no size."""
    parts = re.findall(r"\S{1,20} \S{1,10}", text)
    sizes = [_SIZE.fullmatch(part) for part in parts]
    if not parts or " ".join(parts) != text:
        return None
    return sum(round(float(s[1]) * _UNITS[s[2]]) for s in sizes if s) if all(sizes) else None


_TAINT = re.compile(r"TAINTED(_MASK)?: ([0-9a-f]{1,16})(?:  ?([^\n]{0,64}))?\s*")


def _parse_taint(source: Source) -> list[Taint]:
    found = _TAINT.fullmatch(source.text)
    if found is None:
        source.fail(0, "no taint mask")
    letters = (found[3] or "").strip() if found[1] else None
    return [Taint(mask=int(found[2], 16), letters=letters)]


_CALL = re.compile(
    r"^ *+(?P<number>[0-9a-f]{1,4}) {2}(?:invalid sys_call_table entry: (?P<entry>[0-9a-f]{1,16})[^\n]{0,200}"
    r"|(?P<name>[\w.]{1,128}) *+(?:(?P<file>[^\s][^\n]{0,4096}?): (?P<line>\d{1,7}))?)[ ]*$",
    re.MULTILINE,
)
_CALL_HEADER = ["NUM", "SYSTEM", "CALL", "FILE", "AND", "LINE", "NUMBER"]


def _parse_calls(source: Source) -> list[SystemCall]:
    heads = 0

    def header(offset: int, line: str) -> bool:
        nonlocal heads
        heads += words_of(line) == _CALL_HEADER
        return words_of(line) == _CALL_HEADER and (heads == 1 or source.fail(offset, "a second header"))

    rows = parse_rows(source, _CALL, lambda found: found, other=header)
    if heads != 1:
        source.fail(0, "no table of system calls")
    # crash prints the numbers in its output radix: in hexadecimal there is a row 10 right behind row f.
    base = 16 if any(not row["number"].isdecimal() for row in rows) else 10
    return demand_records(source, [_call(row, base) for row in rows])


def _call(row: re.Match[str], base: int) -> SystemCall:
    return SystemCall(
        number=int(row["number"], base),
        name=row["name"],
        file=row["file"],
        line=int(row["line"]) if row["line"] else None,
        entry=int(row["entry"], 16) if row["entry"] else None,
    )


_DMI = re.compile(
    r"^ *+(?P<name>DMI_[A-Z0-9_]{1,40}|dmi_ident\[\d{1,3}\]): ?(?P<value>[^\n]*)$", re.MULTILINE
)


def _parse_dmi(source: Source) -> list[DmiString]:
    def make(found: re.Match[str]) -> DmiString:
        return DmiString(name=found["name"], value=found["value"].rstrip("\r"))

    return demand_records(source, parse_rows(source, _DMI, make))


_SET = re.compile(r"(CONFIG_\w{1,100})=(\S[^\n]{0,4096})")
_UNSET = re.compile(r"# (CONFIG_\w{1,100}) is not set")


def _parse_config(source: Source) -> list[ConfigLine]:
    """Settings in their order; comments that say nothing of a setting are left out."""
    found: list[ConfigLine] = []
    for offset, raw in source.lines():
        line = raw.strip(" \t\r")
        given, unset = _SET.fullmatch(line), _UNSET.fullmatch(line)
        if given:
            found.append(ConfigLine(name=given[1], value=given[2]))
        elif unset:
            found.append(ConfigLine(name=unset[1], value=None))
        elif not line.startswith("#"):
            skip_or_reject(source, offset, line, "no line of a kernel configuration")
    names = [line.name for line in found]
    if len(set(names)) < len(names):
        source.note("twice", "a setting stands twice", incomplete=True)
    return demand_records(source, found)


def _given(letter: str) -> Callable[[Source], bool]:
    return lambda source: source.command.has(letter)


SHAPES = (
    Shape(name="taint", record=Taint, parse=_parse_taint, options="-t", when=_given("t")),
    Shape(name="calls", record=SystemCall, parse=_parse_calls, options="-c", when=_given("c")),
    Shape(name="dmi", record=DmiString, parse=_parse_dmi, options="-i", when=_given("i")),
    Shape(
        name="config",
        record=ConfigLine,
        parse=_parse_config,
        options="config",
        when=lambda source: source.command.arguments[:1] == ("config",),
    ),
    Shape(
        name="start",
        record=System | Context,
        parse=_parse_start,
        options="(none, with the context's task below: what crash prints when it starts)",
        when=lambda source: _TASK.search(source.text) is not None,
    ),
    Shape(name="system", record=System, parse=_parse_system, options="(none)"),
)
