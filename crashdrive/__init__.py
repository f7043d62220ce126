"""crashdrive: drives the Linux crash utility; vmcores as typed records, reports and scripts.

>>> import crashdrive
>>> with crashdrive.open_dump("vmlinux", "vmcore") as crash:  # doctest: +SKIP
...     for task in crash.ps():
...         print(task.pid, task.comm)

The names below are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from crashdrive._version import __version__

if TYPE_CHECKING:
    from crashdrive.crash import Crash, nocache, open_dump
    from crashdrive.errors import CrashdriveError
    from crashdrive.parsers import parse
    from crashdrive.records import Answer, Notice, Record
    from crashdrive.session import CommandResult, Session

_HOMES = {
    "Answer": "records",
    "CommandResult": "session",
    "Crash": "crash",
    "CrashdriveError": "errors",
    "Notice": "records",
    "Record": "records",
    "Session": "session",
    "nocache": "crash",
    "open_dump": "crash",
    "parse": "parsers",
}

# what `%load_ext crashdrive` looks for
_OF_IPYTHON = {"load_ipython_extension": "notebook", "unload_ipython_extension": "notebook"}

__all__ = [
    "Answer",
    "CommandResult",
    "Crash",
    "CrashdriveError",
    "Notice",
    "Record",
    "Session",
    "__version__",
    "embedded",
    "nocache",
    "open_dump",
    "parse",
]


# whether this code is a script that `crashdrive run` or `crashdrive shell` runs over an opened dump
embedded: bool


def __getattr__(name: str) -> Any:
    if name == "embedded":
        run = sys.modules.get(f"{__name__}.pykdump.run")
        return run is not None and run.is_running()
    home = _HOMES.get(name) or _OF_IPYTHON.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
