"""Memory as PyKdump's scripts read it: one value at a time, out of pages that came many at once.

A script that follows a list reads a few bytes here and there, hundreds of thousands of times. So a page that
isn't at hand brings its neighbours, of which slabs are made, and what is at hand costs a look into a dict.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from crashdrive.errors import FaultError, KernelError
from crashdrive.kernel.pages import PAGE, PAGE_SHIFT
from crashdrive.pykdump.faults import CrashError, NullError

if TYPE_CHECKING:
    from crashdrive.kernel.memory.bulk import Memory, Space
    from crashdrive.linux.kernel import Kernel

# address spaces, as crash's defs.h numbers them
KVADDR, UVADDR, PHYSADDR, XENMACHADDR, AMBIGUOUS = 0x1, 0x2, 0x4, 0x8, -1
_SPACES: dict[int, Space] = {KVADDR: "kernel", UVADDR: "user", PHYSADDR: "physical"}
_TOP = 1 << 64
_MASK = PAGE - 1
# pages that come with one that isn't at hand: a large slab has 8, and many lie side by side
_NEAR, _FEW = 64, 4
_MOST_PAGES = 1 << 16
_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Pages:
    """The kernel's memory by pages. ``pages`` has those at hand; `read` and the readers bring others."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._memory: Memory = kernel.memory
        self.pages: dict[int, bytes] = {}
        self._partial: set[int] = set()
        self._near = _NEAR
        self.default_space = KVADDR
        self.task = 0
        self._aside: dict[int, bytes] = {}

    # bytes

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the kernel's memory; ``crash.error`` where the dump lacks any of them."""
        at = address & _MASK
        if at + size <= PAGE and (page := self.pages.get(address >> PAGE_SHIFT)) is not None:
            return page[at : at + size]
        return self._read_far(address, size)

    def _read_far(self, address: int, size: int) -> bytes:
        if size < 0 or not 0 <= address < _TOP:
            raise CrashError(f"readmem error at addr {address:#x}, reading {size} bytes")
        numbers = range(address >> PAGE_SHIFT, (address + max(size, 1) - 1 >> PAGE_SHIFT) + 1)
        missing = [number for number in numbers if number not in self.pages]
        if missing and not self._partial.issuperset(missing):
            self._bring(missing)
        found = [self.pages.get(number) for number in numbers]
        if None not in found:
            start = address & _MASK
            return b"".join(page for page in found if page is not None)[start : start + size]
        return self._read_exactly(address, size)

    def _read_exactly(self, address: int, size: int) -> bytes:
        """Bytes of a page that the dump has a part of."""
        try:
            return self._kernel.read(address, size)
        except FaultError:
            raise CrashError(f"readmem error at addr {address:#x}, reading {size} bytes") from None

    def _bring(self, missing: list[int]) -> None:
        """Have pages at hand, with their neighbours."""
        if len(self.pages) > _MOST_PAGES:
            self.pages.clear()
        ranges = [self._around(number) for number in missing] if len(missing) == 1 else []
        wanted = {number for first, last in ranges for number in range(first, last)} | set(missing)
        wanted -= self.pages.keys() | self._partial
        self._fetch(wanted)
        if any(number in self._partial for number in wanted if number not in missing):
            self._near = max(self._near // 2, _FEW)
        elif self._near < _NEAR and not self._partial.intersection(missing):
            self._near += 1

    def _around(self, number: int) -> tuple[int, int]:
        if not self._memory.reads_ahead:
            return number, number + 1
        first = number - number % self._near
        return first, first + self._near

    def _fetch(self, numbers: Iterable[int]) -> None:
        wanted = sorted(numbers)
        if not wanted:
            return
        gathered = self._memory.gather([(number << PAGE_SHIFT, PAGE) for number in wanted])
        for address, data in gathered.chunks:
            first = -(-address >> PAGE_SHIFT)
            for number in range(first, address + len(data) >> PAGE_SHIFT):
                at = (number << PAGE_SHIFT) - address
                self.pages[number] = data[at : at + PAGE]
        self._partial.update(number for number in wanted if number not in self.pages)

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Have the pages of many (address, size) at hand, in one round trip."""
        numbers = {
            number
            for address, size in ranges
            if 0 < address < _TOP
            for number in range(address >> PAGE_SHIFT, (address + max(size, 1) - 1 >> PAGE_SHIFT) + 1)
        }
        self._fetch(numbers - self.pages.keys() - self._partial)

    # whose memory is meant

    def use_task(self, task: int) -> None:
        """Have all reads go to a task's own memory; to the kernel's with 0."""
        self.task, self.default_space = task, UVADDR if task else KVADDR
        # what is at hand is the kernel's: without it every read comes to where the space is looked at
        if task:
            self._aside.update(self.pages)
            self.pages.clear()
        else:
            self.pages.update(self._aside)
            self._aside.clear()

    # as PyKdump's C functions

    def readmem_function(self) -> Callable[..., bytes]:
        """``readmem``: bytes, IndexError for NULL; a third argument is the space, as of crash's defs.h."""
        get, slow = self.pages.get, self.readmem

        def readmem(address: int, size: int, space: int | None = None) -> bytes:
            page = get(address >> PAGE_SHIFT)
            if page is not None and space is None:
                at = address & _MASK
                if (end := at + size) <= PAGE and size >= 0:
                    return page[at:end]
            return slow(address, size, space)

        return readmem

    @cached_property
    def pointer(self) -> Callable[..., int]:
        """``readPtr``: the word at an address, IndexError for NULL."""
        get, slow, unpack = self.pages.get, self.read_pointer, self.word.unpack_from
        last = PAGE - self.word.size

        def read(address: int, space: int | None = None) -> int:
            page = get(address >> PAGE_SHIFT)
            if page is not None and space is None:
                at = address & _MASK
                if at <= last:
                    return unpack(page, at)[0]  # type: ignore[no-any-return] # an int
            return slow(address, space)

        return read

    def readmem(self, address: int, size: int, space: int | None = None) -> bytes:
        """Bytes of the kernel's memory, of a task's, of physical memory."""
        address, size = int(address), int(size)
        if not address:
            raise IndexError("readPtr NULL pointer")
        kind = self.default_space if space is None else int(space)
        if kind == KVADDR:
            return self.read(address, size)
        return self._elsewhere(address, size, kind)

    def _elsewhere(self, address: int, size: int, kind: int) -> bytes:
        name = _SPACES.get(kind)
        if name is None:
            raise CrashError(f"readmem: no memory of type {kind:#x}")
        task = self.task if name == "user" else None
        try:
            return self._memory.read(address, size, space=name, task=task)
        except KernelError:
            raise CrashError(f"readmem error at addr {address:#x}, reading {size} bytes") from None

    def read_pointer(self, address: int, space: int | None = None) -> int:
        """The word at an address; IndexError for NULL."""
        return int(self.word.unpack(self.readmem(address, self.word.size, space))[0])

    @cached_property
    def word(self) -> struct.Struct:
        """How a pointer is unpacked."""
        return struct.Struct(self._kernel.order + _CODES[self._kernel.pointer_size])

    def read_integer(self, address: int, size: int, signed: int = 0) -> int:
        """``readInt``: a number of ``size`` bytes."""
        address = int(address)
        if self.default_space == KVADDR and not address:
            raise NullError(f"readmem/py_readInt error at addr 0x0, reading {size} bytes")
        raw = self.readmem(address, size)
        if size not in _CODES:
            raise CrashError("bad size")
        return int.from_bytes(raw, self.order, signed=bool(signed))

    @property
    def order(self) -> Any:
        """The byte order as int.from_bytes has it."""
        return self._kernel.byte_order

    def scalar(self, size: int, *, signed: bool, offset: int = 0) -> Callable[[Any], int]:
        """A compiled reader of numbers that lie ``offset`` bytes behind what it is called with."""
        code = _CODES[size].lower() if signed else _CODES[size]
        unpack = struct.Struct(self._kernel.order + code).unpack_from
        get, last, slow = self.pages.get, PAGE - size, self.read_integer

        def read(base: Any) -> int:
            address = int(base) + offset
            page = get(address >> PAGE_SHIFT)
            if page is not None:
                at = address & _MASK
                if at <= last:
                    return unpack(page, at)[0]  # type: ignore[no-any-return] # an int
            return slow(address, size, signed)

        return read
