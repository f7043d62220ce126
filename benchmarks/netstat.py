"""``report netstat`` on a dump with many sockets, side by side with drgn and with crash itself, in one run.

::

    scripts/benchmark netstat .lab/dumps/6.1-elf-big [--crash BINARY] [--rounds 5] [--skip-process]

- in a running session, all sockets with all columns, against drgn reading state, addresses and ports of TCP
  sockets alone, in turns (limit 0.5);
- growth over 100, 1,000, 10,000 and all sockets of the TCP table;
- rendering of all rows in each format (limit 0.3 s), and the client's memory (limit 250 MB);
- the whole process, with the kernel's types known and everything else new, against ``crash -s`` to its prompt
  and ``q`` (limit 1.15).

drgn and crashdrive run in processes of their own that are alive at once and work in turns.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import crashdrive
from benchmarks.given import apart, dump_folder, fail, failures
from crashdrive.cache.store import Store
from crashdrive.linux.net.namespaces import namespaces
from crashdrive.linux.net.sockets import tcp
from crashdrive.linux.net.sockets.rows import Wanted, socket_rows
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.opening import open_kernel
from crashdrive.render import FORMATS, Output, render
from crashdrive.reports import run_report

AF_INET6 = 10
BUCKETS = (1 << 8, 1 << 11, 1 << 15, 1 << 30)
LIMITS = {"session": 0.5, "process": 1.15, "render": 0.3, "memory": 250}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and result."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_mb() -> float:
    """The most memory that this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Ours:
    """crashdrive in a session, with the store of ``options.store``."""

    def __init__(self, options: argparse.Namespace) -> None:
        binaries = [options.crash] if options.crash else None
        self.crash = crashdrive.open_dump(options.dump / "vmlinux", options.dump / "vmcore", crash=binaries)
        self.crash.__dict__["kernel"] = open_kernel(self.crash.session, Store(options.store))
        self.report: Any = None

    def all(self) -> int:
        """Every socket of the system; how many."""
        self.crash.kernel.memory.drop()
        self.report = run_report(self.crash, "netstat", all=True)
        return len(self.report.table("sockets").rows)

    def part(self, buckets: int) -> int:
        """Rows of the sockets in the first buckets of the TCP table; how many."""
        self.crash.kernel.memory.drop()
        everywhere = namespaces(self.crash.kernel)
        survey = Fewer(self.crash.kernel, everywhere, everywhere)
        survey.most = buckets
        wanted = Wanted(frozenset({"tcp", "tcp6"}), listening=False, connected=True)
        return len(socket_rows(survey, list(tcp.find(survey, wanted)), processes=False))

    def rendered(self) -> dict[str, float]:
        """Seconds of the processor to write the last report in each format; nothing else is waited for."""
        return {form: min(self._rendering(form) for _ in range(3)) for form in FORMATS}

    def _rendering(self, form: str) -> float:
        start = time.process_time()
        render(self.report, form, Output(io.StringIO()))
        return time.process_time() - start


class Fewer(NetSurvey):
    """A survey that looks into fewer buckets."""

    most = 0

    def buckets(self, count: int, what: str) -> int:
        """No more than ``most``."""
        return min(self.most, super().buckets(count, what))


class Drgns:
    """drgn: state, addresses and ports, nothing else."""

    def __init__(self, options: argparse.Namespace) -> None:
        # not at the top: the other contender's memory is measured too
        import drgn  # noqa: PLC0415

        self.program = drgn.Program()
        self.program.set_core_dump(str(options.dump / "vmcore"))
        self.program.load_debug_info([str(options.dump / "vmlinux")])

    def all(self) -> int:
        """The established and the listening table."""
        return self.part(1 << 30) + len(self._walk("lhash2", "nulls_head", 1 << 30))

    def part(self, buckets: int) -> int:
        """The first buckets of the established table."""
        return len(self._walk("ehash", "chain", buckets))

    def _walk(self, table: str, head: str, most: int) -> list[tuple[Any, ...]]:
        from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry  # noqa: PLC0415

        info = self.program["tcp_hashinfo"]
        buckets = info.member_(table)
        count = min(most, info.member_(f"{table}_mask").value_() + 1)
        return [
            members(sock.member_("__sk_common"))
            for i in range(count)
            for sock in hlist_nulls_for_each_entry(
                "struct sock", buckets[i].member_(head).address_of_(), "__sk_common.skc_nulls_node"
            )
        ]

    def rendered(self) -> dict[str, float]:
        """Nothing to render."""
        return {}


def members(common: Any) -> tuple[Any, ...]:
    """What a row without anything else has; IPv6 sockets' addresses are longer."""
    if common.skc_family.value_() == AF_INET6:
        local, remote = common.skc_v6_rcv_saddr.in6_u.u6_addr8, common.skc_v6_daddr.in6_u.u6_addr8
    else:
        local, remote = common.skc_rcv_saddr, common.skc_daddr
    return (
        common.skc_state.value_(), local.value_(), common.skc_num.value_(), remote.value_(),
        common.skc_dport.value_(),
    )  # fmt: skip


def serve(options: argparse.Namespace) -> None:
    """Be a contender: a command per line of stdin, its seconds and result on stdout."""
    contender: Any = {"ours": Ours, "drgn": Drgns}[options.only](options)
    for line in sys.stdin:
        name, *arguments = line.split()
        seconds, result = timed(lambda: getattr(contender, name)(*map(int, arguments)))  # noqa: B023 - run at once
        print(json.dumps([seconds, result, peak_mb()]), flush=True)
    if options.only == "ours":
        contender.crash.close()


class Contender:
    """A process that serves."""

    def __init__(self, name: str, words: list[str]) -> None:
        self._name = name
        command, environment = apart("netstat", [*words, "--only", name])
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def do(self, line: str) -> Any:
        """Seconds, result and peak memory of a command."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("no pipes")
        answer = ""
        with suppress(BrokenPipeError):
            print(line, file=stdin, flush=True)
            answer = stdout.readline()
        if not answer:
            status = self._process.wait()
            fail(f"the process that measures {self._name} ended: exit status {status}", max(status, 1))
        return json.loads(answer)

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def in_session(options: argparse.Namespace, words: list[str]) -> bool:
    """All that a running session is measured by; whether every limit is kept."""
    ours, drgns = Contender("ours", words), Contender("drgn", words)
    first = ours.do("all")[0], drgns.do("all")[0]
    times: list[tuple[float, float]] = []
    for _ in range(options.rounds):
        (mine, rows, _), (theirs, sockets, _) = ours.do("all"), drgns.do("all")
        times.append((mine, theirs))
    mine, theirs = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"{rows} rows with all columns, {sockets} TCP sockets with state, addresses and ports by drgn")
    print(f"first time: {first[0]:.2f} s, drgn {first[1]:.2f} s")
    print(
        f"median: {mine:.2f} s, drgn {theirs:.2f} s; each: {', '.join(f'{a:.2f}/{b:.2f}' for a, b in times)}"
    )
    kept = verdict("session", statistics.median(a / b for a, b in times))
    rendered, memory = ours.do("rendered")[1:]
    for form, seconds in rendered.items():
        kept &= verdict("render", seconds, f" s, {form}")
    kept &= verdict("memory", memory, " MB")
    print(f"\n{'sockets':>8} {'crashdrive':>12} {'drgn':>12}")
    for buckets in BUCKETS:
        a, b = ours.do(f"part {buckets}"), drgns.do(f"part {buckets}")
        print(f"{a[1]:>8} {a[0]:>10.3f} s {b[0]:>10.3f} s")
    ours.close()
    drgns.close()
    return kept


def verdict(name: str, value: float, unit: str = "") -> bool:
    """Say whether a limit is kept."""
    print(f"{name}: {value:.2f}{unit}; limit {LIMITS[name]}: {'ok' if value <= LIMITS[name] else 'ABOVE'}")
    return value <= LIMITS[name]


def whole_process(options: argparse.Namespace) -> bool:
    """``crashdrive report netstat -an`` against ``crash -s`` and ``q``, in turns."""
    crash = options.crash or "crash"
    files = [str((options.dump / name).resolve()) for name in ("vmlinux", "vmcore")]
    ratios = []
    for _ in range(options.rounds):
        plain, _ = timed(
            lambda: subprocess.run(
                [crash, "-s", *files], input=b"q\n", stdout=subprocess.DEVNULL, check=False
            )
        )
        with tempfile.TemporaryDirectory() as kept:
            # the kernel is known, the dump is not
            known(options, kept, files)
            mine, _ = timed(lambda: report(options, kept, files))
        ratios.append(mine / plain)
        print(f"crashdrive report netstat -an: {mine:.2f} s, crash -s and q: {plain:.2f} s")
    return verdict("process", statistics.median(ratios))


def known(options: argparse.Namespace, kept: str, files: list[str]) -> None:
    """Learn the kernel's types from a dump whose name is another."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder) / "vmcore"
        other.symlink_to(files[1])
        report(options, kept, [files[0], str(other)])


def report(options: argparse.Namespace, kept: str, files: list[str]) -> None:
    """The command as users type it."""
    words = ["--crash", options.crash] if options.crash else []
    command = [sys.executable, "-m", "crashdrive", "report", "netstat", "-an", "--format", "json", *words]
    environment = {**os.environ, "CRASHDRIVE_CACHE": kept}
    subprocess.run([*command, *files], stdout=subprocess.DEVNULL, check=True, env=environment)


def main() -> int:
    """Run it all; 1 where a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dump", type=Path, help="a directory with vmcore and vmlinux")
    parser.add_argument("--crash", help="the crash binary")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-process", action="store_true", help="leave out the whole process")
    parser.add_argument("--skip-session", action="store_true", help="leave out the running session")
    parser.add_argument("--only", choices=["ours", "drgn"], help=argparse.SUPPRESS)
    parser.add_argument("--store", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        with failures():
            serve(options)
        return 0
    dump_folder(options.dump)
    with tempfile.TemporaryDirectory() as kept:
        words = [*sys.argv[1:], "--store", kept]
        kept_limits = options.skip_session or in_session(options, words)
    if not options.skip_process:
        kept_limits &= whole_process(options)
    return int(not kept_limits)


if __name__ == "__main__":
    sys.exit(main())
