"""How commands reach crash: Transport, and PtyTransport over pexpect."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crashdrive.errors import SessionDiedError, SessionError
from crashdrive.session.folder import Folder, RawImage
from crashdrive.session.process import CrashProcess, processor_seconds
from crashdrive.session.terminal import PIPE_SIZE, Collector, Sink, begun, readable

if TYPE_CHECKING:
    from pexpect.fdpexpect import fdspawn

READ_SIZE = 1 << 16
# no file can be opened here
_ASKING = "set > /"
# how long a crash that was interrupted may take to show its prompt again
INTERRUPT_SECONDS = 5.0
# crash behind a wrapper script that doesn't pass its name on: it waits for a command, and we for our prompt
_OTHER_PROMPT = re.compile(rb"(?:\A|\n)([\w.+-]+)> \Z")
_LOOK_SECONDS = 5.0
# how long nothing follows a prompt of another name before it is asked whether it is crash's, and may answer
_QUIET_SECONDS = 0.5
_ANSWER_SECONDS = 30.0
# a prompt in the middle of a line counts when nothing follows it for so long
_DOUBT_SECONDS = 0.02


class OutOfTimeError(Exception):
    """Inside the session only: the deadline passed.

    ``output`` is what had come until then; of a batch, ``finished`` is what its finished commands printed.
    """

    def __init__(self, output: bytes) -> None:
        super().__init__("deadline")
        self.output = output
        self.finished: list[bytes] = []


class Transport(Protocol):
    """What a Session needs: commands in, bytes out. Each call is one round trip."""

    @property
    def scratch(self) -> Path | None:
        """A private folder that crash sees too; None where there is no shared file system."""
        ...

    @property
    def fifo(self) -> Path | None:
        """The FIFO that `stream` reads; None where there is no shared file system."""
        ...

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """Send one command, give what it printed; with ``sink`` the bytes go there instead, as they come."""
        ...

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """Run commands from one input file, give what each one printed."""
        ...

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """Run commands that write into the FIFO; its bytes go to ``sink``, the terminal's are returned."""
        ...

    def broke_off(self, command: str, timeout: float) -> bool:
        """Whether crash left this command, the last one, before its end."""
        ...

    def waiting(self) -> bool:
        """Whether crash is there and has said nothing unasked: all that can be told without asking."""
        ...

    def recover(self) -> bool:
        """After a deadline or an interrupted call: whether crash is at its prompt again, and in step."""
        ...

    def abort(self) -> None:
        """End crash while another thread waits for it; that one gets SessionDiedError."""
        ...

    def close(self) -> None:
        """End crash; may be called twice."""
        ...


class _Working:
    """Whether a crash that starts still gets on, by its seconds of processor: a busy host adds none."""

    def __init__(self, process: CrashProcess, patience: float) -> None:
        self._process, self._patience = process, patience
        self._used, self._last = 0.0, time.monotonic()

    def is_over(self) -> bool:
        """Whether it did nothing for so many seconds, or worked for so many."""
        self._process.read_status(0)
        used, now = processor_seconds(self._process.pid) or 0.0, time.monotonic()
        if used > self._used:
            self._used, self._last = used, now
        return used >= self._patience or now - self._last >= self._patience


class PtyTransport:
    """One crash process on a pseudo-terminal.

    The prompt is a random name, so that no output can hold it; echo and output processing are off. After a
    deadline nothing may be sent until `recover` has said yes.

    A wrapper script may start crash by another name. Each prompt is then proven: crash is told to open a
    file of a random name, which isn't there, and what stands before its complaint is the output.
    """

    scratch: Path | None = None
    fifo: Path | None = None

    def __init__(
        self,
        program: Path,
        arguments: Sequence[str],
        *,
        paths: Sequence[str | bytes | RawImage] = (),
        equip: Callable[[Path], None] | None = None,
        command: Callable[[str], list[str]] = lambda program: [program],
    ) -> None:
        """Start crash (no waiting); ``paths`` come last, through links where their names aren't plain.

        Contents in place of a path, and ``equip``: see `Folder`. ``command`` gives the words that start a
        program of a name: see `Binary.command`.
        """
        name = new_name()
        folder = Folder(name, program, paths, equip)
        words = command(str(folder.program))
        self._begin(name, folder, [*words, *arguments, *folder.files])
        self.scratch = folder.path
        self.fifo = folder.fifo

    def _begin(self, name: str, folder: Folder, words: list[str]) -> None:
        """Start a program whose prompt follows its name."""
        self.name = name
        self.prompt = f"{name}> ".encode()
        # crash's name for itself where that isn't ours, and who complained last
        self._other: bytes | None = None
        self._blamed = b""
        self.folder = folder
        self.process = CrashProcess(folder, words)
        self._spawn = _fdspawn(self.process.master)
        # a descriptor: as soon as it can be read, what is waited for ends as at a deadline
        self.canceller: int | None = None

    def greeting(self, timeout: float, idle: float | None = None) -> bytes:
        """All that crash prints up to its first prompt; OutOfTimeError or SessionDiedError otherwise.

        ``idle``: seconds without work, or of work, after which it is out of time, too.
        """
        collector, deadline = Collector(self.prompt, None), time.monotonic() + timeout
        working = None if idle is None else _Working(self.process, idle)
        step = _LOOK_SECONDS if idle is None else min(_LOOK_SECONDS, idle / 4)
        with self._plain_errors():
            while not collector.done or (collector.doubtful and self._goes_on()):
                other = _OTHER_PROMPT.search(collector.pending())
                pause = step if other is None else min(step, _QUIET_SECONDS)
                try:
                    self._read_some(min(deadline, time.monotonic() + pause), collector, None)
                except OutOfTimeError:
                    if other is not None:
                        return self._plain(self._adopt(other))
                    if time.monotonic() >= deadline or (working is not None and working.is_over()):
                        raise
            return self._plain(collector.finish())

    def _adopt(self, other: re.Match[bytes]) -> bytes:
        """Take a prompt of another name for crash's, and give what it said before.

        SessionDiedError where it isn't crash that waits there.
        """
        self._other, self.prompt = other[1], other[1] + b"> "
        said = other.string[: other.start(1)]
        try:
            return said + self._proven(time.monotonic() + _ANSWER_SECONDS)
        except OutOfTimeError as error:
            why = b"its prompt is `%s>`, not what it was started as, and it doesn't answer as crash does"
            raise SessionDiedError("crash ended: at another prompt", said + why % other[1]) from error

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        plain = None if sink is None else _PlainSink(self._plain, sink, self._names())
        with self._plain_errors(plain):
            self._send(command)
            rest = self._until_prompt(time.monotonic() + timeout, sink=plain)
            return self._plain(rest if plain is None else plain.held + rest)

    @contextlib.contextmanager
    def _plain_errors(self, sink: _PlainSink | None = None) -> Iterator[None]:
        try:
            yield
        except (OutOfTimeError, SessionDiedError) as error:
            error.output = self._plain((b"" if sink is None else sink.held) + error.output)
            raise

    def _names(self) -> list[bytes]:
        """What `_plain` replaces."""
        other = [] if self._other is None else [self._other + b": "]
        return [self.name.encode(), *other, *self.folder.shown]

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport. Frames: with ``set silent off`` crash prints each command behind a prompt."""
        if self._other is not None:
            return self._one_by_one(commands, time.monotonic() + timeout)
        end = self.prompt + b"set silent on\n" + self.prompt
        try:
            with self._input(["set silent off", *commands, "set silent on"]):
                text = self._until_prompt(time.monotonic() + timeout, end=end)
        except (OutOfTimeError, SessionDiedError) as error:
            framed = self._split(error.output)
            error.output = framed[-1][1] if framed else b""
            if _in_step(framed[:-1], commands):
                error.finished = [output for _, output in framed[:-1]][: len(commands)]
            raise
        framed = self._split(text)
        if len(framed) != len(commands) or not _in_step(framed, commands):
            raise SessionError("crash's answer to an input file is out of step with the commands")
        return [output for _, output in framed]

    def _one_by_one(self, commands: Sequence[str], deadline: float) -> list[bytes]:
        """As `batch`: output may hold a prompt that isn't random, so no frame could be told by it."""
        finished: list[bytes] = []
        try:
            # what is there already when one fails stays
            finished.extend(self.exchange(line, max(0.0, deadline - time.monotonic())) for line in commands)
        except (OutOfTimeError, SessionDiedError) as error:
            error.finished = finished
            raise
        return finished

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        with self._plain_errors(), self._input(commands):
            return self._plain(self._until_prompt(time.monotonic() + timeout, fifo_sink=sink))

    @contextlib.contextmanager
    def _input(self, lines: Sequence[str]) -> Iterator[None]:
        """While crash runs commands from a file."""
        path = self.folder.input_file("\n".join(lines) + "\n")
        try:
            self._send(f"< {path}")
            yield
        finally:
            path.unlink(missing_ok=True)

    def _split(self, text: bytes) -> list[tuple[bytes, bytes]]:
        """(command, what it printed) of each frame of a batch."""
        frames = [part.partition(b"\n") for part in text.split(self.prompt)[1:]]
        return [(echo, self._plain(output)) for echo, _, output in frames]

    def _plain(self, output: bytes) -> bytes:
        """crash puts its name before messages of its top level; ours is random, a user's is ``crash``."""
        output = output.replace(self.name.encode(), b"crash")
        if self._other not in (None, b"crash"):
            output = re.sub(rb"(?m)^%s: " % re.escape(self._other or b""), b"crash: ", output)
        for shown, real in self.folder.shown.items():
            output = output.replace(shown, real)
        return output

    def broke_off(self, command: str, timeout: float) -> bool:  # noqa: ARG002 - replays look it up
        """See Transport. crash's own name goes back before its messages when a command returns.

        After one that it left by a jump they bear that one's name. The message asked for is that of a file
        which can't be opened: it comes before any command is run (process_command_line(), exec_command()).
        """
        if self._other is not None:
            return self._blamed != self._other
        said = re.match(rb"(\S+): unable to open ", self.exchange(_ASKING, timeout))
        return said is not None and said[1] != b"crash"

    def _send(self, line: str) -> None:
        self._drain_fifo(None)
        self._write(line.encode() + b"\n")

    def _write(self, data: bytes) -> None:
        try:
            self._spawn.send(data)
        except OSError as error:
            raise self._died() from error

    def _until_prompt(
        self,
        deadline: float,
        *,
        end: bytes | None = None,
        sink: Sink | None = None,
        fifo_sink: Sink | None = None,
    ) -> bytes:
        """All that the terminal gives until it ends with the prompt (or ``end``)."""
        collector = Collector(end or self.prompt, sink)
        while not collector.done or (end is None and collector.doubtful and self._goes_on()):
            self._read_some(deadline, collector, fifo_sink)
        said = collector.finish()
        if self._other is not None:
            said += self._proven(deadline, sink, fifo_sink)
        if fifo_sink is not None:
            self._drain_fifo(fifo_sink)
        return said

    def _proven(self, deadline: float, sink: Sink | None = None, fifo_sink: Sink | None = None) -> bytes:
        """Ask whether the prompt that came is crash's; what else there was of the output, if it wasn't."""
        nonce = os.urandom(8).hex().encode()
        self._write(b"set > /%s/\n" % nonce)
        collector = Collector(b": unable to open /%s/\n" % nonce + self.prompt, None)
        while not collector.done:
            self._read_some(deadline, collector, fifo_sink)
        rest, self._blamed = _last_word(collector.finish())
        if not rest:
            return b""
        if not rest.endswith(self.prompt):
            raise SessionError("crash's answer is out of step with the command")
        rest = self.prompt + rest.removesuffix(self.prompt)
        if sink is None:
            return rest
        sink(rest)
        return b""

    def _goes_on(self) -> bool:
        return bool(readable([self.process.master], _DOUBT_SECONDS))

    def _read_some(self, deadline: float, collector: Collector, fifo_sink: Sink | None) -> None:
        process = self.process
        wanted = [process.master] if process.ended else [process.master, process.status]
        if fifo_sink is not None:
            wanted.append(self._bulk)
        if self.canceller is not None:
            wanted.append(self.canceller)
        ready = readable(wanted, deadline - time.monotonic())
        if not ready or self.canceller in ready:
            raise OutOfTimeError(collector.pending())
        if self._bulk in ready and fifo_sink is not None:
            self._read_fifo(fifo_sink)
        if process.master in ready:
            self._read_master(collector)
        elif process.status in ready:
            process.read_status(0)
        if process.ended and not readable([process.master], 0):
            raise self._died(collector.pending())

    @property
    def _bulk(self) -> int:
        """The descriptor that bulk data comes from."""
        return self.process.fifo

    def _read_master(self, collector: Collector) -> None:
        import pexpect

        try:
            data = self._spawn.read_nonblocking(READ_SIZE, timeout=0)
        except (pexpect.EOF, OSError) as error:
            raise self._died(collector.pending()) from error
        collector.add(data)

    def _read_fifo(self, sink: Sink | None) -> bool:
        try:
            data = os.read(self.process.fifo, PIPE_SIZE)
        except BlockingIOError:
            return False
        if sink is not None:
            sink(data)
        return bool(data)

    def _drain_fifo(self, sink: Sink | None) -> None:
        while self._read_fifo(sink):
            pass

    def _died(self, output: bytes = b"") -> SessionDiedError:
        self.process.read_status(2.0)
        self.process.ended = self.process.ended or "it closed its terminal"
        return SessionDiedError(f"crash ended: {self.process.ended}", output)

    def crash_pid(self) -> int | None:
        """Crash's process id, as soon as the keeper has told it."""
        if self.process.pid is None:
            self.process.read_status(0.2)
        return self.process.pid

    def waiting(self) -> bool:
        """See Transport."""
        return self._lives() and not readable([self.process.master], 0)

    def _lives(self) -> bool:
        """Whether neither crash nor its keeper has ended by now, whatever the terminal still holds."""
        self.process.read_status(0)
        return self.process.ended is None

    def recover(self) -> bool:
        """^C until the prompt is back, then a marker: only its own answer proves that we are in step."""
        deadline = time.monotonic() + INTERRUPT_SECONDS
        if not self._lives():
            return False
        try:
            self._write(b"\x03")
            self._until_prompt(deadline, sink=_nowhere, fifo_sink=_nowhere)
            # without its keeper nobody would end it: one that still answers isn't used either
            return self._resynchronise(deadline) and self._lives()
        except (OutOfTimeError, SessionError):
            return False

    def _resynchronise(self, deadline: float) -> bool:
        marker = int.from_bytes(os.urandom(8)) >> 4 | 1 << 60
        wanted = f"hexadecimal: {marker:x}".encode()
        self._send(f"eval {marker:#x}")
        text = self._until_prompt(deadline)
        # a command that ended just before ^C leaves one more prompt in front of the marker's answer
        while wanted not in text:
            text = self._until_prompt(deadline)
        # an interrupted input file never came to its `set silent on`, and crash goes back to its name when a
        # command of another one fails, until one has been read to its end
        self._send("set silent on")
        self._until_prompt(deadline)
        with self._input(["set silent on"]):
            self._until_prompt(deadline)
        return not readable([self.process.master], 0.05)

    def abort(self) -> None:
        """See Transport."""
        self.process.kill()

    def close(self) -> None:
        """See Transport. Returns when crash is gone and the folder is removed."""
        self.process.close()


def new_name() -> str:
    """A name for a crash, and so for its prompt, that no output can hold."""
    return "c" + os.urandom(8).hex()


class _PlainSink:
    """Passes output on as `PtyTransport._plain` has it, also where a name comes in two pieces.

    Only what may be the beginning of a name is held back: somebody may be watching.
    """

    def __init__(self, plain: Callable[[bytes], bytes], sink: Sink, names: Sequence[bytes]) -> None:
        self._plain = plain
        self._sink = sink
        self._names = names
        self.held = b""

    def __call__(self, data: bytes) -> None:
        data = self._plain(self.held + data)
        ready = len(data) - begun(data, self._names)
        if ready:
            self._sink(data[:ready])
        self.held = data[ready:]


def _in_step(framed: Sequence[tuple[bytes, bytes]], commands: Sequence[str]) -> bool:
    """Whether the frames are those of the commands; crash puts a blank behind a leading ``*``."""
    echoes = (b"".join(echo.split()) for echo, _ in framed)
    sent = (b"".join(command.encode().split()) for command in [*commands, "set silent on"])
    return all(echo == command for echo, command in zip(echoes, sent, strict=False))


def _last_word(text: bytes) -> tuple[bytes, bytes]:
    """A text in two: up to its last blank, and what follows."""
    size = max(text.rfind(blank) for blank in (b" ", b"\n")) + 1
    return text[:size], text[size:]


def _nowhere(_data: bytes) -> None:
    """A sink that throws bytes away."""


def _fdspawn(master: int) -> fdspawn[bytes]:
    from pexpect import fdpexpect

    spawn: fdspawn[bytes] = fdpexpect.fdspawn(master, maxread=READ_SIZE, use_poll=True)
    spawn.delaybeforesend = None
    return spawn
