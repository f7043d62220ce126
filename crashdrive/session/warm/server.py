"""The server of a warm session: holds one crash, and runs what its clients ask, one client at a time."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

import msgspec

from crashdrive.cache.code import code_digest
from crashdrive.dump.contents import current_mark
from crashdrive.errors import CrashdriveError, SessionDiedError, StartError
from crashdrive.session.failure import Judgement, judge
from crashdrive.session.lines import check_line, may_break_off
from crashdrive.session.outcome import BROKEN_OFF, Ends, too_long
from crashdrive.session.room import resident
from crashdrive.session.session import Session
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError, PtyTransport
from crashdrive.session.warm import frames, place
from crashdrive.session.warm.frames import (
    Batch,
    Channel,
    Done,
    Failed,
    Piece,
    Recover,
    Run,
    Stop,
    Stream,
    Take,
)
from crashdrive.session.warm.held import Held, Memory
from crashdrive.session.warm.turns import Turns
from crashdrive.text import printable

MOST_CLIENTS = 64
_HELLO_SECONDS = 10.0
# between looks at whether the dump still is what it was, and whether anybody has asked anything
_TICK_SECONDS = 5.0
_BEGINNING = 64


class Told(NamedTuple):
    """What a server is started with. ``idle``: seconds without a request after which it ends, 0 for never."""

    idle: float
    binaries: Sequence[str]
    patience: float


class Server:
    """One crash, its clients, its socket."""

    def __init__(self, session: Session, listening: socket.socket, told: Told) -> None:
        """Take over a session that was just opened, and a listening socket."""
        self._welcome = _welcome(session, told)
        self._held = Held(session)
        self._listening = listening
        self._told = told
        self._turns = Turns()
        self._clients: set[_Client] = set()
        self._guard = threading.Lock()
        self._last: _Client | None = None
        self._ended = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self.requests = 0
        self._started, self._asked = time.time(), time.monotonic()

    def serve(self) -> str:
        """Until it is stopped, or nobody asks any more; why it ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._listening, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._ended.is_set():
                ready = [key.fileobj for key, _ in selector.select(_TICK_SECONDS)]
                if self._listening in ready:
                    self._accept()
                elif not ready and (why := self._tires()):
                    return why
        return "stopped"

    def _tires(self) -> str | None:
        path, mark = self._welcome.identity["vmcore"], self._welcome.marks["vmcore"]
        if current_mark(path) != mark:
            return "the dump was changed or removed"
        if self._told.idle and self._turns.holder is None and self._rest() > self._told.idle:
            return f"nothing was asked for {self._told.idle:g} s"
        return None

    def _rest(self) -> float:
        return time.monotonic() - self._asked

    def stop(self) -> None:
        """End `serve`; may be called from any thread and from a signal handler."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._wake.send(b".")

    def close(self) -> None:
        """Close all connections and end crash."""
        self._listening.close()
        with self._guard:
            clients = list(self._clients)
        for client in clients:
            client.channel.close()
        # what runs is broken off by its connection's end
        self._turns.take(self, _HELLO_SECONDS)
        self._held.drop()
        self._wake.close()
        self._woken.close()

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        with self._guard:
            full = len(self._clients) >= MOST_CLIENTS
        try:
            place.check_peer(connection)
        except OSError:
            full = True
        if full:
            connection.close()
            return
        client = _Client(self, Channel(connection, frames.MOST_ASKED), place.peer(connection)[0])
        with self._guard:
            self._clients.add(client)
        threading.Thread(target=client.serve, daemon=True).start()

    # -- what clients need

    def left(self, client: _Client) -> None:
        """A client is gone: crash is ready for the next one before that comes."""
        with self._guard:
            self._clients.discard(client)
        with contextlib.suppress(CrashdriveError):
            # who has changed crash for good has kept the turn until now
            if self._turns.holder is client and self._held.lasting and not self._ended.is_set():
                self._held.clean()
                self._held.ready()
        self._turns.give(client)

    @contextlib.contextmanager
    def turn(self, client: _Client, seconds: float) -> Iterator[Held]:
        """Crash, for one request of this client; TimeoutError where others need it for longer."""
        if not self._turns.take(client, seconds):
            raise TimeoutError
        try:
            self._hand_over(client)
            yield self._held
        finally:
            self._asked = time.monotonic()
            if not self._held.lasting:
                self._turns.give(client)

    def _hand_over(self, client: _Client) -> None:
        """Crash as this client left it, whoever had it meanwhile, and if it was started again."""
        last, self._last = self._last, None
        if last is not client:
            self._held.clean()
        self._held.ready()
        if last is not client or client.seen != self._held.restarts:
            client.memory.put_back(self._held)
            client.seen = self._held.restarts
        self._last = client

    def wanted(self) -> bool:
        """Whether another client waits, so that one that takes nothing is not waited for."""
        return self._turns.wanted or self._ended.is_set()

    def count(self) -> None:
        """A request was made."""
        self._asked = time.monotonic()
        self.requests += 1

    def welcome(self) -> frames.Welcome:
        """Which crash on which dump this is."""
        return self._welcome

    def told(self, number: int) -> frames.Told:
        """What it is like now."""
        holder = self._turns.holder
        pid = self._held.pid
        return frames.Told(
            number=number, crash_pid=pid, crash_memory=resident(pid), server_memory=resident(os.getpid()),
            started=self._started, idle=0.0 if holder is not None else self._rest(),
            idle_limit=self._told.idle, clients=len(self._clients) - 1, requests=self.requests,
            restarts=self._held.restarts, holder=holder.pid if isinstance(holder, _Client) else None,
        )  # fmt: skip


class _Client:
    """One connection; `serve` runs in a thread of its own."""

    def __init__(self, server: Server, channel: Channel, pid: int) -> None:
        self.channel = channel
        self.memory = Memory()
        self.pid = pid
        self.seen = 0  # how often crash had been started again when this client had it last
        self._server = server

    def serve(self) -> None:
        """Answer requests until the client goes, or says what can't be read."""
        try:
            hello = self.channel.receive(frames.HELLO, _HELLO_SECONDS)
            self.channel.send(self._server.welcome())
            if (hello.protocol, hello.code) == (frames.PROTOCOL, code_digest()):
                while True:
                    self._answer(self.channel.receive(frames.REQUEST))
            self._answer_stop()
        except (frames.ClosedError, frames.GarbledError, frames.StalledError):
            pass
        finally:
            self.channel.close()
            self._server.left(self)

    def _answer_stop(self) -> None:
        """A client of other code may look, and end the session."""
        while True:
            request = self.channel.receive(frames.REQUEST)
            if not isinstance(request, (frames.Tell, Stop)):
                raise frames.GarbledError("a request of another version")
            self._answer(request)

    def _answer(self, request: frames.Request) -> None:
        if isinstance(request, frames.Tell):
            self._send(self._server.told(request.number))
            return
        if isinstance(request, Stop):
            self._send(Done(number=request.number))
            self._server.stop()
            return
        self._server.count()
        try:
            answer = self._worked(request)
        except TimeoutError:
            answer = Failed(number=request.number, kind="busy", message="another client has crash")
        except StartError as error:
            answer = Failed(number=request.number, kind="start", message=str(error))
        except CrashdriveError as error:
            answer = Failed(number=request.number, kind="error", message=str(error))
        self._send(answer)

    def _worked(self, request: Run | Batch | Stream | Take | Recover) -> Done | Failed:
        if isinstance(request, Recover):
            with self._server.turn(self, _HELLO_SECONDS) as held:
                whole = held.settle()
            return Done(number=request.number, broke_off=not whole)
        if not isinstance(request, Take):
            for command in [request.command] if isinstance(request, Run) else request.commands:
                check_line(command)
        with self._server.turn(self, request.seconds) as held:
            transport = held.ready()
            if isinstance(request, Take):
                return Done(number=request.number)
            return self._run(request, held, transport)

    def _run(self, request: Run | Batch | Stream, held: Held, transport: PtyTransport) -> Done | Failed:
        transport.canceller = self.channel.connection.fileno()
        try:
            if isinstance(request, Run):
                return self._one(request, held, transport)
            if isinstance(request, Batch):
                return self._batch(request, held, transport)
            return self._stream(request, transport)
        except OutOfTimeError as error:
            held.doubt()
            self._pass_on(request.number, error.output)
            told = too_long(_named(request), request.seconds)
            return Failed(number=request.number, kind="deadline", message=told, line=told)
        except SessionDiedError as error:
            held.drop()
            self._pass_on(request.number, error.output)
            line = f"{error} during `{printable(_named(request))[:120]}`"
            return Failed(number=request.number, kind="died", message=str(error), line=line)
        except BaseException:
            held.doubt()
            raise
        finally:
            transport.canceller = None

    def _one(self, request: Run, held: Held, transport: PtyTransport) -> Done:
        meant = self.memory.context.resolve(request.command)
        ends = Ends(cast("BinaryIO", _Writer(self._sink(request.number))))
        ends(transport.exchange(request.command, request.seconds, ends))
        judged = ends.judge(meant)
        broke_off = None
        if held.holes and may_break_off(meant, frozenset()):
            broke_off = transport.broke_off(request.command, request.seconds)
        if judged.failure is None and broke_off:
            judged = Judgement(BROKEN_OFF)
        self._note(held, request.command, ends.first, judged)
        if (failure := judged.failure) is None:
            return Done(number=request.number, broke_off=broke_off)
        if failure.kind == "gdb-crashed":
            held.drop()  # gdb's state is unknown from here on
        told = (failure.kind, failure.message)
        return Done(number=request.number, broke_off=broke_off, failure=told)

    def _batch(self, request: Batch, held: Held, transport: PtyTransport) -> Done | Failed:
        try:
            outputs = transport.batch(request.commands, request.seconds)
        except (OutOfTimeError, SessionDiedError) as error:
            sizes = list(map(len, error.finished))
            self._pass_on(request.number, b"".join([*error.finished, error.output]))
            timed_out = isinstance(error, OutOfTimeError)
            held.doubt() if timed_out else held.drop()
            kind = "deadline" if timed_out else "died"
            return Failed(number=request.number, kind=kind, message=str(error), sizes=sizes)
        for command, output in zip(request.commands, outputs, strict=True):
            self._note(held, command, output, judge(self.memory.context.resolve(command), output))
        self._pass_on(request.number, b"".join(outputs))
        return Done(number=request.number, sizes=list(map(len, outputs)))

    def _stream(self, request: Stream, transport: PtyTransport) -> Done:
        name, fifo = self._server.welcome().fifo, str(transport.fifo)
        commands = [command.replace(name, fifo) for command in request.commands]
        said = transport.stream(commands, self._sink(request.number, fifo=True), request.seconds)
        self._pass_on(request.number, said.replace(fifo.encode(), name.encode()))
        return Done(number=request.number)

    def _note(self, held: Held, command: str, said: bytes, judged: Judgement) -> None:
        held.note(self.memory.context.resolve(command), said[:_BEGINNING])
        self.memory.context.note(command, failed=judged.failure is not None)

    def _sink(self, number: int, *, fifo: bool = False) -> Sink:
        return lambda data: self._pass_on(number, data, fifo=fifo)

    def _pass_on(self, number: int, data: bytes, *, fifo: bool = False) -> None:
        for piece in frames.pieces(data):
            self._send(Piece(number=number, data=bytes(piece), fifo=fifo))

    def _send(self, frame: object) -> None:
        self.channel.send(frame, lambda: not self._server.wanted())


class _Writer:
    """A sink as a file, as far as `Ends` writes into it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        """Pass it on."""
        self._sink(data)
        return len(data)


def _named(request: Run | Batch | Stream) -> str:
    if isinstance(request, Run):
        return request.command
    return "a batch of commands" if isinstance(request, Batch) else "a stream of commands"


def _welcome(session: Session, told: Told) -> frames.Welcome:
    health = session.health
    return frames.Welcome(
        protocol=frames.PROTOCOL,
        code=code_digest(),
        pid=os.getpid(),
        binary=health.binary,
        binaries=list(told.binaries),
        binary_marks=[current_mark(path) or "" for path in told.binaries],
        identity=dict(session.identity),
        vmcoreinfo=dict(session.vmcoreinfo),
        marks=dict(session.marks),
        health=msgspec.msgpack.encode(health),
        warned=[warning.message for warning in health.warnings],
        affected=sorted({name for warning in health.warnings for name in warning.affects}),
        holes=session._holes,  # noqa: SLF001 - as in Held
        fifo=f"/warm-{secrets.token_hex(16)}",
        patience=told.patience,
    )


@contextlib.contextmanager
def served(key: str, folder: int, opening: Callable[[], tuple[Session, Told]]) -> Iterator[Server]:
    """A server whose socket is there; HeldLockError where another one serves this dump already."""
    # of the code that this process runs, which may be changed while crash starts
    code_digest()
    with place.locked(folder, key):
        session, told = opening()
        try:
            listening = place.listen(folder, key)
        except BaseException:
            session.close()
            raise
        server = Server(session, listening, told)
        try:
            yield server
        finally:
            place.remove(folder, key)
            server.close()
