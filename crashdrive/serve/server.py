"""HTTP on 127.0.0.1 and ::1 alone.

The standard library's server: one person of this host asks it, a page at a time, so that what a larger one
brings (workers, TLS, uploads) would be a dependency without use. It takes GET and HEAD, so many connections
and no more, and everything that it sends has the headers of `crashdrive.serve.guard`.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, unquote, urlsplit

from crashdrive.errors import CrashdriveError
from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.guard import HEADERS, Guard
from crashdrive.text import printable

Answer = Callable[[Asked], Reply]
_LOG = logging.getLogger("crashdrive.serve")
_ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_MOST_CONNECTIONS = 64
_TRIES = 20
_TEXT = "text/plain; charset=utf-8"


class PortError(CrashdriveError):
    """A port that can't be served on."""


class _Server(ThreadingHTTPServer):
    """One address; a thread for each connection, which ends with the program."""

    daemon_threads = True

    def __init__(self, family: int, address: tuple[str, int], guard: Guard, answer: Answer) -> None:
        self.address_family = family
        self.guard = guard
        self.answer = answer
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind, without asking a name server for the host's name."""
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for it; too many connections are closed."""
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The same, with its place given back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver's
        """A connection that broke is nothing to tell; anything else is a line in the log."""
        import sys

        error = sys.exception()
        if not isinstance(error, (OSError, TimeoutError)):
            _LOG.warning("serve: %s: %s", type(error).__name__, printable(str(error)))


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "crashdrive", ""
    timeout = 60
    _head = False

    def do_GET(self) -> None:
        """Answer."""
        self._send(self._reply())

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._head = True
        self._send(self._reply())
        self._head = False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - http.server's
        """What http.server refuses by itself: malformed requests, other methods."""
        self.close_connection = True
        self._send(_said(405 if code == 501 else code, "this server takes GET requests of HTTP/1 alone"))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's
        """No line for each request."""

    def version_string(self) -> str:
        """No version of Python."""
        return self.server_version

    def _reply(self) -> Reply:
        server = cast("_Server", self.server)
        guard, port = server.guard, server.server_port
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not guard.is_ours(hosts[0], port):
            return _said(421, "this server answers as 127.0.0.1, localhost or [::1] alone")
        try:
            target = urlsplit(self.path if self.path.startswith("/") else "/")
            query = parse_qs(target.query, keep_blank_values=True, max_num_fields=100, errors="replace")
        except ValueError:
            return _said(400, "this address can't be read")
        if target.path == "/" and (token := query.get("token")):
            if not guard.opens(token[-1]):
                return _said(403, "this is no token of this server (or one that has opened it already)")
            return Reply(b"", _TEXT, 303, guard.root, guard.set_cookie())
        if not (
            target.path.startswith(guard.root)
            and guard.admits(self.headers.get("Cookie"))
            and guard.is_from_here(self.headers.get("Sec-Fetch-Site"), self.headers.get("Origin"), port)
        ):
            return _said(403, "open the address that crashdrive serve printed: it holds the token")
        parts = target.path.removeprefix(guard.root).split("/")
        path = tuple(unquote(part, errors="replace") for part in parts if part)
        return server.answer(Asked(guard.root, path, query))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.to is not None:
            self.send_header("Location", reply.to)
        if reply.cookie is not None:
            self.send_header("Set-Cookie", reply.cookie)
        if reply.status == 405:
            self.send_header("Allow", "GET, HEAD")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if not self._head:
            self.wfile.write(reply.body)


def _said(status: int, message: str) -> Reply:
    return Reply(f"crashdrive: {message}\n".encode(), _TEXT, status)


@contextlib.contextmanager
def serving(port: int, guard: Guard, answer: Answer) -> Iterator[int]:
    """Serve on both addresses of this host alone while the body runs; gives the port (0: a free one).

    PortError where it can't be had.
    """
    servers = _bound(port, guard, answer)
    threads = [threading.Thread(target=one.serve_forever, args=(0.2,), daemon=True) for one in servers]
    try:
        for thread in threads:
            thread.start()
        yield servers[0].server_port
    finally:
        for one, thread in zip(servers, threads, strict=True):
            if thread.is_alive():
                one.shutdown()
            one.server_close()


def _bound(port: int, guard: Guard, answer: Answer) -> list[_Server]:
    """A server on each address that this host has, all on one port."""
    for _ in range(_TRIES):
        servers: list[_Server] = []
        try:
            for family, address in _ADDRESSES:
                number = servers[0].server_port if servers else port
                with _without(family):
                    servers.append(_Server(family, (address, number), guard, answer))
        except OSError as error:
            for one in servers:
                one.server_close()
            if error.errno == errno.EADDRINUSE and not port:
                continue  # free on one address, taken on the other
            raise PortError(_refused(port, error)) from error
        if servers:
            return servers
        break
    raise PortError("neither 127.0.0.1 nor ::1 can be served on")


@contextlib.contextmanager
def _without(family: int) -> Iterator[None]:
    """A host may be without IPv6 (or IPv4): then the other one does."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
        _LOG.info("serve: no %s: %s", "IPv6" if family == socket.AF_INET6 else "IPv4", error.strerror)


def _refused(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use: take another one (--port 0: any free one)"
    if error.errno == errno.EACCES:
        return f"port {port} isn't yours to take: take one from 1024 on (--port 0: any free one)"
    return f"port {port}: {os.strerror(error.errno or 0)}"
