"""One run of a script: the dump, and all that the modules of PyKdump's API share while it lasts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from crashdrive.pykdump.programs import Programs

# what a run is asked for is loaded when it is asked for: a prompt stands at once
if TYPE_CHECKING:
    from crashdrive.linux.kernel import Kernel
    from crashdrive.pykdump.commands import Commands
    from crashdrive.pykdump.describe import Describer
    from crashdrive.pykdump.facts import Facts
    from crashdrive.pykdump.memory import Pages
    from crashdrive.pykdump.types import ScriptTypes


class Run:
    """A script's run. ``folder``: a checkout of PyKdump that it uses, None for crashdrive's own layer.

    ``old_names``: members of structures have the names, too, that they had in older kernels.
    """

    def __init__(self, crash: Any, folder: str | None = None, *, old_names: bool = False) -> None:
        self.crash = crash
        self._old_names = old_names
        self.folder = folder
        self.programs = Programs(folder)
        # what the API keeps between calls, by the part that keeps it
        self.kept: dict[str, Any] = {}

    @cached_property
    def kernel(self) -> Kernel:
        """The dump's kernel."""
        kernel: Kernel = self.crash.kernel
        return kernel

    @cached_property
    def commands(self) -> Commands:
        """crash's commands."""
        from crashdrive.pykdump.commands import Commands

        return Commands(self.crash.session, self.programs)

    @cached_property
    def pages(self) -> Pages:
        """Memory."""
        from crashdrive.pykdump.memory import Pages

        return Pages(self.kernel)

    @cached_property
    def types(self) -> ScriptTypes:
        """Types."""
        from crashdrive.pykdump.types import ScriptTypes

        return ScriptTypes(self.kernel)

    @cached_property
    def describer(self) -> Describer:
        """Types as dicts."""
        from crashdrive.pykdump.describe import Describer

        return Describer(self.types, old_names=self._old_names)

    @cached_property
    def facts(self) -> Facts:
        """Symbols, tasks, paths."""
        from crashdrive.pykdump.facts import Facts

        return Facts(self.kernel)


class NoRunError(RuntimeError):
    """The API was used while no script runs."""


_CURRENT: list[Run] = []


def is_running() -> bool:
    """Whether a script runs."""
    return bool(_CURRENT)


def current() -> Run:
    """The run that goes on; NoRunError where there is none."""
    if not _CURRENT:
        raise NoRunError("PyKdump's API is there while `crashdrive run` runs a script")
    return _CURRENT[-1]


def begin(run: Run) -> None:
    """Make a run the current one."""
    _CURRENT.append(run)


def end(run: Run) -> None:
    """The run is over."""
    _CURRENT.remove(run)
    if "commands" in vars(run):
        run.commands.close()
