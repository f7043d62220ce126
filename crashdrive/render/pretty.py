"""What rich draws: small tables, headings and colours for a terminal.

Everything is handed over as Text, never as markup: names out of a dump may look like ``[red]``.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crashdrive.render.aligned import GAP
from crashdrive.render.output import Output

_SEVERITIES = {"info": "cyan", "warning": "yellow", "critical": "bold red"}


def console(output: Output) -> Console:
    """A rich console on an output; markup, emoji codes and highlighting off."""
    return Console(
        file=output.stream,
        width=output.width,
        force_terminal=output.color,
        no_color=not output.color,
        color_system="standard" if output.color else None,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=False,
    )


def write_grid(
    heads: Sequence[str],
    cells: Sequence[Sequence[str]],
    rights: Sequence[bool],
    sizes: Sequence[int],
    output: Output,
) -> None:
    """A table without lines whose cells wrap inside their columns."""
    grid = Table(
        box=None, pad_edge=False, padding=(0, len(GAP), 0, 0), header_style="bold", collapse_padding=True
    )
    for head, right, size in zip(heads, rights, sizes, strict=False):
        grid.add_column(
            Text(head), justify="right" if right else "left", width=size, overflow="fold", no_wrap=False
        )
    for row in zip(*cells[: len(sizes)], strict=True):
        grid.add_row(*map(Text, row))
    console(output).print(grid)


def heading(text: str, output: Output) -> str:
    """A heading in bold, as a string for the terminal."""
    return _styled(text, "bold", output)


def severity(word: str, output: Output) -> str:
    """A finding's severity in its colour, as a string for the terminal."""
    return _styled(word, _SEVERITIES.get(word, "bold"), output)


def _styled(text: str, style: str, output: Output) -> str:
    with (terminal := console(output)).capture() as captured:
        terminal.print(Text(text, style=style), end="", soft_wrap=True)
    return captured.get()
