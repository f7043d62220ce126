"""``exec`` in a warm session, before click, rich or a session of our own are loaded: a tenth of a second.

Plain lines alone: ``exec [--crash PATH] [VMLINUX] VMCORE COMMAND...`` as text, of commands that only print.
Anything else, and anything that goes wrong before the first command is sent, is left to the ordinary way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.errors import EXIT_DEADLINE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, EXIT_TARGET

if TYPE_CHECKING:
    from collections.abc import Callable

    from crashdrive.session.warm import frames
    from crashdrive.session.warm.find import Wanted
    from crashdrive.session.warm.frames import Channel

_SECONDS = 120.0
_PATIENCE = 2.0
_STATUS = {"deadline": EXIT_DEADLINE, "busy": EXIT_DEADLINE}


class _Line(NamedTuple):
    """A command line of this kind."""

    wanted: Wanted
    commands: list[str]


def run_warm(words: Sequence[str]) -> int | None:
    """Carry the command line out in a warm session; None where it is none of this kind, or there is none."""
    if words[:1] != ["exec"] or not hasattr(sys.stdout, "buffer"):
        return None
    from crashdrive.session.warm.place import OFF

    if os.environ.get(OFF) == "off":
        return None
    if (line := _plain_line(words[1:])) is None:
        return None
    from crashdrive.session.warm.find import connected

    found = connected(line.wanted, lambda _why: None)
    if found is None:
        return None
    channel, welcome = found
    try:
        return _run(channel, welcome, line.commands)
    finally:
        channel.close()


def _plain_line(words: Sequence[str]) -> _Line | None:
    from crashdrive.commandline import command_line
    from crashdrive.errors import UsageError
    from crashdrive.session.lines import check_line
    from crashdrive.session.warm.find import Wanted

    crash: list[str] = []
    words = list(words)
    while len(words) > 1 and words[0] in ("--crash", "--no-cache"):
        crash += words[1:2] if words[0] == "--crash" else []
        words = words[2:] if words[0] == "--crash" else words[1:]
    if any(word.startswith("-") for word in words) or len(words) < 2:
        return None
    vmlinux, vmcore, commands = None, words[0], [word.strip() for word in words[1:]]
    if os.path.isfile(words[1]):  # noqa: PTH113 - without pathlib's start
        if len(words) < 3 or not _is_dump(words[1]):
            return None
        vmlinux, vmcore, commands = words[0], words[1], commands[1:]
    try:
        for command in commands:
            check_line(command)
    except UsageError:
        return None
    only_print = all(command_line(command).only_prints for command in commands)
    return _Line(Wanted(vmlinux, vmcore, crash), commands) if only_print else None


def _is_dump(path: str) -> bool:
    """Whether a file is plainly a dump; what isn't plain is the ordinary way's business."""
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        head = file.read(18)
    return head.startswith((b"KDUMP   ", b"DISKDUMP")) or (head[:4] == b"\x7fELF" and head[16:18] == b"\4\0")


def _run(channel: Channel, welcome: frames.Welcome, commands: Sequence[str]) -> int | None:
    from crashdrive.session.warm.frames import Failed, Take

    taken = _ask(channel, Take(number=1, seconds=_PATIENCE), _PATIENCE, lambda _data: None)
    if isinstance(taken, Failed):
        return None
    for message in welcome.warned:
        _say(f"warning: {message}")
    statuses = []
    for number, command in enumerate(commands, 2):
        if len(commands) > 1:
            sys.stdout.write(f"crash> {command}\n")
            sys.stdout.flush()
        statuses.append(_one(channel, welcome, number, command))
    failures = (status for status in statuses if status not in (EXIT_OK, EXIT_INCOMPLETE))
    return next(failures, EXIT_INCOMPLETE if EXIT_INCOMPLETE in statuses else EXIT_OK)


def _one(channel: Channel, welcome: frames.Welcome, number: int, command: str) -> int:
    from crashdrive.session.warm.frames import Done, Failed, Run

    request = Run(number=number, command=command, seconds=_SECONDS)
    with _output() as sink:
        answer = _ask(channel, request, _SECONDS, sink)
    if isinstance(answer, Failed):
        _say(answer.line or answer.message)
        return _STATUS.get(answer.kind, EXIT_TARGET)
    if isinstance(answer, Done) and answer.failure is not None:
        _say(f"{command}: {answer.failure[1]}")
        return EXIT_FAILED
    from crashdrive.commandline import command_line

    if "*" in welcome.affected or command_line(command).name in welcome.affected:
        _say(f"{command}: incomplete: see the warnings above")
        return EXIT_INCOMPLETE
    return EXIT_OK


@contextmanager
def _output() -> Iterator[Callable[[bytes], object]]:
    """Standard output as it is; made safe where it is a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.flush()
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    from crashdrive.render.output import Output

    with Output.standard().foreign() as file:
        yield file.write


def _ask(
    channel: Channel, request: frames.Request, seconds: float, sink: Callable[[bytes], object]
) -> frames.Reply:
    """The last frame of the answer; a server that goes away counts as a crash that did."""
    from crashdrive.session.warm import frames

    try:
        channel.send(request, lambda: False)
        while True:
            frame = channel.receive(frames.REPLY, 2 * seconds + 60)
            if not isinstance(frame, frames.Piece):
                return frame
            sink(frame.data)
    except (frames.ClosedError, frames.GarbledError, frames.StalledError) as error:
        return frames.Failed(
            number=request.number, kind="died", message=f"the warm session went away: {error}"
        )


def _say(message: str) -> None:
    from crashdrive.text import printable

    sys.stderr.write(f"crashdrive: {printable(message)}\n")
