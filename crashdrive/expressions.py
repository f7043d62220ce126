"""Regular expressions that are compiled when they are first used.

A parser's module has dozens of them, and an answer needs a few.
"""

from __future__ import annotations

import re
from typing import Any, cast

__all__ = ["expression"]

_OF_PATTERN = (
    *("match", "fullmatch", "search", "finditer", "findall", "split", "sub", "subn", "flags", "groups"),
    "groupindex",
)


class _Expression:
    """What `re.compile` gives, made at the first use; from then on as fast as that.

    Attributes of the compiled one take the place of `__getattr__`, which is called for absent ones alone.
    """

    __slots__ = (*_OF_PATTERN, "_wanted", "pattern")

    def __init__(self, pattern: str, wanted: int) -> None:
        self.pattern = pattern
        self._wanted = wanted

    def __getattr__(self, name: str) -> Any:
        if name not in _OF_PATTERN:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        compiled = re.compile(self.pattern, self._wanted)
        for each in _OF_PATTERN:
            setattr(self, each, getattr(compiled, each))
        return getattr(compiled, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return expression, (self.pattern, self._wanted)

    def __repr__(self) -> str:
        return f"expression({self.pattern!r})"


def expression(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """An expression to use as one that `re.compile` made. A wrong one raises `re.error` at its first use."""
    return cast("re.Pattern[str]", _Expression(pattern, flags))
