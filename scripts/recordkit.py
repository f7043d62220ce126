"""Record what real crashes print for real dumps: golden_outputs/, out of the EXAMPLES of the parsers.

A case is three files: CASE.cmd (the command, then where its output came from), CASE.out (crash's bytes), and
CASE.json (what the parser makes of it; {"failure": true} where crash refused the command). Read the .json
before you commit it: what a parser made itself proves nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from sessionkit import expect_reports, expect_sessions, record_reports, record_sessions

from crashdrive.errors import CrashdriveError, ParseError
from crashdrive.parsers import command_names, module_for, parse
from crashdrive.session import Session
from crashdrive.session.failure import find_failure
from crashdrive.session.result import CommandResult

CHECKOUT = Path(__file__).resolve().parents[1]
GOLDEN = CHECKOUT / "golden_outputs"
LAB = CHECKOUT / ".lab"
# Where outputs wait that no parser knows yet; --expect takes them in as soon as one does.
WAITING = LAB / "unparsed"
# Bytes: longer outputs aren't kept at all; long ones are kept of one crash and kernel alone, and so are those
# of a command that has a lot of outputs already (its first examples are the plain ones); longer .json files
# aren't indented.
MOST = 110_000
LONG = 16_000
SHORT = 2_000
ENOUGH = 40_000
INDENTED = 4_000
FULL = ("9.0.2", "6.12", "elf")

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::(\w+))?\}")


class Dump(msgspec.Struct, frozen=True):
    """A dump of the lab, as its dump.json describes it."""

    name: str
    release: str
    format: str
    architecture: str = "amd64"

    @property
    def kernel(self) -> str:
        """The kernel's version without what the distribution adds: 6.12."""
        return ".".join(self.release.split(".")[:2])


def dumps() -> list[Dump]:
    """All dumps of the lab that its plain crash binaries read."""
    paths = sorted(LAB.glob("dumps/*/dump.json"))
    found = [msgspec.json.decode(path.read_bytes(), type=Dump) for path in paths]
    return [dump for dump in found if dump.architecture == "amd64"]


def binaries() -> dict[str, Path]:
    """The lab's crash binaries by version."""
    return {path.parent.name: path for path in sorted(LAB.glob("crash/*/crash"))}


class Places:
    """What placeholders stand for in one dump; looked up once, None where the dump has no such thing."""

    def __init__(self, session: Session, lab: Path = LAB) -> None:
        self._session = session
        self._lab = lab
        self._known: dict[str, str | None] = {}

    def fill(self, template: str) -> str | None:
        """The command line of an example; None when a placeholder has no value."""
        values: list[str] = []
        for found in _PLACEHOLDER.finditer(template):
            value = self._value(found[0], found[1], found[2])
            if value is None:
                return None
            values.append(value)
        remaining = iter(values)
        return _PLACEHOLDER.sub(lambda _found: next(remaining), template)

    def _value(self, whole: str, name: str, argument: str | None) -> str | None:
        if whole not in self._known:
            if name == "sym":
                self._known[whole] = self._first(f"sym {argument}", r"^([0-9a-f]{8,16}) ")
            else:
                look = getattr(self, f"_{name}", None)
                self._known[whole] = look() if look else None
        return self._known[whole]

    def _first(self, command: str, pattern: str) -> str | None:
        found = re.search(pattern, self._session.run(command).text, re.MULTILINE)
        return found[1] if found else None

    def _pid(self) -> str | None:
        sleeping = r"^ +([1-9]\d+) +-?\d+ +\d+ +[0-9a-f]+ +IN .* [^\[\s]\S*$"
        return self._first("ps -u", sleeping) or self._panic_pid()

    def _task(self) -> str | None:
        row = r"^[> ] +\d+ +-?\d+ +\d+ +([0-9a-f]+) "
        return self._first(f"ps {self._value('{pid}', 'pid', None)}", row)

    def _panic_pid(self) -> str | None:
        return self._first("set -p", r"PID: (\d+)")

    def _sock_pid(self) -> str | None:
        """The task with the fewest sockets, but some."""
        blocks = re.split(r"^PID: ", self._session.run("foreach net -s").text, flags=re.MULTILINE)[1:]
        row = re.compile(r"^ *\d+ +[0-9a-f]{8,16} +[0-9a-f]{8,16} +\S+:", re.MULTILINE)
        counts = [(len(row.findall(block)), block.split()[0]) for block in blocks]
        with_some = sorted(entry for entry in counts if entry[0])
        return with_some[0][1] if with_some else None

    def _init_task(self) -> str | None:
        return self._value("{sym:init_task}", "sym", "init_task")

    def _text(self) -> str | None:
        return self._value("{sym:schedule}", "sym", "schedule")

    def _file_row(self, column: str) -> str | None:
        row = r"^ *\d+ ([0-9a-f]+) +([0-9a-f]+) +([0-9a-f]+) +REG +(/\S+)$"
        listed = self._session.run(f"files {self._value('{pid}', 'pid', None)}").text
        found = re.search(row, listed, re.MULTILINE)
        return found[{"dentry": 2, "inode": 3, "file": 4}[column]] if found else None

    def _file(self) -> str | None:
        return self._file_row("file")

    def _inode(self) -> str | None:
        return self._file_row("inode")

    def _dentry(self) -> str | None:
        return self._file_row("dentry")

    def _vma(self) -> str | None:
        return self._first(
            f"vm {self._value('{pid}', 'pid', None)}", r"^([0-9a-f]+) +[0-9a-f]+ +[0-9a-f]+ +\w+ +/"
        )

    def _mm(self) -> str | None:
        return self._first(f"vm {self._value('{pid}', 'pid', None)}", r"^([0-9a-f]+) +[0-9a-f]+ +\d+k")

    def _page(self) -> str | None:
        return self._first(f"kmem -p {self._value('{task}', 'task', None)}", r"^([0-9a-f]{8,16}) ")

    def _kva(self) -> str | None:
        return self._value("{task}", "task", None)

    def _module(self) -> str | None:
        return self._first("mod", r"^([0-9a-f]{8,16}) ")

    def _tags(self) -> str | None:
        """The tags of a disk's hardware queue, by way of its request queue and its set of tags."""
        place = self._first("dev -d", r"^ *\d+ +[0-9a-f]+ +vd\w+ +([0-9a-f]{8,16}) ")
        for member in ("request_queue.tag_set", "blk_mq_tag_set.tags"):
            place = place and self._first(f"struct {member} {place}", r"= 0x([0-9a-f]+)")
        return place and self._first(f"rd -x {place} 1", r": +([0-9a-f]{8,16})")

    def _sbitmap(self) -> str | None:
        tags = self._value("{tags}", "tags", None)
        return tags and self._first(f"struct blk_mq_tags.bitmap_tags -o {tags}", r"\[([0-9a-f]+)\] struct s")

    def _rqs(self) -> str | None:
        """The requests of a hardware queue: an array of pointers."""
        tags = self._value("{tags}", "tags", None)
        return tags and self._first(f"struct blk_mq_tags.rqs {tags}", r"= 0x([0-9a-f]+)")

    def _maple_root(self) -> str | None:
        """The pointer to the root node of a process's maple tree: its lowest bits are the node's type."""
        mm = self._value("{mm}", "mm", None)
        return mm and self._first(f"p -x ((struct mm_struct *)0x{mm})->mm_mt.ma_root", r"0x([0-9a-f]+)")

    def _sp(self) -> str | None:
        return self._first(f"bt {self._value('{pid}', 'pid', None)}", r"^ *#0 \[([0-9a-f]+)\] ")

    def _ip(self) -> str | None:
        return self._first(f"bt {self._value('{pid}', 'pid', None)}", r"^ *#0 \[.* at ([0-9a-f]+)$")

    def _bpf_prog(self) -> str | None:
        return self._first("bpf -P", r"^ *(\d+) +[0-9a-f]{8,16} +[0-9a-f]{8,16} ")

    def _bpf_map(self) -> str | None:
        return self._first("bpf -M", r"^ *(\d+) +[0-9a-f]{8,16} +[A-Z]")

    def _module_file(self) -> str | None:
        """The first module's file with debugging data, as Debian has it."""
        name = self._value("{module_name}", "module_name", None)
        found = sorted(self._lab.glob(f"kernels/*/root/usr/lib/debug/lib/modules/*/kernel/**/{name}.ko"))
        release = self._first("sys", r"^ *RELEASE: (\S+)")
        return next((str(path) for path in found if release and release in path.parts), None)

    def _module_name(self) -> str | None:
        return self._first("mod", r"^[0-9a-f]{8,16} +(\S+)")


def case_name(template: str, dump: Dump) -> str:
    """A file's name for an example: ``kmem -s {task}`` is ``kmem_-s_task``; behind it what is special."""
    plain = _PLACEHOLDER.sub(lambda found: found[2] or found[1], template)
    words = re.sub(r"[^\w.,=+:-]+", "_", plain).strip("_")[:100]
    return words if dump.format == "elf" else f"{words}@{dump.name.removeprefix(f'{dump.kernel}-')}"


def recorded(golden: Path, command: str, template: str, dump: Dump) -> bool:
    """Whether an example was recorded before, with any crash, on any dump."""
    name = case_name(template, dump).partition("@")[0]
    return any(golden.glob(f"*/*/{command}/{name}.cmd")) or any(golden.glob(f"*/*/{command}/{name}@*.cmd"))


def without_recorded(golden: Path, commands: Iterable[str]) -> dict[str, list[str]]:
    """The examples of each command that were never recorded."""
    plain = Dump(name="", release="", format="elf")
    return {
        command: [one for one in module_for(command).EXAMPLES if not recorded(golden, command, one, plain)]
        for command in commands
    }


class Recorder:
    """Records the examples of some commands with one crash on one dump."""

    def __init__(self, session: Session, dump: Dump, golden: Path, lab: Path = LAB) -> None:
        self.session = session
        self.dump = dump
        self.places = Places(session, lab)
        self.version = session.version or "unknown"
        self.folder = golden / self.version / dump.release
        self.problems: list[str] = []
        self.written = 0
        self._taken: dict[str, int] = {}

    def record(self, examples: Mapping[str, Iterable[str]]) -> None:
        """These examples of these commands."""
        for command, templates in examples.items():
            self.session.run("set -p")  # some outputs follow the current task
            for template in templates:
                try:
                    self._example(command, template)
                except Exception as error:  # noqa: BLE001 - a parser's bug is reported, not fatal
                    self.problems.append(f"{self._where(template)}: {type(error).__name__}: {error}")

    def _where(self, template: str) -> str:
        return f"{self.version} on {self.dump.name}: {template}"

    def _example(self, command: str, template: str) -> None:
        line = self.places.fill(template)
        if line is None:
            self.problems.append(f"{self._where(template)}: nothing to fill in")
            return
        result = self.session.run(line)
        if len(result.raw) <= self._limit(command):
            self._taken[command] = self._taken.get(command, 0) + len(result.raw)
            self._write(self.folder / command / case_name(template, self.dump), result)

    def _limit(self, command: str) -> int:
        """The most bytes that an output of this command may have by now."""
        if (self.version, self.dump.kernel, self.dump.format) == FULL:
            return MOST
        return LONG if self._taken.get(command, 0) < ENOUGH else SHORT

    def _write(self, case: Path, result: CommandResult) -> None:
        try:
            answer = expected(result.command, result.text, failed=result.failure is not None)
        except Exception:
            self._files(WAITING / case.relative_to(GOLDEN), result)
            raise
        if self.dump.format != "elf" and self._same_as_elf(case, answer):
            return
        self._files(case, result)
        _with(case, ".json").write_bytes(answer)
        self.written += 1

    def _files(self, case: Path, result: CommandResult) -> None:
        case.parent.mkdir(parents=True, exist_ok=True)
        _with(case, ".cmd").write_text(self._head(result.command), encoding="utf-8")
        _with(case, ".out").write_bytes(result.raw)

    def _head(self, command: str) -> str:
        today = dt.datetime.now(tz=dt.UTC).date().isoformat()
        options = " ".join(("-s", "--no_crashrc", "--no_scroll", *self.session.health.options))
        return (
            f"{command}\ncrash: {self.version}\nkernel: {self.dump.release}\nformat: {self.dump.format}\n"
            f"dump: {self.dump.name}\ndate: {today}\noptions: {options}\n"
        )

    def _same_as_elf(self, case: Path, answer: bytes) -> bool:
        """Whether the whole dump's output went the same way; only what a filtered one adds is kept."""
        other = _with(case.with_name(case.name.partition("@")[0]), ".json")
        return other.exists() and _kind(other.read_bytes()) == _kind(answer)


def _with(case: Path, suffix: str) -> Path:
    return case.with_name(case.name + suffix)


def _kind(expectation: bytes) -> Any:
    decoded = msgspec.json.decode(expectation)
    warnings = {warning["kind"] for warning in decoded.get("warnings", ())}
    return decoded.get("shape"), decoded.get("complete"), warnings


def expected(command: str, text: str, *, failed: bool) -> bytes:
    """The .json of a case; ParseError where the parser doesn't know an output that isn't a failure.

    An output that ends in the middle of a line is one: crash gave up there, without a word.
    """
    try:
        answer: Any = msgspec.to_builtins(parse(command, text))
    except ParseError:
        if not failed and text.endswith("\n"):
            raise
        answer = {"failure": True}
    encoded = msgspec.json.encode(answer)
    return (encoded if len(encoded) > INDENTED else msgspec.json.format(encoded, indent=1)) + b"\n"


def expect_again(cases: Iterable[Path]) -> Iterator[str]:
    """Write the .json of recorded cases anew; gives a line for each one that can't be."""
    for case in cases:
        base = case.with_suffix("") if case.suffix in {".cmd", ".out", ".json"} else case
        command = _with(base, ".cmd").read_text(encoding="utf-8").split("\n", 1)[0]
        text = _with(base, ".out").read_bytes().decode("utf-8", "backslashreplace")
        try:
            answer = expected(command, text, failed=find_failure(command, text) is not None)
            _with(base, ".json").write_bytes(answer)
        except Exception as error:  # noqa: BLE001 - a parser's bug is reported, not fatal
            yield f"{base}: {type(error).__name__}: {error}"


def take_in() -> Iterator[str]:
    """Move the waiting outputs that can be parsed by now; gives a line for each one that still can't."""
    for command in sorted(WAITING.glob("*/*/*/*.cmd")):
        base = command.with_suffix("")
        text = _with(base, ".out").read_bytes().decode("utf-8", "backslashreplace")
        line = command.read_text(encoding="utf-8").split("\n", 1)[0]
        try:
            answer = expected(line, text, failed=find_failure(line, text) is not None)
        except Exception as error:  # noqa: BLE001 - a parser's bug is reported, not fatal
            yield f"{base.relative_to(WAITING)}: {type(error).__name__}: {error}"
            continue
        target = GOLDEN / base.relative_to(WAITING)
        target.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".cmd", ".out"):
            shutil.move(_with(base, suffix), _with(target, suffix))
        _with(target, ".json").write_bytes(answer)


def clear(recorder: Recorder, commands: Iterable[str]) -> None:
    """Remove what an earlier run recorded of these commands for the same crash and dump."""
    folders = (recorder.folder, WAITING / recorder.folder.relative_to(GOLDEN))
    for command in commands:
        for path in sorted(path for folder in folders for path in (folder / command).glob("*.cmd")):
            if f"\ndump: {recorder.dump.name}\n" in path.read_text(encoding="utf-8"):
                for suffix in (".cmd", ".out", ".json"):
                    path.with_suffix(suffix).unlink(missing_ok=True)


def record_all(arguments: argparse.Namespace) -> list[str]:
    """Record with each crash on each dump that were asked for; gives what went wrong."""
    problems: list[str] = []
    commands = arguments.command or list(command_names())
    examples = {command: list(module_for(command).EXAMPLES) for command in commands}
    if arguments.missing:
        examples = without_recorded(GOLDEN, commands)
    with tempfile.TemporaryDirectory(prefix="lab-") as folder:
        # Neutral paths: crash prints those of the dump and of itself.
        link = Path(folder) / "lab"
        link.symlink_to(LAB)
        for dump in dumps():
            for version in binaries():
                if _wanted(dump.name, arguments.dump) and _wanted(version, arguments.crash):
                    problems += _record_one(link, dump, version, examples, keep=arguments.missing)
    return problems


def _wanted(name: str, asked: list[str]) -> bool:
    return not asked or name in asked


def _record_one(
    lab: Path, dump: Dump, version: str, examples: Mapping[str, list[str]], *, keep: bool
) -> list[str]:
    files = lab / "dumps" / dump.name
    crash = str(lab / "crash" / version / "crash")
    try:
        session = Session.open(files / "vmlinux", files / "vmcore", crash=[crash])
    except CrashdriveError as error:
        return [f"{version} on {dump.name}: {error}"]
    with session:
        if session.health.options:
            return [f"{version} on {dump.name}: opens only with {' '.join(session.health.options)}"]
        recorder = Recorder(session, dump, GOLDEN, lab)
        if not keep:
            clear(recorder, examples)
        recorder.record(examples)
    print(f"{version} on {dump.name}: {recorder.written} cases")
    return recorder.problems


def main() -> int:
    """Record, or with --expect write only the .json files anew; status 1 when something couldn't be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog=_places_help()
    )
    parser.add_argument("--dump", action="append", default=[], help="only this dump of the lab (by name)")
    parser.add_argument("--crash", action="append", default=[], help="only this crash (by version)")
    parser.add_argument("--command", action="append", default=[], help="only this command's examples")
    parser.add_argument("--missing", action="store_true", help="only examples that were never recorded")
    parser.add_argument("--expect", nargs="*", type=Path, help="write the .json of these cases (or all) anew")
    sessions = (
        "the sessions that answer all reports, those of other architectures where --dump names them; "
        "with --expect, what reports make of them"
    )
    parser.add_argument("--sessions", action="store_true", help=sessions)
    own = "a report's own recordings (golden_outputs/reports); with --expect, what it makes of them"
    parser.add_argument("--report", action="append", default=[], help=own)
    arguments = parser.parse_args()
    problems: list[str] = []
    if arguments.report:
        (record_reports if arguments.expect is None else expect_reports)(arguments.report, arguments.dump)
    elif arguments.sessions:
        (record_sessions if arguments.expect is None else expect_sessions)(arguments.dump)
    elif arguments.expect is not None:
        cases = arguments.expect or sorted(GOLDEN.glob("*/*/*/*.cmd"))
        wanted = [case for case in cases if _of_commands(case, arguments.command)]
        problems = [*expect_again(wanted), *take_in()]
    else:
        problems = record_all(arguments)
    print("\n".join(problems), file=sys.stderr)
    return 1 if problems else 0


def _of_commands(case: Path, commands: list[str]) -> bool:
    return not commands or case.parent.name in commands


def _places_help() -> str:
    names = sorted(name[1:] for name in vars(Places) if re.fullmatch(r"_[a-z][a-z_]*", name))
    hidden = {"value", "first", "file_row"}
    return "placeholders in EXAMPLES: sym:NAME, " + ", ".join(name for name in names if name not in hidden)
