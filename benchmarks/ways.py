"""The ways in which a question is answered, each with what has to be there before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from benchmarks.cases import Case
from benchmarks.measure import HERE, PATIENCE, Counted, Figure, Run, counted, run

OURS = {
    "first": "crashdrive, first ever",
    "known": "crashdrive, kernel known",
    "prepared": "crashdrive, prepared",
    "warm": "crashdrive, warm session",
    "kept": "crashdrive, kept answer",
}
OTHERS = {"naive": "naive PTY", "crash": "crash -i", "drgn": "drgn"}
WAYS = OTHERS | OURS
# what a naive program is asked of many alike things
_SAMPLE = 20


class Setting(msgspec.Struct, frozen=True):
    """The dump, the crash and the folder of one measurement. ``samples``: what a naive program asks."""

    vmlinux: str
    vmcore: str
    crash: str
    folder: Path

    @property
    def files(self) -> list[str]:
        """As every way takes them."""
        return [self.vmlinux, self.vmcore]


class FailedRunError(Exception):
    """A run that ended as it should not: the figure would be of something else."""


FAILURES = (FailedRunError, subprocess.SubprocessError, OSError, ValueError, LookupError)
"""What may go wrong with one way of a case, and leaves all others as they are."""


class Ways:
    """Runs cases in the ways that they have."""

    def __init__(self, setting: Setting, patience: Callable[[], float] = lambda: PATIENCE) -> None:
        """``patience``: how many seconds a process may take that is begun now."""
        self._setting = setting
        self._patience = patience
        self._servers: tuple[int, ...] = ()
        self._lists: dict[str, list[str]] = {}
        (setting.folder / "run").mkdir(mode=0o700, exist_ok=True)

    def has(self, way: str, case: Case) -> bool:
        """Whether a case can be asked so."""
        if case.ways and way not in case.ways:
            return False
        needed = {"naive": case.naive, "crash": case.lines, "drgn": case.drgn}
        return bool(needed.get(way, True))

    def prepare(self, case: Case, ways: Sequence[str]) -> None:
        """What has to be there before the first run; not measured."""
        if {"known", "warm"}.intersection(ways):
            self._ours("known", case)
        if "kept" in ways:
            self._ours("kept", case)
        if "prepared" in ways and not self._cache("template").exists():
            self._crashdrive(["prepare", self._setting.vmlinux], self._cache("template"))
        if "warm" in ways and not self._servers:
            self._start()
        if "naive" in ways:
            self._listed(case)

    def once(self, way: str, case: Case) -> Run:
        """One run; FailedRunError where it didn't answer."""
        if way == "naive":
            found = self._naive(case)
        elif way == "crash":
            found = self._crash(case)
        elif way == "drgn":
            found = self._drgn(case)
        else:
            found = self._ours(way, case)
        # 1 and 5: some of the mixed commands fail, dumps have holes; both are answers
        if found.status not in (0, 1, 5):
            raise FailedRunError(f"{WAYS[way]}, {case.name}: exit status {found.status}: {found.said[-300:]}")
        return found

    @property
    def folder(self) -> Path:
        """Where files of a measurement may lie."""
        return self._setting.folder

    def said(self, before: Sequence[str], behind: Sequence[str], *, vmcore: bool = True) -> str:
        """What crashdrive prints, its kernel known, of the dump, or without ``vmcore`` of its vmlinux."""
        files = ["--crash", self._setting.crash, *self._setting.files] if vmcore else self._setting.files[:1]
        return self._crashdrive([*before, *files, *behind], self._cache("known"), way="known")

    def start(self, crash: str, *, index: bool) -> float:
        """Seconds of the processor of a full start of a crash, with gdb's index of the vmlinux or without."""
        words = ["exec", "--crash", crash, *self._setting.files, "p jiffies"]
        environment = self._environment("known") | {"CRASHDRIVE_GDB_INDEX": "" if index else "off"}
        command = [sys.executable, "-m", "crashdrive", *words]
        found = run(command, environment=environment, patience=self._patience())
        if found.status:
            raise FailedRunError(f"start of {crash}: exit status {found.status}: {found.said[-300:]}")
        return found.processor

    def counts(self, case: Case) -> Counted | None:
        """What crashdrive does for a case with its kernel known."""
        words = self._words(case)
        if case.given:
            file = self._setting.folder / "given"
            file.write_bytes(case.given)
            words = [*words[:-1], f"< {file}"]
        return counted(words, self._environment("known"), patience=self._patience())

    def sampled(self, case: Case) -> str:
        """How much of a case the naive program does itself."""
        wanted = self._lists.get(case.name, [])
        done = min(len(wanted), _SAMPLE) if case.naive != "lines" else len(wanted)
        return f"{done} of {len(wanted)} commands" if done < len(wanted) else ""

    def sizes(self) -> dict[str, int]:
        """How many tasks and sockets the dump has."""
        files = ["--crash", self._setting.crash, *self._setting.files]
        return {
            "tasks": len(self._rows("exec", "--format", "jsonl", *files, "ps")),
            "sockets": len(self._rows("report", "netstat", "-a", "-n", "--format", "jsonl", *files)),
        }

    def close(self) -> None:
        """End the warm session."""
        if self._servers:
            self._crashdrive(["session", "stop", "--all"], self._cache("known"))
            self._servers = ()

    # -- crashdrive

    def _words(self, case: Case) -> list[str]:
        return [*case.words, "--crash", self._setting.crash, *self._setting.files, *case.behind]

    def _cache(self, name: str) -> Path:
        return self._setting.folder / f"cache-{name}"

    def _environment(self, way: str, cache: Path | None = None) -> dict[str, str]:
        return {
            "CRASHDRIVE_CACHE": str(cache or self._cache("known" if way == "warm" else way)),
            "CRASHDRIVE_NO_CACHE": "" if way == "kept" else "1",
            "CRASHDRIVE_SESSION": "on" if way == "warm" else "off",
            "XDG_RUNTIME_DIR": str(self._setting.folder / "run"),
        }

    def _ours(self, way: str, case: Case) -> Run:
        command = [sys.executable, "-m", "crashdrive", *self._words(case)]
        if way not in ("first", "prepared"):
            servers = self._servers if way == "warm" else ()
            return run(
                command, environment=self._environment(way), given=case.given, servers=servers,
                patience=self._patience(),
            )  # fmt: skip
        with tempfile.TemporaryDirectory(dir=self._setting.folder) as fresh:
            cache = Path(fresh) / "cache"
            if way == "prepared":
                shutil.copytree(self._cache("template"), cache)
            return run(
                command, environment=self._environment(way, cache), given=case.given,
                patience=self._patience(),
            )  # fmt: skip

    def _crashdrive(self, words: Sequence[str], cache: Path, *, way: str = "warm") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "crashdrive", *words], capture_output=True, text=True, cwd=HERE,
            env={**os.environ, **self._environment(way, cache)}, timeout=self._patience(), check=False,
        )  # fmt: skip
        if done.returncode:
            raise FailedRunError(f"crashdrive {' '.join(words)}: {done.stderr[-300:]}")
        return done.stdout

    def _start(self) -> None:
        files = ["--crash", self._setting.crash, *self._setting.files]
        self._crashdrive(["session", "start", "--idle", "0", *files], self._cache("known"))
        said = self._crashdrive(["session", "list", "--format", "json"], self._cache("known"))
        (row,) = json.loads(said)["tables"]["sessions"]
        self._servers = (row["pid"], row["crash_pid"])

    # -- the others

    def _crash(self, case: Case) -> Run:
        file = self._setting.folder / f"{case.name}.crash"
        file.write_text("".join(f"{line}\n" for line in (*case.lines, "q")))
        words = [self._setting.crash, "-s", "--no_crashrc", "--no_scroll", "-i", str(file)]
        return run([*words, *self._setting.files], patience=self._patience())

    def _drgn(self, case: Case) -> Run:
        words = [case.drgn] if case.drgn.endswith(".py") else ["-m", "benchmarks.by_drgn", case.drgn]
        return run([sys.executable, *words, *self._setting.files], patience=self._patience())

    def _naive(self, case: Case) -> Run:
        wanted = self._listed(case)
        sample = wanted if case.naive == "lines" else wanted[:: max(len(wanted) // _SAMPLE, 1)][:_SAMPLE]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.naive", self._setting.crash, *self._setting.files],
            input="\n".join(sample), capture_output=True, text=True, cwd=HERE, check=False,
            timeout=self._patience(),
        )  # fmt: skip
        if done.returncode:
            return Run(seconds=0.0, processor=0.0, status=3, said=done.stderr)
        told = json.loads(done.stdout)
        share = len(wanted) / max(len(sample), 1)
        return Run(
            seconds=told["start"] + told["seconds"] * share,
            processor=told["start_processor"] + told["processor"] * share,
            status=0,
        )

    def _listed(self, case: Case) -> list[str]:
        """All commands of a naive program, asked of crashdrive where it would have to find them out."""
        if case.name not in self._lists:
            self._lists[case.name] = _LISTS[case.naive](self, case) if case.naive else []
        return self._lists[case.name]

    def _rows(self, *words: str) -> list[dict[str, object]]:
        said = subprocess.run(
            [sys.executable, "-m", "crashdrive", *words], capture_output=True, text=True, cwd=HERE,
            env={**os.environ, **self._environment("known")}, timeout=self._patience(), check=False,
        ).stdout  # fmt: skip
        rows: list[dict[str, object]] = [json.loads(line) for line in said.splitlines()]
        return rows

    def sockets(self, case: Case) -> list[str]:
        """A structure as text for each TCP socket."""
        words = ["--format", "jsonl", "--crash", self._setting.crash, *self._setting.files]
        rows = self._rows(*case.words[:-2], *words)
        return [
            f"struct tcp_sock {row['address']}" for row in rows if str(row.get("proto")).startswith("tcp")
        ]

    def tasks(self, case: Case) -> list[str]:
        """A backtrace for each task."""
        del case
        words = ["exec", "--format", "jsonl", "--crash", self._setting.crash, *self._setting.files, "ps"]
        return [f"bt {row['task']}" for row in self._rows(*words)]


_LISTS: dict[str, Callable[[Ways, Case], list[str]]] = {
    "lines": lambda _ways, case: list(case.lines),
    "sockets": Ways.sockets,
    "bt": Ways.tasks,
}


def figure(ways: Ways, way: str, case: Case, runs: Sequence[Run]) -> Figure:
    """What the runs of a way come to."""
    return Figure(
        runs=tuple(runs),
        counted=ways.counts(case) if way == "known" else None,
        sampled=ways.sampled(case) if way == "naive" else "",
    )
