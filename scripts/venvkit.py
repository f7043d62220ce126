"""Programs of scripts/ run in the checkout's .venv, whichever Python started them.

A program's file names a module and nothing else: ``run("dockit.generated")``. What needs a library stands in
that module.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

CHECKOUT = Path(__file__).resolve().parents[1]
VENV = CHECKOUT / ".venv"


def run(module: str) -> NoReturn:
    """Call ``main()`` of a module and exit with what it gives.

    A .venv that is there takes over from another Python; without one, this Python has to do. A library that
    is missing is one line on standard error and exit status 2. An error of crashdrive's, as of a dump that
    isn't there, is a line too, with the exit status that crashdrive has for it.
    """
    _enter()
    sys.path.insert(0, str(CHECKOUT))
    try:
        status = import_module(module).main()
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if not name or find_spec(name):  # a fault of ours, and its traceback says where
            raise
        _end(f"{_python()} has no module {name}; {_help(name)}")
    except Exception as error:
        known = getattr(sys.modules.get("crashdrive.errors"), "CrashdriveError", ())
        if not isinstance(error, known):
            raise
        _end(str(error), error.exit_status)
    sys.exit(status)


def _enter() -> None:
    if Path(sys.prefix).resolve() == VENV.resolve() or not VENV.exists():
        return
    python = str(VENV / "bin" / "python")
    if sys.executable == python:  # it would start itself for ever
        _end(f"{VENV} is no virtual environment; scripts/test makes .venv anew")
    try:
        os.execv(python, [python, *sys.argv])  # noqa: S606 - the checkout's own interpreter
    except OSError as error:
        _end(f"{python} can't be run ({error.strerror}); scripts/test makes .venv anew")


def _python() -> str:
    return sys.executable if VENV.exists() else f"no .venv in {CHECKOUT}, and {sys.executable}"


def _help(name: str) -> str:
    return f"{VENV}/bin/pip install {name}" if VENV.exists() else "scripts/test makes .venv"


def _end(message: str, status: int = 2) -> NoReturn:
    print(f"{sys.argv[0]}: {message}", file=sys.stderr)
    sys.exit(status)
