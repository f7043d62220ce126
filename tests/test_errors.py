"""The tree of errors, and where others' arise; what becomes of those: session/test_foreign_errors.py."""

from __future__ import annotations

import ast
import functools
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from crashdrive import errors
from crashdrive.errors import CrashdriveError

PACKAGE = Path(errors.__file__).parent

# class: its parents, its exit status
TREE = {
    "CrashdriveError": (("Exception",), 1),
    "UsageError": (("CrashdriveError",), 2),
    "ArgumentError": (("UsageError",), 2),
    "TargetError": (("CrashdriveError",), 3),
    "DumpError": (("TargetError",), 3),
    "VmlinuxError": (("TargetError",), 3),
    "CrashNotFoundError": (("TargetError",), 3),
    "HostError": (("TargetError",), 3),
    "StartError": (("TargetError",), 3),
    "TranscriptError": (("TargetError",), 3),
    "SessionError": (("CrashdriveError",), 3),
    "SessionDiedError": (("SessionError",), 3),
    "SessionClosedError": (("SessionError",), 3),
    "DeadlineError": (("CrashdriveError",), 4),
    "CommandFailedError": (("CrashdriveError",), 1),
    "ParseError": (("CrashdriveError",), 1),
    "PluginError": (("CrashdriveError",), 1),
    "IncompleteError": (("CrashdriveError",), 5),
    "KernelError": (("CrashdriveError",), 1),
    "UnknownTypeError": (("KernelError",), 1),
    "UnknownMemberError": (("KernelError", "AttributeError"), 1),
    "UnknownSymbolError": (("KernelError",), 1),
    "FaultError": (("KernelError",), 1),
    "CorruptError": (("KernelError",), 1),
}


class Holds(NamedTuple):
    """What a module defines and imports."""

    classes: frozenset[str]
    libraries: frozenset[str]


def held(path: Path, word: str) -> Holds:
    """Of a module that has the word: most have not, and needn't be taken apart."""
    return _held(path) if word in _text(path) else Holds(frozenset(), frozenset())


@functools.cache
def _text(path: Path) -> str:
    return path.read_text()


@functools.cache
def _held(path: Path) -> Holds:
    nodes = list(ast.walk(ast.parse(_text(path))))
    imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return Holds(
        frozenset(node.name for node in nodes if isinstance(node, ast.ClassDef)),
        frozenset(name.split(".")[0] for name in imported),
    )


def classes() -> dict[str, type[CrashdriveError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {
        name: kind
        for name, kind in found
        if issubclass(kind, CrashdriveError) and kind.__module__ == errors.__name__
    }


def test_the_tree() -> None:
    found = {
        name: (tuple(parent.__name__ for parent in kind.__bases__), kind.exit_status)
        for name, kind in classes().items()
    }
    assert found == TREE


def test_the_drawing_at_the_top_is_the_tree() -> None:
    rows = re.findall(r"^ {4}([│├└─ ]*)(\w+) +(\d)", errors.__doc__ or "", re.MULTILINE)
    above: list[str] = []
    drawn = {}
    for branch, name, status in rows:
        above = [*above[: len(branch) // 4], name]
        drawn[name] = (above[-2] if len(above) > 1 else "Exception", int(status))
    assert drawn == {name: (parents[0], status) for name, (parents, status) in TREE.items()}


def test_every_error_elsewhere_is_one_of_the_tree_or_caught_inside() -> None:
    """What stands outside of errors.py and beyond one module, each with why users don't have to know it."""
    known = {
        "BadElfError": "caught by those who read ELF files",
        "BadResultError": "caught by those who read results of a batch",
        "BusyError": "caught by the site that is served: the page is being made",
        "BusyPlaceError": "caught by the store",
        "ClosedError": "caught at both ends of a warm session",
        "CrashError": "crash.error of PyKdump's API, whose scripts know no other",
        "DeclarationError": "caught by layouts",
        "FieldError": "of PyKdump's API: a member that a structure lacks",
        "GarbledError": "caught at both ends of a warm session",
        "GoneError": "caught by those who run jobs: what forks workers was gone",
        "HeldLockError": "caught by those who look for a warm session, or start one",
        "LostError": "caught by unwinders, whose traces end there",
        "NoRunError": "of PyKdump's API: used without a run",
        "NoSuchPageError": "a UsageError, which a page shows",
        "NotRecordedError": "caught by the replay",
        "NullError": "of PyKdump's API: a NULL pointer",
        "OutOfTimeError": "caught by the session",
        "PastClickError": "carries what ends the command line past click",
        "PortError": "a CrashdriveError, which ends the command line",
        "SizesWantedError": "caught by layouts",
        "StalledError": "caught at both ends of a warm session",
        "StoppedError": "caught by the batch that was stopped",
        "TemporaryFileError": "a SessionError",
        "UnknownFormError": "caught by those who read DWARF",
        "UnsafePlaceError": "caught by the store",
        "UnsafeSessionsError": "an OSError, caught where the folder of warm sessions is looked into",
        "UnsureError": "of scripts in Python 2, caught by those who load them",
    }
    found = {
        name
        for path in PACKAGE.rglob("*.py")
        if path.name != "errors.py"
        for name in held(path, "Error").classes
        if name.endswith("Error") and name[0] != "_"
    }
    assert found == known.keys()


# libraries that raise errors of their own: the modules that call them; all else is to ask these
HOLDERS = {
    "pexpect": {"session/transport.py"},
    "sqlite3": {"batch/ledger.py", "batch/outputs.py", "batch/query.py", "cache/place.py", "cache/store.py"},
    "subprocess": {
        "batch/workers.py", "cli/notebook.py", "cli/session.py",
        "session/binaries.py", "session/indexing.py", "session/process.py", "session/remote/channel.py",
        "session/remote/host.py", "shell/pager.py",
    },
    "lzma": {"batch/unpack.py", "session/compact.py", "session/replay.py"},
}  # fmt: skip


@pytest.mark.parametrize("library", HOLDERS)
def test_who_calls_what_raises_errors_of_its_own(library: str) -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if library in held(path, library).libraries
    }
    assert found == HOLDERS[library]
