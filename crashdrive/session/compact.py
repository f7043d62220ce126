"""A recorded session made small, for those that are kept: each page of memory and each answer once.

What was read stays, how it was asked for doesn't: such a recording answers the same reads in other pieces and
in any order, see `crashdrive.session.reads`.
"""

from __future__ import annotations

import base64
import lzma
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from crashdrive.session.reads import RecordedMemory, is_memory
from crashdrive.session.replay import FIFO_NAME, Entry, ReplayTransport


def compact(source: Path, target: Path) -> None:
    """Write a recorded session anew, packed by xz; TranscriptError where it can't be read."""
    recorded = ReplayTransport(source)
    lines = [msgspec.json.encode(line) for line in (recorded.head, *_entries(recorded))]
    target.write_bytes(lzma.compress(b"\n".join([*lines, b""]), preset=6))


def _entries(recorded: ReplayTransport) -> Iterator[Entry]:
    memory = RecordedMemory()
    for entries in recorded.entries():
        last = entries[-1]
        if last.op == "stream" and last.ended is None and is_memory(last.command.split("\n")):
            memory.add(last.command.split("\n"), *recorded.streamed(last))
        else:
            yield from _without_repeats(entries)
    for stream in memory.streams(FIFO_NAME):
        yield Entry(
            op="stream",
            command="\n".join(stream.commands),
            text=stream.text.decode("ascii", "backslashreplace"),
            data=base64.b85encode(lzma.compress(stream.data, preset=6)).decode("ascii"),
        )


def _without_repeats(entries: Sequence[Entry]) -> Sequence[Entry]:
    """Answers of one command up to the last new one, which a replay gives from then on."""
    end = len(entries)
    while end > 1 and entries[end - 1] == entries[end - 2]:
        end -= 1
    return entries[:end]
