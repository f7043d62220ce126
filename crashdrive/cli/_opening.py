"""What all subcommands that need a dump share: their options, the files that they name, the session."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from crashdrive.cli._complete import Items, files, folders, names
from crashdrive.cli._ending import say
from crashdrive.dump.live import LIVE, SOURCES, live_source
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.cli._witness import Witness
    from crashdrive.crash import Crash

_ELF = b"\x7fELF"
_ET_CORE = 4
_BOOT_MAGIC = b"HdrS"  # a bootable vmlinuz: the user means the kernel, and is told what is wrong with it


class Target(NamedTuple):
    """The files that a command line named, and what is left of it."""

    vmlinux: str | None
    vmcore: str | None
    rest: tuple[str, ...]


def session_options() -> list[click.Parameter]:
    """Options of every subcommand that opens a dump."""
    return [
        crash_option(
            "crash binary to use; can be given several times, the first that knows all of the dump is taken "
            "(default: CRASHDRIVE_CRASH, then PATH)."
        ),
        debug_dir_option("Look there, too, for the vmlinux that belongs to the dump."),
        timeout_option("Deadline of each command."),
        click.Option(
            ["--record"],
            metavar="FILE",
            shell_complete=files,
            help="Write the session to FILE, for --replay.",
        ),
        click.Option(
            ["--replay"],
            metavar="FILE",
            shell_complete=files,
            help="Answer out of a recorded session: needs no crash and no dump.",
        ),
        click.Option(
            ["--side-channel/--no-side-channel"],
            default=True,
            help="Whether bulk memory goes through a private FIFO (default) or the terminal.",
        ),
        click.Option(
            ["--no-cache", "no_cache"],
            is_flag=True,
            help="Look up no kept answer, and keep none (also: CRASHDRIVE_NO_CACHE=1).",
        ),
        click.Option(
            ["--refresh"], is_flag=True, help="Make the answer anew, and keep it in place of the kept one."
        ),
        click.Option(
            ["--session/--no-session"],
            default=True,
            help="Whether a warm session of this dump is used (default; see crashdrive session).",
        ),
        click.Option(
            ["--host"],
            metavar="[USER@]HOST",
            help="The files are on this host, and crash runs there, over ssh; --crash and --debug-dir are "
            "paths there (docs/remote.md).",
        ),
        click.Option(
            ["--ssh-option", "ssh_options"],
            multiple=True,
            metavar="OPTION",
            help="An option of ssh, as its -o: Port=2222, ProxyJump=gate; can be given several times.",
        ),
        click.Option(
            ["--identity"],
            metavar="FILE",
            shell_complete=files,
            help="The key to show to --host, as ssh's -i.",
        ),
        verbose_option(
            "Say on stderr how the dump was opened, what crash was asked, and what each step took."
        ),
    ]


def crash_option(shown: str) -> click.Option:
    """``--crash``, once for each binary."""
    return click.Option(
        ["--crash", "crash_binaries"], multiple=True, metavar="PATH", shell_complete=files, help=shown
    )


def debug_dir_option(shown: str) -> click.Option:
    """``--debug-dir``, once for each folder."""
    return click.Option(
        ["--debug-dir", "debug_dirs"], multiple=True, metavar="DIR", shell_complete=folders, help=shown
    )


def timeout_option(shown: str) -> click.Option:
    """``--timeout``, in seconds."""
    return click.Option(
        ["--timeout"],
        type=click.FloatRange(min=0, min_open=True),
        default=120.0,
        show_default=True,
        metavar="SECONDS",
        help=shown,
    )


def verbose_option(shown: str) -> click.Option:
    """``-v``, which is no report's."""
    return click.Option(["-v", "--verbose"], is_flag=True, help=shown)


def format_option(formats: Sequence[str], default: str | None, shown: str | None = None) -> click.Option:
    """``--format``; ``shown`` is what the help says of the default."""
    return click.Option(
        ["--format", "form"],
        type=click.Choice(list(formats)),
        default=default,
        show_default=shown or True,
        help="How the output is written.",
    )


def files_of(words: Sequence[str], options: dict[str, Any]) -> Target:
    """As `take_files`, with the options of `session_options`: on another host where they name one.

    The connection to that is put among the options, for `opened`.
    """
    if options["host"] is None:
        if options["ssh_options"] or options["identity"]:
            raise click.UsageError("--ssh-option and --identity go with --host")
        return take_files(words, replay=options["replay"])
    if options["replay"]:
        raise click.UsageError("--replay needs no --host")
    from crashdrive.render.progress import waiting
    from crashdrive.session.remote.host import Host
    from crashdrive.session.remote.link import Link
    from crashdrive.session.remote.target import kind_of

    host = Host(options["host"], options["ssh_options"], options["identity"])
    link = Link(host, _say_meanwhile if options["verbose"] else _say_nothing)
    with waiting(f"connecting to {host}"), step("connected"):
        kinds = dict(zip(words[:2], map(kind_of, link.look_first(words[:2])), strict=False)) if words else {}
    options["link"] = link
    return take_files(words, kind=lambda word: kinds.get(word, "missing"))


def take_files(
    words: Sequence[str], *, replay: str | None = None, kind: Callable[[str], str] | None = None
) -> Target:
    """``[VMLINUX] VMCORE rest...`` (in either order), told apart by what the files hold.

    With a replay no file has to be named; those that are there are taken all the same. ``kind`` says what a
    path is, `file_kind` where it is None. The vmlinux of the kernel that runs here, alone, means that kernel,
    as for crash.
    """
    words, kind = tuple(words), kind or file_kind
    if replay is not None and not (words and kind(words[0]) in ("vmlinux", "dump")):
        return Target(None, None, words)
    if not words:
        raise click.UsageError("Missing argument VMCORE")
    first = kind(words[0])
    second = kind(words[1]) if len(words) > 1 else "missing"
    if first == "vmlinux":
        if len(words) == 1 and kind is file_kind and _is_running(words[0]):
            return Target(words[0], SOURCES[0], ())
        if len(words) == 1 or second == "vmlinux":
            raise click.UsageError(f"{words[0]!a} is a vmlinux; the dump (VMCORE) is missing")
        return Target(words[0], words[1], words[2:])
    if second == "vmlinux":
        return Target(words[1], words[0], words[2:])
    if second == "dump" and first != "dump":  # the first is meant as a vmlinux, and will be refused as one
        return Target(words[0], words[1], words[2:])
    return Target(None, words[0], words[1:])


def _is_running(path: str) -> bool:
    from crashdrive.dump.find import is_running

    return is_running(path)


def complete_commands(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """What may stand next of ``[VMLINUX] VMCORE COMMAND...``: a file, a command, or either."""
    from crashdrive.commands import command_names

    words = ctx.params.get("words") or ()
    kind = file_kind(words[0]) if words else "none"
    if kind == "vmlinux" and len(words) == 1:
        return files(ctx, param, incomplete)
    path = files(ctx, param, incomplete) if len(words) < 2 else []
    if kind == "none" and not ctx.params.get("replay"):
        return path
    return [*path, *names(sorted((*command_names(), "union")), incomplete)]


def file_kind(path: str) -> str:
    """What a path plainly is: ``vmlinux``, ``dump``, ``other`` or ``missing``; a live kernel is a dump."""
    if path.startswith("/") and live_source(path) is not None:
        return "dump"
    try:
        if not Path(path).is_file():
            return "other" if Path(path).exists() else "missing"
        with Path(path).open("rb") as file:
            head = file.read(0x206)
    except (OSError, ValueError):
        return "missing" if not os.path.lexists(path) else "other"
    if head.startswith(_ELF):
        core = _ET_CORE.to_bytes(2, "big" if head[5:6] == b"\x02" else "little")
        return "dump" if head[16:18] == core else "vmlinux"
    if head[0x202:0x206] == _BOOT_MAGIC:
        return "vmlinux"
    return "dump" if head.startswith((b"KDUMP   ", b"DISKDUMP", b"makedumpfile\0")) else "other"


@contextmanager
def opened(
    target: Target,
    options: dict[str, Any],
    *,
    purpose: str | None = None,
    btf: bool = False,
    witness: Witness | None = None,
) -> Iterator[Crash]:
    """The dump, opened as the options say; what its reader has to know of the session goes to stderr.

    ``witness`` sees which crash it is.
    """
    from crashdrive.crash import open_dump
    from crashdrive.render.progress import waiting
    from crashdrive.session.warm.place import OFF

    verbose = options["verbose"]
    say_what_is_logged(verbose=verbose)
    with waiting(f"opening {target.vmcore or options['replay']}"), step("opened"):
        crash = open_dump(
            target.vmlinux,
            target.vmcore,
            crash=options["crash_binaries"],
            debug_dirs=options["debug_dirs"],
            timeout=options["timeout"],
            record=options["record"],
            replay=options["replay"],
            side_channel=options["side_channel"],
            purpose=purpose,
            btf=btf,
            cache=not options["no_cache"],
            refresh=options["refresh"],
            warm=options["session"] and os.environ.get(OFF) != "off",
            host=options.get("link"),
            notify=_say_meanwhile if verbose else _say_nothing,
        )
    if witness is not None:
        witness.opened(crash)
    with crash:
        told = _tell(crash, 0)
        began = datetime.now(UTC)
        try:
            yield crash
        finally:
            _tell(crash, told)  # such as: crash died, and was started again
            if crash.identity.get("format") == LIVE:
                from crashdrive.cli._live import when_read

                say(when_read(began, replayed=options["replay"] is not None))


class _Saying(logging.Handler):
    """What the package warns of, such as a cache that can't be used, and with -v each step."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line on standard error."""
        say(record.getMessage(), passing=True)


def say_what_is_logged(*, verbose: bool = False) -> None:
    """Warnings of the package go to stderr; with ``verbose`` what each step took, too."""
    logger = logging.getLogger("crashdrive")
    if not logger.handlers:
        logger.addHandler(_Saying())
    logger.setLevel(logging.INFO if verbose else logging.WARNING)


def _say_meanwhile(line: str) -> None:
    say(line, passing=True)


def _say_nothing(_line: str) -> None:
    return


def _tell(crash: Crash, told: int) -> int:
    """Tell the session's warnings from this one on; how many there are now."""
    warnings = crash.health.warnings
    for warning in warnings[told:]:
        say(f"warning: {warning.message}")
    return len(warnings)
