"""``crashdrive serve``: a dump, or a batch, as pages in a browser of this host."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._live import refuse_live
from crashdrive.cli._opening import files_of, opened, session_options
from crashdrive.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.serve.guard import Guard
    from crashdrive.serve.server import Answer

_HELP = """Show a dump in a browser of this host: triage, log, tasks, stacks, locks, memory, all reports, and
structures whose pointers are links. Or show what a batch found: OUT is the folder of `crashdrive batch`.

The pages are served on 127.0.0.1 and ::1 alone, to whoever has the address that is printed: it holds a
token. Nothing is changed, and no command of crash can be typed. crash starts at the first question whose
answer isn't kept. ^C ends it.

\b
Examples:
  crashdrive serve vmcore             prints the address
  crashdrive serve --open vmcore      ... and opens it
  crashdrive serve OUT                a batch
  crashdrive serve --replay case.session
  ssh -L 8765:127.0.0.1:8765 host crashdrive serve --port 8765 vmcore

\b
Exit status: 0 after ^C or SIGTERM; 1 where the port is in use or not yours
to take; 2 usage; 3 dump, vmlinux or crash unusable.
"""


@click.command(
    "serve",
    help=_HELP,
    short_help="Show a dump, or a batch, in a browser.",
    params=[
        *session_options(),
        click.Option(
            ["--port"],
            type=click.IntRange(0, 65535),
            default=0,
            metavar="PORT",
            help="The port to serve on (default: any free one).",
        ),
        click.Option(
            ["--open/--no-browser", "browse"],
            default=False,
            help="Whether the page is opened in a browser (default: its address is printed alone).",
        ),
        click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE | OUT", shell_complete=files),
    ],
)
def command(words: tuple[str, ...], port: int, browse: bool, **options: Any) -> int:  # noqa: FBT001 - click's
    """See the help text."""
    if len(words) == 1 and Path(words[0]).is_dir():
        _batch(Path(words[0]), port, browse=browse)
        return EXIT_OK
    target = files_of(words, options)
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most, or the OUT of a batch")
    refuse_live(target.vmcore, "its pages would be old before they are read; serve shows a dump")
    from crashdrive.serve.desk import Desk
    from crashdrive.serve.site import Site

    with opened(target, options, purpose="serve", btf=True) as crash:
        desk = Desk(crash)
        site = Site(desk)
        with _until_told(), _served(port, site.answer, browse=browse):
            site.begin()
            desk.work()
    return EXIT_OK


def _batch(folder: Path, port: int, *, browse: bool) -> None:
    from crashdrive.serve.batch_site import BatchSite

    site = BatchSite(folder)
    with _until_told(), _served(port, site.answer, browse=browse):
        signal.pause()


@contextlib.contextmanager
def _until_told() -> Iterator[None]:
    """^C and SIGTERM end the body, and that is how it is meant to end."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _served(port: int, answer: Answer, *, browse: bool) -> Iterator[None]:
    from crashdrive.serve.guard import Guard
    from crashdrive.serve.server import serving

    guard = Guard()
    with serving(port, guard, answer) as taken:
        say("serving; ^C ends it", passing=True)
        click.echo(f"http://127.0.0.1:{taken}/?token={guard.token}")
        if browse:
            _open(guard, taken)
        yield


def _open(guard: Guard, port: int) -> None:
    """In a browser with a window; its command line holds a token that opens once."""
    import webbrowser

    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin"):
        say("no display to open a browser on: open the address yourself")
        return
    if not webbrowser.open(f"http://127.0.0.1:{port}/?token={guard.once()}"):
        say("no browser could be started: open the address yourself")
