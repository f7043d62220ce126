"""Raw memory out of crash in bulk: what is sent, and how success is told from failure.

``rd -r`` writes in chunks of 1,500 bytes, and says ``N bytes copied from ADDRESS`` at the end only. When a
chunk can't be read, those before it have been written all the same, and from crash 9.0.1 on a page that was
excluded leaves no word about it. So each request is matched with its own line, and the bytes that came are
counted: where failed requests left some of their bytes in the stream, what lies between them is asked again,
in requests that can't be cut.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Sequence

import msgspec

from crashdrive.commandline import bulk_read
from crashdrive.errors import CommandFailedError, DeadlineError, SessionDiedError, SessionError
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT, Range, runs_of
from crashdrive.session.dump_session import DumpSession

_COPIED = re.compile(rb"(\d+) bytes copied from 0x([0-9a-f]+) to ")
_FAILED = re.compile(
    rb"(page excluded|page incomplete|seek error|read error|invalid [a-z]+(?: virtual)? address)"
    rb": (?:[a-z ]*address: )?([0-9a-f]+)"
)
_REASONS = {
    b"page excluded": "excluded",
    b"page incomplete": "incomplete",
    b"seek error": "not in the dump",
    b"read error": "unreadable",
}
# the last command of each batch: proof that crash came to its end
_END = "eval 0x5eed5"
_END_SHOWN = b"hexadecimal: 5eed5"
# what holds for all of a page; other holes may begin in its middle, where a segment of an ELF dump ends
_WHOLE_PAGES = {"excluded", "incomplete", "not mapped"}
_CHUNK = 1500  # crash's BUFSIZE: a request up to this size is read whole or not at all
_BLOCK = 512
_MOST_ROUNDS = 4  # after the first: runs whose bytes couldn't be told, pages, blocks
_MOST_PAGES = 1024  # of one request: what a hole in it makes us ask again
_ROW = re.compile(rb" *([0-9a-f]+):  ((?:[0-9a-f]{2} ){16})")


class Missing(msgspec.Struct, frozen=True):
    """Bytes that couldn't be read, and why."""

    address: int
    size: int
    reason: str


class Fetched(msgspec.Struct):
    """What one call brought: blocks (address, bytes) that don't overlap, and what is missing."""

    blocks: list[tuple[int, bytes]] = msgspec.field(default_factory=list)
    missing: list[Missing] = msgspec.field(default_factory=list)


class Outcome(msgspec.Struct):
    """One round's result by request: data, or why there is none, or neither where it must be asked again."""

    data: list[bytes | None]
    reasons: list[str | None]
    cut: bool = False


# asks for (address, size) requests in one round
Round = Callable[[Sequence[Range]], Outcome]


class Transfer:
    """Reads pages through a session; ``option`` is rd's for the address space (``-p``, ``-u``, nothing).

    ``before`` and ``after`` are commands sent around each round, such as a change of context. ``rounds``
    counts the round trips; ``excluded``: a request failed for pages that were left out of the dump.
    """

    def __init__(self, session: DumpSession, option: str = "") -> None:
        self._session = session
        self._option = f"{option} " if option else ""
        self.before: tuple[str, ...] = ()
        self.after: tuple[str, ...] = ()
        self.rounds = 0
        self.excluded = False

    def fetch(self, pages: Sequence[int], gap: int) -> Fetched:
        """The pages of sorted page numbers, in as few rounds as holes allow: one without any.

        ``gap`` is the number of unwanted pages that two wanted ones are joined over.
        """
        ask: Round
        if self._session.fifo is None:
            ask, runs = self._text_round, runs_of(pages, 0, 1)
        else:
            ask, runs = self._raw_round, runs_of(pages, gap, _MOST_PAGES)
        found = Fetched()
        wanted = set(pages)
        rest = self._settle(found, [(first << PAGE_SHIFT, count << PAGE_SHIFT) for first, count in runs], ask)
        for _ in range(_MOST_ROUNDS):
            if not rest:
                return _mended(found)
            requests = [part for request, failed in rest for part in _parts(request, wanted, failed=failed)]
            rest = self._settle(found, sorted(requests), ask)
        raise SessionError("memory came in pieces that don't fit what crash says of them")

    def _settle(self, found: Fetched, requests: list[Range], ask: Round) -> list[tuple[Range, bool]]:
        """Ask once; returns the requests that have to be asked again, with whether they failed.

        A failure is final for less than a page, and for a page that is missing as a whole by its nature;
        unless some failed request was cut, which leaves doubt about pages.
        """
        outcome = self._asked(ask, requests)
        again: list[tuple[Range, bool]] = []
        for (address, size), data, reason in zip(requests, outcome.data, outcome.reasons, strict=True):
            if data is not None:
                found.blocks.append((address, data))
            elif reason is None:
                again.append(((address, size), False))
            elif size <= _BLOCK or (size <= PAGE and reason in _WHOLE_PAGES and not outcome.cut):
                found.missing.append(Missing(address, size, reason))
            else:
                again.append(((address, size), True))
                self.excluded = self.excluded or (reason == "excluded" and size > PAGE)
        return again

    def _asked(self, ask: Round, requests: Sequence[Range]) -> Outcome:
        """One round; a crash without its tables that fails in it makes way for one that has them.

        A crash that was cut off is started anew as it was.
        """
        try:
            return self._not_cut_off(ask, requests)
        except (SessionError, DeadlineError, CommandFailedError):
            if not self._session.make_full():
                raise
        return ask(requests)

    def _not_cut_off(self, ask: Round, requests: Sequence[Range]) -> Outcome:
        try:
            return ask(requests)
        except SessionDiedError as error:
            if not error.cut_off:
                raise
        return ask(requests)

    def _raw_round(self, requests: Sequence[Range]) -> Outcome:
        self.rounds += 1
        fifo = self._session.fifo
        received = bytearray()
        commands = [bulk_read(self._option, fifo, address, size) for address, size in requests]
        timeout = 60 + len(commands) / 200 + sum(size for _, size in requests) / (4 << 20)
        commands = [*self.before, *commands, *self.after, _END]
        text = self._session.stream(commands, received.extend, timeout=timeout)
        if _END_SHOWN not in text:
            raise SessionError("crash left a batch of reads before its end")
        copied = {int(m[2], 16): int(m[1]) for m in _COPIED.finditer(text)}
        done = [copied.get(address) == size for address, size in requests]
        places, cut = locate(requests, done, len(received))
        view = memoryview(received)
        data = [
            None if place is None else bytes(view[place : place + size])
            for place, (_, size) in zip(places, requests, strict=True)
        ]
        said = _reasons(requests, text) if not all(done) else {}
        reasons = [
            None if ok else said.get(address, "excluded")
            for ok, (address, _) in zip(done, requests, strict=True)
        ]
        return Outcome(data, reasons, cut)

    def _text_round(self, requests: Sequence[Range]) -> Outcome:
        """The same through the terminal: bytes as hexadecimal text."""
        self.rounds += 1
        commands = [f"rd {self._option}-8 {address:x} {size}" for address, size in requests]
        timeout = 60 + len(commands) / 50
        results = self._session.run_many([*self.before, *commands, *self.after], timeout=timeout)
        results = results[len(self.before) : len(self.before) + len(commands)]
        for result in results:
            if result.failure is not None and result.failure.kind not in {"memory", "silent"}:
                result.check()
        data = [
            bytes_of(result.raw, address, size)
            for result, (address, size) in zip(results, requests, strict=True)
        ]
        reasons = [
            None if part is not None else _reasons([request], result.raw).get(request[0], "excluded")
            for part, request, result in zip(data, requests, results, strict=True)
        ]
        return Outcome(data, reasons)


def locate(requests: Sequence[Range], done: Sequence[bool], received: int) -> tuple[list[int | None], bool]:
    """Where in the stream each request's bytes are, None if that can't be told or it failed; was one cut?

    Failed requests larger than a chunk may have left some of their bytes. If bytes are left over, places are
    certain before the first such request (from the front) and behind the last one (from the end).
    """
    excess = received - sum(size for (_, size), ok in zip(requests, done, strict=True) if ok)
    suspects = [index for index, ok in enumerate(done) if not ok and requests[index][1] > _CHUNK]
    if excess < 0 or (excess and not suspects):
        raise SessionError(f"crash sent {received} bytes of memory, {excess:+d} than it says")
    first, last = (suspects[0], suspects[-1]) if excess else (len(requests), -1)
    places: list[int | None] = []
    at = 0
    for index, ((_, size), ok) in enumerate(zip(requests, done, strict=True)):
        if index == last:
            at += excess  # all that is left over lies in front of what follows
        places.append(at if ok and not first < index < last else None)
        at += size if ok else 0
    return places, bool(excess)


def _parts(request: Range, wanted: set[int], *, failed: bool) -> list[Range]:
    """What to ask after a request that failed, or whose bytes couldn't be told from others'.

    Runs become pages, those of them that are wanted; pages become blocks, which can't be cut.
    """
    address, size = request
    if size <= PAGE:
        return [(at, _BLOCK) for at in range(address, address + size, _BLOCK)]
    if not failed:
        return [request]
    first, end = address >> PAGE_SHIFT, (address + size) >> PAGE_SHIFT
    return [(page << PAGE_SHIFT, PAGE) for page in range(first, end) if page in wanted]


def _mended(found: Fetched) -> Fetched:
    """The same, with pages put together from their blocks."""
    pages: dict[int, bytearray] = {}
    whole: list[tuple[int, bytes]] = []
    for address, data in found.blocks:
        if len(data) >= PAGE:
            whole.append((address, data))
        else:
            page = pages.setdefault(address >> PAGE_SHIFT, bytearray(PAGE))
            page[address % PAGE : address % PAGE + len(data)] = data
    mended = [(page << PAGE_SHIFT, bytes(data)) for page, data in pages.items()]
    return Fetched([*whole, *mended], found.missing)


def _reasons(requests: Sequence[Range], text: bytes) -> dict[int, str]:
    """By address of the request, why it failed, as far as crash says it."""
    starts = [address for address, _ in requests]
    found: dict[int, str] = {}
    for match in _FAILED.finditer(text):
        address = int(match[2], 16)
        index = bisect.bisect_right(starts, address) - 1
        if index >= 0 and address < starts[index] + requests[index][1]:
            found[starts[index]] = _REASONS.get(match[1], "not mapped")
    return found


def bytes_of(text: bytes, address: int, size: int) -> bytes | None:
    """The bytes in the rows of ``rd -8``; None unless all of them are there, in order."""
    data = bytearray()
    for line in text.splitlines():
        row = _ROW.match(line)
        if row and int(row[1], 16) == address + len(data):
            data += bytes.fromhex(row[2].decode("ascii"))
    return bytes(data) if len(data) == size else None
