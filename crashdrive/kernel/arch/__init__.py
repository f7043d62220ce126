"""Architectures, a folder each, found by ELF's number of the machine.

A folder ``NAME`` has ``ARCHITECTURE``, a `crashdrive.kernel.arch.base.Architecture`.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.kernel.arch.base import Architecture


@cache
def architecture(machine: str | None) -> Architecture | None:
    """The architecture of an ELF number (``62``); None where there is no folder for it."""
    for module in pkgutil.iter_modules(__path__):
        if module.ispkg:
            known: Architecture = importlib.import_module(f"{__name__}.{module.name}").ARCHITECTURE
            if str(known.machine) == machine:
                return known
    return None
