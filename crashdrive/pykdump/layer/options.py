"""Options that all programs have: they are taken out of the program's arguments when the API is imported."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from crashdrive.pykdump.layer.access import readSU, readSymbol, setListMaxel
from crashdrive.pykdump.layer.generic import Bunch
from crashdrive.pykdump.layer.memo import CU_PYMOD, CU_TIMEOUT, PY_select_purge, kept, purge_memoize_cache
from crashdrive.pykdump.layer.pylogs import pylog
from crashdrive.pykdump.run import current

API_options = Bunch()


def take_options() -> None:
    """Obey --timeout, --maxel, --usens, --reload, --ofile and the like in ``sys.argv``, and take them out."""
    sys.__dict__["__oldargv"] = list(sys.argv)
    own, sys.argv[1:] = _split(sys.argv[1:])
    known = _parser().parse_args(own)
    API_options.update(
        experimental=int(known.experimental), debug=max(known.debug, 0), dumpcache=int(known.dumpcache)
    )
    if known.reload:
        purge_memoize_cache(CU_PYMOD)
        PY_select_purge()
    commands = current().commands
    if known.timeout > commands.timeout:
        purge_memoize_cache(CU_TIMEOUT)
    commands.timeout = known.timeout
    setListMaxel(known.maxel)
    if known.usens is not None:
        print(f" *=*=* Using namespaces of PID {known.usens}  *=*=*")
        set_nsproxy(known.usens)
    if known.ofile:
        sys.stdout = open(known.ofile, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - stays open as standard output


_WITH_VALUE = ("--debug", "--timeout", "--maxel", "--usens", "--ofile")
_FLAGS = ("--experimental", "--reload", "--dumpcache")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in _FLAGS:
        parser.add_argument(name, action="store_true")
    parser.add_argument("--debug", type=int, default=-1)
    parser.add_argument("--timeout", type=int, default=120)
    parser.add_argument("--maxel", type=int, default=10000)
    parser.add_argument("--usens", type=int)
    parser.add_argument("--ofile")
    parser.add_argument("--apidebug", type=int)
    return parser


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """A program's arguments as those that are the API's, and all others."""
    own: list[str] = []
    others: list[str] = []
    left = iter(words)
    for word in left:
        name, equals, _ = word.partition("=")
        if name in _WITH_VALUE or (name == "--apidebug" and equals):
            own.append(word)
            own += [] if equals else [value for value in [next(left, None)] if value is not None]
        elif word in _FLAGS:
            own.append(word)
        else:
            others.append(word)
    return own, others


def get_nsproxy() -> Any:
    """The ``struct nsproxy`` whose namespaces are looked at: that of the first process, or of ``--usens``."""
    chosen = kept("nsproxy")
    if "proxy" not in chosen:
        try:
            chosen["proxy"] = readSymbol("init_nsproxy")
        except TypeError:
            chosen["proxy"] = None
    return chosen["proxy"]


def set_nsproxy(pid: int | None = None) -> None:
    """Look at the namespaces of a process; of the first one where None."""
    chosen = kept("nsproxy")
    chosen.pop("proxy", None)
    if pid is None:
        return
    task = current().facts.pid_to_task(pid)
    if not task:
        print(f"There is no PID={pid}")
        sys.exit(0)
    chosen["proxy"] = readSU("struct task_struct", task).nsproxy


def at_exit() -> None:
    """What happens at a program's end: the log's summary."""
    pylog.onexit()
    pylog.cleanup()
    current().pages.use_task(0)
