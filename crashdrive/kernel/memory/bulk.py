"""The dump's memory: any number of ranges in one round trip, with holes exactly where bytes are missing."""

from __future__ import annotations

import bisect
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from crashdrive.dump.live import LIVE
from crashdrive.errors import ArgumentError, FaultError, KernelError
from crashdrive.integers import Address, described
from crashdrive.kernel.arch import architecture
from crashdrive.kernel.arch.paging import Paging
from crashdrive.kernel.memory.transfer import Fetched, Missing, Transfer
from crashdrive.kernel.memory.virtual import Walked
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT, Range, clip, pages_of, runs_of, union
from crashdrive.session import arguments
from crashdrive.session.dump_session import DumpSession

Space = Literal["kernel", "physical", "user"]

# wanted pages are joined over up to so many others: a request costs as much as some 16 kB more of data
GAP = 3
CACHE_SIZE = 64 << 20
_BLOCK_PAGES = 256  # the cache drops blocks of at most this size
_MOST_HOLES = 1 << 20
_TASK = re.compile(r"^ *TASK: ([0-9a-f]+)", re.MULTILINE)
_KERNEL_BASE = re.compile(r"^ *kvbase: ([0-9a-f]+)", re.MULTILINE)
# by ELF machine, where it isn't 0xff << 56, and no `Architecture` says it: loongarch
_FLOORS = {258: 0x8 << 60}


class Hole(msgspec.Struct, frozen=True):
    """Bytes that the dump doesn't hold.

    ``reason`` is ``excluded`` (the page was left out of the dump on purpose), ``not in the dump``,
    ``incomplete``, ``not mapped``, ``unreadable``, ``not an address`` or, of user memory, ``task unknown to
    crash``.
    """

    address: Address
    size: int
    reason: str

    def __repr__(self) -> str:
        return described(self)


class Chunk(NamedTuple):
    """Bytes of memory without a hole."""

    address: int
    data: bytes


class Gathered(NamedTuple):
    """What `Memory.gather` found: all bytes wanted, as chunks and holes, both in order of address.

    Wanted ranges that overlap or touch have become one; a chunk never has more than was wanted.
    """

    chunks: tuple[Chunk, ...]
    holes: tuple[Hole, ...]

    def get(self, address: int, size: int) -> bytes | None:
        """The bytes of a range, None where any of them are missing or weren't wanted."""
        index = bisect.bisect_right(self.chunks, address, key=lambda chunk: chunk.address) - 1
        if index < 0:
            return None
        chunk = self.chunks[index]
        at = address - chunk.address
        return chunk.data[at : at + size] if at + size <= len(chunk.data) else None

    def hole(self, address: int, size: int) -> Hole | None:
        """The first hole within a range."""
        index = bisect.bisect_right(self.holes, address, key=lambda hole: hole.address + hole.size)
        if index < len(self.holes) and self.holes[index].address < address + size:
            return self.holes[index]
        return None


class _Block(NamedTuple):
    """Bytes of whole pages."""

    address: int
    data: bytes

    @property
    def pages(self) -> range:
        """The pages' numbers."""
        first = self.address >> PAGE_SHIFT
        return range(first, first + len(self.data) // PAGE)


_Where = tuple[str, int]  # address space, task
_KERNEL: _Where = ("kernel", 0)


class _Pages(NamedTuple):
    """What is known of one address space: page -> block, page -> holes in it."""

    blocks: dict[int, _Block]
    holes: dict[int, tuple[Missing, ...]]


class Memory:
    """The memory of a dump, read through crash.

    Kernel virtual addresses unless ``space`` says ``physical``, or ``user`` with the ``task`` (address of its
    task_struct) that they belong to. What was read is kept, ``cache_size`` bytes of it at most. Wanted
    pages are read in one go with up to ``gap`` pages between them. Of a recorded session nothing is read but
    what is wanted: no ``gap``, and others shall not read ahead either (``reads_ahead``).
    Addresses that can't belong to the space (NULL, poison, user addresses taken for the kernel's) are holes
    without being sent: crash would silently take them for something else. ``rounds`` counts the round trips.
    With the kernel's ``paging`` its memory is read as physical memory, by page tables that we walk, and with
    ``user_tables`` that of a task which crash doesn't know.
    Of a live kernel nothing is kept from one call to the next, but within a `moment`.
    """

    def __init__(
        self,
        session: DumpSession,
        *,
        cache_size: int = CACHE_SIZE,
        gap: int = GAP,
        paging: Paging | None = None,
        user_tables: Callable[[int], Paging | None] = lambda _task: None,
    ) -> None:
        self._session = session
        self._cache_size = cache_size
        self._cached = 0
        self._known: dict[_Where, _Pages] = {}
        self._order: OrderedDict[int, tuple[_Where, _Block]] = OrderedDict()
        # a record has to hold what is wanted, and has nothing else
        self.reads_ahead = not session.recording
        self._gap = gap if self.reads_ahead else 0
        self._paging = paging
        self._user_tables = user_tables
        self.rounds = 0
        self._passing = session.identity.get("format") == LIVE
        self._moments = self._begun = 0

    @cached_property
    def floor(self) -> int:
        """The lowest address that can be the kernel's."""
        machine = self._session.identity.get("machine", "")
        if (known := architecture(machine)) is not None:
            return known.floor
        if machine.isdecimal() and int(machine) in _FLOORS:
            return _FLOORS[int(machine)]
        return self._floor_by_crash()

    @cached_property
    def _shared(self) -> bool:
        known = architecture(self._session.identity.get("machine", ""))
        return known is None or known.shared

    def _floor_by_crash(self) -> int:
        """From crash's ``help -m``: other 64-bit kernels live at the very top, 32-bit ones above kvbase."""
        found = _KERNEL_BASE.search(self._session.run("help -m").check().text)
        if found is None:
            raise KernelError("crash's help -m doesn't tell where the kernel's addresses begin")
        base = int(found[1], 16)
        return min(255 << 56, base)

    def read(self, address: int, size: int, *, space: Space = "kernel", task: int | None = None) -> bytes:
        """``size`` bytes at ``address``; FaultError where any of them are missing."""
        if space == "kernel" and (found := self._at_hand(address, size)) is not None:
            return found
        gathered = self.gather([(address, size)], space=space, task=task)
        if gathered.holes:
            hole = gathered.holes[0]
            message = f"{size} bytes at {address:#x}: {hole.size} from {hole.address:#x} on are {hole.reason}"
            raise FaultError(message, hole.address, hole.size, hole.reason)
        return gathered.chunks[0].data if size else b""

    def _at_hand(self, address: int, size: int) -> bytes | None:
        """Bytes of one page of the kernel's that was read before; None for all others."""
        known, page = self._known.get(_KERNEL), address >> PAGE_SHIFT
        block = known.blocks.get(page) if known is not None else None
        if block is None or known is None or page in known.holes or size < 1:
            return None
        at = address - block.address
        if address + size > (page + 1) << PAGE_SHIFT or at + size > len(block.data):
            return None
        if id(block) in self._order:
            self._order.move_to_end(id(block))
        return block.data[at : at + size]

    def gather(
        self, ranges: Iterable[Range], *, space: Space = "kernel", task: int | None = None
    ) -> Gathered:
        """All bytes of many (address, size) ranges, in one round trip where there are no holes."""
        if self._passing and not self._moments:
            # what looks for a task's page tables reads, too, and mustn't let go of what is being read
            with self.moment():
                return self.gather(ranges, space=space, task=task)
        where = self._where(space, task)
        wanted, holes = self._valid(ranges, space)
        pages = pages_of(wanted)
        known = self._load(where, pages)
        chunks: list[Chunk] = []
        for address, size in wanted:
            page, last = address >> PAGE_SHIFT, (address + size - 1) >> PAGE_SHIFT
            block = known.blocks.get(page)
            if (
                block
                and address + size <= block.address + len(block.data)
                and (not known.holes or known.holes.keys().isdisjoint(range(page, last + 1)))
            ):
                at = address - block.address
                chunks.append(Chunk(address, block.data[at : at + size]))
            else:
                _cut(known, address, size, chunks, holes)
        return Gathered(tuple(chunks), tuple(_joined(holes)))

    def prefetch(self, ranges: Iterable[Range], *, space: Space = "kernel", task: int | None = None) -> None:
        """Have the pages of ranges at hand for later reads, as far as the cache is large enough.

        Of a live kernel that is so within a `moment`.
        """
        if self._passing and not self._moments:
            return
        wanted, _ = self._valid(ranges, space)
        self._load(self._where(space, task), pages_of(wanted))

    @contextmanager
    def moment(self) -> Iterator[None]:
        """As long as the body runs, what was read is kept of a live kernel, too: one computation sees each
        page once. Of a dump all is kept anyway.
        """
        self._let_go()
        self._begun += not self._moments
        self._moments += 1
        try:
            yield
        finally:
            self._moments -= 1
            self._let_go()

    @property
    def moment_number(self) -> int | None:
        """Which `moment` is under way, those within it aside; None where none is."""
        return self._begun if self._moments else None

    def _let_go(self) -> None:
        """Forget what a live kernel had in its memory before, page tables, too."""
        if self._passing and not self._moments:
            self.drop()
            if self._paging is not None:
                self._paging.forget()

    def drop(self) -> None:
        """Forget all that was read."""
        self._known.clear()
        self._order.clear()
        self._cached = 0

    @property
    def cached(self) -> int:
        """The bytes kept."""
        return self._cached

    # what may be asked

    def _where(self, space: Space, task: int | None) -> _Where:
        if space == "user" and task is None:
            raise ArgumentError("user addresses need the task that they belong to")
        return space, (task or 0) if space == "user" else 0

    def _valid(self, ranges: Iterable[Range], space: Space) -> tuple[list[Range], list[Hole]]:
        """The ranges that belong to the space, joined, and the rest of them as holes."""
        joined = union(ranges)
        if not joined:
            return [], []
        low, high = self._bounds(space)
        if joined[0][0] >= low and joined[-1][0] + joined[-1][1] <= high:
            return joined, []
        inside: list[Range] = []
        holes: list[Hole] = []
        for address, size in joined:
            kept, outside = clip(address, size, low, high)
            inside += [kept] if kept else []
            holes += [Hole(start, length, "not an address") for start, length in outside]
        return inside, holes

    def _bounds(self, space: Space) -> Range:
        if space == "kernel":
            return self.floor, 1 << (64 if not self._shared or self.floor >> 32 else 32)
        if space == "physical":
            return 0, 1 << 52
        # the first page is never mapped; where the kernel has an address space of its own, all others may be
        return PAGE, self.floor if self._shared else 1 << 64

    # what is at hand

    def _load(self, where: _Where, pages: list[int]) -> _Pages:
        """What is known of these pages, after asking for those of them that weren't."""
        known = self._known.setdefault(where, _Pages({}, {}))
        missing = [page for page in pages if page not in known.blocks and page not in known.holes]
        if not missing:
            self._touch(known, pages)
            return known
        kept = _Pages(
            {page: known.blocks[page] for page in pages if page in known.blocks},
            {page: known.holes[page] for page in pages if page in known.holes},
        )
        self._fetch(where, missing, kept)
        return kept

    def _fetch(self, where: _Where, missing: list[int], kept: _Pages) -> None:
        transfer = Transfer(self._session, {"physical": "-p", "user": "-u"}.get(where[0], ""))
        if where[0] == "kernel" and self._paging:
            walked = Walked(self._session, self._paging)
            found = walked.fetch(missing, self._gap)
            transfer.rounds, transfer.excluded = walked.rounds, walked.excluded
        elif where[0] != "user":
            found = transfer.fetch(missing, self._gap)
        elif not self._session.minimal and self._enter(transfer, where[1]):
            found = transfer.fetch(missing, 0)
        elif (tables := self._user_tables(where[1])) is not None:
            found = Walked(self._session, tables).fetch(missing, 0)
        else:
            # read all the same, it would be another task's memory
            found = Fetched(
                missing=[Missing(page << PAGE_SHIFT, PAGE, "task unknown to crash") for page in missing]
            )
        self.rounds += transfer.rounds
        if transfer.excluded:
            self._gap = 0  # a dump with pages left out: joining over others costs more than it saves
        for address, data in found.blocks:
            block = _Block(address, data)
            kept.blocks.update(dict.fromkeys(block.pages, block))
            self._keep(where, block, missing)
        for hole in found.missing:
            page = hole.address >> PAGE_SHIFT
            kept.holes[page] = (*kept.holes.get(page, ()), hole)
        known = self._known[where]
        if len(known.holes) > _MOST_HOLES:
            known.holes.clear()
        known.holes.update({page: kept.holes[page] for page in missing if page in kept.holes})

    def _enter(self, transfer: Transfer, task: int) -> bool:
        """Have reads done in a task's context; False where crash doesn't know it (8.0.2 on 6.1: most)."""
        current = _TASK.search(self._session.run("set").check().text)
        if current is None:
            raise KernelError("crash's set doesn't tell the current task")
        transfer.before = (f"set {arguments.address(task)}",)
        transfer.after = (f"set {current[1]}",)
        said = _TASK.search(self._session.run(transfer.before[0]).text)
        entered = said is not None and int(said[1], 16) == task
        self._session.run(transfer.after[0]).check()
        return entered

    def _keep(self, where: _Where, block: _Block, wanted: list[int]) -> None:
        """Put the wanted pages of a block into the cache, in pieces that can be dropped; the oldest go."""
        if len(block.data) > self._cache_size // 4:
            return
        pages = block.pages
        inside = wanted[bisect.bisect_left(wanted, pages.start) : bisect.bisect_left(wanted, pages.stop)]
        known = self._known[where]
        for first, count in runs_of(inside, 0, _BLOCK_PAGES):
            at = (first - pages.start) * PAGE
            whole = count == len(pages)
            piece = block if whole else _Block(first << PAGE_SHIFT, block.data[at : at + count * PAGE])
            known.blocks.update(dict.fromkeys(piece.pages, piece))
            self._order[id(piece)] = (where, piece)
            self._cached += len(piece.data)
        while self._cached > self._cache_size:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, (where, block) = self._order.popitem(last=False)
        self._cached -= len(block.data)
        known = self._known[where].blocks
        for page in block.pages:
            if known.get(page) is block:
                del known[page]

    def _touch(self, known: _Pages, pages: list[int]) -> None:
        used = {id(block) for page in pages[:_BLOCK_PAGES] if (block := known.blocks.get(page)) is not None}
        for key in used:
            self._order.move_to_end(key)


def _cut(known: _Pages, address: int, size: int, chunks: list[Chunk], holes: list[Hole]) -> None:
    """Cut one range out of blocks, into chunks and holes."""
    at, end = address, address + size
    start, parts = at, list[bytes]()
    while at < end:
        page = at >> PAGE_SHIFT
        gaps = known.holes.get(page)
        if gaps is None:
            block = known.blocks[page]
            stop = min(end, block.address + len(block.data))
            parts.append(block.data[at - block.address : stop - block.address])
            at = stop
            continue
        gap = next((gap for gap in gaps if gap.address + gap.size > at), None)
        stop = min(end, gap.address if gap else (page + 1) << PAGE_SHIFT)
        if at < stop:
            block = known.blocks[page]
            parts.append(block.data[at - block.address : stop - block.address])
            at = stop
        if gap and at < end and at >= gap.address:
            if parts:
                chunks.append(Chunk(start, b"".join(parts)))
                parts = []
            stop = min(end, gap.address + gap.size)
            holes.append(Hole(at, stop - at, gap.reason))
            start = at = stop
    if parts:
        chunks.append(Chunk(start, parts[0] if len(parts) == 1 else b"".join(parts)))


def _joined(holes: list[Hole]) -> list[Hole]:
    """Holes in order, neighbours with the same reason as one."""
    joined: list[Hole] = []
    for hole in sorted(holes, key=lambda hole: hole.address):
        last = joined[-1] if joined else None
        if last and last.address + last.size == hole.address and last.reason == hole.reason:
            joined[-1] = Hole(last.address, last.size + hole.size, last.reason)
        else:
            joined.append(hole)
    return joined
