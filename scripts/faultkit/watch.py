"""Which functions have run: each tells at its first call, and costs nothing from then on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any, Self, cast

_WAITING: dict[str, Callable[[], FunctionType]] = {}


def _first(*arguments: Any, **options: Any) -> Any:
    """The body of a function that is waited for; it runs among the names of that function's module."""
    import sys  # noqa: PLC0415

    from faultkit.watch import ran  # noqa: PLC0415

    return ran(sys._getframe().f_code.co_name)(*arguments, **options)  # noqa: SLF001 - its own name


def ran(name: str) -> FunctionType:
    """The function of that name with its own body again."""
    return _WAITING[name]()


class Watch:
    """Functions by name that are waited for; ``unseen`` are the names of those that have not run.

    Whoever has imported such a function calls the same object: it is its body that is another one meanwhile.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._bodies: dict[str, tuple[FunctionType, CodeType]] = {}
        for name, call in functions.items():
            function = cast("FunctionType", call)
            self._bodies[name] = function, function.__code__
            _WAITING[name] = functools.partial(self._seen, name)
            function.__code__ = _first.__code__.replace(co_name=name)

    @property
    def unseen(self) -> list[str]:
        """In the order that was given."""
        return list(self._bodies)

    def _seen(self, name: str) -> FunctionType:
        function, body = self._bodies.pop(name)
        del _WAITING[name]
        function.__code__ = body
        return function

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """All have their own bodies again; ``unseen`` still says which have not run."""
        for name, (function, body) in self._bodies.items():
            _WAITING.pop(name, None)
            function.__code__ = body
