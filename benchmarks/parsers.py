"""Rows and megabytes a second of the parsers, side by side with the same text split by plain Python.

::

    scripts/benchmark parsers [--rounds 3] [--megabytes 4] [--only ps] [--no-memory]
    scripts/benchmark parsers --against REVISION|CHECKOUT [--only ps]
    scripts/benchmark parsers --import [--only ps]

The texts are recorded outputs (golden_outputs/), multiplied: the rows of a table under its one header, whole
outputs for the rest. Memory is the most that Python allocated while the text was parsed, its records kept, as
a multiple of the text. Targets: tables 100,000 rows/s, log 20 MB/s, foreach bt 5 MB/s, gdb values 1 MB/s,
memory ten times the text.

``--against`` parses the same texts with the package of another revision or checkout, in turns with this one,
and prints how many times as fast this one is (1.0: the same), and whether the answers are the same.
``--import`` prints what the first answer of each command costs on top of ``import crashdrive``: imports, a
grammar that is built, and the shortest recorded output, with compiled modules as an installed package has
them. Target: 60 ms, or what the libraries alone cost on this machine and 20 ms; that stands above.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

import crashdrive
from crashdrive.errors import ParseError
from crashdrive.parsers import parse

CHECKOUT = Path(__file__).resolve().parents[1]
GOLDEN = CHECKOUT / "golden_outputs"
IMPORT_MS = 60
OWN_MS = 20


class Case(NamedTuple):
    """A text, how it is parsed, and what is wanted of it (rows/s or MB/s)."""

    name: str
    command: str
    text: str
    unit: str
    wanted: float
    times: int = 1  # how often the text is parsed, where it can't be multiplied


class Source(NamedTuple):
    """Where a case comes from: command, case of the golden files, lines of a header that isn't multiplied.

    Where ``header`` is None, the text is parsed many times: its rows can't stand there twice.
    """

    name: str
    path: str
    header: int | None
    unit: str = "MB/s"
    wanted: float = 1
    command: str | None = None  # another command that prints such rows


SOURCES = (
    Source("ps", "ps/ps", 1, "rows/s", 100_000),
    Source("ps -a", "ps/ps_-a", 0),
    Source("ps -c", "ps/ps_-c", 0),
    Source("ps -l", "ps/ps_-l", 0, "rows/s", 100_000),
    Source("ps -m", "ps/ps_-m", 0, "rows/s", 100_000),
    Source("ps -p", "ps/ps_-p", 0),
    Source("ps -t", "ps/ps_-t", 0),
    Source("sym -l", "sym/sym_-q_pipe", 0, "rows/s", 100_000, "sym -l"),
    Source("kmem -s", "kmem/kmem_-s", 1, "rows/s", 100_000),
    Source("kmem -S", "kmem/kmem_-S_list", None),
    Source("kmem -f", "kmem/kmem_-f", None),
    Source("kmem -v", "kmem/kmem_-v", 1, "rows/s", 100_000),
    Source("rd", "rd/rd_init_task_33", 0, "rows/s", 100_000, "rd ffffffff80000000 99999999"),
    Source("mod", "mod/mod", 1, "rows/s", 100_000),
    Source("files", "files/files_pid", 3, "rows/s", 100_000),
    Source("log", "log/log", 0, "MB/s", 20),
    Source("log -m", "log/log_-m", 0, "MB/s", 20),
    Source("foreach bt", "foreach/foreach_bt", 0, "MB/s", 5),
    Source("foreach files", "foreach/foreach_files", 0),
    Source("foreach vm", "foreach/foreach_vm", 0),
    Source("bt -f", "bt/bt_-f", None),
    Source("bt -r", "bt/bt_-r", None),
    Source("struct task_struct", "struct/struct_task_struct_task", None),
    Source("struct -o", "struct/struct_task_struct_-o", None),
    Source("struct members", "struct/struct_task_struct.comm,pid_task", None),
    Source("p", "p/p_runqueues:0", None),
    Source("whatis", "whatis/whatis_-o_page", None),
    Source("whatis -r", "whatis/whatis_-r_192", None),
    Source("dis -l", "dis/dis_-l_panic_20", 0, "rows/s", 100_000),
    Source("dis -f", "dis/dis_-f_panic+40", 0, "rows/s", 100_000),
    Source("list", "list/list_task_struct.tasks_-h_init_task", 0, "rows/s", 100_000),
    Source("list -S", "list/list_task_struct.tasks_-S_task_struct.pid,comm_-h_init_task", 0),
    Source("tree -p", "tree/tree_-t_rbtree_-o_vmap_area.rb_node_vmap_area_root_-p", 0),
    Source("tree -v", "tree/tree_-t_maple_-r_mm_struct.mm_mt_mm_-v", None),
    Source("irq", "irq/irq", None),
    Source("irq -s", "irq/irq_-s", None),
    Source("dev", "dev/dev", None),
    Source("dev -i", "dev/dev_-i", None),
    Source("net", "net/net", None),
    Source("net -S", "net/net_-S_sock_pid", None),
    Source("mount", "mount/mount", 1, "rows/s", 100_000),
    Source("vm", "vm/vm_pid", 4, "rows/s", 100_000),
    Source("vm -p", "vm/vm_-p_pid", None),
    Source("vm -v", "vm/vm_-v_pid", None),
    Source("timer", "timer/timer", None),
    Source("runq", "runq/runq", None),
    Source("search", "search/search_-k_init_task", 0, "rows/s", 100_000),
    Source("search -t", "search/search_-t_init_task", 0),
    Source("help -n", "help/help_-n", None),
    Source("sys", "sys/sys", None),
    Source("sys -c", "sys/sys_-c", None),
    Source("mach", "mach/mach", None),
    Source("sig", "sig/sig_pid", None),
)


def cases(megabytes: float, only: list[str]) -> Iterator[Case]:
    """The cases of which there is a recorded output, those that were asked for."""
    for source in SOURCES:
        if only and source.name not in only:
            continue
        found = sorted(GOLDEN.glob(f"*/*/{source.path}.cmd"), key=_size)
        if not found:
            print(f"{source.name}: no recorded output ({source.path})", file=sys.stderr)
            continue
        command, text = _recorded(found[-1])
        times = max(1, int(megabytes * 1e6 / len(text)))
        yield multiplied(source, source.command or command, text, times)


def _size(path: Path) -> int:
    return path.with_suffix(".out").stat().st_size


def _recorded(path: Path) -> tuple[str, str]:
    """Command line and text of a golden file."""
    text = path.with_suffix(".out").read_text(encoding="utf-8", errors="backslashreplace")
    return path.read_text(encoding="utf-8").split("\n", 1)[0], text


def multiplied(source: Source, command: str, text: str, times: int) -> Case:
    """A case with a text of the size that was asked for."""
    if source.header is None:
        return Case(source.name, command, text, source.unit, source.wanted, times)
    lines = text.splitlines(keepends=True)
    head, body = "".join(lines[: source.header]), lines[source.header :]
    numbered = _NUMBERED.get(source.name, "".join)
    return Case(source.name, command, head + numbered(body * times), source.unit, source.wanted)


def _files(rows: list[str]) -> str:
    """Descriptors ascend: each repetition gets numbers of its own."""
    return "".join(f"{i:3d} {row.split(None, 1)[1]}" for i, row in enumerate(filter(str.strip, rows)))


def _rd(rows: list[str]) -> str:
    """Addresses ascend by the width of a row; the last row of a recorded output is a short one."""
    whole = [row.split(":", 1)[1] for row in rows if len(row) == len(rows[0])]
    return "".join(f"{0xFFFFFFFF80000000 + 16 * i:x}:{row}" for i, row in enumerate(whole))


_NUMBERED: dict[str, Callable[[list[str]], str]] = {"files": _files, "rd": _rd}


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The least CPU time of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def split(text: str) -> list[list[str]]:
    """What plain Python needs to take a text apart into words."""
    return [line.split() for line in text.splitlines()]


def peak(work: Callable[[], object]) -> int:
    """The most memory that Python had while it worked, in bytes."""
    tracemalloc.start()
    try:
        kept = work()
        size = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    del kept
    return size


def measure(case: Case, rounds: int, *, memory: bool) -> str:
    """A line of the table."""
    ours = seconds(lambda: [parse(case.command, case.text) for _ in range(case.times)], rounds) / case.times
    plain = seconds(lambda: [split(case.text) for _ in range(case.times)], rounds) / case.times
    size = len(case.text.encode("utf-8", "surrogatepass"))
    rows = case.text.count("\n")
    rate = rows / ours if case.unit == "rows/s" else size / 1e6 / ours
    held = f"{peak(lambda: parse(case.command, case.text)) / size:6.1f}" if memory else "     -"
    verdict = "ok" if rate >= case.wanted else "SLOW"
    return (
        f"{case.name:20} {size / 1e6:6.2f} {rows:8d} {rows / ours:10,.0f} {size / 1e6 / ours:8.2f} "
        f"{ours / plain:7.1f} {held} {case.wanted:10,.0f} {case.unit:7} {verdict}"
    )


class Worker:
    """A process that parses the cases with one package's parsers, one at a time, on demand."""

    def __init__(self, package: Path, arguments: argparse.Namespace) -> None:
        """``package``: the folder that has ``crashdrive``."""
        command = [sys.executable, __file__, "--worker", "--megabytes", str(arguments.megabytes)]
        for name in arguments.only:
            command += ["--only", name]
        environment = {**os.environ, "PYTHONPATH": str(package)}
        self.process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        where = self.answer()["package"]
        if Path(where).parent.parent != package:
            raise SystemExit(f"{where} was imported, not the package in {package}")

    def answer(self) -> Any:
        """The next line that it prints."""
        assert self.process.stdout  # noqa: S101 - it is a pipe
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise SystemExit("a worker ended")

    def ask(self, case: str, what: str) -> Any:
        """``seconds`` of CPU time for a case, or the ``digest`` of its answer."""
        assert self.process.stdin  # noqa: S101 - it is a pipe
        print(json.dumps([case, what]), file=self.process.stdin, flush=True)
        return self.answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin  # noqa: S101 - it is a pipe
        self.process.stdin.close()
        self.process.wait(60)


def work(arguments: argparse.Namespace) -> int:
    """What a worker does: answer questions about cases until its input ends."""
    known = {case.name: case for case in cases(arguments.megabytes, arguments.only)}
    print(json.dumps({"package": str(Path(crashdrive.__file__).resolve())}), flush=True)
    for line in sys.stdin:
        name, what = json.loads(line)
        print(json.dumps(_timed(known[name]) if what == "seconds" else _digest(known[name])), flush=True)
    return 0


def _timed(case: Case) -> float:
    start = time.process_time()
    for _ in range(case.times):
        parse(case.command, case.text)
    return time.process_time() - start


def _digest(case: Case) -> str:
    """What an answer says, or why there is none."""
    try:
        return hashlib.sha256(msgspec.json.encode(parse(case.command, case.text))).hexdigest()
    except ParseError as error:
        return f"ParseError: {error.reason}"


def compare(arguments: argparse.Namespace) -> int:
    """Measure this package and another one in turns; status 1 where this one has less than 0.9 of a rate."""
    with ExitStack() as stack:
        other = stack.enter_context(Worker(_package(arguments.against, stack), arguments))
        ours = stack.enter_context(Worker(CHECKOUT, arguments))
        print(f"{'':20} {'MB':>6} {'old MB/s':>9} {'new MB/s':>9} {'new/old':>8}  answers")
        return max(
            _compared(case, ours, other, arguments.rounds)
            for case in cases(arguments.megabytes, arguments.only)
        )


def _package(wanted: str, stack: ExitStack) -> Path:
    """The folder of a checkout, or of a revision's package, which is taken out of git for the time being."""
    if (Path(wanted) / "crashdrive" / "__init__.py").exists():
        return Path(wanted).resolve()
    done = subprocess.run(
        ["git", "-C", str(CHECKOUT), "archive", "--format=tar", wanted, "crashdrive"],  # noqa: S607 - the user's git
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(
            f"{wanted}: no folder with the package, and git says: {done.stderr.decode().strip()}"
        )
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crashdrive-against-"))).resolve()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _compared(case: Case, ours: Worker, other: Worker, rounds: int) -> int:
    """Print a line of the comparison; 1 where this package is too slow."""
    digests = [worker.ask(case.name, "digest") for worker in (other, ours)]
    megabytes = len(case.text.encode("utf-8", "surrogatepass")) * case.times / 1e6
    if refused := [digest for digest in digests if digest.startswith("ParseError")]:
        whose = "old" if digests[0] in refused else "new"
        print(f"{case.name:20} {megabytes:6.2f} {'':28}  {whose}: {refused[0]}")
        return int(digests[1] in refused)
    old, new = _least(case, (other, ours), rounds)
    verdict = "same" if digests[0] == digests[1] else "OTHER"
    slow = old / new < 0.9
    print(
        f"{case.name:20} {megabytes:6.2f} {megabytes / old:9.2f} {megabytes / new:9.2f} {old / new:8.2f}  "
        f"{verdict}{'  SLOW' if slow else ''}",
        flush=True,
    )
    return int(slow)


def _least(case: Case, workers: tuple[Worker, Worker], rounds: int) -> tuple[float, float]:
    """The least seconds of each; who is first in a round changes, so that both see the same machine."""
    found = [float("inf")] * 2
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            found[place] = min(found[place], workers[place].ask(case.name, "seconds"))
    return found[0], found[1]


_IMPORT = """\
import importlib, sys, time, crashdrive
start = time.process_time()
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(time.process_time() - start, sys.argv[1])
"""
_FIRST_ANSWER = """\
import time, crashdrive
start = time.process_time()
from crashdrive.parsers import parse
import sys
text = open(sys.argv[2], encoding="utf-8", errors="backslashreplace").read()
parse(sys.argv[1], text)
print(time.process_time() - start, "pyparsing" in sys.modules)
"""


def first_answers(arguments: argparse.Namespace) -> int:
    """Print what each command's first answer costs; status 1 where one costs more than the target."""
    target = float(IMPORT_MS)
    for libraries in ("msgspec", "pyparsing", "msgspec,pyparsing"):
        alone = _least_milliseconds(_IMPORT, libraries, arguments.rounds)[0]
        target = max(target, alone + OWN_MS)
        print(f"{libraries:17} {alone:7.1f} ms  alone")
    worst = 0
    for path in _shortest():
        if not arguments.only or path.parent.name in arguments.only:
            milliseconds, pyparsing = _first_answer(path, arguments.rounds)
            slow = milliseconds > target
            worst = max(worst, slow)
            verdict = f"{'SLOW' if slow else 'ok':4} {'pyparsing' if pyparsing else ''}"
            print(f"{path.parent.name:17} {milliseconds:7.1f} ms  {verdict}")
    return worst


def _shortest() -> list[Path]:
    """The shortest good output of each command."""
    found: dict[str, Path] = {}
    for path in sorted(GOLDEN.glob("*/*/*/*.cmd"), key=lambda path: (_size(path), path)):
        refused = re.search(rb'"failure": *true', path.with_suffix(".json").read_bytes())
        if _size(path) and not refused:
            found.setdefault(path.parent.name, path)
    return [found[name] for name in sorted(found)]


def _first_answer(path: Path, rounds: int) -> tuple[float, bool]:
    """Milliseconds, and whether pyparsing was imported."""
    command, _ = _recorded(path)
    milliseconds, said = _least_milliseconds(_FIRST_ANSWER, command, rounds, str(path.with_suffix(".out")))
    return milliseconds, said == "True"


def _least_milliseconds(program: str, word: str, rounds: int, *more: str) -> tuple[float, str]:
    """The least CPU time that some processes say, in milliseconds, and what else they say."""
    command = [sys.executable, "-c", program, word, *more]
    with tempfile.TemporaryDirectory(prefix="crashdrive-compiled-") as compiled:
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        lines = [
            subprocess.run(
                command, env=environment, capture_output=True, check=True, text=True
            ).stdout.split()
            for _ in range(rounds + 1)
        ]
    return min(float(line[0]) for line in lines) * 1000, lines[0][1]


def main() -> int:
    """Measure all cases, or those that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help="default: 3; 6 with --against")
    parser.add_argument("--megabytes", type=float, help="size of a text (default: 4; 1 with --against)")
    parser.add_argument("--only", action="append", default=[], help="a case; with --import, a command")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--against", metavar="REVISION|CHECKOUT", help="compare with another package")
    parser.add_argument("--import", dest="imports", action="store_true", help="the cost of a first answer")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (6 if arguments.against else 3)
    arguments.megabytes = arguments.megabytes or (1.0 if arguments.against else 4.0)
    if arguments.worker:
        return work(arguments)
    if arguments.against:
        return compare(arguments)
    return first_answers(arguments) if arguments.imports else rates(arguments)


def rates(arguments: argparse.Namespace) -> int:
    """Print the rates of this package."""
    titles = f"{'MB':>6} {'lines':>8} {'lines/s':>10} {'MB/s':>8} {'x plain':>7} {'memory':>6} {'wanted':>10}"
    print(f"{'':20} {titles}")
    for case in cases(arguments.megabytes, arguments.only):
        print(measure(case, arguments.rounds, memory=not arguments.no_memory), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
