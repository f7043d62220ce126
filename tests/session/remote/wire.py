"""A wire with a length: what goes over it arrives so many seconds later, and it can be cut."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16
# each with when it arrives; empty ones are the end
Bytes = queue.SimpleQueue[tuple[float, bytes]]


class Wire:
    """Takes connections to a port of its own, and passes them on to another one of this host.

    ``seconds``: how long bytes take, each way. Any number of bytes is under way at once.
    """

    def __init__(self, port: int, seconds: float) -> None:
        self.seconds = seconds
        self.cuts = 0
        self._over = threading.Event()
        self._left: int | None = None
        self._there = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._all: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut it, and take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._over.set()
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in self._all:
            end.close()

    def cut_after(self, count: int) -> None:
        """Cut it when so many more bytes have come from there."""
        self._left = count

    def cut(self) -> None:
        """End all connections, with no word of what is under way."""
        self.cuts += 1
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[..., None], *given: object) -> None:
        thread = threading.Thread(target=work, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._there))
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._ends += [near, far]
            self._all += [near, far]
            for source, target in ((near, far), (far, near)):
                under_way: Bytes = queue.SimpleQueue()
                self._start(self._take, source, under_way, source is far)
                self._start(self._give, target, under_way)

    def _take(self, source: socket.socket, under_way: Bytes, is_answer: bool) -> None:  # noqa: FBT001 - one of two
        data = b"begins"
        while data:
            try:
                data = source.recv(_CHUNK)
            except OSError:
                data = b""
            if is_answer and self._left is not None:
                self._left -= len(data)
                if self._left <= 0:
                    self._left = None
                    self.cut()
                    data = b""
            under_way.put((time.monotonic() + self.seconds, data))

    def _give(self, target: socket.socket, under_way: Bytes) -> None:
        while True:
            due, data = under_way.get()
            self._over.wait(max(due - time.monotonic(), 0))
            with contextlib.suppress(OSError):
                if data:
                    target.sendall(data)
                else:
                    target.shutdown(socket.SHUT_RDWR)
            if not data:
                return
