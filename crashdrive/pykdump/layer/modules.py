"""Modules of the dump: their names, their debug data."""

from __future__ import annotations

import os
from typing import Any

from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.memo import kept, purge_typeinfo
from crashdrive.pykdump.layer.system import sys_info
from crashdrive.pykdump.run import current

_ENDINGS = (".ko.debug", ".o.debug", ".ko", ".o")


def lsModules() -> list[Any]:
    """The names of the loaded modules."""
    known = kept("modules")
    if "names" not in known:
        known["names"] = [module.name.string_() for module in current().kernel.for_each_module()]
    names: list[Any] = known["names"]
    return names


def possibleModuleNames(topdir: str | None, fbase: str) -> str | None:
    """The file of a module below a folder; None where there is none."""
    if topdir is None:
        return None
    for folder, _, files in os.walk(topdir, followlinks=False):
        for ending in _ENDINGS:
            if fbase + ending in files:
                return os.path.join(folder, fbase + ending)  # noqa: PTH118 - text, as PyKdump has it
    return None


def loadModule(modname: str, ofile: str | None = None, altname: str | None = None) -> bool:
    """Have crash load a module's debug data; False where it can't. ``altname``: the name in the dump."""
    loaded = kept("loaded")
    if modname in loaded:
        return bool(loaded[modname])
    name = altname or modname
    file = ofile or _found(modname)
    if file is None or name not in lsModules():
        return False
    try:
        text = current().commands.run(f"mod -s {name} {file}")
    except CrashError:
        text = ""
    loaded[modname] = "MODULE" in text
    purge_typeinfo()
    return bool(loaded[modname])


def _found(modname: str) -> str | None:
    for folder in sys_info()["debuginfo"]:
        for name in (modname, modname.replace("_", "-")):
            if file := possibleModuleNames(folder, name):
                return file
    return None


def delModule(modname: str) -> None:
    """Have crash forget a module's debug data."""
    if kept("loaded").pop(modname, None) is not None:
        current().commands.run(f"mod -d {modname}")
