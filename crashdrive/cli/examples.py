"""``crashdrive examples``: scripts to start from."""

from __future__ import annotations

import ast
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from crashdrive.cli._complete import Items, names
from crashdrive.errors import EXIT_OK
from crashdrive.near import hint

_HELP = """Scripts to start from: all of them, or the text of one.

\b
Examples:
  crashdrive examples
  crashdrive examples blocked
  crashdrive examples blocked > mine.py && crashdrive run vmcore mine.py

\b
Without a dump:
  crashdrive examples demo.session > demo.session
  crashdrive examples report > report.py
  crashdrive run --replay demo.session report.py
  crashdrive triage --replay demo.session
"""
_SUFFIX = ".py"
_SESSION = ".session"


def examples() -> dict[str, Traversable]:
    """The examples by name: package data of an installed crashdrive, ``examples/`` of a checkout."""
    package = files("crashdrive")
    folder = package / "examples"
    if not folder.is_dir():
        checkout = Path(str(package)).parent
        folder = checkout / "examples" if (checkout / "pyproject.toml").is_file() else folder
    found = folder.iterdir() if folder.is_dir() else ()
    return {
        file.name.removesuffix(_SUFFIX): file for file in found if file.name.endswith((_SUFFIX, _SESSION))
    }


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    return names(sorted(examples()), incomplete)


@click.command(
    "examples",
    help=_HELP,
    short_help="Scripts to start from.",
    params=[click.Argument(["name"], required=False, metavar="[NAME]", shell_complete=_complete)],
)
def command(name: str | None) -> int:
    """See the help text."""
    found = examples()
    if name is None:
        return _list(found)
    file = found.get(name.removesuffix(_SUFFIX))
    if file is None:
        raise click.UsageError(f"no example {name!a}{hint(name, sorted(found), every=True)}")
    from crashdrive.render import Output

    output = Output.standard()
    if output.terminal and file.name.endswith(_SESSION):
        raise click.UsageError(f"{name} is packed, not for a terminal: crashdrive examples {name} > {name}")
    output.raw(file.read_bytes())
    output.flush()
    return EXIT_OK


def _list(found: dict[str, Traversable]) -> int:
    from crashdrive.render import Output, render

    rows = [{"example": name, "summary": _summary(found[name])} for name in sorted(found)]
    render(rows, "table", Output.standard())
    return EXIT_OK


def _summary(file: Traversable) -> str:
    if file.name.endswith(_SESSION):
        return "A recorded session, for --replay: triage, reports, run without a dump."
    text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return text.partition("\n")[0]
