"""Programs that programs start: ``exec_epython_command`` and commands that were registered as such.

All programs of a run share one ``__main__``, as they do inside crash: what one has left there the next one
sees.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from crashdrive.pykdump.faults import CrashError

_HOOKS = ("enterepython", "exitepython")


def _compiled(path: Path) -> CodeType:
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


class Programs:
    """Finds and runs programs. ``folder``: a checkout of PyKdump, whose ``progs`` are found, too."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._registered: dict[str, tuple[str, ...]] = {}
        # how a program becomes code
        self.compiled: Callable[[Path], CodeType] = _compiled

    def names(self) -> list[str]:
        """``get_epython_cmds``: the commands that were registered."""
        return ["epython", *self._registered]

    def register(self, command: str, *texts: str) -> bool:
        """``register_epython_prog``: make a program a command; False where there is one of the name."""
        if len(texts) != 3:
            raise CrashError("invalid parameter(s) type")
        if command in self._registered:
            return False
        self._registered[str(command)] = tuple(map(str, texts))
        return True

    def execute(self, *words: str) -> None:
        """``exec_epython_command``: run a program with its arguments, in the ``__main__`` that there is."""
        arguments = [str(word) for word in words]
        if arguments[:1] == ["epython"]:
            del arguments[0]
        if not arguments:
            raise CrashError("You need to specify a program file")
        path = self.find(arguments[0])
        if path is None:
            print(f" Cannot find the program <{arguments[0]}>")  # noqa: T201 - as the extension does
            return
        saved = sys.argv, list(sys.path)
        sys.argv = [str(path), *arguments[1:]]
        call_hook("enterepython")
        try:
            self.run_in_main(path)
        finally:
            call_hook("exitepython")
            sys.argv, sys.path[:] = saved[0], saved[1]

    def run_in_main(self, path: Path) -> None:
        """Run a program's text; sys.exit ends that program alone."""
        names = sys.modules["__main__"].__dict__
        before = names.get("__file__")
        names["__file__"] = str(path)
        code = self.compiled(path)
        try:
            exec(code, names)  # noqa: S102 - a program of the user's
        except SystemExit as end:
            if isinstance(end.code, int) and end.code > 0:
                print(f" -- sys.exit({end.code}) --")  # noqa: T201 - as the extension does
        finally:
            names["__file__"] = before

    def find(self, name: str) -> Path | None:
        """A program's file: as it is named, on sys.path, among PyKdump's own."""
        file = name if name.endswith(".py") else f"{name}.py"
        folders = ["", *sys.path] if not Path(name).is_absolute() else [""]
        if self._folder:
            folders.append(str(Path(self._folder) / "progs"))
        places = [Path(folder or ".") / one for folder in folders for one in (name, file)]
        return next((place for place in places if place.is_file()), None)


def call_hook(name: str) -> None:
    """Call what PyKdump's layer wants to be called before and behind a program."""
    hook = getattr(sys, name, None)
    if callable(hook):
        hook()


def drop_hooks() -> None:
    """Forget the hooks of a run that is over."""
    for name in _HOOKS:
        if hasattr(sys, name):
            delattr(sys, name)
