"""Programs of a session: ``epython``, commands and aliases that programs are registered as.

All programs of a run share one ``__main__``, as they do inside crash: what one has left there the next one
sees.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import CodeType

from crashdrive.pykdump.faults import CrashError

EPYTHON = "epython"
USAGE = """Usage:
  epython [epythonoptions] [progname [progoptions] [progargs]]
    epythonoptions:
      -h, --help     this text
      -v, --version  report versions
      -p, --path     show Python's version and where modules are looked for
      -m             run a module of Python's own, as python -m does
      --ehelp        show the options that all programs have
"""
COMMON_OPTIONS = """Usage: epython <commonoptions> command ...

Options:
  --timeout=SECONDS  deadline of commands in the background (120)
  --maxel=COUNT      elements of a list that are read at most (10000)
  --usens=PID        look at the namespaces of that process
  --reload           forget what programs keep
  --ofile=FILE       print into a file
  --debug=LEVEL, --experimental, --dumpcache
"""
_HOOKS = ("enterepython", "exitepython")


def _compiled(path: Path) -> CodeType:
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True)


def named_folders() -> list[str]:
    """The folders of ``PYKDUMPPATH``, where programs and their modules are looked for."""
    return [folder for folder in os.environ.get("PYKDUMPPATH", "").split(os.pathsep) if folder]


class Programs:
    """Finds and runs programs. ``folder``: a checkout of PyKdump, whose ``progs`` are found, too."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._registered: dict[str, tuple[str, ...]] = {}
        self._aliases: dict[str, str] = {}
        # how a program becomes code, and how an error of one is told
        self.compiled: Callable[[Path], CodeType] = _compiled
        self.failed: Callable[[BaseException], None] | None = None

    # commands

    def names(self) -> list[str]:
        """``get_epython_cmds``: the commands that were registered."""
        return [EPYTHON, *self._registered]

    @property
    def aliases(self) -> dict[str, str]:
        """Aliases of commands that crash doesn't know, as ``epython ...``."""
        return dict(self._aliases)

    def register(self, command: str, *texts: str) -> bool:
        """``register_epython_prog``: make a program a command; False where there is one of the name."""
        if len(texts) != 3:
            raise CrashError("invalid parameter(s) type")
        if command in self._registered:
            return False
        self._registered[str(command)] = tuple(map(str, texts))
        return True

    def expanded(self, words: list[str]) -> list[str] | None:
        """The words of a program's command, an alias being written out; None for a command of crash's."""
        if words and words[0] in self._aliases:
            words = [*split(self._aliases[words[0]]), *words[1:]]
        return words if words and words[0] in self.names() else None

    def alias(self, words: list[str]) -> str | None:
        """Obey ``alias NAME COMMAND`` where the command is a program, which crash would refuse.

        What is to be printed; None where that is crash's own matter.
        """
        if len(words) < 3 or words[0] != "alias":
            return None
        text = " ".join(words[2:])
        if self.expanded(split(text)) is None:
            return None
        self._aliases[words[1]] = text
        return f"ORIGIN   ALIAS    COMMAND\nruntime  {words[1]:8s} {text}\n"

    def output(self, words: list[str]) -> str:
        """What a program prints."""
        import tempfile

        # a real file, as standard output is one: PyKdump's layer asks for its descriptor and reconfigures it
        with tempfile.TemporaryFile(
            "w+", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as printed:
            with redirect_stdout(printed), redirect_stderr(printed):
                self.execute(*words)
            printed.seek(0)
            return printed.read()

    # running

    def execute(self, *words: str) -> bool:
        """``exec_epython_command``: run a program with its arguments, in the ``__main__`` that there is.

        Whether it was found and ended well.
        """
        arguments = [str(word) for word in words]
        if arguments[:1] == [EPYTHON]:
            del arguments[0]
        if arguments and arguments[0].startswith("-"):
            return self._option(arguments)
        if not arguments:
            raise CrashError("You need to specify a program file")
        path = self.find(arguments[0])
        if path is None:
            print(f" Cannot find the program <{arguments[0]}>")  # noqa: T201 - as the extension does
            return False
        return self._with_arguments([str(path), *arguments[1:]], lambda: self.run_in_main(path))

    def _with_arguments(self, argv: list[str], work: Callable[[], bool]) -> bool:
        saved = sys.argv, list(sys.path), sys.stdout
        sys.argv = argv
        folder = str(Path(argv[0]).absolute().parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        call_hook("enterepython")
        try:
            return work()
        finally:
            call_hook("exitepython")
            sys.argv, sys.path[:], sys.stdout = saved

    def _option(self, arguments: list[str]) -> bool:
        """An option of ``epython`` itself."""
        name, *rest = arguments
        match name:
            case "-h" | "--help":
                print(USAGE, end="")  # noqa: T201 - as the extension does
            case "--ehelp":
                print(COMMON_OPTIONS, end="")  # noqa: T201 - as above
            case "-v" | "--version":
                from crashdrive._version import __version__

                print(f"crashdrive {__version__}, PyKdump's API as of 3.9.1")  # noqa: T201 - as above
            case "-p" | "--path":
                print(sys.version, sys.path, sep="\n")  # noqa: T201 - as above
            case "-m" if rest:
                return self._with_arguments(rest, lambda: self._module(rest[0]))
            case "-d" | "--debug" if len(rest) > 1:
                return self.execute(*rest[1:])
            case _:
                print(USAGE, end="")  # noqa: T201 - as above
                return False
        return True

    def _module(self, name: str) -> bool:
        import runpy

        return self._guarded(lambda: runpy.run_module(name, run_name="__main__", alter_sys=False))

    def run_in_main(self, path: Path) -> bool:
        """Run a program's text; sys.exit ends that program alone. Whether it ended well."""
        names = sys.modules["__main__"].__dict__
        before = names.get("__file__")
        names["__file__"] = str(path)
        try:
            return self._guarded(lambda: exec(self.compiled(path), names))  # noqa: S102 - a program of the user's
        finally:
            names["__file__"] = before

    def _guarded(self, work: Callable[[], object]) -> bool:
        try:
            work()
        except SystemExit as end:
            if isinstance(end.code, str):
                sys.stderr.write(f"{end.code}\n")
            elif end.code:
                print(f" -- sys.exit({end.code}) --")  # noqa: T201 - as the extension does
            return not end.code
        except Exception as error:
            if self.failed is None:
                raise
            self.failed(error)
            return False
        return True

    # finding

    def find(self, name: str) -> Path | None:
        """A program's file: as it is named, in ``PYKDUMPPATH``, on sys.path, among PyKdump's own."""
        file = name if name.endswith(".py") else f"{name}.py"
        folders = [""] if Path(name).is_absolute() else self._folders()
        places = [Path(folder or ".") / one for folder in folders for one in (name, file)]
        return next((place for place in places if place.is_file()), None)

    def _folders(self) -> list[str]:
        own = [str(Path(self._folder) / "progs")] if self._folder else []
        return ["", *named_folders(), *sys.path, *own]

    def known(self) -> Iterator[str]:
        """Names of programs that `find` finds in ``PYKDUMPPATH`` and among PyKdump's own."""
        for folder in self._folders():
            if folder in named_folders() or (self._folder and folder.startswith(self._folder)):
                yield from (path.stem for path in sorted(Path(folder).glob("*.py")))


def split(line: str) -> list[str]:
    """A line's words as crash takes it apart: quotes hold words together."""
    import shlex

    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


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
