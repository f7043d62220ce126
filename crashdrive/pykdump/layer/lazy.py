"""Names of a module that are made when they are asked for, and those of PyKdump's API behind them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

# what PyKdump's modules import themselves, and so pass on to who imports all of their names
_PASSED_ON = {
    "argparse": "argparse", "itertools": "itertools", "operator": "operator", "socket": "socket",
    "struct": "struct", "textwrap": "textwrap", "types": "types", "Counter": "collections",
    "OrderedDict": "collections", "namedtuple": "collections", "StringIO": "io", "reduce": "functools",
    "S_ISDIR": "stat", "S_ISLNK": "stat", "S_ISSOCK": "stat", "htonl": "socket", "ntohl": "socket",
    "ntohs": "socket", "TextWrapper": "textwrap",
}  # fmt: skip


def lazy_names(module: str, extra: Mapping[str, Callable[[], Any]]) -> Callable[[str], Any]:
    """A module's ``__getattr__``: ``extra`` are its own names, by what makes them.

    PyKdump's modules pass on all names of the API; so do these.
    """

    def find(name: str) -> Any:
        if name in extra:
            return extra[name]()
        if name.startswith("__") and name != "__all__":
            # what an import itself asks for, also where no script runs
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        api = importlib.import_module("pykdump.API")
        if name == "__all__":
            own = [
                one for one in vars(sys.modules[module]) if not one.startswith("_") and one != "annotations"
            ]
            return sorted({*own, *extra, *api.__all__, *_PASSED_ON})
        if name in _PASSED_ON:
            source = importlib.import_module(_PASSED_ON[name])
            return source if source.__name__ == name else getattr(source, name)
        return getattr(api, name)

    return find
