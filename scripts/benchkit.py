"""The programs of benchmarks/ by their names: each measures one part.

``python -m benchmarks`` is the one that compares crashdrive with others.
"""

from __future__ import annotations

import argparse
import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


def programs() -> dict[str, str]:
    """What each program measures, by its name: those that have a `main`, and are no part of another."""
    found = {}
    for path in sorted(FOLDER.glob("[!_]*.py")):
        tree = ast.parse(path.read_bytes())
        if any(isinstance(one, ast.FunctionDef) and one.name == "main" for one in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main() -> None:
    """Run one, with its own arguments."""
    known = programs()
    width = max(map(len, known), default=0)
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="\n".join(["programs:", *(f"  {name:{width}}  {told}" for name, told in known.items())]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", choices=known, help="the program")
    parser.add_argument(
        "words", metavar="...", nargs=argparse.REMAINDER, help="its arguments; --help says which"
    )
    chosen = parser.parse_args()
    sys.argv = [f"benchmarks/{chosen.name}.py", *chosen.words]
    runpy.run_module(f"benchmarks.{chosen.name}", run_name="__main__", alter_sys=True)
