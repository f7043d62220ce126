"""Typed calls: one module per crash command, found by name."""

from __future__ import annotations

import functools
import importlib
import keyword
import pkgutil
from collections.abc import Callable
from typing import Any

from crashdrive.commands._choices import checked
from crashdrive.errors import UsageError

__all__ = ["command_function", "command_names"]


@functools.cache
def command_names() -> tuple[str, ...]:
    """All commands that have a typed call, sorted; nothing is imported for this."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name != "base" and not name.startswith("_")))


@functools.cache
def command_function(name: str) -> Callable[..., Any]:
    """The typed call of a crash command; words out of a few are checked."""
    if name not in command_names():
        raise UsageError(f"no typed call for crash's command {name!a}; `crash.run(...)` takes any")
    module = importlib.import_module(f"{__name__}.{name}")
    function: Callable[..., Any] = getattr(module, f"{name}_" if keyword.iskeyword(name) else name)
    return checked(function)
