"""The batch: what is left to do, in which order, on how many workers; each result kept as it comes."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from crashdrive.batch.child import StoppedError, run_job
from crashdrive.batch.find import Found
from crashdrive.batch.jobs import Job, Result, packed
from crashdrive.batch.ledger import RESULTS, Ledger
from crashdrive.batch.summary import dump_row, finding_rows
from crashdrive.batch.workers import Workers

_JOB_MEMORY = 1536 << 20  # bytes that a crash and its worker take on a kernel of a distribution
_RETRIED = frozenset({"no-vmlinux", "no-part"})  # what may be cured meanwhile


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a batch is run; the fields are those of `Job`, ``jobs`` is how many of them at once."""

    jobs: int = 1
    reports: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    crash: tuple[str, ...] = ()
    debug_dirs: tuple[str, ...] = ()
    timeout: float = 120.0
    deadline: float = 600.0
    memory: int | None = None


class Watcher(Protocol):
    """Who is told how the batch goes."""

    def began(self, dump: str, name: str) -> None:
        """A dump is taken in hand."""

    def at(self, dump: str, step: str) -> None:
        """A dump's worker begins a step."""

    def ended(self, dump: str, name: str, result: Result) -> None:
        """A dump is done."""


class Nobody:
    """Tells nobody."""

    def began(self, dump: str, name: str) -> None:
        """See `Watcher`."""

    def at(self, dump: str, step: str) -> None:
        """See `Watcher`."""

    def ended(self, dump: str, name: str, result: Result) -> None:
        """See `Watcher`."""


class Plan(NamedTuple):
    """What is to be done, in order; ``kept``: how many dumps are done already."""

    todo: list[Found]
    kept: int


def default_jobs() -> int:
    """As many as there are cores for this process, and memory for."""
    cores = len(os.sched_getaffinity(0))
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return cores
    return max(1, min(cores, free // _JOB_MEMORY))


def plan(found: Sequence[Found], ledger: Ledger, *, retry_failed: bool = False, again: bool = False) -> Plan:
    """Which dumps are left to do.

    Done ones are left as they are: with ``again`` none, with ``retry_failed`` no failed one, nor where the
    reason is gone (a kernel that was missing is there).
    """
    statuses = ledger.statuses()
    todo = []
    for one in found:
        status, kind = statuses.get(one.id, (None, None))
        failed = status == "failed" and (retry_failed or (kind in _RETRIED and one.trouble is None))
        if status is None or again or failed:
            todo.append(one)
    return Plan(ordered(todo), len(found) - len(todo))


def ordered(dumps: Iterable[Found]) -> list[Found]:
    """Dumps of one kernel next to each other, large ones first; the kernel with most to do first."""
    kernels: defaultdict[str, list[Found]] = defaultdict(list)
    for one in dumps:
        kernels[one.build_id or one.release or ""].append(one)
    for members in kernels.values():
        members.sort(key=lambda one: (-one.size, one.path))
    rank = sorted(kernels.values(), key=lambda members: -sum(one.size for one in members))
    return [one for members in rank for one in members]


def job_for(one: Found, options: Options) -> Job:
    """What a worker gets."""
    return Job(
        id=one.id,
        vmcore=one.path,
        vmlinux=one.vmlinux,
        reports=options.reports,
        script=options.script,
        crash=options.crash,
        debug_dirs=options.debug_dirs,
        timeout=options.timeout,
        deadline=options.deadline,
        memory=options.memory,
        packed=one.packed,
        parts=one.parts,
    )


Submit = Callable[[Job, Callable[[str], None], threading.Event], Result]


class Batch:
    """Runs what a plan says; each result is in the ledger before the next one is asked for."""

    def __init__(
        self,
        ledger: Ledger,
        options: Options,
        *,
        watcher: Watcher | None = None,
        work: Submit | None = None,
        executor: Executor | None = None,
    ) -> None:
        self._ledger = ledger
        self._options = options
        self._watcher = watcher or Nobody()
        self._work = work
        self._executor = executor
        self._stop = threading.Event()

    def run(self, dumps: Sequence[Found]) -> list[Result]:
        """Do all; the results as they came. KeyboardInterrupt ends all workers first."""
        results = []
        able = []
        for one in dumps:
            if one.trouble is None:
                able.append(one)
            else:
                results.append(self._keep(one, _hopeless(one)))
        with Workers() as workers:
            return results + self._do(able, self._work or local_work(workers))

    def _do(self, dumps: Sequence[Found], work: Submit) -> list[Result]:
        executor = self._executor or ThreadPoolExecutor(self._options.jobs, thread_name_prefix="batch")
        results = []
        try:
            for one, result in self._done(executor, dumps, work):
                results.append(self._keep(one, result))
        except BaseException:
            self._stop.set()
            raise
        finally:
            if self._executor is None:
                executor.shutdown(wait=True, cancel_futures=True)
        return results

    def _done(
        self, executor: Executor, dumps: Sequence[Found], work: Submit
    ) -> Iterator[tuple[Found, Result]]:
        left = iter(dumps)
        running: dict[Future[Result], Found] = {}

        def fill() -> None:
            while len(running) < self._options.jobs and (one := next(left, None)) is not None:
                running[executor.submit(self._one, one, work)] = one

        fill()
        while running:
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                one = running.pop(future)
                yield one, future.result()
            fill()

    def _one(self, one: Found, work: Submit) -> Result:
        if self._stop.is_set():
            raise StoppedError("stopped")
        self._watcher.began(one.id, one.path)
        return work(job_for(one, self._options), lambda step: self._watcher.at(one.id, step), self._stop)

    def _keep(self, one: Found, result: Result) -> Result:
        """The result's file first, then its row: a row that is there has its result."""
        keep(self._ledger, one, result)
        self._watcher.ended(one.id, one.path, result)
        return result


def keep(ledger: Ledger, one: Found, result: Result) -> None:
    """Keep a result, in its file and in the ledger; what its path held while it was cut goes."""
    place = result_path(ledger.folder, one.id)
    part = place.with_name(f".{place.name}.part")
    with part.open("wb") as file:
        file.write(packed(result))
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)
    (ledger.folder / "dump" / f"{one.id}.html").unlink(missing_ok=True)  # a page that is there is up to date
    ledger.put_dump(dump_row(one, result, time.time()), finding_rows(one, result), one.instead)
    if one.instead and not ledger.rows("SELECT 1 FROM dumps WHERE dump = ?", (one.instead,)):
        result_path(ledger.folder, one.instead).unlink(missing_ok=True)


def result_path(folder: Path, dump: str) -> Path:
    """Where a dump's result lies."""
    return folder / RESULTS / f"{dump}.json.z"


def local_work(workers: Workers) -> Submit:
    """Jobs are done on this machine."""
    return lambda job, tell, stop: run_job(job, tell=tell, stop=stop, workers=workers)


def _hopeless(one: Found) -> Result:
    return Result(
        id=one.id, vmcore=one.path, status="failed", reason=one.trouble, kind=one.trouble_kind or "no-dump"
    )
