"""pyparsing's elements, without the rest of pyparsing.

``import pyparsing`` takes twice as long as the import of its elements alone: it imports unittest and
importlib.resources, and builds `pyparsing.common` and `pyparsing.helpers`, which no grammar of crashdrive
uses. So only pyparsing's core is imported, unless pyparsing was imported before. The first use of another
name of the module ``pyparsing`` imports the rest into the same module, which then is pyparsing as usual.
Where the core can't be imported alone, all of pyparsing is.
"""

from __future__ import annotations

import importlib.util
import sys
import threading
import types
from typing import Any

_LOCK = threading.RLock()


class _Light(types.ModuleType):
    """The module ``pyparsing`` before its own ``__init__`` has run."""

    def __getattr__(self, name: str) -> Any:
        with _LOCK:
            loader = self.__dict__.pop("_loader", None)  # absent: ``__init__`` is running, or has run
            if loader is not None:
                try:
                    loader.exec_module(self)
                except BaseException:
                    self.__dict__["_loader"] = loader
                    raise
                self.__class__ = types.ModuleType  # type: ignore[assignment] # all of pyparsing from here on
        try:
            return self.__dict__[name]
        except KeyError:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        self.__getattr__("__version__")
        return sorted(self.__dict__)


def _lighten() -> None:
    """Make the light pyparsing the module ``pyparsing``, unless that was imported already."""
    spec = None if "pyparsing" in sys.modules else importlib.util.find_spec("pyparsing")
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _Light
    module.__dict__["_loader"] = spec.loader
    sys.modules["pyparsing"] = module
    try:
        core: Any = importlib.import_module("pyparsing.core")
        # names that pyparsing's other modules import from it: so none of them waits for an import lock
        names = {"__diag__": core.__diag__, "__compat__": core.__compat__}
        module.__dict__.update(names, core_builtin_exprs=core._builtin_exprs)  # noqa: SLF001 # as pyparsing's own __init__ does
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "pyparsing"]:
            del sys.modules[name]


_lighten()

from pyparsing.core import (  # noqa: E402 # below the call that makes it light
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
