"""Files with modules' debug data: ``NAME.ko`` or ``NAME.ko.debug`` beside dump and vmlinux, or installed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

INSTALLED = "/usr/lib/debug/lib/modules"
"""Where packages put them, in a folder for each release."""
_ENDINGS = (".ko", ".ko.debug")


def names_of(module: str) -> list[str]:
    """What the file of a module may be called: the kernel's ``_`` may be ``-`` there."""
    return sorted({f"{name}{end}" for name in (module, module.replace("_", "-")) for end in _ENDINGS})


def module_files(paths: Iterable[str]) -> list[tuple[str, int, int]]:
    """What tells that such a file came, went or changed: path, bytes and time of each beside these paths.

    With them stands the folder where packages put theirs.
    """
    folders = dict.fromkeys(os.path.dirname(path) for path in paths)  # noqa: PTH120 - text, and fast
    found = [one for folder in folders for one in _listed(folder)]
    try:
        status = os.stat(INSTALLED)  # noqa: PTH116 - without pathlib's start
    except OSError:
        return found
    return [*found, (INSTALLED, 0, status.st_mtime_ns)]


def _listed(folder: str) -> Iterator[tuple[str, int, int]]:
    try:
        with os.scandir(folder or ".") as entries:
            named = sorted((one for one in entries if one.name.endswith(_ENDINGS)), key=lambda one: one.name)
            for entry in named:
                status = entry.stat()
                yield entry.path, status.st_size, status.st_mtime_ns
    except OSError:
        # what can't be listed can't be read either
        return
