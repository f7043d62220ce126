"""A user's script over each dump of a batch: what it prints is kept beside the triage."""

from __future__ import annotations

import contextlib
import io
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from crashdrive.errors import EXIT_FAILED, EXIT_INCOMPLETE, EXIT_OK, CrashdriveError

if TYPE_CHECKING:
    from crashdrive.crash import Crash

_MOST = 8 << 20  # characters that are kept of what a script prints


def run_script(words: Sequence[str], crash: Crash) -> dict[str, Any]:
    """Run a script with ``crash`` as a global; its exit status, what it printed, what its report() gave.

    What ``report(crash)`` returns is kept as the JSON of a report or of rows, under ``report``.
    """
    out, err = io.StringIO(), io.StringIO()
    document: Any = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status, document = _run(words, crash)
    kept: dict[str, Any] = {"script": Path(words[0]).name, "status": status}
    return {**kept, "stdout": out.getvalue()[:_MOST], "stderr": err.getvalue()[:_MOST], "report": document}


def _run(words: Sequence[str], crash: Crash) -> tuple[int, Any]:
    module = ModuleType("__main__")
    module.__file__ = words[0]
    module.__dict__.update(__builtins__=__builtins__, crash=crash)
    sys.modules["__main__"] = module
    sys.argv = list(words)
    sys.path.insert(0, str(Path(words[0]).resolve().parent))
    try:
        code = compile(Path(words[0]).read_bytes(), words[0], "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - the user's own script, named by the user
        return _reported(module, crash)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return EXIT_FAILED, None
        return end.code or EXIT_OK, None
    except CrashdriveError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_status, None
    except Exception:  # noqa: BLE001 - whatever a script raises ends that script
        sys.stderr.write(traceback.format_exc())
        return EXIT_FAILED, None


def _reported(module: ModuleType, crash: Crash) -> tuple[int, Any]:
    function = getattr(module, "report", None)
    if not callable(function):
        return EXIT_OK, None
    value = function(crash)
    if value is None:
        return EXIT_OK, None
    from crashdrive.records import Answer, Report, answered, to_builtins
    from crashdrive.render import as_report, as_rows

    value = as_report(value, Path(str(module.__file__)).stem) or answered(value)
    whole = not isinstance(value, (Answer, Report)) or value.complete
    given = value.builtins() if isinstance(value, Report) else to_builtins(as_rows(value))
    return EXIT_OK if whole else EXIT_INCOMPLETE, given
