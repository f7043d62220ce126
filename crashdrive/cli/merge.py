"""``crashdrive merge``: the parts of a batch put together."""

from __future__ import annotations

from pathlib import Path

import click

from crashdrive.cli._complete import folders

_HELP = """Put batches together: those of several machines, or the parts that --shard made.

Each PART is the folder of a batch. OUT is made where it isn't there, or grows. A dump that several have is
taken once, the best result of it.

\b
Examples:
  crashdrive batch /var/crash --shard 1/2 -o part1     on one machine
  crashdrive batch /var/crash --shard 2/2 -o part2     on another one
  crashdrive merge part1 part2 -o out
"""


@click.command(
    "merge",
    help=_HELP,
    short_help="The parts of a batch put together.",
    params=[
        click.Option(
            ["-o", "--output", "folder"],
            metavar="OUT",
            required=True,
            shell_complete=folders,
            help="The folder for all of it.",
        ),
        click.Option(["--known"], metavar="FILE", help="What is known of crashes (default: OUT/known.toml)."),
        click.Argument(["parts"], nargs=-1, required=True, metavar="PART...", shell_complete=folders),
    ],
)
def command(parts: tuple[str, ...], folder: str, known: str | None) -> int:
    """See the help text."""
    from crashdrive.cli._batches import merge_batches

    return merge_batches([Path(part) for part in parts], Path(folder), known)
