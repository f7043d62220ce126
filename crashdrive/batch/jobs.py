"""A job: one dump to triage. A result: what came of it. Both go between processes and machines as JSON."""

from __future__ import annotations

import json
import zlib
from typing import Any, Final, Literal

import msgspec

from crashdrive.errors import CrashdriveError
from crashdrive.text import all_valid

Status = Literal["complete", "incomplete", "failed"]
"""What came of a dump; ``incomplete``: something of it can't be read, and is named."""

PAGE: Final = ("dmesg", "stacks", "cpu", "ps", "memory", "netstat")
"""Reports that a dump's page shows beside those of its triage, as far as they are there."""

_MOST_RESULT = 1 << 30


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One dump and what to do with it.

    ``reports``: beside those of the triage; ``deadline``: seconds for all of it, ``memory``: bytes for
    all of its processes; ``timeout``: seconds for each command of crash. ``script``: a script and its
    arguments. ``replay``: a recorded session to ask instead of the dump. ``packed``: the dump is unpacked
    first; ``parts``: all files of one in several, put together first.
    """

    id: str
    vmcore: str
    vmlinux: str | None = None
    reports: tuple[str, ...] = ()
    script: tuple[str, ...] = ()
    crash: tuple[str, ...] = ()
    debug_dirs: tuple[str, ...] = ()
    timeout: float = 120.0
    deadline: float = 600.0
    memory: int | None = None
    replay: str | None = None
    packed: bool = False
    parts: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job.

    ``reports``: each as its JSON has it; ``failures``: why some of them could not be made. ``reason`` is one
    line, ``kind`` its word (``deadline``, ``memory``, ``died``, ``unusable``, ``no-vmlinux``, ``no-dump``,
    ``report``). ``script``: exit status, stdout and stderr. ``peak_memory``: bytes, of all processes.
    """

    id: str
    vmcore: str
    status: Status
    reason: str | None = None
    kind: str | None = None
    seconds: float = 0.0
    peak_memory: int | None = None
    version: str = ""
    identity: dict[str, str] = {}
    health: dict[str, Any] = {}
    commands: tuple[str, ...] = ()
    reports: dict[str, Any] = {}
    failures: dict[str, str] = {}
    script: dict[str, Any] | None = None


def of_job(result: Result, job: Job, path: str) -> Result:
    """A result that was made of a copy of the job's dump, at ``path``: it names the dump itself."""
    whose = {"vmcore": job.vmcore, "id": job.id}
    reports = {
        name: {**document, "dump": {**document["dump"], **whose}}
        if isinstance(document, dict) and document.get("dump")
        else document
        for name, document in result.reports.items()
    }
    return msgspec.structs.replace(
        result,
        vmcore=job.vmcore,
        identity={**result.identity, **whose} if result.identity else {},
        reports=reports,
        reason=result.reason and result.reason.replace(path, job.vmcore),
    )


class BadResultError(CrashdriveError):
    """A file is no result, or a damaged one."""


def packed(result: Result) -> bytes:
    """A result as it is kept: JSON, deflated."""
    try:
        text = msgspec.json.encode(result)
    except UnicodeEncodeError:  # a file's name that is no UTF-8
        text = msgspec.json.encode(all_valid(msgspec.to_builtins(result)))
    return zlib.compress(text, 6)


def job_line(job: Job) -> bytes:
    """A job as one line, with names of any bytes."""
    return json.dumps(msgspec.to_builtins(job)).encode() + b"\n"


def job_of(line: bytes) -> Job:
    """The job of a line."""
    return msgspec.convert(json.loads(line), Job)


def unpacked(data: bytes) -> Result:
    """A kept result; BadResultError for what is none."""
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(data, _MOST_RESULT)
        if inflater.unconsumed_tail or not inflater.eof:
            raise BadResultError("a result is cut, or larger than any is")
        return msgspec.json.decode(text, type=Result)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadResultError(f"no result of a batch: {error}") from error
