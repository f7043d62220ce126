"""A batch on a Dask cluster: each job is a task that takes one crash of a worker's resources.

The ledger and all results stay with the client. A worker that is lost costs what it was at: Dask gives its
tasks to others. Workers see dumps, kernels and crash under the same paths as the client, and are started as

    dask worker SCHEDULER --resources "crash=2"

Where they share no folder with the client, dumps are sent: each to the worker that takes it, into a scratch
folder there, and kernels are found in the worker's own folders.
"""

from __future__ import annotations

import functools
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from crashdrive.batch.child import StoppedError, run_job
from crashdrive.batch.jobs import Job, Result, job_line, job_of, of_job, packed, unpacked
from crashdrive.batch.unpack import joined_file
from crashdrive.batch.workers import Workers
from crashdrive.errors import DumpError, TargetError, UsageError
from crashdrive.text import printable

RESOURCE = "crash"
_LOOK = 0.5
_RETRIES = 3
_CONNECT_SECONDS = 30.0
_MOST_SENT = 1 << 30  # bytes of a dump: the scheduler holds it until its worker has it


def remote(line: bytes) -> bytes:
    """A job, done on a worker's machine; result and job are bytes of ours, no pickled objects."""
    return packed(run_job(job_of(line), workers=_here()))


def remote_of_sent(line: bytes, content: bytes, scratch: str) -> bytes:
    """A job whose dump was sent, done on a worker's machine; the copy is gone afterwards."""
    job = job_of(line)
    with tempfile.TemporaryDirectory(prefix="crashdrive-sent-", dir=scratch) as folder:
        place = Path(folder) / Path(job.vmcore).name
        place.write_bytes(content)
        kernel = job.vmlinux if job.vmlinux and Path(job.vmlinux).is_file() else None
        here = msgspec.structs.replace(job, vmcore=str(place), vmlinux=kernel)
        return packed(of_job(run_job(here, scratch=scratch, workers=_here()), job, str(place)))


@functools.cache
def _here() -> Workers:
    """What all jobs in this worker of Dask's share; it ends by itself when there are none."""
    return Workers()


class DaskWork:
    """Does jobs on a cluster, for `Batch`; may be called by many threads at once."""

    def __init__(self, scheduler: str, scratch: str | None = None) -> None:
        """Connect; UsageError where Dask isn't installed, TargetError where no scheduler answers.

        ``scratch``: a folder of the workers that dumps are sent into; None where all share their paths.
        """
        self._scratch = scratch
        try:
            import distributed
        except ImportError as error:
            raise UsageError("--dask needs Dask: pip install 'crashdrive[dask]'") from error
        connect: Any = distributed.Client
        try:
            self._client: Any = connect(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise TargetError(f"no Dask scheduler answers at {scheduler!a}: {error}") from error

    @property
    def slots(self) -> int:
        """How many crashes the cluster's workers offer now; TargetError where none does."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        found = int(sum(worker.get("resources", {}).get(RESOURCE, 0) for worker in workers))
        if not found:
            raise TargetError(
                f"no worker of the Dask cluster offers a crash: start them with --resources {RESOURCE}=N"
            )
        return found

    def __call__(self, job: Job, tell: Callable[[str], None], stop: threading.Event) -> Result:
        """Do a job; StoppedError where ``stop`` was set. One that kills its workers is a failed one."""
        task: tuple[Any, ...] = (remote, job_line(job))
        if self._scratch is not None:
            tell("sending")
            try:
                content = _content_of(job)
                task = (
                    remote_of_sent,
                    job_line(msgspec.structs.replace(job, parts=())),
                    content,
                    self._scratch,
                )
            except (OSError, DumpError) as error:
                why = getattr(error, "strerror", None) or error
                told = f"{printable(job.vmcore)}: can't be sent: {why}"
                return Result(id=job.id, vmcore=job.vmcore, status="failed", reason=told, kind="no-dump")
        tell("waiting for a worker")
        future = self._client.submit(
            *task, resources={RESOURCE: 1}, retries=_RETRIES, pure=False,
            key=f"crashdrive-{job.id}-{time.monotonic_ns()}",
        )  # fmt: skip
        while not future.done():
            if stop.wait(_LOOK):
                future.cancel()
                raise StoppedError("stopped")
        try:
            return unpacked(future.result())
        except Exception as error:  # noqa: BLE001 - whatever a cluster raises ends this job alone
            told = f"its Dask workers were lost: {type(error).__name__}: {error}".split("\n")[0]
            return Result(id=job.id, vmcore=job.vmcore, status="failed", reason=told, kind="lost")

    def close(self) -> None:
        """Let go of the cluster."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _content_of(job: Job) -> bytes:
    if not job.parts:
        return _content(job.vmcore)
    with joined_file(job.parts) as path:
        return _content(path)


def _content(path: str) -> bytes:
    """A dump's bytes; OSError for one that is too large to be sent."""
    with open(path, "rb") as file:  # noqa: PTH123 - names of any bytes
        data = file.read(_MOST_SENT + 1)
    if len(data) > _MOST_SENT:
        raise OSError(
            f"larger than {_MOST_SENT >> 20} MiB: put it where the workers see it, without --dask-scratch"
        )
    return data
