"""Scripts in Python 2, converted where that is sure; refused with the line where it isn't.

fissix, which goes on where lib2to3 ended, rewrites the text. What text can't say is done on the syntax tree:
``/`` of two integers gives an integer, as it did, ``round`` a float and ``oct`` digits behind a zero.
"""

from __future__ import annotations

import ast
import io
import re
import warnings
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from types import CodeType
from typing import Any

from crashdrive.pykdump.python2_leaks import leaks
from crashdrive.pykdump.python2_values import divided, octal, rounded

_FIXERS = (
    "apply", "basestring", "dict", "except", "exec", "execfile", "filter", "funcattrs", "getcwdu", "has_key",
    "imports", "intern", "itertools", "itertools_imports", "long", "map", "metaclass", "methodattrs",
    "ne", "nonzero",
    "numliterals", "operator", "paren", "print", "raise", "raw_input", "reduce", "reload", "renames", "repr",
    "standarderror", "sys_exc", "throw", "tuple_params", "types", "unicode", "xrange", "xreadlines", "zip",
)  # fmt: skip
_LOGGED = re.compile(r"[Ll]ine (\d+): (.*)")
_DIVIDED = "__divided__"
# functions that give something else in Python 3, and what converted scripts call for them
_CHANGED = {"round": "__rounded__", "oct": "__octal__"}
_GONE_CALLS = frozenset({"cmp", "coerce", "buffer", "file", "input"})
_GONE_METHODS = frozenset(
    {"__cmp__", "__getslice__", "__setslice__", "__coerce__", "__hex__", "__oct__", "__div__"}
)
_GONE_OF_STRING = frozenset(
    {"atof", "atoi", "atol", "join", "joinfields", "letters", "lowercase", "lower", "maketrans", "replace",
     "split", "splitfields", "strip", "uppercase", "upper", "zfill"}
)  # fmt: skip
_CODECS = frozenset({"hex", "base64", "zip", "bz2", "rot13", "string_escape", "string-escape"})


# modules that Python 3 has no more
_GONE_MODULES = frozenset(
    {"BaseHTTPServer", "ConfigParser", "HTMLParser", "Queue", "SocketServer", "StringIO", "Tkinter",
     "UserDict", "__builtin__", "cPickle", "cStringIO", "commands", "copy_reg", "httplib", "thread",
     "urllib2", "urlparse"}
)  # fmt: skip
_PERHAPS = re.compile("|".join(sorted(_GONE_MODULES)).encode())


class UnsureError(Exception):
    """What Python 2 meant can't be told for sure: ``line`` and why."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.reason = line, reason


def converted(source: bytes, path: str) -> str | None:
    """A script in Python 2 as Python 3; None for what is neither. UnsureError where it isn't sure."""
    text = _decoded(source)
    broken: tuple[type[Exception], ...] = (SyntaxError, ValueError, *_parse_errors())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = _rewritten(_spaced(text), path)
            tree = ast.parse(found, path)
        except broken:
            return None
    _check(tree, text.split("\n"))
    return found


def compiled(text: str, path: str) -> CodeType:
    """The code of a converted script, which needs the names of `helpers`.

    Its ``/``, ``round`` and ``oct`` are Python 2's.
    """
    tree = ast.parse(text, path)
    if not _divides_truly(tree):
        tree = _Divisions().visit(tree)
    tree = ast.fix_missing_locations(_Functions(_CHANGED.keys() - _bound(tree)).visit(tree))
    return compile(tree, path, "exec", dont_inherit=True)


def helpers() -> dict[str, Any]:
    """What converted scripts need beside their own names."""
    return {_DIVIDED: divided, _CHANGED["round"]: rounded, _CHANGED["oct"]: octal}


def is_only_python_2(source: bytes) -> bool:
    """Whether a text that both Pythons can parse can only run in Python 2.

    Its first level imports what Python 3 hasn't. What a function calls or names may never run.
    """
    if _PERHAPS.search(source) is None:
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return any(name in _GONE_MODULES for node in tree.body for name in _imported(node))


def _imported(node: ast.AST) -> Iterator[str]:
    """The modules that a statement imports."""
    match node:
        case ast.Import(names=names):
            yield from (one.name for one in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module


def _parse_errors() -> tuple[type[Exception], ...]:
    from fissix.pgen2.parse import ParseError
    from fissix.pgen2.tokenize import TokenError

    return ParseError, TokenError


def _decoded(source: bytes) -> str:
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        return source.decode(encoding)
    except (SyntaxError, UnicodeDecodeError):
        return source.decode("latin-1")


def _spaced(text: str) -> str:
    """Tabs at the beginning of lines as Python 2 takes them: up to the next multiple of eight columns."""
    lines = text.split("\n")
    if not any("\t" in line[: len(line) - len(line.lstrip())] for line in lines):
        return text
    spaced = [_expanded(line) for line in lines]
    for number in _inside_strings("\n".join(spaced)):
        spaced[number - 1] = lines[number - 1]
    return "\n".join(spaced)


def _expanded(line: str) -> str:
    begin = line[: len(line) - len(line.lstrip(" \t"))]
    return begin.expandtabs(8) + line[len(begin) :]


def _inside_strings(text: str) -> set[int]:
    """Lines that begin within a string."""
    from fissix.pgen2 import tokenize

    found: set[int] = set()
    for kind, _, start, end, _ in tokenize.generate_tokens(io.StringIO(text).readline):
        if kind == tokenize.STRING:
            found.update(range(start[0] + 1, end[0] + 1))
    return found


def _rewritten(text: str, path: str) -> str:
    from fissix.refactor import RefactoringTool

    tool = RefactoringTool([f"fissix.fixes.fix_{name}" for name in _FIXERS], {})
    ended = text if text.endswith("\n") else f"{text}\n"
    result = str(tool.refactor_string(ended, path))
    for message in tool.fixer_log:
        if (found := _LOGGED.search(message)) is not None:
            raise UnsureError(int(found[1]), found[2])
    return result


def _check(tree: ast.Module, source: list[str]) -> None:
    """UnsureError for the first thing whose meaning has changed without a way to tell."""
    found = [problem for node in ast.walk(tree) for problem in (*_problems(node), *_other_results(node))]
    found += [
        (line, f"{name} of a list comprehension, which stayed behind") for line, name in leaks(tree, source)
    ]
    if found:
        raise UnsureError(*min(found))


def _problems(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in _GONE_CALLS:
            yield node.lineno, f"{name}() of Python 2"
        case ast.Call(func=ast.Attribute(attr="sort"), args=[_, *_]):
            yield node.lineno, "sort() by a function of two arguments"
        case ast.Call(func=ast.Attribute(attr="next"), args=[]):
            # a fixer would rename members of lists that are called next, too
            yield node.lineno, "next() of an iterator"
        case ast.Call(keywords=keywords) if any(one.arg == "cmp" for one in keywords):
            yield node.lineno, "cmp= of Python 2"
        case ast.Call(
            func=ast.Attribute(attr="encode" | "decode"), args=[ast.Constant(value=str(codec)), *_]
        ):
            if codec in _CODECS:
                yield node.lineno, f"the codec {codec} of text"
        case ast.FunctionDef(name=name) if name in _GONE_METHODS:
            yield node.lineno, f"{name}() of Python 2"
        case ast.Attribute(value=ast.Name(id="string"), attr=attr) if attr in _GONE_OF_STRING:
            yield node.lineno, f"string.{attr} of Python 2"
        case ast.AugAssign(op=ast.Div(), target=target) if any(
            isinstance(n, ast.Call) for n in ast.walk(target)
        ):
            yield node.lineno, "/= on what a call gives"


def _other_results(node: ast.AST) -> Iterator[tuple[int, str]]:
    match node:
        case ast.Call(func=ast.Name(id="sorted"), args=[_, _, *_]):
            yield node.lineno, "sorted() by a function of two arguments"
        case ast.Call(func=ast.Name(id="filter"), args=[ast.Attribute(value=ast.Name(id="str")), _]):
            yield node.lineno, "filter() of text, which gave text"
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="hex")), slice=ast.Slice(upper=ast.UnaryOp(op=ast.USub()))
        ):
            yield node.lineno, "hex() without its last letter, which was an L of large numbers alone"


def _divides_truly(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(one.name == "division" for one in node.names)
        for node in tree.body
    )


def _bound(tree: ast.AST) -> set[str]:
    """Names that a script gives a meaning of its own."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.alias(name=name, asname=None) | ast.alias(asname=str(name)):
                found.add(name)
    return found


class _Functions(ast.NodeTransformer):
    """Functions of these names become those of Python 2."""

    def __init__(self, names: AbstractSet[str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id not in self._names:
            return node
        return ast.copy_location(ast.Name(id=_CHANGED[node.id], ctx=node.ctx), node)


class _Divisions(ast.NodeTransformer):
    """``a / b`` becomes a call that divides as Python 2 does."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        return ast.copy_location(_division(node.left, node.right), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        before = ast.parse(ast.unparse(node.target), mode="eval").body
        assigned = ast.Assign(targets=[node.target], value=_division(before, node.value))
        return ast.copy_location(assigned, node)


def _division(one: ast.expr, other: ast.expr) -> ast.Call:
    return ast.Call(func=ast.Name(id=_DIVIDED, ctx=ast.Load()), args=[one, other], keywords=[])
