"""A job in a process of its own, with a deadline and a limit of memory, ended with all that it started."""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from crashdrive.batch.jobs import BadResultError, Job, Result, job_line, unpacked
from crashdrive.errors import CrashdriveError
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
) -> Result:
    """Do a job in a process of its own; what ends it is said in the result.

    StoppedError where ``stop`` was set. ``scratch``: a folder for files while it runs.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="crashdrive-job-", dir=scratch) as folder:
        place = Path(folder) / "result"
        with (Path(folder) / "said").open("w+b") as said, _started(job, place, said) as worker:
            watch = _Watch(job, worker, tell, stop or threading.Event())
            ended = watch.until_end()
        words = _last_words(Path(folder) / "said")
        seconds = round(time.monotonic() - began, 3)
        if ended.kind is None:
            with suppress(OSError, BadResultError):
                found = unpacked(place.read_bytes())
                return msgspec.structs.replace(found, peak_memory=watch.peak or None)
            how = _how(worker.returncode)
            ended = _Ended("died", f"its worker ended: {how}{f': {words}' if words else ''}")
    return Result(
        id=job.id, vmcore=job.vmcore, status="failed", reason=ended.told, kind=ended.kind, seconds=seconds,
        peak_memory=watch.peak or None,
    )  # fmt: skip


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


def _last_words(place: Path) -> str:
    with suppress(OSError):
        lines = [
            line for line in place.read_bytes()[-4096:].decode("utf-8", "replace").split("\n") if line.strip()
        ]
        return printable(lines[-1].strip())[:300] if lines else ""
    return ""


@contextmanager
def _started(job: Job, place: Path, said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with its job; gone with all its processes at the end, however that comes."""
    worker = subprocess.Popen(
        [sys.executable, "-P", "-m", "crashdrive.batch.worker", str(place)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True, bufsize=0,
    )  # fmt: skip
    try:
        if job.memory is not None:
            with suppress(OSError, ValueError):  # it may be gone already
                resource.prlimit(worker.pid, resource.RLIMIT_AS, (job.memory * 4, job.memory * 4))
        assert worker.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(BrokenPipeError):
            worker.stdin.write(job_line(job))
        yield worker
    finally:
        _end(worker)


def _end(worker: subprocess.Popen[bytes]) -> None:
    """Kill the worker's processes: its own group at once; crash's keeper ends crash when it sees that."""
    others = family(worker.pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    _wait_for(others - {worker.pid})


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

    def __init__(self, job: Job, worker: subprocess.Popen[bytes], tell: Tell, stop: threading.Event) -> None:
        self._job = job
        self._worker = worker
        self._tell = tell
        self._stop = stop
        self._deadline = time.monotonic() + job.deadline
        self._step = "starting"
        self._told = b""
        self.peak = 0

    def until_end(self) -> _Ended:
        assert self._worker.stdout is not None  # noqa: S101 - it is a pipe
        with selectors.DefaultSelector() as selector:
            selector.register(self._worker.stdout, selectors.EVENT_READ)
            while True:
                if selector.select(_LOOK) and not self._read():
                    self._worker.wait()
                    return _Ended(None, "")
                if self._stop.is_set():
                    raise StoppedError("stopped")
                if (ended := self._too_much()) is not None:
                    return ended

    def _read(self) -> bool:
        assert self._worker.stdout is not None  # noqa: S101 - it is a pipe
        data = os.read(self._worker.stdout.fileno(), 4096)
        *steps, self._told = (self._told + data).split(b"\n")
        for step in steps:
            self._step = printable(step.decode("utf-8", "replace"))
            self._tell(self._step)
        return bool(data)

    def _too_much(self) -> _Ended | None:
        if time.monotonic() > self._deadline:
            return _Ended("deadline", f"not done in {self._job.deadline:g} s: it was at {self._step!a}")
        held = memory_of(family(self._worker.pid))
        self.peak = max(self.peak, held)
        if self._job.memory is not None and held > self._job.memory:
            mib = 1 << 20
            return _Ended(
                "memory",
                f"it took more than {self._job.memory // mib} MiB of memory ({held // mib}): "
                f"it was at {self._step!a}",
            )
        return None
