"""Recorded sessions made small, to be kept: each page of memory and each answer once.

What was read stays, how it was asked for doesn't: such a recording answers the same reads in other pieces and
in any order, see `crashdrive.session.reads`.
"""

from __future__ import annotations

import base64
import lzma
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from crashdrive.session.reads import RecordedMemory, is_memory
from crashdrive.session.replay import FIFO_NAME, Entry, Head, ReplayTransport


def compact(source: Path, target: Path, base: Path | None = None) -> None:
    """Write a recorded session anew, packed by xz; TranscriptError where it can't be read.

    What another recording of the same dump and crash, the ``base``, answers in the same way is left out;
    `joined` puts the two together again.
    """
    recorded = ReplayTransport(source)
    known = ReplayTransport(base) if base else None
    target.write_bytes(lzma.compress(_lines(recorded.head, _entries(recorded, known)), preset=6))


def joined(base: Path, part: Path, target: Path) -> None:
    """Write the whole recording again, unpacked, out of a part and the base that `compact` left out."""
    below, above = ReplayTransport(base), ReplayTransport(part)
    answers = _by_command(below) | _by_command(above)
    target.write_bytes(_lines(above.head, (entry for entries in answers.values() for entry in entries)))


def _lines(head: Head, entries: Iterable[Entry]) -> bytes:
    lines = [msgspec.json.encode(line) for line in (head, *entries)]
    return b"\n".join([*lines, b""])


def _by_command(recorded: ReplayTransport) -> dict[tuple[str, str], Sequence[Entry]]:
    return {(entries[0].op, entries[0].command): entries for entries in recorded.entries()}


def _entries(recorded: ReplayTransport, known: ReplayTransport | None) -> Iterator[Entry]:
    memory, answered = RecordedMemory(), _by_command(known) if known else {}
    for entries in recorded.entries():
        if _is_read(entries[-1]):
            _take(memory, recorded, entries[-1])
        elif (kept := _without_repeats(entries)) != answered.get((kept[0].op, kept[0].command)):
            yield from kept
    if known:
        memory.leave_out(_memory(known))
    for stream in memory.streams(FIFO_NAME):
        if stream.data or stream.text:
            yield Entry(
                op="stream",
                command="\n".join(stream.commands),
                text=stream.text.decode("ascii", "backslashreplace"),
                data=base64.b85encode(lzma.compress(stream.data, preset=6)).decode("ascii"),
            )


def _memory(recorded: ReplayTransport) -> RecordedMemory:
    memory = RecordedMemory()
    for entries in recorded.entries():
        if _is_read(entries[-1]):
            _take(memory, recorded, entries[-1])
    return memory


def _is_read(entry: Entry) -> bool:
    return entry.op == "stream" and entry.ended is None and is_memory(entry.command.split("\n"))


def _take(memory: RecordedMemory, recorded: ReplayTransport, entry: Entry) -> None:
    memory.add(entry.command.split("\n"), *recorded.streamed(entry))


def _without_repeats(entries: Sequence[Entry]) -> Sequence[Entry]:
    """A command's answers without equal ones at the end: a replay repeats the last."""
    end = len(entries)
    while end > 1 and entries[end - 1] == entries[end - 2]:
        end -= 1
    return entries[:end]
