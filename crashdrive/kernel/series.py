"""What walks give to users: objects that are built when they are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

from crashdrive.kernel.memory.columns import Columns
from crashdrive.kernel.objects import Object, Owner
from crashdrive.kernel.structures.walk import Problem, Walk
from crashdrive.kernel.types.model import Type, type_name
from crashdrive.records import Notice


class Objects(Sequence[Object]):
    """What a walk found, as objects that are built when they are looked at.

    ``addresses`` holds the plain numbers; ``complete`` and ``problems`` are those of the walk.
    """

    def __init__(self, kernel: Owner, kind: Type, walk: Walk) -> None:
        self.kernel = kernel
        self.type = kind
        self.walk = walk

    @property
    def addresses(self) -> Sequence[int]:
        """Where the objects lie."""
        return self.walk.addresses

    @property
    def complete(self) -> bool:
        """Whether the walk came to its end and nothing is missing."""
        return self.walk.complete

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What the walk stumbled over."""
        return self.walk.problems

    def check(self) -> Objects:
        """Itself; FaultError or CorruptError where something is missing."""
        self.walk.check()
        return self

    def notices(self) -> tuple[Notice, ...]:
        """The problems for an Answer's warnings."""
        return self.walk.notices(type_name(self.type))

    def read(self, fields: Sequence[str]) -> Columns:
        """Members of all of them at once: `Kernel.read_many`."""
        return self.kernel.read_many(self.type, self.addresses, fields)

    def __len__(self) -> int:
        return len(self.addresses)

    @overload
    def __getitem__(self, index: int) -> Object: ...
    @overload
    def __getitem__(self, index: slice) -> list[Object]: ...
    def __getitem__(self, index: int | slice) -> Object | list[Object]:
        if isinstance(index, slice):
            return [Object(self.kernel, self.type, address) for address in self.addresses[index]]
        return Object(self.kernel, self.type, self.addresses[index])

    def __iter__(self) -> Iterator[Object]:
        return (Object(self.kernel, self.type, address) for address in self.addresses)

    def __repr__(self) -> str:
        state = "" if self.complete else ", incomplete"
        return f"<{len(self)} objects of {type_name(self.type)}{state}>"


class Table(Objects):
    """What a hash table holds; ``columns`` are the members that were asked for with it, None if none were."""

    def __init__(self, kernel: Owner, kind: Type, walk: Walk, columns: Columns | None) -> None:
        super().__init__(kernel, kind, walk)
        self.columns = columns
