"""crashdrive's own layer of PyKdump's API: modules that scripts import, made from the parts of this room."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any

from crashdrive.pykdump.run import current

# modules of PyKdump's that scripts take names from; all of them have all names here
_INNER = frozenset(
    {
        "ASCII_Art",
        "Generic",
        "datatypes",
        "dlkmload",
        "highlevel",
        "logging",
        "lowlevel",
        "memocaches",
        "tparser",
        "vmcorearch",
        "wrapcrash",
    }
)
_LINUXDUMP = "crashdrive.pykdump.layer.linuxdump"


class Layer(ModuleType):
    """A module whose names are the API's, made when the first of them is wanted."""

    def __init__(self, name: str, *, inner: bool = False) -> None:
        super().__init__(name, "PyKdump's API, over the dump that crashdrive opened")
        self.__dict__["_inner"] = inner

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(name)
        if name == "__version__":
            from crashdrive.pykdump.layer.names import VERSION

            return VERSION
        names = api()
        if name == "__all__":
            return sorted(one for one in names if not one.startswith("_"))
        if name in names:
            return names[name]
        from crashdrive.pykdump.layer.names import inner_names

        inner = inner_names(importlib.import_module("crash"))
        if name in inner:
            return inner[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *api()})


def api() -> dict[str, Any]:
    """The run's names; at first the program's options are taken out of its arguments."""
    run = current()
    if "api" not in run.kept:
        import sys

        from crashdrive.pykdump.layer import options
        from crashdrive.pykdump.layer.names import DCache, api_names

        DCache.cleartmp()
        options.API_options.clear()
        run.kept["api"] = {}
        options.take_options()
        run.kept["api"] = api_names(run, importlib.import_module("crash"))
        sys.__dict__["enterepython"] = options.take_options
        sys.__dict__["exitepython"] = options.at_exit
    names: dict[str, Any] = run.kept["api"]
    return names


def made(fullname: str) -> tuple[ModuleType | None, bool]:
    """A module of PyKdump's by its name, and whether it is a package; None for one that isn't there."""
    package, _, rest = fullname.partition(".")
    if package == "LinuxDump":
        return _linuxdump(fullname, rest)
    if not rest:
        return Layer(fullname), True
    if rest == "API" or (package == "pykdump" and rest in _INNER):
        return Layer(fullname), False
    return None, False


def _linuxdump(fullname: str, rest: str) -> tuple[ModuleType | None, bool]:
    if not rest:
        return Layer(fullname), True
    # PyKdump's LinuxDump imports its API, which takes options out of the arguments
    api()
    try:
        module = importlib.import_module(f"{_LINUXDUMP}.{rest}")
    except ModuleNotFoundError:
        return None, False
    return module, hasattr(module, "__path__")
