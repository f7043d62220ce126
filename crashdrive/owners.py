"""Who is to be told of a crash: the owners file, lines of ``MODULE[!FUNCTION] = WHO``.

::

    # the file's own name for what is built into the kernel is kernel
    nvme*             = storage@example.com
    kernel!tcp_*      = net@example.com
    kernel            = core@example.com
    *                 = nobody in particular

Module and function are patterns (``*``, ``?``, ``[...]``); ``-`` and ``_`` are the same in names of modules.
The line that says most counts: one with a function before one without, then the one with more letters that
are no pattern, then the first. The file is ``CRASHDRIVE_OWNERS``, else ``owners`` in crashdrive's folder
(``~/.config/crashdrive``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from crashdrive.errors import UsageError
from crashdrive.plugins import plugin_folder
from crashdrive.text import printable

KERNEL = "kernel"
_LARGEST = 1 << 20
_LINE = re.compile(r"(?P<module>[^\s!=]+)(?:\s*!\s*(?P<function>[^\s!=]+))?\s*=\s*(?P<who>\S.*)")
_PATTERN = re.compile(r"[*?]|\[[^\]]*\]")


class OwnerLine(NamedTuple):
    """A line: patterns of module and function (None: any), and who that is."""

    module: str
    function: str | None
    who: str

    def fits(self, module: str, function: str) -> bool:
        """Whether it is about a function of a module."""
        return fnmatchcase(module, self.module) and (
            self.function is None or fnmatchcase(function, self.function)
        )

    @property
    def weight(self) -> tuple[bool, int, int]:
        """How much it says."""
        return (
            self.function is not None,
            len(_PATTERN.sub("", self.module)),
            len(_PATTERN.sub("", self.function or "")),
        )


class Owners(NamedTuple):
    """The lines of an owners file."""

    lines: tuple[OwnerLine, ...]

    def owner(self, module: str | None, function: str | None) -> str | None:
        """Who owns a function; ``module`` None is the kernel itself. None where no line tells."""
        if function is None and module is None:
            return None
        names = _same(module or KERNEL), function or ""
        found = [line for line in self.lines if line.fits(*names)]
        return max(found, key=lambda line: line.weight).who if found else None


def read_owners(text: str, name: str) -> Owners:
    """The owners in a text; UsageError, with the file's name and the line, for what is no such line."""
    return Owners(tuple(_read(text.splitlines(), name)))


def _read(lines: Iterable[str], name: str) -> Iterable[OwnerLine]:
    for number, line in enumerate(lines, 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        hit = _LINE.fullmatch(said)
        if hit is None:
            raise UsageError(f"{name}: line {number}: expected MODULE[!FUNCTION] = WHO: {printable(said)!a}")
        yield OwnerLine(_same(hit["module"]), hit["function"], hit["who"].strip())


def _same(module: str) -> str:
    """A module's name as the kernel has it; brackets of a pattern stay as they are."""
    return module if "[" in module else module.replace("-", "_")


def owners() -> Owners:
    """The owners that this user has written down; none where there is no file.

    UsageError for a file that can't be read or that holds something else.
    """
    named = os.environ.get("CRASHDRIVE_OWNERS", "")
    folder = plugin_folder()
    path = Path(named) if named else folder / "owners" if folder else None
    if path is None or not (named or path.is_file()):
        return Owners(())
    try:
        size = path.stat().st_size
        if size > _LARGEST:
            raise UsageError(f"{path}: {size} bytes are no owners file (at most {_LARGEST})")
        return _cached(path.read_text(encoding="utf-8", errors="backslashreplace"), str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error} (owners file)") from error


@lru_cache(maxsize=4)
def _cached(text: str, name: str) -> Owners:
    return read_owners(text, name)
