"""A crash on another host: its terminal is ssh's, its bulk data come over a channel of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from crashdrive.errors import HostError, SessionDiedError, SessionError
from crashdrive.session.folder import INPUTRC, Folder
from crashdrive.session.remote.ahead import Ahead
from crashdrive.session.remote.channel import Channel, Unpacked
from crashdrive.session.remote.host import ssh_environment
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.scripts import DATA, END, Start, starter
from crashdrive.session.terminal import MOST_BYTES, Collector, Sink
from crashdrive.session.transport import OutOfTimeError, PtyTransport, new_name

_READ: Final = 1 << 18
# of commands that are under way at once: what the terminal there holds back has to fit into ssh's window
_MOST_SENT: Final = 64 << 10
# ssh's own exit status
_SSH_FAILED: Final = "exit status 255"
_SIGNALS: Final = 128
# numbers by which the helper knows the end of a round: crash prints each where that waits for it
_FIRST_END: Final = 0x5EED000001
# what the starter says, crash's name in it made plain
_BEGINS: Final = b"crash-begins\n"


class _SshFolder(Folder):
    """The folder here: ssh under crash's name, and nothing that crash reads."""

    def environment(self) -> dict[str, str]:
        """What ssh sees."""
        return ssh_environment()


class _Prompts(Collector):
    """Bytes of the terminal until so many prompts have come, each behind the output of a command."""

    def __init__(self, prompt: bytes, count: int) -> None:
        super().__init__(prompt, None)
        self._prompt, self._count = prompt, count
        self._seen, self._text = 0, bytearray()
        self.done = not count

    def add(self, data: bytes) -> None:
        """Take in bytes."""
        start = max(len(self._text) - len(self._prompt) + 1, 0)
        self._text += data
        self._seen += self._text.count(self._prompt, start)
        self.done = self._seen >= self._count
        if len(self._text) > MOST_BYTES:
            self._text.clear()
            raise SessionError(f"the commands printed more than {MOST_BYTES >> 30} GiB")

    def pending(self) -> bytes:
        """What is here so far."""
        return bytes(self._text)

    def outputs(self) -> list[bytes]:
        """What stood before each prompt."""
        return self.pending().split(self._prompt)[:-1]


class SshTransport(PtyTransport):
    """One crash on another host, on ssh's terminal.

    Several commands are sent at once, without waiting for their prompts: that takes one round trip, and no
    file that both hosts see.
    """

    def __init__(
        self,
        link: Link,
        program: str,
        arguments: Sequence[str],
        files: Sequence[str | bytes],
        marks: Sequence[tuple[str, str]],
        ahead: Ahead,
    ) -> None:
        """Start crash, no waiting; ``marks``: what files there have to be, else it isn't started.

        ``ahead``: what is read beside what is wanted.
        """
        self.host = link.host
        self._taking = False
        self._end = _FIRST_END
        self.side: Channel = link.side()
        name = new_name()
        start = Start(name, program, arguments, files, INPUTRC, marks)
        try:
            words = self.host.words("-tt")
            folder = _SshFolder(name, Path(words[0]), ())
            self._begin(name, folder, [str(folder.program), *words[1:], starter(self.side.nonce, start)])
        except BaseException:
            self.side.close()
            raise
        self._ahead = ahead
        self._files = files
        self.fifo = Path(f"../{DATA}")

    def greeting(self, timeout: float, idle: float | None = None) -> bytes:  # noqa: ARG002 - its work isn't seen
        """See PtyTransport; what a login prints there isn't crash's.

        HostError where its helper lacks something.
        """
        self.side.wait_up()
        for number, file in enumerate(self._files):
            if isinstance(file, str):
                self.folder.shown[os.fsencode(f"{self.side.folder}/file{number}")] = os.fsencode(file)
        try:
            said = super().greeting(timeout)
        except (OutOfTimeError, SessionDiedError) as error:
            error.output = error.output.rpartition(_BEGINS)[2]
            raise
        return said.rpartition(_BEGINS)[2]

    # -- several commands at once

    def batch(self, commands: Sequence[str], timeout: float) -> list[bytes]:
        """See Transport."""
        if self._other is not None:
            return self._one_by_one(commands, time.monotonic() + timeout)
        finished: list[bytes] = []
        deadline = time.monotonic() + timeout
        try:
            for group in _groups(commands):
                self.host.rounds += 1
                finished += map(self._plain, self._exchanged(group, deadline, finished))
        except (OutOfTimeError, SessionDiedError) as error:
            error.finished = finished
            raise
        return finished

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        """See Transport."""
        self.host.rounds += 1
        return super().exchange(command, timeout, sink)

    def stream(self, commands: Sequence[str], sink: Sink, timeout: float) -> bytes:
        """See Transport; what was read ahead is not read again."""
        return self._plain(self._ahead.stream(self._read_round, commands, sink, time.monotonic() + timeout))

    def _read_round(self, commands: Sequence[str], deadline: float) -> tuple[bytes, list[bytes]]:
        """What reads bring and print: one round trip for each group of them."""
        data, said = bytearray(), list[bytes]()
        for group in _groups(commands):
            self.host.rounds += 1
            part, text = self._taken(group, deadline)
            data += part
            said += text
        return bytes(data), said

    def _taken(self, commands: Sequence[str], deadline: float) -> tuple[bytes, list[bytes]]:
        self._taking, self._end = True, self._end + 1
        answer = Unpacked()
        try:
            self.side.tell(f"take {self._end:x}")
            said = self._exchanged([*commands, f"eval {self._end:#x} > ../{END}"], deadline, [], answer)
        except HostError as error:
            raise _cut_off(error) from error
        self._taking = False
        return answer.data(), said[: len(commands)]

    def _exchanged(
        self, commands: Sequence[str], deadline: float, finished: list[bytes], answer: Unpacked | None = None
    ) -> list[bytes]:
        """Send all, and give what each printed; ``answer`` takes in bulk data until its end."""
        if self._other is not None:
            return self._each(commands, deadline, answer)
        prompts = _Prompts(self.prompt, len(commands))
        try:
            self._write_all("".join(f"{command}\n" for command in commands).encode())
            while not prompts.done or not (answer is None or answer.done):
                self._read_some(deadline, prompts, None if answer is None else answer.add)
        except (OutOfTimeError, SessionDiedError) as error:
            said = prompts.outputs()
            finished += map(self._plain, said)
            error.output = self._plain(error.output.rpartition(self.prompt)[2])
            raise
        said = prompts.outputs()
        if len(said) != len(commands):
            raise SessionError("crash's answer is out of step with the commands")
        return said

    def _each(self, commands: Sequence[str], deadline: float, answer: Unpacked | None) -> list[bytes]:
        """The same with a prompt that is not random: each is proven."""
        said = []
        sink = None if answer is None else answer.add
        for command in commands:
            self._write_all(f"{command}\n".encode())
            said.append(self._until_prompt(deadline, fifo_sink=sink))
        while answer is not None and not answer.done:
            self._read_some(deadline, _Prompts(self.prompt, 1), sink)
        return said

    def _write_all(self, data: bytes) -> None:
        for start in range(0, len(data), 1024):
            self._write(data[start : start + 1024])

    @property
    def _bulk(self) -> int:
        return self.side.output

    def _read_fifo(self, sink: Sink | None) -> bool:
        data = os.read(self.side.output, _READ)
        if not data:
            raise _cut_off(self.host.failure(self.side.said(), connected=True))
        if sink is not None:
            sink(data)
        return True

    def _drain_fifo(self, sink: Sink | None) -> None:
        """Nothing is left over: an answer tells its own end."""

    # -- its end

    def _died(self, output: bytes = b"") -> SessionDiedError:
        error = super()._died(output)
        ended = self.process.ended or ""
        if ended == _SSH_FAILED or not self.side.alive():
            said = self.side.said() or output.decode("utf-8", "replace")[-2000:]
            return _cut_off(self.host.failure(said, connected=True))
        status = re.fullmatch(r"exit status (\d+)", ended)
        if status is not None and int(status[1]) > _SIGNALS:
            with contextlib.suppress(ValueError):
                name = signal.Signals(int(status[1]) - _SIGNALS).name
                return SessionDiedError(f"crash ended: killed by {name}", output)
        return error

    def crash_pid(self) -> int | None:
        """It has none here."""
        return None

    def waiting(self) -> bool:
        """See Transport."""
        return self.side.alive() and super().waiting()

    def recover(self) -> bool:
        """See Transport; in the middle of bulk data there is no way back."""
        return not self._taking and self.side.alive() and super().recover()

    @contextlib.contextmanager
    def _input(self, lines: Sequence[str]) -> Iterator[None]:
        """There is no file that both hosts see: the lines are sent as they are."""
        self._write_all("".join(f"{line}\n" for line in lines).encode())
        yield

    def close(self) -> None:
        """See Transport. Returns when crash and its folder there are gone, or the connection is."""
        self.side.close()
        super().close()


def _cut_off(reason: HostError) -> SessionDiedError:
    error = SessionDiedError(f"crash ended: {reason}")
    error.cut_off = True
    return error


def _groups(commands: Sequence[str]) -> list[list[str]]:
    """The commands in portions that may be under way at once."""
    groups: list[list[str]] = []
    room = 0
    for command in commands:
        if not groups or len(command) >= room:
            groups.append([])
            room = _MOST_SENT
        groups[-1].append(command)
        room -= len(command) + 1
    return groups
