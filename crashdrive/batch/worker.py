"""The process that triages one dump: `crashdrive.batch.forkserver` forks it.

A job comes as a line on standard input, which stays open: when it ends, whoever wanted the result is gone,
and so is this process; crash's keeper ends crash then. Standard output tells a step a line. The result goes
into FILE, whole or not at all.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from crashdrive._version import __version__
from crashdrive.batch.jobs import Job, Result, Status, job_of, of_job, packed
from crashdrive.batch.unpack import joined_file, unpacked_file
from crashdrive.errors import CrashdriveError, DeadlineError, DumpError, VmlinuxError

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.records import Report

Tell = Callable[[str], None]

_KINDS: tuple[tuple[type[CrashdriveError], str], ...] = (
    (DeadlineError, "deadline"),
    (DumpError, "no-dump"),
    (VmlinuxError, "no-vmlinux"),
)


def kind_of(error: CrashdriveError) -> str:
    """An error's word in the ledger."""
    return next((kind for sort, kind in _KINDS if isinstance(error, sort)), "unusable")


def done(job: Job, tell: Tell = lambda _step: None) -> Result:
    """The job, done; what fails is said in the result."""
    if not job.packed and not job.parts:
        return _done(job, tell)
    tell("unpacking" if job.packed else "putting its files together")
    began = time.monotonic()
    try:
        with joined_file(job.parts) if job.parts else unpacked_file(job.vmcore) as path:
            plain = msgspec.structs.replace(job, vmcore=path, packed=False, parts=())
            found = of_job(_done(plain, tell), job, path)
    except DumpError as error:
        found = Result(id=job.id, vmcore=job.vmcore, status="failed", reason=str(error), kind="no-dump")
    return msgspec.structs.replace(found, seconds=round(time.monotonic() - began, 3))


def _done(job: Job, tell: Tell) -> Result:
    from crashdrive.crash import open_dump
    from crashdrive.reports import purpose_of, takes_btf

    began = time.monotonic()
    names = wanted(job)
    tell("opening")
    try:
        with open_dump(
            job.vmlinux,
            job.vmcore if job.replay is None else None,
            crash=job.crash,
            debug_dirs=job.debug_dirs,
            timeout=job.timeout,
            start_timeout=max(5.0, min(120.0, job.deadline / 2)),
            replay=job.replay,
            purpose=f"batch {' '.join(names)}" if job.reports else purpose_of("triage"),
            btf=all(map(takes_btf, names)),
        ) as crash:
            found = _Asked(crash, tell)
            for name in names:
                found.ask(name)
            result = _result(job, found)
            if job.script:
                tell("script")
                result = _with_script(result, job, crash)
    except CrashdriveError as error:
        result = Result(id=job.id, vmcore=job.vmcore, status="failed", reason=str(error), kind=kind_of(error))
    return msgspec.structs.replace(result, seconds=round(time.monotonic() - began, 3), version=__version__)


def wanted(job: Job) -> list[str]:
    """The reports to make, the parts of the triage first."""
    from crashdrive.reports.system.triage import PARTS

    return list(dict.fromkeys((*PARTS, "triage", *job.reports)))


class _Asked:
    """Reports of one dump, each made once: the triage asks for those that were made before it."""

    def __init__(self, crash: Crash, tell: Tell) -> None:
        self.crash = crash
        self._tell = tell
        self.reports: dict[str, Report] = {}
        self.failures: dict[str, CrashdriveError] = {}

    def ask(self, name: str) -> None:
        """Make a report; a failure is kept, and hides no other report."""
        self._tell(name)
        try:
            self.run_report(name)
        except CrashdriveError as error:
            self.failures[name] = error

    def run_report(self, name: str, **options: Any) -> Report:
        """As `Crash.run_report`, out of what was made where there are no options."""
        from crashdrive.crash import doubted
        from crashdrive.reports import run_report

        if options:
            return self.crash.run_report(name, **options)
        if name in self.failures:
            raise self.failures[name]
        if name not in self.reports:
            made = doubted(run_report(self, name), self.crash.health.of_memory)
            whose = dict(self.crash.identity)
            self.reports[name] = made if made.dump else msgspec.structs.replace(made, dump=whose)
        return self.reports[name]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.crash, name)


def _result(job: Job, found: _Asked) -> Result:
    from crashdrive.records import to_builtins, told_incomplete

    crash = found.crash
    gaps = [report for report in found.reports.values() if not report.complete]
    reason = kind = None
    status: Status = "complete"
    if found.failures:
        name, error = next(iter(found.failures.items()))
        status, kind, reason = "incomplete", "report", f"report {name} failed: {error}"
    elif gaps:
        status, reason = "incomplete", told_incomplete(gaps[0].report, gaps[0].warnings)
    if "panic" in found.failures:
        status, kind = "failed", kind_of(found.failures["panic"])
    return Result(
        id=job.id,
        vmcore=job.vmcore,
        status=status,
        reason=reason,
        kind=kind,
        identity=dict(crash.identity),
        health=to_builtins(crash.health),
        commands=tuple(sorted(crash.session.words)),
        reports={name: report.builtins() for name, report in found.reports.items()},
        failures={name: str(error) for name, error in found.failures.items()},
    )


def _with_script(result: Result, job: Job, crash: Crash) -> Result:
    from crashdrive.batch.scripts import run_script

    ran = run_script(job.script, crash)
    if ran["status"] in {0, 5}:
        return msgspec.structs.replace(result, script=ran)
    told = f"script {Path(job.script[0]).name}: exit status {ran['status']}"
    status: Status = "failed" if result.status == "failed" else "incomplete"
    return msgspec.structs.replace(result, script=ran, status=status, reason=told, kind="script")


def write_result(place: Path, result: Result) -> None:
    """A result's file, whole or not at all, also where the machine loses power."""
    part = place.with_name(f".{place.name}.{os.getpid()}")
    with part.open("wb") as file:
        file.write(packed(result))
        file.flush()
        os.fsync(file.fileno())
    part.replace(place)


def _die_with_client() -> None:
    """End when standard input ends: it is open as long as somebody waits for the result."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def work(place: Path) -> int:
    """Take a job from standard input, do it, write its result; the exit status.

    A script may have said what is to be done at its end: a worker without one ends at once, as Python takes
    long to let go of all that it shares with others.
    """
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            return 1
        line += piece
    threading.Thread(target=_die_with_client, daemon=True).start()
    job = job_of(line)
    steps = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)

    def tell(step: str) -> None:
        steps.write(f"{step}\n")

    write_result(place, done(job, tell))
    if not job.script:
        sys.stderr.flush()
        os._exit(0)
    return 0
