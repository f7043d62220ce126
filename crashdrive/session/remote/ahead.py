"""Reading ahead: neighbours of the pages that are wanted come in the same round trip, and are kept.

What points to what lies close together, as a rule: a report of 90 rounds takes half as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from crashdrive.commandline import BULK_READ, bulk_read
from crashdrive.session.reads import NotRecordedError, RecordedMemory, is_memory
from crashdrive.session.terminal import Sink

PAGE: Final = 4096
# pages around a wanted one, and in a round; of larger requests nothing more is wanted
WINDOW: Final = 128
MOST: Final = 2048
_SMALL: Final = 8 * PAGE
# pages of one request; one of several pages that fails leaves a part of them, and doubt about the others
_RUN: Final = 64
# bytes that are kept
_ROOM: Final = 1 << 30
_COPIED = re.compile(rb"(?m)^(\d+) bytes copied from 0x([0-9a-f]+) to ")
_PHYSICAL: Final = "-p "

# runs commands until a deadline, and gives all bulk data and what each printed
ReadRound = Callable[[Sequence[str], float], tuple[bytes, list[bytes]]]


class Ahead:
    """The memory of one dump, as far as it was read."""

    def __init__(
        self, image: Sequence[tuple[int, int]] = (), *, holes: bool = True, keeps: bool = True
    ) -> None:
        """``image``: memory (address, size) to be read with the first; ``holes``: the dump lacks pages.

        ``keeps`` False: a live kernel's memory is read as it is asked for, and each time.
        """
        self._keeps = keeps
        self._run = 1 if holes else _RUN
        self._image = tuple(image)
        self._memory = RecordedMemory()
        self._known: set[int] = set()  # pages that were asked for
        self._size = 0

    def forget(self) -> None:
        """Begin anew."""
        self._memory, self._known, self._size = RecordedMemory(), set(), 0

    def stream(self, read: ReadRound, commands: Sequence[str], sink: Sink, deadline: float) -> bytes:
        """What the commands print; their bulk data go to ``sink``. ``read`` takes a round trip."""
        if not self._keeps or not is_memory(commands):
            data, said = read(commands, deadline)
            sink(data)
            return b"".join(said)
        try:
            answer = self._memory.answer(commands)
        except NotRecordedError:
            return self._read(read, commands, sink, deadline)
        for part in answer.data:
            sink(part)
        return answer.text

    def _read(self, read: ReadRound, commands: Sequence[str], sink: Sink, deadline: float) -> bytes:
        reads = [
            (found[1], found[2], int(found[3], 16), int(found[4]))
            for command in commands
            if (found := BULK_READ.fullmatch(command))
        ]
        physical = [(address, size) for space, _, address, size in reads if space == _PHYSICAL]
        # crash knows this space whether it has its tables or not; others are read as they are asked for
        extra = self._extra(physical, reads[0][1]) if physical else []
        data, said = read([*commands, *extra], deadline)
        split = _own_bytes(commands, [*commands, *extra], said, len(data)) if extra else len(data)
        if split is None:
            # some of the wanted ones failed, and a part of something came: what is whose can't be told
            extra = []
            data, said = read(commands, deadline)
            split = len(data)
        own, rest = b"".join(said[: len(commands)]), b"".join(said[len(commands) :])
        self._keep(commands, data[:split], own)
        if extra:
            self._keep(extra, data[split:], rest)
        sink(data[:split])
        return own

    def _extra(self, reads: Sequence[tuple[int, int]], fifo: str) -> list[str]:
        """The commands that bring what is read ahead: pages around these addresses and sizes.

        None is asked for twice.
        """
        wanted = {page for address, size in reads for page in _pages(address, size, 1)}
        small = [(address, size) for address, size in reads if size <= _SMALL]
        window = WINDOW
        while window > 1 and len(small) * window > MOST:
            window //= 2
        around = {page for address, size in small for page in _pages(address, size, window)}
        known = self._known | wanted
        # nothing of the kernel's own data is left out of a dump
        image = sorted({page for one in self._image for page in _pages(*one, 1)} - known)
        further = sorted(around - known - set(image))
        self._known, self._image = known | around | set(image), ()
        runs = [*runs_of(image, _RUN), *runs_of(further, self._run)]
        return [bulk_read(_PHYSICAL, fifo, first * PAGE, count * PAGE) for first, count in runs]

    def _keep(self, commands: Sequence[str], data: bytes, text: bytes) -> None:
        self._size += len(data)
        if self._size > _ROOM:
            self.forget()
            self._size = len(data)
        self._memory.add(commands, data, text)


def _pages(address: int, size: int, window: int) -> range:
    """The pages of some bytes, and those around them up to multiples of a window."""
    first, last = address // PAGE, (address + size - 1) // PAGE
    return range(first // window * window, (last // window + 1) * window)


def runs_of(pages: Sequence[int], most: int) -> list[tuple[int, int]]:
    """Sorted pages as runs of neighbours: first and count, up to a count."""
    runs: list[tuple[int, int]] = []
    for page in pages:
        if runs and page == sum(runs[-1]) and runs[-1][1] < most:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((page, 1))
    return runs


def _own_bytes(
    wanted: Sequence[str], commands: Sequence[str], said: Sequence[bytes], received: int
) -> int | None:
    """How many of the bytes are those of the wanted reads, which come first; None where that isn't sure.

    A read that failed may have left a part of what it was to bring.
    """
    brought = [_brought(command, text) for command, text in zip(commands, said, strict=True)]
    own = brought[: len(wanted)]
    done = sum(size for size in own if size is not None)
    if None not in own:
        return done
    return done if received == sum(size for size in brought if size is not None) else None


def _brought(command: str, text: bytes) -> int | None:
    """The bytes of a read that is whole, 0 for what reads nothing; None where it failed."""
    asked, copied = BULK_READ.fullmatch(command), _COPIED.search(text)
    if asked is None:
        return 0
    whole = copied is not None and int(copied[2], 16) == int(asked[3], 16) and copied[1] == asked[4].encode()
    return int(asked[4]) if whole else None
