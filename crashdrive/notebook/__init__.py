"""crashdrive in IPython and Jupyter: ``%load_ext crashdrive``. See docs/notebook.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext crashdrive``: the magics ``%dump``, ``%crash``, ``%report``; records as tables."""
    from crashdrive.notebook.magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext crashdrive``: the dump that ``%dump`` opened is closed."""
    from crashdrive.notebook.magics import unload

    unload(shell)
