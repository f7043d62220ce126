"""How every subcommand ends: the one place that turns what happened into a message and an exit status.

====  ==========================================================
0     done
1     the report or a command failed
2     usage
3     dump, vmlinux or crash unusable
4     a deadline passed
5     done, but the answer is marked as incomplete
130   interrupted
141   who read standard output went away (as other programs do)
====  ==========================================================
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from crashdrive.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, CrashdriveError
from crashdrive.render.output import is_terminal
from crashdrive.text import printable

EXIT_PIPE = 141


class PastClickError(Exception):
    """Carries its cause past click, which ends the program on some exceptions in its own way."""


# those who hear what is said: see `hearing`
_HEARERS: list[list[str]] = []


def say(message: str, *, passing: bool = False) -> None:
    """One line on standard error, safe for a terminal; ``passing``: no part of an answer."""
    line = f"crashdrive: {printable(message)}"
    if not passing:
        for heard in _HEARERS:
            heard.append(line)
    try:
        sys.stderr.write(f"{line}\n")
    except OSError:
        return  # nobody left to tell


@contextmanager
def hearing() -> Iterator[list[str]]:
    """The lines that are said meanwhile, as parts of an answer."""
    heard: list[str] = []
    _HEARERS.append(heard)
    try:
        yield heard
    finally:
        _HEARERS.remove(heard)


def guarded(work: Callable[[], Any]) -> int:
    """Do the work; its result is the exit status where it is an int."""
    try:
        status = work()
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - the outermost frame: everything ends here
        return _end(error)
    return status if isinstance(status, int) else EXIT_OK


def _end(error: BaseException) -> int:
    if isinstance(error, PastClickError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, BrokenPipeError):
        _drop_output()
        return EXIT_PIPE
    status, message = _verdict(error)
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()
    if status == EXIT_INTERRUPTED and is_terminal(sys.stderr):
        sys.stderr.write("\n")  # the terminal has echoed ^C
    if message:
        say(message)
    return status


def _verdict(error: BaseException) -> tuple[int, str | None]:
    if isinstance(error, (click.exceptions.Exit, click.ClickException)):
        return _click_verdict(error)
    if isinstance(error, CrashdriveError):
        return error.exit_status, str(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return EXIT_INTERRUPTED, "interrupted"
    if isinstance(error, OSError) and error.strerror:
        return EXIT_FAILED, ": ".join(str(part) for part in (error.filename, error.strerror) if part)
    return _unforeseen(error)


def _click_verdict(error: click.exceptions.Exit | click.ClickException) -> tuple[int, str | None]:
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code, None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE, None
    message = _usage(error) if isinstance(error, click.UsageError) else error.format_message()
    return EXIT_USAGE, message


def _usage(error: click.UsageError) -> str:
    place = error.ctx.command_path if error.ctx else "crashdrive"
    message = error.format_message().rstrip(".")
    return f"{message} (see {place} --help)"


def _unforeseen(error: BaseException) -> tuple[int, str | None]:
    if isinstance(error, SystemExit):
        if error.code is None or isinstance(error.code, int):
            return error.code or EXIT_OK, None
        return EXIT_FAILED, str(error.code)
    if os.environ.get("CRASHDRIVE_DEBUG"):
        sys.excepthook(type(error), error, error.__traceback__)
    return EXIT_FAILED, (
        f"a defect of crashdrive: {type(error).__name__}: {error} (CRASHDRIVE_DEBUG=1 shows the traceback)"
    )


def _drop_output() -> None:
    """Point standard output to nowhere, so that the interpreter's last flush can't fail."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return  # no real file behind it: nothing to redirect
