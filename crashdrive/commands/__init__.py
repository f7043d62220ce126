"""Typed calls: one module per crash command, found by name."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from crashdrive.commands._forms import bound_signature, forms_of, joined
from crashdrive.errors import UsageError

__all__ = ["call_signature", "command_forms", "command_function", "command_names"]


@functools.cache
def command_names() -> tuple[str, ...]:
    """All commands that have a typed call, sorted; nothing is imported for this."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if name != "base" and not name.startswith("_")))


@functools.cache
def command_function(name: str) -> Callable[..., Any]:
    """The typed call of a crash command; words out of a few are checked, ``show`` chooses among its forms."""
    return joined(command_forms(name))


@functools.cache
def call_signature(name: str) -> inspect.Signature:
    """The signature of ``crash.NAME``."""
    return bound_signature(command_function(name))


def command_forms(name: str) -> Mapping[str | None, Callable[..., Any]]:
    """The functions of a typed call by the word for ``show``; the command's own is under None."""
    if name not in command_names():
        raise UsageError(f"no typed call for crash's command {name!a}; `crash.run(...)` takes any")
    return forms_of(importlib.import_module(f"{__name__}.{name}"))
