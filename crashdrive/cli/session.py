"""``crashdrive session``: one crash kept warm behind a socket of the user's own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._groups import NearGroup
from crashdrive.cli._live import refuse_live
from crashdrive.cli._opening import (
    Target,
    crash_option,
    debug_dir_option,
    format_option,
    say_what_is_logged,
    take_files,
    timeout_option,
    verbose_option,
)
from crashdrive.errors import EXIT_FAILED, EXIT_OK, DumpError, UsageError
from crashdrive.render import FORMATS

if TYPE_CHECKING:
    from crashdrive.session.session import Session
    from crashdrive.session.warm.look import Seen
    from crashdrive.session.warm.server import Server, Told

_HELP = """Keep one crash on a dump, ready for the next command line.

`run`, `report`, `exec` and `triage` of that dump then start no crash: they find
the session by the dump itself (its file and contents), whatever its name, and
print the same, but that gdb's $1, $2, ... count on. Clients are served in turn;
what one of them sets (a context, a radix, gdb's settings, symbols of modules)
no other sees. Only you can reach it.

\b
Examples:
  crashdrive session start vmcore       crash starts once, here
  crashdrive exec vmcore 'p jiffies'    a tenth of a second
  crashdrive session list               which there are, what memory they take
  crashdrive session stop vmcore        --all: every one
  crashdrive exec --no-session vmcore ps  without it, as ever

A session ends by itself when nothing was asked for --idle, and when its dump is
changed. CRASHDRIVE_SESSION=off uses none.
"""
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
IDLE = 1800.0
"""Seconds without a request after which a session ends, where nothing else is said."""
_READY = b"+"


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """``30m``, ``2h``, ``90`` (seconds) in seconds."""
        found = re.fullmatch(r"(\d{1,9})([smhd]?)", str(value))
        if found is None:
            self.fail(f"{value!a} is no time such as 90s, 30m or 2h (0: without end)", param, ctx)
        return float(int(found[1]) * _UNITS[found[2]])


def _start(
    words: tuple[str, ...],
    idle: float,
    foreground: bool,  # noqa: FBT001 - click's
    ready_fd: int | None,
    verbose: bool,  # noqa: FBT001 - click's
    **options: Any,
) -> int:
    """Start crash on a dump, and keep it for the command lines that follow.

    Comes back as soon as crash is at its prompt.
    """
    from crashdrive.session.warm.place import dump_key

    target = take_files(words)
    if target.rest:
        raise UsageError(f"what is {target.rest[0]!a}? a session takes a dump (and its vmlinux), no commands")
    refuse_live(target.vmcore, "no crash is kept on it, each command line starts its own")
    say_what_is_logged(verbose=verbose)
    key = dump_key(target.vmcore or "")
    if key is None:
        raise DumpError(f"{target.vmcore!a} is no dump that can be read: a session is kept on a file")
    if not foreground:
        return in_background(key, words, idle, {**options, "verbose": verbose})
    return _serve(key, target, idle, ready_fd, {**options, "verbose": verbose})


def in_background(key: str, words: Sequence[str], idle: float, options: dict[str, Any]) -> int:
    """A process of its own that serves; it tells when crash is up."""
    if (status := _is_there(key)) is not None:
        return status
    receiver, sender = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "crashdrive", "session", "start", "--foreground"),
            *("--ready-fd", str(sender), "--idle", f"{idle:.0f}", "--timeout", str(options["timeout"])),
            *(word for path in options["crash_binaries"] for word in ("--crash", path)),
            *(word for path in options["debug_dirs"] for word in ("--debug-dir", path)),
            *(["--verbose"] if options["verbose"] else []), "--", *words,
        ],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=(sender,), start_new_session=True,
    )  # fmt: skip
    os.close(sender)
    try:
        came_up = os.read(receiver, 1) == _READY
    except BaseException:
        process.terminate()
        process.wait()
        raise
    finally:
        os.close(receiver)
    if not came_up:
        status = process.wait()
        return status if status > 0 else EXIT_FAILED
    process.returncode = 0  # it lives on
    return EXIT_OK


def _is_there(key: str) -> int | None:
    """0 where this dump has a session that can be used, None where it has none; another one is ended."""
    from crashdrive.session.warm.look import end, sessions

    found = next((seen for seen in sessions() if seen.key == key), None)
    if found is None:
        return None
    if (against := found.against) is None:
        say(f"process {found.pid} keeps crash ready for this dump already")
        return EXIT_OK
    say(f"the session of process {found.pid} is ended: {against}")
    return None if end(found) else EXIT_FAILED


def _serve(key: str, target: Target, idle: float, ready_fd: int | None, options: dict[str, Any]) -> int:
    from crashdrive.session.warm.place import HeldLockError, opened_folder
    from crashdrive.session.warm.server import served

    with opened_folder(make=True) as folder:
        if folder is None:
            raise UsageError("no folder for sockets: CRASHDRIVE_CACHE=off, and XDG_RUNTIME_DIR names none")
        try:
            with (
                served(key, folder, lambda: _opened(target, idle, options)) as server,
                _stopped_by(server.stop),
            ):
                _tell_ready(server, target, ready_fd)
                why = server.serve()
        except HeldLockError:
            say("another process keeps crash ready for this dump, or is about to")
            return EXIT_FAILED
    say(f"the session ends: {why}", passing=True)
    return EXIT_OK


def _opened(target: Target, idle: float, options: dict[str, Any]) -> tuple[Session, Told]:
    """A crash with all its tables, and what its server has to know."""
    from crashdrive.crash import open_dump
    from crashdrive.render.progress import waiting
    from crashdrive.session.binaries import binary_paths
    from crashdrive.session.warm.server import Told

    began = time.monotonic()
    with waiting(f"opening {target.vmcore}"):
        crash = open_dump(
            target.vmlinux,
            target.vmcore,
            crash=options["crash_binaries"],
            debug_dirs=options["debug_dirs"],
            timeout=options["timeout"],
            cache=False,  # crash itself is wanted, and at once
            notify=say if options["verbose"] else lambda _line: None,
        )
    for warning in crash.health.warnings:
        say(f"warning: {warning.message}")
    told = Told(idle, binary_paths(options["crash_binaries"]), time.monotonic() - began)
    return crash.session, told


def _tell_ready(server: Server, target: Target, ready_fd: int | None) -> None:
    told = server.told(0)
    memory = f"{(told.crash_memory or 0) >> 20} MiB, and {(told.server_memory or 0) >> 20} MiB for the server"
    say(
        f"process {os.getpid()} keeps crash ready for {target.vmcore} ({memory}); "
        "crashdrive session stop ends it"
    )
    if ready_fd is None:
        return
    os.write(ready_fd, _READY)
    os.close(ready_fd)
    # who started it goes on, and may close its terminal
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.chdir("/")


@contextlib.contextmanager
def _stopped_by(stop: Callable[[], None]) -> Iterator[None]:
    """^C, the end of the terminal and ``kill`` end the session in an orderly way."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _list(form: str) -> int:
    """The sessions there are: memory in bytes, times in seconds; whether this crashdrive can use them."""
    from crashdrive.records import Report, Table
    from crashdrive.render import Output, render
    from crashdrive.session.warm.look import sessions

    rows = [_row(seen) for seen in sessions()]
    columns = ("pid", "crash_memory", "server_memory", "idle", "idle_limit", "clients", "usable", "vmcore")
    table = Table(name="sessions", rows=rows, columns=columns)
    render(Report(report="session", tables=(table,)), form, Output.standard())
    return EXIT_OK


def _row(seen: Seen) -> dict[str, Any]:
    told, welcome = seen.told, seen.welcome
    against = seen.against
    row: dict[str, Any] = {"pid": seen.pid, "vmcore": seen.vmcore, "usable": against is None}
    if against is not None:
        row["trouble"] = against
    if welcome is not None:
        row |= {"vmlinux": welcome.identity.get("vmlinux"), "crash": welcome.binary}
    if told is None:
        return row
    return {
        **row,
        "crash_pid": told.crash_pid,
        "crash_memory": told.crash_memory,
        "server_memory": told.server_memory,
        "started": datetime.fromtimestamp(told.started, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "idle": round(told.idle),
        "idle_limit": round(told.idle_limit),
        "clients": told.clients,
        "requests": told.requests,
        "restarts": told.restarts,
        "holder": told.holder,
    }


def _stop(dumps: tuple[str, ...], every: bool) -> int:  # noqa: FBT001 - click's
    """End the session of each dump that is named, or all with --all; crash ends with it."""
    from crashdrive.session.warm.look import end, session_of, sessions

    if every == bool(dumps):
        raise UsageError("name a dump whose session is to end, or --all")
    found = list(sessions()) if every else [(session_of(take_files((dump,)).vmcore or "")) for dump in dumps]
    status = EXIT_OK
    for dump, seen in zip(dumps or [""] * len(found), found, strict=True):
        if seen is None:
            say(f"there is no session of {dump}")
            status = EXIT_FAILED
        elif end(seen):
            say(f"ended: process {seen.pid}, {seen.vmcore or 'which did not answer'}")
        else:
            say(f"process {seen.pid} could not be ended")
            status = EXIT_FAILED
    return status


command = NearGroup(
    "session", help=_HELP, short_help="Keep a crash ready between runs.", no_args_is_help=True
)
command.add_command(
    click.Command(
        "start",
        callback=_start,
        help=_start.__doc__,
        short_help="Start crash on a dump, and keep it.",
        params=[
            click.Option(
                ["--idle"],
                type=_Duration(),
                default="30m",
                show_default=True,
                metavar="TIME",
                help="Without a request for so long it ends (90s, 30m, 2h; 0: never).",
            ),
            click.Option(
                ["--foreground"], is_flag=True, help="Serve in this process (for systemd); ^C ends it."
            ),
            click.Option(["--ready-fd"], type=int, hidden=True),
            crash_option("crash binary to use, as of exec; clients must mean the same."),
            debug_dir_option("Look there, too, for the vmlinux that belongs to the dump."),
            timeout_option("Deadline of what brings crash into its first state."),
            verbose_option("Say how the dump was opened."),
            click.Argument(
                ["words"], nargs=-1, required=True, metavar="[VMLINUX] VMCORE", shell_complete=files
            ),
        ],
    )
)
command.add_command(
    click.Command(
        "list",
        callback=_list,
        help=_list.__doc__,
        short_help="The sessions there are, and their memory.",
        params=[format_option(FORMATS, "table")],
    )
)
command.add_command(
    click.Command(
        "stop",
        callback=_stop,
        help=_stop.__doc__,
        short_help="End the sessions of dumps.",
        params=[
            click.Option(["--all", "every"], is_flag=True, help="Every one."),
            click.Argument(["dumps"], nargs=-1, metavar="VMCORE...", shell_complete=files),
        ],
    )
)
