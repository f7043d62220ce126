"""``crashdrive mcp``: one dump for an agent, over the Model Context Protocol."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._ending import say
from crashdrive.cli._live import refuse_live
from crashdrive.cli._opening import files_of, opened, session_options
from crashdrive.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from crashdrive.crash import Crash

_HELP = """Serve one dump to an agent over the Model Context Protocol (MCP): on standard input and output, or
with --http on this host alone.

Its tools are the verdict, the findings, all reports, crash's commands as typed records, memory and
structures: bounded and pageable JSON, each answer with its completeness, its evidence and the calls that
lead on. Nothing is changed: commands that may do more than print are refused. crash starts at the first
question that needs it.

It wants the extra: pip install 'crashdrive[mcp]'.

\b
Examples:
  crashdrive mcp vmcore                      for a client that starts it
  crashdrive mcp --http 8765 vmcore          http://127.0.0.1:8765/mcp
  crashdrive mcp --replay case.session       a recorded session
"""


@click.command(
    "mcp",
    help=_HELP,
    short_help="Serve a dump to an agent (MCP).",
    params=[
        *session_options(),
        click.Option(
            ["--http"],
            type=click.IntRange(1, 65535),
            metavar="PORT",
            help="Serve on 127.0.0.1:PORT, not on stdin.",
        ),
        click.Option(
            ["--allow-commands"],
            is_flag=True,
            help="Run all of crash's commands, also those that write files or start programs.",
        ),
        click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
    ],
)
def command(words: tuple[str, ...], http: int | None, allow_commands: bool, **options: Any) -> int:  # noqa: FBT001 - click's
    """See the help text."""
    try:
        from crashdrive.mcp.server import server
    except ImportError as error:
        raise UsageError(f"{error.name or error} is missing: pip install 'crashdrive[mcp]'") from error
    from crashdrive.dump.identity import dump_identity
    from crashdrive.mcp.desk import Desk

    target = files_of(words, options)
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")
    refuse_live(target.vmcore, "an agent's pages would be of different moments; mcp answers of a dump")
    if target.vmcore is not None and options["host"] is None:
        # told to who starts the server, not to the agent that asks first
        dump_identity(target.vmcore)
    with contextlib.ExitStack() as stack:

        def start() -> Crash:
            return stack.enter_context(opened(target, options, purpose="mcp", btf=True))

        made = server(Desk(start, all_commands=allow_commands))
        if http is None:
            made.run("stdio")
        else:
            say(f"serving on http://127.0.0.1:{http}/mcp")
            made.run("streamable-http", host="127.0.0.1", port=http)
    return EXIT_OK
