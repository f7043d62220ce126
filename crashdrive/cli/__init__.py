"""The command line. One module per subcommand, found by its name; what starts with ``_`` is a helper."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from crashdrive.cli._again import said_before
from crashdrive.cli._warm import run_warm
from crashdrive.errors import EXIT_FAILED

__all__ = ["main", "program"]


def program() -> int:
    """The command ``crashdrive``: `main` for a process of its own. An answer that is at hand ends it at once.

    What Python does at its end, and looking for garbage among what was loaded, take an eighth of the time in
    which a kept answer is given.
    """
    gc.disable()
    return main(at_hand=_leave)


def _load_msgspec() -> None:
    """Load msgspec without typing_extensions, out of which it takes what Python's typing has from 3.11 on.

    Where that is installed, loading it takes a tenth of the time in which a kept answer is given.
    """
    modules: dict[str, Any] = sys.modules
    if "msgspec" in modules or "typing_extensions" in modules:
        return
    modules["typing_extensions"] = None
    try:
        import msgspec  # noqa: F401 - it is found among the modules
    finally:
        del modules["typing_extensions"]


def main(arguments: Sequence[str] | None = None, *, at_hand: Callable[[int], int] | None = None) -> int:
    """Run the command line (``sys.argv`` where no arguments are given); gives the exit status.

    ``at_hand`` is called with the status of an answer that was kept, or that a warm session gave.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    if sys.stderr is None:  # closed: nobody wants to be told
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - for as long as the program runs
    if sys.stdout is None:
        sys.stderr.write("crashdrive: standard output is closed: there is nowhere to write to\n")
        return EXIT_FAILED
    try:
        if at_hand is not None:
            _load_msgspec()
        for quickly in (said_before, run_warm):
            if (status := quickly(words)) is not None:
                return status if at_hand is None else at_hand(status)
        return _carried_out(words)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - before somebody guards: modules are loaded, say
        return _ended(error)


def _leave(status: int) -> int:
    """End the process; what it has written is out, and no child, thread or file of it waits for more."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _carried_out(words: list[str]) -> int:
    gc.enable()
    from crashdrive.cli._ending import guarded
    from crashdrive.cli._kept import remember
    from crashdrive.cli._root import root

    remember(words)
    return guarded(lambda: root.main(words, prog_name="crashdrive", standalone_mode=False))


def _ended(error: BaseException) -> int:
    from crashdrive.cli._ending import guarded

    def fail() -> None:
        raise error

    return guarded(fail)
