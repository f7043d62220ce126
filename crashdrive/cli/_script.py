"""A user's script: loaded, run, and what its end means."""

from __future__ import annotations

import hashlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, NamedTuple

import click

import crashdrive
from crashdrive.cli._ending import say
from crashdrive.errors import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, CrashdriveError
from crashdrive.records import Report, answered
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.pykdump.run import Run

_OURS = str(Path(crashdrive.__file__).parent) + os.sep
_PYTHONS = str(Path(os.__file__).parent) + os.sep
_INSTALLED = ("site-packages", "dist-packages")


class Script(NamedTuple):
    """A script that compiled; ``source``: its text, None where that was converted."""

    path: str
    code: CodeType
    digest: str
    source: bytes | None = None


def load(path: str) -> Script:
    """Read and compile a script, before any dump is opened; one in Python 2 is converted, which is said."""
    source = _source(path)
    found = _python_3(source, "<stdin>" if path == "-" else path)
    digest = hashlib.sha256(source).hexdigest()
    if isinstance(found, CodeType):
        return Script(path, found, digest, source)
    return Script(path, _converted(source, path, found), digest)


def _python_3(source: bytes, path: str) -> CodeType | SyntaxError | ValueError:
    """The code of a script in Python 3; what is wrong with one that isn't."""
    from crashdrive.pykdump import python2

    try:
        code: CodeType = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return error
    return SyntaxError(f"{path} is in Python 2") if python2.is_only_python_2(source) else code


def _converted(source: bytes, path: str, error: SyntaxError | ValueError) -> CodeType:
    """The code of a script in Python 2; the exit status 1 where it is none, or can't be told for sure."""
    from crashdrive.pykdump import python2

    text = _in_python_3(source, path)
    if text is None:
        show_traceback(error)
        raise click.exceptions.Exit(EXIT_FAILED) from error
    say(f"{printable(path)} is in Python 2: converted (--show-converted shows it)")
    return python2.compiled(text, path)


def _in_python_3(source: bytes, path: str) -> str | None:
    from crashdrive.pykdump import python2

    try:
        return python2.converted(source, path)
    except python2.UnsureError as error:
        say(
            f"{printable(path)}:{error.line}: {printable(error.reason)}: what it means in Python 3 isn't "
            "sure; convert this line by hand"
        )
        raise click.exceptions.Exit(EXIT_FAILED) from error


def show_converted(path: str) -> None:
    """Print a script as it is run: in Python 3."""
    source = _source(path)
    found = _python_3(source, path)
    if isinstance(found, CodeType):
        text: str | None = source.decode("utf-8", "backslashreplace")
    else:
        text = _in_python_3(source, path)
        if text is None:
            show_traceback(found)
            raise click.exceptions.Exit(EXIT_FAILED) from found
    sys.stdout.write(str(text))


def find(path: str, pykdump: str | None) -> str:
    """A script's path; of a checkout of PyKdump its programs are known by their names (``xportshow``)."""
    if pykdump is None:
        return path
    from crashdrive.pykdump.imports import check_checkout

    check_checkout(pykdump)
    own = Path(pykdump) / "progs" / (path if path.endswith(".py") else f"{path}.py")
    return str(own) if not Path(path).exists() and Path(path).name == path and own.is_file() else path


def _source(path: str) -> bytes:
    """A script's text; UsageError for what is none, which may be a dump of a hundred gigabytes."""
    if path == "-":
        return sys.stdin.buffer.read()
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - any file, also a pipe
            begin = file.read(1 << 16)
            if b"\0" not in begin:
                return begin + file.read()
    except OSError as error:
        raise click.UsageError(f"script {path}: {error.strerror}") from error
    raise click.UsageError(
        f"{printable(path)} is no Python script: the dump comes first, the script behind it"
    )


def run(
    script: Script,
    argv: Sequence[str],
    crash: Crash,
    form: str,
    pykdump: str | None = None,
    *,
    old_names: bool = False,
) -> int:
    """Run the script with ``crash`` as a global, print what its ``report`` returns; gives the exit status.

    ``pykdump``: the checkout of PyKdump that its imports are taken from, crashdrive's own layer where None;
    ``old_names``: as `crashdrive.pykdump.run.Run` has it.
    """
    from crashdrive.pykdump.imports import importable
    from crashdrive.pykdump.programs import call_hook

    module = as_main(script.path, argv)
    module.__dict__.update(crash=crash)
    try:
        with importable(crash, pykdump, old_names=old_names) as run:
            prepare(run, module)
            try:
                exec(script.code, module.__dict__)  # noqa: S102 - the user's own script, named by the user
            finally:
                call_hook("exitepython")
            return _whole(_report(module, crash, form), crash)
    except SystemExit as end:
        return _whole(_exit_status(end), crash)
    except BrokenPipeError:
        raise
    except CrashdriveError as error:
        show_traceback(error)
        return error.exit_status
    except Exception as error:  # noqa: BLE001 - whatever a script raises ends that script
        show_traceback(error)
        return EXIT_FAILED


def prepare(run: Run, module: ModuleType) -> None:
    """Have programs of a run loaded as scripts are, into a module that has what converted ones need."""
    from crashdrive.pykdump.python2 import helpers

    module.__dict__.update(helpers())
    run.programs.compiled = _compiled


def _compiled(path: Path) -> CodeType:
    """The code of a program that the script starts."""
    try:
        return load(str(path)).code
    except click.exceptions.Exit as end:
        # it was told what is wrong; the program ends, and what started it goes on
        raise SystemExit(end.exit_code) from end


def as_main(path: str, argv: Sequence[str]) -> ModuleType:
    """A new module ``__main__``, and the arguments that go with it."""
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.argv = list(argv)
    if not sys.flags.safe_path:
        sys.path.insert(0, str(Path(path).resolve().parent))
    return module


def _report(module: ModuleType, crash: Crash, form: str) -> int:
    function = getattr(module, "report", None)
    if not callable(function):
        return EXIT_OK
    value = function(crash)
    if value is None:
        return EXIT_OK
    from crashdrive.cli._answers import completeness
    from crashdrive.crash import doubted
    from crashdrive.render import Output, as_report, render

    sys.stdout.flush()
    name = Path(str(module.__file__)).stem
    value = as_report(value, name) or answered(value)
    if isinstance(value, Report):
        value = doubted(value, crash.health.of_memory)
    render(value, form, Output.standard(), name=name, dump=crash.identity)
    return completeness(value, str(module.__file__))


def _whole(status: int, crash: Crash) -> int:
    """The exit status, that of something incomplete where nothing that was read is to be trusted."""
    if status != EXIT_OK or not crash.health.of_memory:
        return status
    say(f"incomplete: {crash.health.of_memory[0].message}")
    return EXIT_INCOMPLETE


def _exit_status(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or EXIT_OK
    sys.stderr.write(f"{_safe(str(end.code))}\n")
    return EXIT_FAILED


def show_traceback(error: BaseException) -> None:
    """The traceback as far as it is the user's code: no frame of crashdrive itself or of Python's library."""
    shown = traceback.TracebackException.from_exception(error)
    if not os.environ.get("CRASHDRIVE_DEBUG"):
        _keep_users(shown)
    sys.stderr.write("".join(_safe(line) for line in shown.format()))


def _keep_users(shown: traceback.TracebackException | None) -> None:
    seen = set()
    while shown is not None and id(shown) not in seen:
        seen.add(id(shown))
        frames = [frame for frame in shown.stack if _is_users(frame.filename)]
        shown.stack = traceback.StackSummary.from_list(frames)
        shown = shown.__cause__ or shown.__context__


def _is_users(file: str) -> bool:
    if file.startswith((_OURS, "<frozen ")):
        return False
    return not file.startswith(_PYTHONS) or any(folder in file for folder in _INSTALLED)


def _safe(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))
