"""A batch on a Dask cluster: each job is a task that takes one crash of a worker's resources.

The ledger and all results stay with the client. A worker that is lost costs what it was at: Dask gives its
tasks to others. Workers see dumps, kernels and crash under the same paths as the client, and are started as

    dask worker SCHEDULER --resources "crash=2"
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from crashdrive.batch.child import StoppedError, run_job
from crashdrive.batch.jobs import Job, Result, job_line, job_of, packed, unpacked
from crashdrive.errors import TargetError, UsageError

RESOURCE = "crash"
_LOOK = 0.5
_RETRIES = 3
_CONNECT_SECONDS = 30.0


def remote(line: bytes) -> bytes:
    """A job, done on a worker's machine; result and job are bytes of ours, no pickled objects."""
    return packed(run_job(job_of(line)))


class DaskWork:
    """Does jobs on a cluster, for `Batch`; may be called by many threads at once."""

    def __init__(self, scheduler: str) -> None:
        """Connect; UsageError where Dask isn't installed, TargetError where no scheduler answers."""
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
        tell("waiting for a worker")
        future = self._client.submit(
            remote, job_line(job), resources={RESOURCE: 1}, retries=_RETRIES, pure=False,
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
