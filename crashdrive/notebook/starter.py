"""A notebook to begin with: cells that open a dump and look at it, as Jupyter's JSON (nbformat 4.5)."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

_CELLS = (
    ("the verdict, findings and where to look next", "%report triage"),
    ("all stacks as a flame graph", "%report stacks"),
    ("sockets by state", "%report netstat -a --bars state"),
    ("tasks, as a table of pandas", "crash.ps().to_pandas()"),
)


def notebook(options: Sequence[str]) -> str:
    """The notebook's text; ``options`` are what ``%dump`` is given."""
    cells = [
        _cell(0, "markdown", "# " + " ".join(options[-1:])),
        _cell(1, "code", f"%load_ext crashdrive\n%dump {shlex.join(options)}"),
    ]
    cells += [_cell(at, "code", f"# {what}\n{source}") for at, (what, source) in enumerate(_CELLS, 2)]
    # a magic stands on a line of its own; the words about it before it are a comment of Python's
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1) + "\n"


def _cell(number: int, kind: str, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": f"cell-{number}", "cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell
