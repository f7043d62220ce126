"""Modules in Python 2 that a script imports: converted as the script itself would be."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any

from crashdrive.pykdump import python2

if TYPE_CHECKING:
    from importlib.abc import MetaPathFinder
else:  # loading them takes as long as all of PyKdump's modules that a shell's prompt needs
    MetaPathFinder = object

_PYTHONS = str(Path(os.__file__).parent) + os.sep
_OURS = str(Path(__file__).parents[1]) + os.sep


def code(source: bytes, path: str) -> tuple[CodeType, bool]:
    """A module's code, and whether it was converted.

    SyntaxError where it is in neither Python, or can't be converted for sure.
    """
    try:
        found: CodeType = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        broken = error
    else:
        return found, False
    try:
        text = python2.converted(source, path)
    except python2.UnsureError as error:
        raise SyntaxError(
            f"{error.reason}: what it means in Python 3 isn't sure", (path, error.line, None, None)
        ) from None
    if text is None:
        raise broken
    return python2.compiled(text, path), True


class Loader(SourceFileLoader):
    """Loads a module of the user's in either Python; writes nothing beside it."""

    def source_to_code(  # type: ignore[override] # typeshed's has more forms of one name
        self, data: Any, path: Any, *, _optimize: int = -1
    ) -> CodeType:
        """The module's code."""
        return code(bytes(data), str(path))[0]

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Python would keep the code in a file beside the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module with the names that converted code needs."""
        module.__dict__.update(python2.helpers())
        super().exec_module(module)


class Finder(MetaPathFinder):
    """Finds what Python finds; modules that are the user's own get a `Loader`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A module of the user's; None for all others."""
        if fullname.partition(".")[0] in sys.stdlib_module_names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or not _is_users(spec.origin):
            return None
        spec.loader = Loader(fullname, str(spec.origin))
        spec.cached = None
        return spec


def _is_users(origin: str | None) -> bool:
    if origin is None or origin.startswith((_PYTHONS, _OURS)):
        return False
    return not any(folder in origin for folder in ("site-packages", "dist-packages"))
