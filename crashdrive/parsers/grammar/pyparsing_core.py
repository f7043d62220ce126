"""pyparsing's elements, without the rest of pyparsing.

``import pyparsing`` takes twice as long as its elements alone: it imports unittest and importlib.resources,
and builds what `pyparsing.common` and `pyparsing.helpers` offer, which no grammar of crashdrive asks for.
So, where nobody imported it before, its core is imported alone. Who asks the module ``pyparsing`` for another
of its names has the rest imported then, into the same module: it is pyparsing as it always was. Where the
core can't be had so, all of it is imported at once.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import types
from typing import Any

_LOCK = threading.RLock()


class _Light(types.ModuleType):
    """The module ``pyparsing`` before its own ``__init__`` was run."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            loader = self.__dict__.pop("_loader", None)  # not there: it is being run, or was
            if loader is not None:
                try:
                    loader.exec_module(self)
                except BaseException:
                    self.__dict__["_loader"] = loader
                    raise
                self.__class__ = types.ModuleType  # type: ignore[assignment] # it is whole from here on
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        self.__getattr__("__version__")
        return sorted(self.__dict__)


def _lighten() -> None:
    """Put a light pyparsing in place, if none is there."""
    spec = None if "pyparsing" in sys.modules else importlib.util.find_spec("pyparsing")
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _Light
    module.__dict__["_loader"] = spec.loader
    sys.modules["pyparsing"] = module
    try:
        core: Any = importlib.import_module("pyparsing.core")
        # what other modules of pyparsing take from it, so that none waits for a lock while it is imported
        names = {"__diag__": core.__diag__, "__compat__": core.__compat__}
        module.__dict__.update(names, core_builtin_exprs=core._builtin_exprs)  # noqa: SLF001 # as pyparsing's own __init__ does
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "pyparsing"]:
            del sys.modules[name]


_lighten()

from pyparsing.core import (  # noqa: E402 # behind what makes it light
    And,
    FollowedBy,
    Forward,
    Group,
    MatchFirst,
    OneOrMore,
    Opt,
    Or,
    ParseElementEnhance,
    ParserElement,
    Suppress,
    Token,
    TokenConverter,
    ZeroOrMore,
)
from pyparsing.exceptions import (  # noqa: E402
    ParseBaseException,
    ParseException,
    ParseFatalException,
)
from pyparsing.results import ParseResults  # noqa: E402

__all__ = [
    "And",
    "FollowedBy",
    "Forward",
    "Group",
    "MatchFirst",
    "OneOrMore",
    "Opt",
    "Or",
    "ParseBaseException",
    "ParseElementEnhance",
    "ParseException",
    "ParseFatalException",
    "ParseResults",
    "ParserElement",
    "Suppress",
    "Token",
    "TokenConverter",
    "ZeroOrMore",
]
