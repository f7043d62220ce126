"""Whether what a script prints depends on the dump and on its arguments alone: it may be kept then.

That is told by the script's text, before it runs. Each name that leads out of it has to be one of those
below, which read nothing but what they are given; what isn't known is taken for one that may read anything.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NamedTuple

from crashdrive.cache.files import is_settled

# modules of Python's library that compute
_COMPUTES = frozenset({
    "__future__", "abc", "argparse", "array", "base64", "binascii", "bisect", "collections",
    "collections.abc", "copy", "csv", "datetime", "decimal", "difflib", "enum", "fractions",
    "functools", "hashlib", "heapq", "ipaddress", "itertools", "json", "math", "numbers", "operator",
    "pprint", "re", "statistics", "string", "struct", "textwrap", "typing", "zlib",
})  # fmt: skip
# those of crashdrive that read the dump alone: as reports do, whose answers are kept
_READS_THE_DUMP = ("crashdrive.linux", "crashdrive.errors", "crashdrive.records")
_OF_CRASHDRIVE = frozenset({"Answer", "Crash", "CrashdriveError", "Notice", "Record"})
_NOT_KEPT = "nocache"
_OF_SYS = frozenset({"argv", "byteorder", "exit", "maxsize", "stdout"})
# builtins that read, ask or run anything; what such are called as attributes, in modules and in texts
_ANYTHING = frozenset({
    "__builtins__", "__import__", "__loader__", "__spec__", "breakpoint", "compile", "eval", "exec",
    "globals", "help", "id", "input", "locals", "open", "vars",
})  # fmt: skip
_OTHERWISE = frozenset({
    "FileType", "builtins", "codecs", "elapsed", "environ", "fromfile_prefix_chars", "health",
    "import_module", "modules", "now", "os", "samples", "seconds", "session", "stderr",
    "stdin", "sys", "today", "utcnow",
})  # fmt: skip
_DUNDERS = frozenset({"__class__", "__doc__", "__init__", "__name__", "__qualname__"})
_MODULE_ENDINGS = ("", ".py", ".pyc", *EXTENSION_SUFFIXES)


class Pure(NamedTuple):
    """What a script's answer rests on beside the dump: its file with its mark when it was read, and paths at
    which there is nothing, since another module would be imported if there were.
    """

    path: str
    mark: str
    absent: tuple[str, ...]


def purity(path: str, mark: str | None, source: bytes) -> Pure | str:
    """What a script rests on, or why its answers aren't kept. ``mark``: of its file, before it was read."""
    if mark is None or path == "-" or not Path(path).is_file():
        return "it is no file"
    if not is_settled(mark):
        return "it was written a moment ago"
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return "it is in Python 2"
    leads = _Leads()
    try:
        leads.visit(tree)
    except RecursionError:
        return "it is nested too deeply"
    if leads.out:
        line, why = min(leads.out, key=lambda one: one[0])
        return f"line {line} {why}"
    absent = tuple(_shadows(Path(path).resolve().parent, sorted(leads.modules)))
    there = next((one for one in absent if os.path.lexists(one)), None)
    return Pure(str(Path(path).absolute()), mark, absent) if there is None else f"{there} may be a module"


def _shadows(folder: Path, modules: list[str]) -> Iterator[str]:
    """Where a module would lie that is imported in place of one of Python's library."""
    library = os.path.dirname(os.__file__)  # noqa: PTH120 - text, and fast
    before = [str(folder)]
    for one in sys.path:
        if os.path.realpath(one) == os.path.realpath(library):
            break
        if not one.endswith(".zip"):
            before.append(os.path.abspath(one))  # noqa: PTH100 - links stay
    for place in dict.fromkeys(before):
        for name in modules:
            yield from (f"{place}/{name}{ending}" for ending in _MODULE_ENDINGS)


class _Leads(ast.NodeVisitor):
    """``modules``: what is imported of Python's library; ``out``: what may read anything, and its line."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self.out: list[tuple[int, str]] = []

    def _leads_out(self, node: ast.stmt | ast.expr | ast.keyword, why: str) -> None:
        self.out.append((node.lineno, why))

    def _take(self, module: str) -> None:
        self.modules.add(module.partition(".")[0])

    def visit_Import(self, node: ast.Import) -> None:
        """``import json``; of sys under its own name alone."""
        for alias in node.names:
            if alias.name == "sys" and alias.asname in {None, "sys"}:
                continue
            if alias.name in _COMPUTES:
                self._take(alias.name)
            else:
                self._leads_out(node, f"imports {alias.name}")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """``from crashdrive.linux.survey import Survey``."""
        module, names = node.module or "", {alias.name for alias in node.names}
        if node.level or "*" in names:
            self._leads_out(node, f"imports {module or 'what lies beside it'}{'.*' if '*' in names else ''}")
        elif module == "crashdrive":
            for name in sorted(names - _OF_CRASHDRIVE):
                self._leads_out(node, "has @nocache" if name == _NOT_KEPT else f"imports crashdrive.{name}")
        elif module in _COMPUTES:
            self._take(module)
        elif module == "sys":
            for name in sorted(names - _OF_SYS):
                self._leads_out(node, f"imports sys.{name}")
        elif not any(module == one or module.startswith(f"{one}.") for one in _READS_THE_DUMP):
            self._leads_out(node, f"imports {module}")
        for name in sorted(names & (_ANYTHING | _OTHERWISE)):
            self._leads_out(node, f"imports {name}")

    def visit_Name(self, node: ast.Name) -> None:
        """A name by itself."""
        if node.id == "sys" or node.id in _ANYTHING:
            self._leads_out(node, f"uses {node.id}")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A name of something."""
        if isinstance(node.value, ast.Name) and node.value.id == "sys":
            if node.attr not in _OF_SYS:
                self._leads_out(node, f"uses sys.{node.attr}")
            return
        is_dunder = node.attr.startswith("__") and node.attr.endswith("__") and node.attr not in _DUNDERS
        if is_dunder or node.attr.lstrip("_") in _OTHERWISE or node.attr in _ANYTHING:
            self._leads_out(node, f"uses .{node.attr}")
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        """An argument by its name."""
        if node.arg in _OTHERWISE:
            self._leads_out(node, f"uses {node.arg}")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A text that may be used as such a name."""
        if isinstance(node.value, str) and node.value in (_ANYTHING | _OTHERWISE):
            self._leads_out(node, f"has the text {node.value!a}")
