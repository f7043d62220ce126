"""A program that behaves at a terminal as crash does, and answers what a recorded session holds.

Run by `Recorded`, which sets ``FAKE_RECORDING``. Terminal, prompt, input files and settings are those of
`tests.session.fake_crash`.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from crashdrive.errors import TranscriptError
from crashdrive.session.replay import FIFO_NAME, ReplayTransport
from tests.session import fake_crash as fake

RECORDING = ReplayTransport(Path(os.environ["FAKE_RECORDING"]))
scripted = fake.execute


def execute(line: str) -> None:
    """One command line: memory through the FIFO, any other output by the terminal."""
    words = line.split()
    try:
        if words[:1] == ["rd"] and "-r" in words:
            read(line, words[words.index("-r") + 1])
        else:
            fake.out(RECORDING.exchange(line, 0))
    except TranscriptError:
        if words[0] == "sym" and len(words) == 2:
            fake.out(symbols(words[1]))
        else:
            # settings, and what Session asks a crash that has just come up
            scripted(line)


def symbols(name: str) -> bytes:
    """``sym NAME`` out of ``sym -l``: recordings have what was asked before the table was read."""
    end = f" {name}\n".encode()
    found = [row for row in RECORDING.exchange("sym -l", 0).splitlines(keepends=True) if row.endswith(end)]
    return b"".join(found) or f"symbol not found: {name}\n".encode()


def read(line: str, fifo: str) -> None:
    """``rd [-p] -r FIFO ADDRESS SIZE``."""
    data = bytearray()
    said = RECORDING.stream([line.replace(fifo, FIFO_NAME)], data.extend, 0)
    if data:
        Path(fifo).write_bytes(data)
    fake.out(said.replace(FIFO_NAME.encode(), fifo.encode()))


def main() -> None:
    """As crash starts; ^C ends a command."""
    fake.execute = execute
    signal.signal(signal.SIGINT, fake.on_interrupt)
    fake.start()
    fake.lines()
