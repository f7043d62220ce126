"""What objects and walks need of the program whose memory they are in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from crashdrive.kernel.memory.columns import Columns
from crashdrive.kernel.memory.window import Window
from crashdrive.kernel.symbols.lookup import Symbols
from crashdrive.kernel.types.layouts import Layouts
from crashdrive.kernel.types.model import Type


class Space(Protocol):
    """A program's memory with its symbols and layouts: what `crashdrive.kernel.core.KernelBase` is."""

    symbols: Symbols
    layouts: Layouts

    @property
    def order(self) -> str: ...
    @property
    def pointer_size(self) -> int: ...
    @property
    def page_size(self) -> int: ...

    def type(self, kind: str | Type) -> Type: ...
    def has_type(self, name: str) -> bool: ...
    def offset(self, kind: str | Type, path: str) -> int: ...
    def first_path(self, kind: str | Type, alternatives: Sequence[str]) -> str | None: ...

    def read(self, address: int, size: int) -> bytes: ...
    def read_string(self, address: int, limit: int = 4096) -> bytes: ...
    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None: ...
    def window(self) -> Window: ...
    def read_many(
        self,
        kind: str | Type,
        addresses: Sequence[int],
        fields: Sequence[str],
        *,
        window: Window | None = None,
    ) -> Columns: ...
