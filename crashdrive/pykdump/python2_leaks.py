"""Variables of list comprehensions: in Python 2 they stayed behind in the function that has them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Place = tuple[int, int]


class _Use(NamedTuple):
    """Where a name is read or bound; ``left``: bound by a list comprehension that Python 3 keeps apart."""

    place: Place
    name: str
    read: bool
    left: bool


def leaks(tree: ast.Module, source: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Lines of a converted script that read what a list comprehension left behind, and the names.

    ``source``: the lines before the conversion, which makes comprehensions of ``map`` and ``filter``.
    """
    for scope in ast.walk(tree):
        if isinstance(scope, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _of_scope(scope, source)


def _of_scope(
    scope: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef, source: Sequence[str]
) -> Iterator[tuple[int, str]]:
    last: dict[str, _Use] = {}
    for use in sorted(use for node in scope.body for use in _uses(node, source)):
        if not use.read:
            last[use.name] = use
        elif use.name in last and last[use.name].left:
            yield use.place[0], use.name


def _uses(
    node: ast.AST, source: Sequence[str], hidden: frozenset[str] = frozenset(), behind: Place | None = None
) -> Iterator[_Use]:
    """Names in a scope, those of scopes within left out.

    ``hidden``: names of comprehensions around; ``behind``: where what is bound gets its value.
    """
    if isinstance(node, _SCOPES):
        if not isinstance(node, ast.Lambda):
            yield _Use(_start(node), node.name, read=False, left=False)
        return
    if isinstance(node, _COMPREHENSIONS):
        names = {
            one.id for each in node.generators for one in ast.walk(each.target) if isinstance(one, ast.Name)
        }
        if isinstance(node, ast.ListComp) and not _was_a_call(node, source):
            yield from (_Use(_end(node), name, read=False, left=True) for name in names)
        hidden |= names
    elif isinstance(node, ast.Name) and node.id not in hidden:
        read = isinstance(node.ctx, ast.Load)
        yield _Use(_start(node) if read else behind or _start(node), node.id, read=read, left=False)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        names = {(one.asname or one.name).partition(".")[0] for one in node.names}
        yield from (_Use(_start(node), name, read=False, left=False) for name in names)
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield _Use(_start(node), node.name, read=False, left=False)
    for child in ast.iter_child_nodes(node):
        yield from _uses(child, source, hidden, _bound_behind(node, child) or behind)


def _bound_behind(node: ast.AST, child: ast.AST) -> Place | None:
    """Where a statement binds its targets, which stand before the value."""
    if isinstance(node, ast.Assign) and child in node.targets:
        line, column = _end(node)
        return line, column + 1
    if isinstance(node, ast.For) and child is node.target:
        line, column = _end(node.iter)
        return line, column + 1
    return None


def _start(node: ast.expr | ast.stmt | ast.ExceptHandler) -> Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _was_a_call(node: ast.ListComp, source: Sequence[str]) -> bool:
    """Whether the comprehension may be what was ``map(lambda ...)``, whose variables left nothing."""
    return any("lambda" in line for line in source[node.lineno - 1 : node.end_lineno])
