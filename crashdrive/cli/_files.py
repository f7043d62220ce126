"""Files that a subcommand writes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from crashdrive.errors import UsageError
from crashdrive.render import Output


def write_file(path: Path, content: Callable[[Output], None]) -> None:
    """A file, whole or not at all; one of that name is replaced, a link of that name too."""
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with open(number, "w", encoding="utf-8", errors="backslashreplace") as stream:  # noqa: PTH123 - a number
                content(Output(stream))
            os.replace(name, path)  # noqa: PTH105 - names
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(f"can't write {str(path)!a}: {error.strerror}") from error
