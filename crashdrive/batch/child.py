"""A job in a process of its own, with a deadline and a limit of memory, ended with all that it started."""

from __future__ import annotations

import os
import selectors
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from crashdrive.batch.jobs import BadResultError, Job, Result, job_line, unpacked
from crashdrive.batch.workers import GoneError, Worker, Workers
from crashdrive.errors import CrashdriveError
from crashdrive.session.terminal import readable
from crashdrive.text import printable

_LOOK = 0.25  # seconds between two looks at memory and clock
_GRACE = 10.0  # seconds that crash may take to end behind its worker
_PAGE = os.sysconf("SC_PAGE_SIZE")
Tell = Callable[[str], None]


class StoppedError(CrashdriveError):
    """The batch was stopped while the job ran: there is no result."""


class _Ended(NamedTuple):
    """Why a worker was ended; None where it came to its end by itself."""

    kind: str | None
    told: str


def run_job(
    job: Job,
    *,
    tell: Tell = lambda _step: None,
    stop: threading.Event | None = None,
    scratch: str | None = None,
    workers: Workers | None = None,
) -> Result:
    """Do a job in a process of its own; what ends it is said in the result.

    StoppedError where ``stop`` was set. ``scratch``: a folder for files while it runs. ``workers``: where
    its process comes from; many jobs share one.
    """
    if workers is None:
        with Workers() as own:
            return run_job(job, tell=tell, stop=stop, scratch=scratch, workers=own)
    began = time.monotonic()
    watch = _Watch(job, tell, stop or threading.Event())
    with tempfile.TemporaryDirectory(prefix="crashdrive-job-", dir=scratch) as folder:
        place = Path(folder) / "result"
        ended, status = _tried(workers, watch, place, Path(folder) / "said")
        if ended.kind is None:
            with suppress(OSError, BadResultError):
                found = unpacked(place.read_bytes())
                return msgspec.structs.replace(found, peak_memory=watch.peak or None)
            words = _last_words(Path(folder) / "said")
            told = f"its worker ended: {_how(status)}" if watch.started else "its worker can't be started"
            ended = _Ended("died", f"{told}{f': {words}' if words else ''}")
    return Result(
        id=job.id, vmcore=job.vmcore, status="failed", reason=ended.told, kind=ended.kind,
        seconds=round(time.monotonic() - began, 3), peak_memory=watch.peak or None,
    )  # fmt: skip


def _tried(workers: Workers, watch: _Watch, place: Path, said: Path) -> tuple[_Ended, int | None]:
    """How a worker came to its end; once more where what forks them was gone."""
    for _ in range(2):
        with (
            suppress(GoneError),
            said.open("wb") as file,
            _started(workers, watch.job, place, file) as worker,
        ):
            return watch.until_end(worker), worker.status
    return _Ended(None, ""), None


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return "nobody saw how" if status is None else f"exit status {status}"


def _last_words(place: Path) -> str:
    with suppress(OSError):
        lines = [
            line for line in place.read_bytes()[-4096:].decode("utf-8", "replace").split("\n") if line.strip()
        ]
        return printable(lines[-1].strip())[:300] if lines else ""
    return ""


@contextmanager
def _started(workers: Workers, job: Job, place: Path, said: IO[bytes]) -> Iterator[Worker]:
    """A worker with its job; gone with all its processes at the end, however that comes."""
    worker = workers.start(str(place), said, None if job.memory is None else job.memory * 4)
    try:
        worker.give(job_line(job))
        yield worker
    finally:
        _end(worker)


def _end(worker: Worker) -> None:
    """Kill the worker's processes: its own group at once; crash's keeper ends crash when it sees that."""
    others = set() if worker.pid is None else family(worker.pid) - {worker.pid}
    worker.kill(_GRACE)
    worker.close()
    _wait_for(others)


def _wait_for(pids: set[int]) -> None:
    """Until processes are gone that end by themselves; those that don't are killed."""
    descriptors = []
    for pid in pids:
        with suppress(OSError):
            descriptors.append(os.pidfd_open(pid))
    deadline = time.monotonic() + _GRACE
    with selectors.DefaultSelector() as selector:
        for descriptor in descriptors:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < deadline:
            for key, _ in selector.select(deadline - time.monotonic()):
                selector.unregister(key.fileobj)
        for key in list(selector.get_map().values()):
            with suppress(OSError):
                signal.pidfd_send_signal(key.fd, signal.SIGKILL)
    for descriptor in descriptors:
        os.close(descriptor)


def family(pid: int) -> set[int]:
    """A process and all below it, as far as /proc tells."""
    found, left = {pid}, [pid]
    while left:
        one = left.pop()
        with suppress(OSError):
            for tasks in Path(f"/proc/{one}/task").iterdir():
                children = (tasks / "children").read_text().split()
                new = {int(child) for child in children} - found
                found |= new
                left += new
    return found


def memory_of(pids: set[int]) -> int:
    """Bytes of memory that processes hold for themselves; files that they map are shared by all."""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            fields = Path(f"/proc/{pid}/statm").read_text().split()
            total += (int(fields[1]) - int(fields[2])) * _PAGE
    return total


class _Watch:
    """Looks at a worker until it ends, by itself or because it took too much."""

    def __init__(self, job: Job, tell: Tell, stop: threading.Event) -> None:
        self.job = job
        self.peak = 0
        self.started = False
        self._tell = tell
        self._stop = stop
        self._deadline = time.monotonic() + job.deadline
        self._step = "starting"
        self._told = b""

    def until_end(self, worker: Worker) -> _Ended:
        """Why it ended; GoneError where it never was there."""
        steps = [worker.stdout]
        while True:
            ready = readable([worker.line, *steps], _LOOK)
            if worker.stdout in ready and not self._read(worker):
                steps.clear()
            if worker.line in ready:
                worker.read_line()
                self.started = worker.pid is not None
                if worker.ended:
                    return _Ended(None, "")
            if self._stop.is_set():
                raise StoppedError("stopped")
            if (ended := self._too_much(worker)) is not None:
                return ended

    def _read(self, worker: Worker) -> bool:
        data = os.read(worker.stdout, 4096)
        *steps, self._told = (self._told + data).split(b"\n")
        for step in steps:
            self._step = printable(step.decode("utf-8", "replace"))
            self._tell(self._step)
        return bool(data)

    def _too_much(self, worker: Worker) -> _Ended | None:
        job = self.job
        if time.monotonic() > self._deadline:
            return _Ended("deadline", f"not done in {job.deadline:g} s: it was at {self._step!a}")
        held = 0 if worker.pid is None else memory_of(family(worker.pid))
        self.peak = max(self.peak, held)
        if job.memory is not None and held > job.memory:
            mib = 1 << 20
            return _Ended(
                "memory",
                f"it took more than {job.memory // mib} MiB of memory ({held // mib}): "
                f"it was at {self._step!a}",
            )
        return None
