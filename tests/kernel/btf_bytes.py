"""BTF written by hand, for tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from crashdrive.kernel.types.btf import Kind


class Writer:
    """Puts types together; each method gives the new type's id. ``base``: what it continues."""

    def __init__(self, base: Writer | None = None, order: str = "<") -> None:
        self.order = order
        self.first = base.next if base else 1
        self.first_text: int = base.first_text + len(base.texts) if base else 0
        self.count = 0
        self.words: list[int] = []
        self.texts: bytes = b"" if base else b"\0"

    @property
    def next(self) -> int:
        """The id that the next type gets."""
        return self.first + self.count

    def text(self, name: str | None) -> int:
        """The offset of a name."""
        if name is None:
            return 0
        offset = self.first_text + len(self.texts)
        self.texts += name.encode() + b"\0"
        return offset

    def add(
        self,
        kind: int,
        name: str | None = None,
        size: int = 0,
        extra: Sequence[int] = (),
        count: int = 0,
        flag: int = 0,
    ) -> int:
        """Any type."""
        self.words += [self.text(name), flag << 31 | kind << 24 | count, size, *extra]
        self.count += 1
        return self.next - 1

    def integer(self, name: str, size: int, marks: int = 0, bits: int | None = None, start: int = 0) -> int:
        """An integer; ``marks`` 1: signed, 2: char, 4: bool."""
        return self.add(
            Kind.INT, name, size, [marks << 24 | start << 16 | (8 * size if bits is None else bits)]
        )

    def record(
        self,
        name: str | None,
        size: int,
        *members: tuple[str | None, int, int] | tuple[str | None, int, int, int],
        kind: int = Kind.STRUCT,
    ) -> int:
        """A structure of (name, type, bit offset) or (name, type, bit offset, bit size)."""
        flag = any(len(member) > 3 for member in members)
        extra: list[int] = []
        for text, number, place, *bits in members:
            extra += [self.text(text), number, (sum(bits) << 24) + place]
        return self.add(kind, name, size, extra, len(members), flag)

    def enum(
        self, name: str | None, values: Sequence[tuple[str, int]], *, wide: bool = False, flag: int = 0
    ) -> int:
        """An enumeration."""
        extra: list[int] = []
        for text, value in values:
            extra += [self.text(text), value & 0xFFFFFFFF, *([value >> 32 & 0xFFFFFFFF] if wide else [])]
        kind, size = (Kind.ENUM64, 8) if wide else (Kind.ENUM, 4)
        return self.add(kind, name, size, extra, len(values), flag)

    def pointer(self, target: int) -> int:
        """A pointer."""
        return self.add(Kind.PTR, None, target)

    def array(self, element: int, count: int) -> int:
        """An array."""
        return self.add(Kind.ARRAY, None, 0, [element, 1, count])

    def function(self, returns: int, *parameters: int) -> int:
        """A function; a last parameter of 0 is the dots."""
        extra = [word for number in parameters for word in (0, number)]
        return self.add(Kind.FUNC_PROTO, None, returns, extra, len(parameters))

    def bytes(self) -> bytes:
        """All of it."""
        types = struct.pack(f"{self.order}{len(self.words)}I", *self.words)
        lengths = (24, 0, len(types), len(types), len(self.texts))
        return struct.pack(f"{self.order}HBBIIIII", 0xEB9F, 1, 0, *lengths) + types + self.texts
