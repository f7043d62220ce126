"""One process, measured: seconds, seconds of processor, memory; and what goes over crash's terminal."""

# ruff: noqa: SLF001 - what is counted is inside a transport
from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).resolve().parents[1]
# a case that takes longer isn't waited for
PATIENCE = 1800.0


class Run(msgspec.Struct, frozen=True):
    """One run: wall-clock ``seconds``, ``processor`` seconds of the process and all that it started."""

    seconds: float
    processor: float
    status: int
    said: str = ""


class Counted(msgspec.Struct, frozen=True):
    """What a run did: commands sent to crash, bytes that came over its terminal and its FIFO, peak memory of
    the client and of crash in bytes.
    """

    commands: int = 0
    terminal_bytes: int = 0
    fifo_bytes: int = 0
    client_memory: int = 0
    crash_memory: int = 0


class Figure(msgspec.Struct, frozen=True):
    """A way's runs of a case. ``sampled``: what part was measured, where the whole is computed from it."""

    runs: tuple[Run, ...]
    counted: Counted | None = None
    sampled: str = ""

    @property
    def seconds(self) -> float:
        """The median of the wall clock."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def processor(self) -> float:
        """The median of the processor's seconds."""
        return statistics.median(run.processor for run in self.runs)


def run(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    given: bytes = b"",
    servers: Sequence[int] = (),
    patience: float = PATIENCE,
) -> Run:
    """Run a command, its output thrown away. The processor of ``servers``, who work for it, counts, too.

    After ``patience`` seconds it is ended, with all that it started in its session.
    """
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(given)
        stdin.seek(0)
        before, used = time.perf_counter(), _of(servers)
        process = subprocess.Popen(
            list(words), stdin=stdin, stdout=subprocess.DEVNULL, stderr=stderr, cwd=HERE,
            env={**os.environ, **(environment or {})}, start_new_session=True,
        )  # fmt: skip
        usage = _awaited(process, patience)
        seconds = time.perf_counter() - before
        stderr.seek(0)
        said = stderr.read(2000).decode("utf-8", "replace")
    if seconds >= patience and process.returncode == -signal.SIGKILL:
        said = f"ended after {patience:.0f} s: {said}"
    processor = usage.ru_utime + usage.ru_stime + _of(servers) - used
    return Run(seconds=seconds, processor=processor, status=process.returncode, said=said)


def _awaited(process: subprocess.Popen[bytes], patience: float) -> resource.struct_rusage:
    """Wait for the end of a process, or end it."""
    late = threading.Timer(patience, os.killpg, (process.pid, signal.SIGKILL))
    late.daemon = True
    late.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        late.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def _of(pids: Sequence[int]) -> float:
    """Seconds of processor that processes have taken."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def counted(
    words: Sequence[str], environment: Mapping[str, str], *, patience: float = PATIENCE
) -> Counted | None:
    """A run of crashdrive that counts; None where it failed. It is slower than one that doesn't.

    TimeoutExpired after ``patience`` seconds.
    """
    with tempfile.NamedTemporaryFile() as file:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.counting", file.name, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE,
            env={**os.environ, **environment}, check=False, timeout=patience,
        )  # fmt: skip
        data = Path(file.name).read_bytes()
    if done.returncode not in (0, 5) or not data:
        return None
    return msgspec.json.decode(data, type=Counted)


@contextlib.contextmanager
def counting(path: str) -> Iterator[None]:
    """Count what goes over the terminals of this process, and write it at the end."""
    from crashdrive.session.transport import PtyTransport  # noqa: PLC0415 - only who counts pays for it

    counts = {"commands": 0, "terminal_bytes": 0, "fifo_bytes": 0}
    transport: Any = PtyTransport
    send, batch, stream = transport._send, transport.batch, transport.stream
    read = transport._read_master

    def counted_send(self: Any, line: str) -> None:
        counts["commands"] += not line.startswith("<")
        send(self, line)

    def counted_batch(self: Any, commands: Sequence[str], timeout: float) -> Any:
        counts["commands"] += len(commands)
        return batch(self, commands, timeout)

    def counted_stream(self: Any, commands: Sequence[str], sink: Any, timeout: float) -> Any:
        counts["commands"] += len(commands)

        def both(data: bytes) -> None:
            counts["fifo_bytes"] += len(data)
            sink(data)

        return stream(self, commands, both, timeout)

    def counted_read(self: Any, collector: Any) -> None:
        before = collector._size
        read(self, collector)
        counts["terminal_bytes"] += collector._size - before

    transport._send, transport.batch, transport.stream = counted_send, counted_batch, counted_stream
    transport._read_master = counted_read
    try:
        yield
    finally:
        memory = {
            "client_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
            "crash_memory": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10,
        }
        Path(path).write_text(json.dumps(counts | memory))
