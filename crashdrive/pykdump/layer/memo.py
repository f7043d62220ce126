"""Results that are kept: of functions (`memoize_cond`), of expressions (`PY_select`), of types."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from crashdrive.pykdump.run import current

CU_LIVE, CU_LOAD, CU_PYMOD, CU_TIMEOUT = 1, 2, 4, 8
_TYPES = "typeinfo"
_FUNCTIONS = "memoized"
_CHOICES = "choices"


def kept(part: str) -> dict[Any, Any]:
    """What the run keeps of a part."""
    found: dict[Any, Any] = current().kept.setdefault(part, {})
    return found


def memoize_cond(condition: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that keeps results by the arguments, until `purge_memoize_cache` of one of the flags.

    ``MEMOIZE=False`` in a call goes by what is kept.
    """

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def remembering(*args: Any, **options: Any) -> Any:
            if not options.get("MEMOIZE", True):
                return function(*args)
            cache, key = kept(_FUNCTIONS), (condition, function, *args)
            if key not in cache:
                cache[key] = function(*args)
            return cache[key]

        return remembering

    return decorated


def purge_memoize_cache(flags: int) -> None:
    """Forget the results of functions that have one of the flags."""
    cache = kept(_FUNCTIONS)
    for key in [key for key in cache if key[0] & flags]:
        del cache[key]


def memoize_typeinfo(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that keeps what was found of a type, which is the first argument."""

    @functools.wraps(fn)
    def remembering(*args: Any, **options: Any) -> Any:
        cache, key = kept(_TYPES), (args[0], fn.__qualname__, *args[1:])
        if key not in cache:
            cache[key] = fn(*args, **options)
        return cache[key]

    return remembering


def purge_typeinfo(sn: str | None = None) -> None:
    """Forget what was found of a type, of all types where None."""
    for part in (_TYPES, "classes"):
        cache = kept(part)
        for key in [key for key in cache if sn is None or sn in (key, key[0])]:
            del cache[key]


def PY_select(*expr: str) -> Any:
    """The value of the first expression that can be evaluated where this is called; None if none can.

    Which one it was is kept for that line.
    """
    frame = sys._getframe(1)
    cache, key = kept(_CHOICES), (frame.f_code.co_filename, frame.f_lineno, expr)
    if key in cache:
        return eval(cache[key], frame.f_globals, frame.f_locals)  # noqa: S307 - the script's own words
    for one in expr:
        try:
            value = eval(one, frame.f_globals, frame.f_locals)  # noqa: S307 - as above
        except (KeyError, NameError, TypeError, AttributeError):
            continue
        cache[key] = compile(one, "<string>", "eval")
        return value
    return None


def PY_select_purge() -> None:
    """Forget which expressions were taken."""
    kept(_CHOICES).clear()
