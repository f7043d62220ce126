"""A command line that was asked before, answered before click, rich or crash are loaded.

What a line printed depends on more than its words: see `surroundings`. All of it is part of the key.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.cache.answers import Answers

KEEPING = frozenset({"exec", "report", "run", "triage"})
"""The subcommands whose answers are kept."""
OFF = "CRASHDRIVE_NO_CACHE"
# an option that wants more than the answer, or another way to it
NOT_SO_FAST = frozenset(
    {"-h", "--help", "-v", "--verbose", "--no-cache", "--refresh", "--record", "--replay", "--list", "--all"}
)
# what the text or its colours, the choice of crash, or the names of files depend on
_ENVIRONMENT = (
    *("PATH", "HOME", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"),
    *("COLUMNS", "LINES", "LANG", "LC_ALL", "LC_CTYPE", "LC_TIME", "LC_NUMERIC", "TZ", "XDG_CONFIG_HOME"),
    *("PYTHONIOENCODING", "PYTHONPATH", "PYTHONUTF8", "TTY_COMPATIBLE", "TTY_INTERACTIVE"),
)
_OURS = "CRASHDRIVE_"
_OF_NO_MATTER = frozenset({"CRASHDRIVE_CACHE", "CRASHDRIVE_DEBUG", OFF})


def said_before(words: Sequence[str]) -> int | None:
    """Print what this line printed before, and give its exit status; None where that isn't certain."""
    if not words or os.environ.get(OFF) or not NOT_SO_FAST.isdisjoint(words):
        return None
    if not hasattr(sys.stdout, "buffer"):  # closed, or none that takes bytes
        return None
    # a dump in a command's place is triaged
    if words[0] not in KEEPING and not os.path.isfile(words[0]):  # noqa: PTH113 - without pathlib's start
        return None
    if any(word.startswith(("--record=", "--replay=")) for word in words):
        return None
    from crashdrive.cache.answers import Answers
    from crashdrive.cache.store import open_store

    if (store := open_store()) is None:
        return None
    answers = Answers(store)
    key = answers.key_of_line(line_key(words))
    status = None if key is None else give_again(answers, key)
    if status is not None:
        store.close()
    return status


def give_again(answers: Answers, key: str, *, verbose: bool = False) -> int | None:
    """Print a kept answer, and give its exit status; None where there is none that still holds."""
    from crashdrive.cache.answers import age

    began = time.monotonic()
    found = answers.find(key)
    if found is None or found.binaries != candidates(found.chosen):
        return None
    pieces = found.pieces()
    try:
        first = next(pieces, b"")
    except ValueError:
        return None
    sys.stdout.flush()
    sys.stdout.buffer.write(first)
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.flush()
    for line in found.said if sys.stderr is not None else ():
        sys.stderr.write(f"{line}\n")
    if verbose:
        sys.stderr.write(
            f"crashdrive: out of the store in {time.monotonic() - began:.3f} s; it was made "
            f"{age(found)} ago in {found.seconds:.1f} s (--refresh makes it anew)\n"
        )
    return found.status


def line_key(words: Sequence[str]) -> str:
    """The key of a command line as it stands, in this folder."""
    from crashdrive.cache.answers import question_key

    try:
        folder = os.getcwd()  # noqa: PTH109 - as it is, and fast
    except FileNotFoundError:  # it was removed
        folder = ""
    return question_key((list(words), folder, surroundings()))


def surroundings() -> list[object]:
    """What an answer's text depends on beside the question: code, environment, and where it is shown."""
    from crashdrive.cache.code import code_digest, own_files

    environment = {name: os.environ.get(name) for name in _ENVIRONMENT}
    environment |= {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_OURS) and name not in _OF_NO_MATTER
    }
    shown, columns = sys.stdout.isatty(), None
    if shown:
        import shutil

        columns = shutil.get_terminal_size((80, 24)).columns
    return [
        code_digest(),
        own_files(),
        sorted((name, value) for name, value in environment.items() if value is not None),
        [shown, columns, sys.stdout.encoding],
        sys.stdout.errors,
    ]


def candidates(chosen: Sequence[str]) -> tuple[str, ...] | None:
    """The crash binaries that there are to choose from; None where there is none.

    A script says nothing of the program that it starts: with its path stands what that says of itself.
    """
    from crashdrive.errors import CrashdriveError
    from crashdrive.session.binaries import binary_paths

    try:
        return tuple(
            f"{path} {_version(path)}" if _is_script(path) else path for path in binary_paths(chosen)
        )
    except (CrashdriveError, OSError):
        return None


def _is_script(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123 - without pathlib's start
        return file.read(2) == b"#!"


def _version(path: str) -> str:
    from pathlib import Path

    from crashdrive.session.binaries import inspect

    found = inspect(Path(path))
    return f"{found.version} {found.gdb_version}"
