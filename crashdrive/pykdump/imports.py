"""PyKdump's modules, importable while a script runs, and no longer.

``crash`` is ours; ``pykdump``, ``LinuxDump`` and ``Crashlib`` are those of a checkout that the user names, or
crashdrive's own layer. A module of that name beside the script, or on the path, goes before ours; a folder
of that name without ``__init__.py`` (``/var/crash`` beside a script in ``/var``) is none.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from crashdrive.errors import ArgumentError
from crashdrive.pykdump import python2_modules
from crashdrive.pykdump.programs import drop_hooks, named_folders
from crashdrive.pykdump.run import Run, begin, end

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # as in python2_modules
    Loader = MetaPathFinder = object

NAMES = ("crash", "pykdump", "LinuxDump", "Crashlib")


def is_ours(name: str) -> bool:
    """Whether a module's name is one of PyKdump's."""
    return name.partition(".")[0] in NAMES


class Finder(MetaPathFinder):
    """Finds crashdrive's own modules of PyKdump's names."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - part of the protocol
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> importlib.machinery.ModuleSpec | None:
        """A module of ours; None for all others."""
        if fullname == "crash":
            from crashdrive.pykdump.lowlevel import CrashModule

            return importlib.util.spec_from_loader(fullname, _Ready(CrashModule(self._run)))
        if self._run.folder or not is_ours(fullname):
            return None
        from crashdrive.pykdump.layer import made

        module, is_package = made(fullname)
        if module is None:
            return None
        return importlib.util.spec_from_loader(fullname, _Ready(module), is_package=is_package)


class _Ahead(MetaPathFinder):
    """Finds ours where the path has a mere folder, which Python would take for a namespace package."""

    def __init__(self, ours: Finder) -> None:
        self._ours = ours

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        """A module of ours in place of such a folder; None for all others."""
        if fullname not in NAMES:
            return None
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        return self._ours.find_spec(fullname) if found is not None and found.loader is None else None


class _Ready(Loader):
    """Gives a module that is made already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:  # noqa: ARG002 - protocol
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run."""


@contextlib.contextmanager
def importable(crash: Any, folder: str | None = None, *, old_names: bool = False) -> Iterator[Run]:
    """PyKdump's modules are there for a script; ``folder``: a checkout of PyKdump whose modules are taken."""
    if folder is not None:
        check_checkout(folder)
    run = Run(crash, folder, old_names=old_names)
    finder = Finder(run)
    ahead = _Ahead(finder)
    users = python2_modules.Finder()
    path = list(sys.path)
    stale = {name: sys.modules.pop(name) for name in list(sys.modules) if is_ours(name)}
    begin(run)
    sys.meta_path.append(finder)
    sys.meta_path[:0] = [users, ahead]
    sys.path[1:1] = named_folders()
    if folder is not None:
        here = Path(folder).absolute()
        sys.path[:0] = [str(here), str(here / "progs")]
        # modules by others that the extension carries with it: nfsshow wants one
        sys.path.append(str(here / "dist-packages"))
    try:
        yield run
    finally:
        sys.meta_path.remove(finder)
        sys.meta_path.remove(ahead)
        sys.meta_path.remove(users)
        sys.path[:] = path
        for name in [name for name in sys.modules if is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(stale)
        drop_hooks()
        end(run)


def check_checkout(folder: str) -> None:
    """ArgumentError for a folder that is no checkout of PyKdump."""
    if not (Path(folder) / "pykdump" / "API.py").is_file():
        raise ArgumentError(
            f"--pykdump {folder!a}: no pykdump/API.py there; name the folder of a PyKdump checkout"
        )
