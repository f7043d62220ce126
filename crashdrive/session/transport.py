"""How commands reach crash: Transport, and PtyTransport over pexpect."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from crashdrive.errors import SessionDiedError, SessionError

if TYPE_CHECKING:
    from pexpect.fdpexpect import fdspawn

Sink = Callable[[bytes], object]

READ_SIZE = 1 << 16
# how long a crash that was interrupted may take to show its prompt again
INTERRUPT_SECONDS = 5.0
_KEEPER = str(Path(__file__).with_name("keeper.py"))
_PIPE_SIZE = 1 << 20


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

    def recover(self) -> bool:
        """After a deadline or an interrupted call: whether crash is at its prompt again, and in step."""
        ...

    def close(self) -> None:
        """End crash; may be called twice."""
        ...


def scratch_parent() -> Path:
    """Where private folders go: CRASHDRIVE_TMPDIR, else a tmpfs, else the system's temporary folder."""
    chosen = os.environ.get("CRASHDRIVE_TMPDIR")
    for candidate in (chosen, "/dev/shm", os.environ.get("XDG_RUNTIME_DIR")):  # noqa: S108 - mkdtemp makes it private
        if candidate and os.access(candidate, os.W_OK | os.X_OK):
            return Path(candidate)
    return Path(tempfile.gettempdir())


@contextlib.contextmanager
def temporary_file_errors(folder: Path) -> Iterator[None]:
    """A full or read-only disk for temporary files, told as such."""
    try:
        yield
    except OSError as error:
        raise SessionError(
            f"can't write temporary files in {folder}: {error.strerror}; "
            "free some room or name another folder in CRASHDRIVE_TMPDIR"
        ) from error


class PtyTransport:
    """One crash process on a pseudo-terminal.

    The prompt is a random name, so that no output can hold it; echo and output processing are off. After a
    deadline nothing may be sent until `recover` has said yes.
    """

    def __init__(self, program: Path, arguments: Sequence[str], *, paths: Sequence[str] = ()) -> None:
        """Start crash (no waiting); ``paths`` come last, through links where their names aren't plain."""
        self.name = "c" + secrets.token_hex(8)
        self.prompt = f"{self.name}> ".encode()
        self.folder = self._make_folder(program)
        self.scratch: Path | None = self.folder
        self.fifo: Path | None = self.folder / "fifo"
        files = [self._plain_path(path, number) for number, path in enumerate(paths)]
        self._batch_number = 0
        self.pid: int | None = None
        self.ended: str | None = None
        self._status = b""
        with temporary_file_errors(self.folder):
            self._start([*arguments, *files])

    def _make_folder(self, program: Path) -> Path:
        parent = scratch_parent()
        with temporary_file_errors(parent):
            folder = Path(tempfile.mkdtemp(prefix="crashdrive-", dir=parent))
        try:
            with temporary_file_errors(parent):
                (folder / "home").mkdir()
                (folder / "inputrc").write_text("set enable-bracketed-paste off\nset editing-mode emacs\n")
                (folder / self.name).symlink_to(program.absolute())
                os.mkfifo(folder / "fifo", 0o600)
        except BaseException:
            _remove(folder)
            raise
        return folder

    def _plain_path(self, path: str, number: int) -> str:
        """Crash itself gives file names to a shell in places: a name that isn't plain goes through a link."""
        absolute = str(Path(path).absolute())
        if re.fullmatch(r"[A-Za-z0-9_./+:@%,=~-]+", absolute):
            return absolute
        link = self.folder / f"file{number}"
        link.symlink_to(absolute)
        return str(link)

    def _start(self, arguments: list[str]) -> None:
        master, slave = os.openpty()
        try:
            _prepare_terminal(slave)
            self._keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", _KEEPER, str(slave), str(self.folder),
                 str(self.folder / self.name), str(self.folder / self.name), *arguments],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                pass_fds=(slave,), env=self._environment(), cwd="/", start_new_session=True,
            )  # fmt: skip
        except BaseException:
            os.close(master)
            _remove(self.folder)
            raise
        finally:
            os.close(slave)
        self._master = master
        self._spawn: fdspawn[bytes] = _fdspawn(master)
        self._fifo_fd = os.open(self.folder / "fifo", os.O_RDWR | os.O_NONBLOCK)
        _enlarge_pipe(self._fifo_fd)
        # the keeper ends crash and removes the folder as soon as its standard input is closed
        self._finalizer = weakref.finalize(self, _end, self._keeper, master, self._fifo_fd)

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self.folder / "home"),
            "INPUTRC": str(self.folder / "inputrc"),
            "LC_ALL": "C",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "TERM": "dumb",
            "TZ": "UTC",
        }

    def greeting(self, timeout: float) -> bytes:
        """All that crash prints up to its first prompt; OutOfTimeError or SessionDiedError otherwise."""
        with self._plain_errors():
            return self._plain(self._until_prompt(time.monotonic() + timeout))

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        with self._plain_errors():
            self._send(command)
            return self._plain(self._until_prompt(time.monotonic() + timeout, sink=sink))

    @contextlib.contextmanager
    def _plain_errors(self) -> Iterator[None]:
        try:
            yield
        except (OutOfTimeError, SessionDiedError) as error:
            error.output = self._plain(error.output)
            raise

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport. With ``set silent off`` crash prints each command behind a prompt: the frame."""
        lines = ["set silent off", *commands, "set silent on"]
        path = self._input_file(lines)
        end = self.prompt + b"set silent on\n" + self.prompt
        try:
            self._send(f"< {path}")
            text = self._until_prompt(time.monotonic() + timeout, end=end)
        except (OutOfTimeError, SessionDiedError) as error:
            framed = self._split(error.output)
            error.finished = [output for _, output in framed[:-1]]
            raise
        finally:
            path.unlink(missing_ok=True)
        framed = self._split(text)
        if [echo for echo, _ in framed] != [command.encode() for command in commands]:
            raise SessionError("crash's answer to an input file is out of step with the commands")
        return [output for _, output in framed]

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport."""
        path = self._input_file(commands)
        try:
            self._send(f"< {path}")
            return self._plain(self._until_prompt(time.monotonic() + timeout, fifo_sink=sink))
        finally:
            path.unlink(missing_ok=True)

    def _input_file(self, lines: Sequence[str]) -> Path:
        self._batch_number += 1
        path = self.folder / f"in{self._batch_number}"
        with temporary_file_errors(self.folder):
            path.write_text("\n".join(lines) + "\n")
        return path

    def _split(self, text: bytes) -> list[tuple[bytes, bytes]]:
        """(command, what it printed) of each frame of a batch."""
        frames = [part.partition(b"\n") for part in text.split(self.prompt)[1:]]
        return [(echo, self._plain(output)) for echo, _, output in frames]

    def _plain(self, output: bytes) -> bytes:
        """crash puts its name before messages of its top level; ours is random, a user's is ``crash``."""
        return output.replace(self.name.encode(), b"crash")

    def _send(self, line: str) -> None:
        self._drain_fifo(None)
        try:
            self._spawn.send(line.encode() + b"\n")
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
        collector = _Collector(end or self.prompt, sink)
        while not collector.done:
            self._read_some(deadline, collector, fifo_sink)
        if fifo_sink is not None:
            self._drain_fifo(fifo_sink)
        return collector.finish()

    def _read_some(self, deadline: float, collector: _Collector, fifo_sink: Sink | None) -> None:
        import pexpect

        wanted = [self._master] if fifo_sink is None else [self._master, self._fifo_fd]
        ready = _readable(wanted, deadline - time.monotonic())
        if not ready:
            raise OutOfTimeError(collector.pending())
        if self._fifo_fd in ready:
            self._drain_fifo(fifo_sink)
        if self._master in ready:
            try:
                collector.add(self._spawn.read_nonblocking(READ_SIZE, timeout=0))
            except (pexpect.EOF, OSError) as error:
                raise self._died(collector.pending()) from error

    def _drain_fifo(self, sink: Sink | None) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._fifo_fd, _PIPE_SIZE):
                if sink is not None:
                    sink(data)

    def _died(self, output: bytes = b"") -> SessionDiedError:
        self._read_status(2.0)
        how = self.ended or "it closed its terminal"
        self.ended = how
        return SessionDiedError(f"crash ended: {how}", output)

    def _read_status(self, seconds: float) -> None:
        """Take in what the keeper tells: crash's pid, and how it ended."""
        status = self._keeper.stdout
        deadline = time.monotonic() + seconds
        while status is not None and b"exit" not in self._status and b"signal" not in self._status:
            ready = _readable([status.fileno()], deadline - time.monotonic())
            data = os.read(status.fileno(), 4096) if ready else b""
            if not data:
                break
            self._status += data
        self._interpret_status()

    def _interpret_status(self) -> None:
        for word, value in re.findall(rb"(pid|exit|signal) (\d+)\n", self._status):
            if word == b"pid":
                self.pid = int(value)
            elif word == b"exit":
                self.ended = f"exit status {int(value)}"
            else:
                with contextlib.suppress(ValueError):
                    self.ended = f"killed by {signal.Signals(int(value)).name}"
                self.ended = self.ended or f"killed by signal {int(value)}"

    def crash_pid(self) -> int | None:
        """Crash's process id, as soon as the keeper has told it."""
        if self.pid is None:
            self._read_status(0.2)
        return self.pid

    def recover(self) -> bool:
        """^C until the prompt is back, then a marker: only its own answer proves that we are in step."""
        deadline = time.monotonic() + INTERRUPT_SECONDS
        try:
            self._spawn.send(b"\x03")
            self._until_prompt(deadline)
            return self._resynchronise(deadline)
        except (OutOfTimeError, SessionDiedError, OSError):
            return False

    def _resynchronise(self, deadline: float) -> bool:
        marker = secrets.randbits(60) | 1 << 60
        wanted = f"hexadecimal: {marker:x}".encode()
        self._send(f"eval {marker:#x}")
        text = self._until_prompt(deadline)
        # a command that ended just before ^C leaves one more prompt in front of the marker's answer
        while wanted not in text:
            text = self._until_prompt(deadline)
        return not _readable([self._master], 0.05)

    def close(self) -> None:
        """See Transport. Returns when crash is gone and the folder is removed."""
        self._finalizer()


class _Collector:
    """Bytes of the terminal until they end with ``end``; what a sink took isn't kept."""

    def __init__(self, end: bytes, sink: Sink | None) -> None:
        self._end = end
        self._sink = sink
        self._chunks: list[bytes] = []
        self._tail = b""
        self.done = False

    def add(self, data: bytes) -> None:
        """Take in bytes; the last may be the beginning of ``end`` and are held back from the sink."""
        if len(data) >= len(self._end):
            self._tail = data[-len(self._end) :]
        else:
            self._tail = (self._tail + data)[-len(self._end) :]
        self.done = self._tail == self._end
        self._chunks.append(data)
        if self._sink is not None:
            self._pass_on(self._sink)

    def _pass_on(self, sink: Sink) -> None:
        data = b"".join(self._chunks)
        keep = len(self._end)
        if len(data) > keep:
            sink(data[:-keep])
        self._chunks = [data[-keep:]]

    def pending(self) -> bytes:
        """What is here so far."""
        return b"".join(self._chunks)

    def finish(self) -> bytes:
        """All without ``end``; with a sink there is nothing left."""
        return self.pending()[: -len(self._end)]


def _readable(descriptors: Sequence[int], seconds: float) -> set[int]:
    """Those of the descriptors that can be read (or are at their end) within so many seconds."""
    poller = select.poll()
    for descriptor in descriptors:
        poller.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poller.poll(max(0.0, seconds) * 1000)}


def _fdspawn(master: int) -> fdspawn[bytes]:
    from pexpect import fdpexpect

    spawn: fdspawn[bytes] = fdpexpect.fdspawn(master, maxread=READ_SIZE, use_poll=True)
    spawn.delaybeforesend = None
    return spawn


def _prepare_terminal(slave: int) -> None:
    """No echo (readline then echoes nothing either), no translation of newlines."""
    attributes = termios.tcgetattr(slave)
    attributes[1] &= ~termios.OPOST
    attributes[3] &= ~(termios.ECHO | termios.ECHOE | termios.ECHOK | termios.ECHOCTL)
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    termios.tcsetwinsize(slave, (24, 80))


def _enlarge_pipe(descriptor: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)


def _end(keeper: subprocess.Popen[bytes], master: int, fifo: int) -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    for descriptor in (master, fifo):
        with contextlib.suppress(OSError):
            os.close(descriptor)
    try:
        keeper.wait(10)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    if keeper.stdout is not None:
        keeper.stdout.close()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
