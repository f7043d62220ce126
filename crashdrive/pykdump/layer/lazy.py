"""Names of a module that are made when they are asked for, and those of PyKdump's API behind them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(module: str, extra: Mapping[str, Callable[[], Any]]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: ``extra`` are its own names, by what makes them.

    PyKdump's modules pass on all names of the API; so do these.
    """

    def find(name: str) -> Any:
        if name in extra:
            return extra[name]()
        api = importlib.import_module("pykdump.API")
        if name == "__all__":
            own = [
                one for one in vars(sys.modules[module]) if not one.startswith("_") and one != "annotations"
            ]
            return sorted({*own, *extra, *api.__all__})
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return getattr(api, name)

    return find
