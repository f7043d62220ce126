"""Where a user's files lie: the base directories of the XDG specification.

Read here, as loading platformdirs takes a quarter of the time of a kept answer.
"""

from __future__ import annotations

import os


def caches() -> str:
    """``XDG_CACHE_HOME``, else ``~/.cache``."""
    return _base("XDG_CACHE_HOME", ".cache")


def settings() -> str:
    """``XDG_CONFIG_HOME``, else ``~/.config``."""
    return _base("XDG_CONFIG_HOME", ".config")


def _base(variable: str, usual: str) -> str:
    chosen = os.environ.get(variable, "").strip()
    # a relative path is to be ignored, says the specification
    return chosen if chosen.startswith("/") else f"{os.path.expanduser('~')}/{usual}"  # noqa: PTH111 - text
