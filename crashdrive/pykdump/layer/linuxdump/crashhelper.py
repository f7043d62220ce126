"""``LinuxDump.crashhelper``: commands of gdb and crash that run other programs (``!command``)."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crashdrive.pykdump.faults import CrashError
from crashdrive.pykdump.layer.execution import exec_crash_command, exec_gdb_command
from crashdrive.pykdump.layer.lazy import lazy_names


def run_command_with_file(func: Callable[[str], Any], command: str, file_content: str) -> str:
    """What a command printed and what it complained of; ``file_content`` is its standard input."""
    with tempfile.TemporaryDirectory(prefix="crashdrive-") as folder:
        output, errors, given = (Path(folder) / name for name in ("output", "errors", "input"))
        line = f"{command} > {output} 2> {errors}"
        if file_content:
            given.write_text(file_content, encoding="utf-8")
            line += f" < {given}"
        # nothing comes back to crash itself, which is an error to it
        with contextlib.suppress(CrashError):
            func(line)
        texts = [one.read_text("utf-8", "backslashreplace") for one in (output, errors) if one.exists()]
    return "".join(texts)


def run_command(func: Callable[[str], Any], command: str) -> str:
    """What a command printed."""
    return run_command_with_file(func, command, "")


def run_gdb_command(command: str) -> str:
    """What a command of gdb's printed."""
    return run_command(exec_gdb_command, command)


def run_crash_command(command: str) -> str:
    """What a command of crash's printed."""
    return run_command(exec_crash_command, command)


def run_gdb_command_with_file(command: str, file_content: str) -> str:
    """What a command of gdb's printed that had something to read."""
    return run_command_with_file(exec_gdb_command, command, file_content)


def run_crash_command_with_file(command: str, file_content: str) -> str:
    """What a command of crash's printed that had something to read."""
    return run_command_with_file(exec_crash_command, command, file_content)


__getattr__ = lazy_names(__name__, {})
