"""A setting's entry, for the functions that compute its value."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from crashdrive.linux.survey import Survey


class Source(NamedTuple):
    """A setting's entry: its namespace, ``data``, ``maxlen`` and ``extra1`` of its ``struct ctl_table``."""

    survey: Survey
    net: int
    data: int
    length: int
    extra: int

    def member(self, path: str) -> Any:
        """A member of the namespace."""
        return self.of("struct net", self.net, path)

    def of(self, kind: str, address: int, path: str) -> Any:
        """A member of a structure; None behind a NULL pointer."""
        return self.survey.kernel.read_many(kind, [address], [path]).check()[path][0]

    def symbol(self, name: str) -> int:
        """The address of a variable."""
        return self.survey.kernel.symbols.address(name)

    def number(self, address: int, code: str = "i") -> int:
        """A number by its letter of the struct module; ``L`` is as wide as a pointer."""
        kernel = self.survey.kernel
        letter = ("Q" if kernel.pointer_size == 8 else "I") if code == "L" else code
        raw = kernel.read(address, struct.calcsize(f"={letter}"))
        return int(struct.unpack(kernel.order + letter, raw)[0])

    @property
    def initial(self) -> bool:
        """Whether it is a setting of the initial namespace."""
        return self.net == self.symbol("init_net")
