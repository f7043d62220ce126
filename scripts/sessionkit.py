"""Recorded sessions that answer every report: golden_outputs/sessions/, one folder for each dump.

A folder holds ``session.xz`` (what crash answered, compact), ``truth.tar.xz`` (what the guest said of itself
right before it died), ``dump.json`` (of which dump) and ``expected.json.xz`` (what the reports make of it: by
case the JSON of each). Read what --expect says has changed before you commit it.

golden_outputs/architectures has the same of dumps of other architectures, which are asked a few cases alone;
golden_outputs/kernels has it of other kernels.

A report can bring recordings of its own, so that it is added by files alone: golden_outputs/reports/NAME/
holds ``cases.toml`` (the dumps with their crashes, and the options of each case) and a folder for each dump.
Its ``session.xz`` has what the recording of the same dump in golden_outputs/sessions lacks, or that in
golden_outputs/bases, which is made by itself and holds what all reports ask of a dump. ``truth`` of
cases.toml names files of the guest's that tests need, where neither of these has its truth. A ``group`` of
cases.toml has dumps and cases of its own, where some options say something of these dumps alone.
"""

from __future__ import annotations

import contextlib
import functools
import io
import lzma
import shutil
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import replaykit

from crashdrive.crash import Crash, open_dump
from crashdrive.records import Report
from crashdrive.render import Output, render
from crashdrive.session.compact import compact

CHECKOUT = Path(__file__).resolve().parents[1]
SESSIONS = CHECKOUT / "golden_outputs" / "sessions"
REPORTS = CHECKOUT / "golden_outputs" / "reports"
BASES = CHECKOUT / "golden_outputs" / "bases"
FOREIGN = CHECKOUT / "golden_outputs" / "architectures"
KERNELS = CHECKOUT / "golden_outputs" / "kernels"
LAB = CHECKOUT / ".lab"
SESSION, TRUTH, EXPECTED = "session.xz", "truth.tar.xz", "expected.json.xz"
OWN = "cases.toml"
# what the lab knows of how the guest died
DEATH = "death.json"
# each kernel, each form of dumps; the others are for live tests
RECORDED = (("6.1-elf-sysrq", "8.0.2"), ("6.12-kdump-sysrq", "9.0.2"))
# of other architectures: recorded where they are named, as their crash runs by emulation
FOREIGN_RECORDED = (("6.1-arm64-elf-sysrq", "8.0.2"), ("6.1-s390x-elf-sysrq", "8.0.2"))
FOREIGN_TRUTH = (
    "proc/net/tcp", "proc/net/tcp6", "proc/net/udp", "proc/net/udp6", "proc/*/stack", "proc/*/task/*/stack",
)  # fmt: skip
# of kernels of other suites: recorded where they are named
KERNELS_RECORDED = (("5.10-elf-sysrq", "8.0.6"), ("7.2-elf-sysrq", "9.0.2"))
KERNELS_TRUTH = (*FOREIGN_TRUTH, "proc/partitions", "proc/diskstats", "proc/net/packet", "cmd/tc-qdisc-json")
# a crash under emulation is slow, and more so on a busy host
_FOREIGN_SECONDS = 1800
# of a process's folder, and of a thread's
_OF_PROCESSES = {
    "ns", "fd", "comm", "status", "stat", "limits", "cmdline", "environ", "wchan", "schedstat", "io",
    "oom_score", "oom_score_adj", "cgroup", "nsowners", "uid_map", "timens_offsets",
}  # fmt: skip
_OF_THREADS = {"stat", "status", "schedstat", "wchan"}
# queues that are looked into, of those that hold packets
_QUEUES = 60


class Case(NamedTuple):
    """A report with options."""

    report: str
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """``netstat all=True``."""
        return " ".join([self.report, *(f"{name}={_shown(value)}" for name, value in self.options.items())])


class Group(NamedTuple):
    """Dumps, each with its crash, what a report is asked of them, and the truth that its tests need."""

    dumps: list[tuple[str, str]]
    cases: tuple[Case, ...]
    truth: list[str]


def _shown(value: Any) -> str:
    """An option's value, addresses by their number."""
    addresses = isinstance(value, tuple) and all(isinstance(one, int) for one in value)
    return f"{len(value)} of them" if addresses else str(value)


def _case(report: str, **options: Any) -> Case:
    return Case(report, options)


CASES = (
    _case("conntrack"),
    _case("conntrack", four=True, protocol=("tcp",), state=("ESTABLISHED",)),
    _case("conntrack", six=True),
    _case("conntrack", protocol=("17", "icmp")),
    _case("interfaces"),
    _case("interfaces", all=True),
    _case("interfaces", netns="red", device="far", statistics=True),
    _case("neighbours"),
    _case("neighbours", all=True),
    _case("neighbours", four=True, state=("permanent", "failed")),
    _case("netfilter"),
    _case("netfilter", rules=True),
    _case("netfilter", rules=True, family=("bridge", "netdev")),
    _case("netns"),
    _case("netstat"),
    _case("netstat", all=True, processes=True, detail=True),
    _case("netstat", listening=True, tcp=True, six=True),
    _case("netstat", all=True, udp=True, raw=True, netns="init"),
    _case("netstat", all=True, unix=True, packet=True, netlink=True, netns="red"),
    _case("netstat", program="connections", four=True, state=("ESTABLISHED",)),
    _case("netstat", retrans_only=True, detail=True),
    _case("netsummary"),
    _case("netsummary", netns="red"),
    _case("qdisc"),
    _case("qdisc", all=True),
    _case("qdisc", busy=True, classes=True, filters=True, netns="queues"),
    _case("routing"),
    _case("routing", all=True, details=True),
    _case("routing", classic=True),
    _case("routing", six=True, table="main", netns="red"),
    _case("routing", four=True, rules=True, nexthops=True, cache=True),
    _case("snmp"),
    _case("snmp", words=True),
    _case("snmp", nonzero=True, group=("Tcp", "Udp"), netns="red"),
    _case("sockstat"),
    _case("softnet"),
    _case("softnet", packets=True),
)  # fmt: skip

# what stands and falls with an architecture; few, so that their recording is small: BTF, which reports of
# modules' variables want (irq, sysinfo), is a megabyte
FOREIGN_CASES = (
    _case("netstat", all=True, netns="init"),
    _case("ps", arguments=True, comm="finish"),
    _case("panic"),
    _case("stacks"),
)
# what kernels keep elsewhere
KERNELS_CASES = (
    _case("netstat", all=True, detail=True, netns="init"),
    _case("ps", arguments=True, comm="finish"),
    _case("panic"),
    _case("stacks"),
    _case("block"),
    _case("qdisc", netns="init", device="eth0"),
)


def cases(crash: Crash) -> Iterator[Case]:
    """All cases, those with addresses of this dump too."""
    yield from CASES
    queues = tuple(full_queues(crash))
    yield _case("skb", queue=queues)
    yield _case("skb", queue=queues[:2], data=True)
    yield _case("skb", address=(crash.kernel.symbols.address("init_task"),))


def full_queues(crash: Crash) -> Iterator[int]:
    """Addresses of receive queues that hold something."""
    sockets = crash.report("netstat", all=True).table("sockets").rows
    shift = crash.kernel.offset("struct sock", "sk_receive_queue")
    full = [s for s in sockets if s.recv_q and s.state not in {"LISTEN", "TIME_WAIT", "SYN_RECV"}]
    return (socket.address + shift for socket in full[:_QUEUES])


def document(report: Report) -> dict[str, Any]:
    """A report as ``--format json`` has it, without whose it is, and where it was read."""
    stream = io.StringIO()
    render(msgspec.structs.replace(report, dump={}), "json", Output(stream))
    found: dict[str, Any] = msgspec.json.decode(stream.getvalue())
    return _unsourced(found)


def _unsourced(found: dict[str, Any]) -> dict[str, Any]:
    """The same of a live session, of a recording and out of the store."""
    return {name: value for name, value in found.items() if name != "source"}


def folders() -> list[Path]:
    """The folders of all recorded sessions."""
    return sorted(path.parent for path in SESSIONS.glob(f"*/{SESSION}"))


def foreign_folders() -> list[Path]:
    """The folders of recorded sessions on dumps of other architectures."""
    return sorted(path.parent for path in FOREIGN.glob(f"*/{SESSION}"))


def kernel_folders() -> list[Path]:
    """The folders of recorded sessions on dumps of other kernels."""
    return sorted(path.parent for path in KERNELS.glob(f"*/{SESSION}"))


def recorded_reports() -> dict[str, tuple[Case, ...]]:
    """The cases of each report that has recordings of its own, by its name."""
    return {
        path.parent.name: tuple({case.name: case for group in _groups(path) for case in group.cases}.values())
        for path in sorted(REPORTS.glob(f"*/{OWN}"))
    }


def recorded_cases(folder: Path) -> tuple[Case, ...]:
    """What a report's own recording in this folder has the answers for."""
    mine = (
        group
        for group in _groups(folder.parent / OWN)
        if any(f"{dump}-{crash}" == folder.name for dump, crash in group.dumps)
    )
    return tuple(case for group in mine for case in group.cases)


def truth_folder(recording: str) -> Path | None:
    """The folder with the truth of the guest that a recording is of; None where it wasn't kept."""
    there = [place / recording for place in (SESSIONS, BASES)]
    return next((path for path in there if (path / TRUTH).exists()), None)


def report_folders(report: str) -> list[Path]:
    """The folders of a report's own recordings."""
    return sorted(path.parent for path in (REPORTS / report).glob(f"*/{SESSION}"))


@contextlib.contextmanager
def replayed(folder: Path) -> Iterator[Crash]:
    """A recording, opened: a report's own one together with what it stands on."""
    with open_dump(None, None, replay=whole_session(folder)) as crash:
        yield crash


@functools.cache
def whole_session(folder: Path) -> Path:
    """The file of a recording; a report's own one and what it stands on are put together, once."""
    base = _base(folder)
    if base is None:
        return folder / SESSION
    session = replaykit.place() / folder.parent.name / folder.name / SESSION
    session.parent.mkdir(parents=True)
    replaykit.join(base, folder / SESSION, session)
    return session


def _base(folder: Path) -> Path | None:
    """The recording that a report's own one stands on."""
    if folder.parent.parent != REPORTS:
        return None
    there = [place / folder.name / SESSION for place in (SESSIONS, BASES)]
    return next((path for path in there if path.exists()), None)


def all_cases() -> tuple[Case, ...]:
    """The cases that any dump can be asked, of all reports."""
    return (*CASES, *(case for own in recorded_reports().values() for case in own))


def _groups(path: Path) -> list[Group]:
    """A report's own dumps and cases: those of the file, and those of its groups."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_group(path.parent.name, each) for each in (found, *found.get("group", ()))]


def _group(report: str, found: Mapping[str, Any]) -> Group:
    """A list among the options is a tuple."""
    options = [
        {name: tuple(v) if isinstance(v, list) else v for name, v in case.items()} for case in found["case"]
    ]
    dumps = [(dump, crash) for dump, crash in found["dumps"]]
    return Group(dumps, tuple(Case(report, each) for each in options), found.get("truth", []))


def expected(folder: Path) -> dict[str, Any]:
    """What reports make of a recorded session, by the name of the case."""
    found: dict[str, Any] = msgspec.json.decode(lzma.decompress((folder / EXPECTED).read_bytes()))
    return {case: _unsourced(report) for case, report in found.items()}


def unpack(folder: Path, target: Path) -> None:
    """Put a session's dump.json and truth into a folder."""
    shutil.copy(folder / "dump.json", target)
    with tarfile.open(folder / TRUTH) as archive:
        archive.extractall(target, filter="data")


def record_sessions(dump_names: list[str]) -> None:
    """Record anew, and expect what comes of it."""
    with tempfile.TemporaryDirectory(prefix="lab-") as place:
        # neutral paths: a recording names those of the dump and of crash
        link = Path(place) / "lab"
        link.symlink_to(LAB)
        for dump, version in RECORDED:
            if not dump_names or dump in dump_names:
                target = SESSIONS / f"{dump}-{version}"
                source = _record(link, (dump, version), target, cases, Path(place) / "raw")
                _pack_truth(source / "truth", target / TRUTH)
        for dump, version in FOREIGN_RECORDED:
            if dump in dump_names:
                target = FOREIGN / f"{dump}-{version}"
                source = _record(link, (dump, version), target, _always(FOREIGN_CASES), Path(place) / "raw")
                _pack_truth(source / "truth", target / TRUTH, FOREIGN_TRUTH)
        for dump, version in KERNELS_RECORDED:
            if dump in dump_names:
                target = KERNELS / f"{dump}-{version}"
                source = _record(link, (dump, version), target, _always(KERNELS_CASES), Path(place) / "raw")
                _pack_truth(source / "truth", target / TRUTH, KERNELS_TRUTH)
    expect_sessions(dump_names)


def record_reports(names: list[str], dump_names: list[str]) -> None:
    """Record the own sessions of these reports, all where none is named, and expect what comes of it."""
    with tempfile.TemporaryDirectory(prefix="lab-") as place:
        link = Path(place) / "lab"
        link.symlink_to(LAB)
        for path in sorted(REPORTS.glob(f"*/{OWN}")):
            for group in _groups(path) if not names or path.parent.name in names else ():
                for opened in group.dumps:
                    if not dump_names or opened[0] in dump_names:
                        _record_own(link, path.parent, opened, group, Path(place) / "raw")
    expect_reports(names, dump_names)


def _record_own(lab: Path, folder: Path, opened: tuple[str, str], group: Group, raw: Path) -> None:
    """Record one dump for a report."""
    target = folder / "-".join(opened)
    _need_base(lab, opened, raw)
    source = _record(lab, opened, target, _always(group.cases), raw)
    if truth_folder(target.name) is None and group.truth:
        _pack_truth(source / "truth", target / TRUTH, group.truth)


def _always(own: tuple[Case, ...]) -> Callable[[Crash], Iterable[Case]]:
    """Ask every dump these cases."""
    return lambda _crash: own


def _need_base(lab: Path, opened: tuple[str, str], raw: Path) -> None:
    """Have what all reports ask of a dump recorded: its symbols, types and tasks."""
    name = "-".join(opened)
    if not any((place / name / SESSION).exists() for place in (SESSIONS, BASES)):
        source = _record(lab, opened, BASES / name, _base_cases, raw)
        # a guest with its whole scene; others show one death each
        if msgspec.json.decode((source / "dump.json").read_bytes())["death"] == "sysrq":
            _pack_truth(source / "truth", BASES / name / TRUTH)


def _base_cases(crash: Crash) -> Iterator[Case]:
    """What most reports ask; a lookup by address brings the table of all symbols along."""
    symbols = crash.kernel.symbols
    symbols.lookup(symbols.address("init_task"))
    yield _case("netns")


def _record(
    lab: Path, opened: tuple[str, str], target: Path, asked: Callable[[Crash], Iterable[Case]], raw: Path
) -> Path:
    """Record a dump in a crash, asked these cases; gives the dump's folder."""
    dump, version = opened
    source = lab / "dumps" / dump
    target.mkdir(parents=True, exist_ok=True)
    binary, timeout = str(lab / "crash" / version / "crash"), 120.0
    foreign = msgspec.json.decode((source / "dump.json").read_bytes()).get("architecture", "amd64")
    if foreign != "amd64":
        binary, timeout = str(lab / f"crash-{foreign}" / version / "crash"), _FOREIGN_SECONDS
    files = source / "vmlinux", source / "vmcore"
    with open_dump(*files, crash=[binary], record=raw, timeout=timeout, start_timeout=timeout) as crash:
        for case in asked(crash):
            crash.run_report(case.report, **case.options)
    compact(raw, target / SESSION, _base(target))
    shutil.copy(source / "dump.json", target)
    if (death := source / "truth" / DEATH).exists():
        shutil.copy(death, target)
    return source


def _pack_truth(truth: Path, target: Path, only: Iterable[str] = ()) -> None:
    """What tests hold reports against, in a file that says nothing of when or by whom it was made.

    ``only``: patterns of what is wanted of it; all where there are none.
    """
    patterns = list(only)
    with tarfile.open(target, "w:xz", preset=9) as archive:
        for path in sorted(truth.rglob("*")):
            name = path.relative_to(truth)
            wanted = any(map(name.match, patterns)) if patterns else _is_wanted(name.parts)
            if wanted and not path.is_dir():
                archive.add(path, f"truth/{name}", filter=_nobodys)


def _is_wanted(parts: tuple[str, ...]) -> bool:
    if parts[0] == "proc" and len(parts) > 2 and parts[1].isdecimal():
        return parts[2] in _OF_PROCESSES or (parts[2] == "task" and parts[-1] in _OF_THREADS)
    return parts[-1] != "kallsyms"


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    return member.replace(mtime=0, uid=0, gid=0, uname="", gname="", deep=False)


def expect_sessions(dump_names: list[str]) -> None:
    """Write what reports make of the recorded sessions, and print what has changed."""
    for folder in folders():
        if not dump_names or any(folder.name.startswith(f"{name}-") for name in dump_names):
            _expect(folder, cases)
    for folder in foreign_folders():
        if not dump_names or any(folder.name.startswith(f"{name}-") for name in dump_names):
            _expect(folder, _always(FOREIGN_CASES))
    for folder in kernel_folders():
        if not dump_names or any(folder.name.startswith(f"{name}-") for name in dump_names):
            _expect(folder, _always(KERNELS_CASES))


def expect_reports(names: list[str], dump_names: list[str]) -> None:
    """The same for the own recordings of reports."""
    for report in recorded_reports():
        for folder in report_folders(report) if not names or report in names else ():
            if not dump_names or any(folder.name.startswith(f"{name}-") for name in dump_names):
                _expect(folder, _always(recorded_cases(folder)))


def _expect(folder: Path, asked: Callable[[Crash], Iterable[Case]]) -> None:
    before = expected(folder) if (folder / EXPECTED).exists() else {}
    after: dict[str, Any] = {}
    with replayed(folder) as crash:
        for case in asked(crash):
            after[case.name] = document(crash.run_report(case.report, **case.options))
    for name in sorted(before.keys() ^ after.keys()):
        print(f"{folder.name}: {name}: {'new' if name in after else 'gone'}")
    for name in sorted(before.keys() & after.keys()):
        for difference in differences(before[name], after[name]):
            print(f"{folder.name}: {name}: {difference}")
    content = msgspec.json.encode(after, order="deterministic")
    (folder / EXPECTED).write_bytes(lzma.compress(content, preset=6))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], most: int = 5) -> Iterator[str]:
    """What differs between two reports, table by table; of each the first rows."""
    for name in sorted({*before, *after} - {"tables"}):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name)!r:.400} -> {after.get(name)!r:.400}"
    old, new = before.get("tables", {}), after.get("tables", {})
    for table in sorted({*old, *new}):
        rows, others = old.get(table, []), new.get(table, [])
        changed = [pair for pair in zip(rows, others, strict=False) if pair[0] != pair[1]]
        if len(rows) != len(others) or changed:
            yield f"{table}: {len(rows)} -> {len(others)} rows, {len(changed)} others"
            for row, other in changed[:most]:
                fields = [name for name in {*row, *other} if row.get(name) != other.get(name)]
                yield f"{table}: " + "; ".join(
                    f"{n}: {row.get(n)!r:.100} -> {other.get(n)!r:.100}" for n in sorted(fields)
                )
