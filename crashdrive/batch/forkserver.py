"""The parent of workers: a program of its own, ``python -P -m crashdrive.batch.forkserver``.

It has all modules loaded that a triage needs and forks a worker for each job, so that a batch pays once for
what Python takes to start and to load them. It does nothing else: no thread, no dump, no store is open when
it forks.

Standard input is a socket of packets. Each asks for a worker: JSON (`Wanted`), and four descriptors, the
worker's standard ones and a line to whoever asked. On the line stands ``pid N``, then ``exit N`` or ``signal
N``. The worker's number stays its own until the line's other end is closed. The server ends when its clients
are gone, or when it had nothing to do for a while.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import resource
import select
import socket
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

_PACKAGES = ("dump", "cache", "session", "kernel", "linux", "rules", "reports", "parsers", "commands")
_PROGRAMS = ("crashdrive.session.keeper",)
_IDLE = 60.0  # seconds
_MOST = 1 << 16
_PATIENT = 20_000, 20, 20  # a worker lives for seconds, and makes many objects that stay
_GIVEN = 4  # standard descriptors and the line


class Wanted(msgspec.Struct):
    """A worker: where its result goes, and how many bytes of addresses it may take."""

    place: bytes
    addresses: int | None = None


class _Child(msgspec.Struct):
    pid: int
    line: int
    ended: bool = False
    asked: bool = True  # whether the line's other end is open


def main() -> int:
    """Serve until nobody wants a worker any more; the exit status, of the server or of a worker."""
    server = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    preload()
    gc.collect()
    gc.freeze()  # what is shared stays shared
    gc.set_threshold(*_PATIENT)
    wanted = _Server(server).serve()
    return 0 if wanted is None else _work(wanted)


def preload() -> None:
    """Load all that a triage may need."""
    importlib.import_module("crashdrive.batch.worker")
    for package in _PACKAGES:
        found = importlib.import_module(f"crashdrive.{package}")
        for module in pkgutil.walk_packages(found.__path__, f"{found.__name__}."):
            if module.name not in _PROGRAMS:
                importlib.import_module(module.name)


class _Server:
    """Forks workers, and tells how they end."""

    def __init__(self, clients: socket.socket) -> None:
        self._clients: socket.socket | None = clients
        self._children: dict[int, _Child] = {}  # by a descriptor of the process
        self._lines: dict[int, int] = {}  # the same descriptors by their lines
        self._poller = select.poll()
        self._poller.register(clients, select.POLLIN)

    def serve(self) -> Wanted | None:
        """Return in each worker with what is wanted of it, in the server with None at its end."""
        while self._clients is not None or self._children:
            ready = self._poller.poll(None if self._children else _IDLE * 1000)
            if not ready:
                return None
            for descriptor, _ in ready:
                if descriptor in self._children:
                    self._tell_end(descriptor)
                elif descriptor in self._lines:
                    self._let_go(descriptor)
                elif (wanted := self._take()) is not None:
                    return wanted
        return None

    def _take(self) -> Wanted | None:
        """A request; what is wanted, in the worker that was forked for it."""
        assert self._clients is not None  # noqa: S101 - it was polled
        data, descriptors, _, _ = socket.recv_fds(self._clients, _MOST, _GIVEN)
        if not data:
            self._poller.unregister(self._clients)
            self._clients.close()
            self._clients = None
            return None
        wanted = msgspec.json.decode(data, type=Wanted)
        try:
            pid = self._forked(descriptors)
        except OSError:  # no process, no descriptor is left: its line ends
            pid = None
        if pid == 0:
            return wanted
        for each in descriptors[: _GIVEN - 1 if pid else _GIVEN]:
            os.close(each)
        return None

    def _forked(self, descriptors: list[int]) -> int | None:
        """A worker's number, 0 in the worker itself; None where there are not all descriptors for one."""
        if len(descriptors) < _GIVEN:
            return None
        *standard, line = descriptors
        pid = os.fork()
        if pid == 0:
            self._become_worker(standard, line)
            return 0
        process = os.pidfd_open(pid)
        self._children[process] = _Child(pid, line)
        self._lines[line] = process
        self._poller.register(process, select.POLLIN)
        self._poller.register(line, select.POLLIN)
        return pid

    def _become_worker(self, standard: list[int], line: int) -> None:
        """A session of its own, nothing of the server's left open; then the client may know of it."""
        os.setsid()
        for number, descriptor in enumerate(standard):
            os.dup2(descriptor, number)
        _say(line, f"pid {os.getpid()}\n")
        others = [fd for process, child in self._children.items() for fd in (process, child.line)]
        for descriptor in (*standard, line, *others):
            with suppress(OSError):
                os.close(descriptor)
        if self._clients is not None:
            self._clients.close()

    def _tell_end(self, process: int) -> None:
        child = self._children[process]
        self._poller.unregister(process)
        ended = os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT)
        child.ended = True
        if ended is not None:
            word = "exit" if ended.si_code == os.CLD_EXITED else "signal"
            _say(child.line, f"{word} {ended.si_status}\n")
        self._reap(process)

    def _let_go(self, line: int) -> None:
        self._poller.unregister(line)
        process = self._lines.pop(line)
        self._children[process].asked = False
        self._reap(process)

    def _reap(self, process: int) -> None:
        child = self._children[process]
        if child.ended and not child.asked:
            os.waitpid(child.pid, 0)
            del self._children[process]
            os.close(process)
            os.close(child.line)


def _say(line: int, words: str) -> None:
    with suppress(OSError):
        os.write(line, words.encode())


def _work(wanted: Wanted) -> int:
    """The worker, in the forked process."""
    from crashdrive.batch.worker import work

    with suppress(OSError):
        Path("/proc/self/comm").write_text("crashdrive-job")
    if wanted.addresses is not None:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (wanted.addresses, wanted.addresses))
    return work(Path(os.fsdecode(wanted.place)))


if __name__ == "__main__":
    sys.exit(main())
