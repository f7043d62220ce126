"""C declarations in a script's text as Python names: ``enum {...};`` and blocks of ``#define``."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_ENUM = re.compile(r"\benum\b[^{]*\{(.*?)\}", re.DOTALL)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+([A-Za-z_]\w*)[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_OTHER_COMMENT = re.compile(r"#[^\n]*")
_OCTAL = re.compile(r"\b0([0-7]+)\b")
_SUFFIX = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b")
_OPERATIONS: dict[type[ast.AST], Callable[..., int]] = {
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
# what is shifted further than this is no C constant
_WIDEST = 128


class CEnum:
    """An enumeration's constants as attributes; by number, ``enum[2]``, their names."""

    def __init__(self, cdecl: str) -> None:
        self.vals: list[tuple[str, int]] = []
        self.lookup: dict[int, str] = {}
        self.name2i: dict[str, int] = {}
        for name, value in _constants(cdecl):
            self.vals.append((name, value))
            self.lookup[value] = name
            self.name2i[name] = value
            self.__dict__[name] = value

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"no constant {name} in this enum")

    def __getitem__(self, name: int) -> str:
        return self.lookup[name]

    def getByName(self, name: str) -> int:
        """A constant's value."""
        return self.name2i[name]

    def getAllNames(self) -> list[str]:
        """All names, sorted."""
        return sorted(self.name2i)

    def __str__(self) -> str:
        return str(self.vals)

    def __len__(self) -> int:
        return len(self.vals)


class CDefine(dict[str, int]):
    """Constants of a block of ``#define``, as items and attributes."""

    def __init__(self, cdecl: str) -> None:
        super().__init__()
        self.__dict__["_names"] = {}
        found = False
        for name, text in _DEFINE.findall(_COMMENT.sub("", cdecl)):
            self[name] = _value(text, self)
            found = True
        if not found:
            raise ValueError("no #define in this text")

    def __setitem__(self, name: str, value: int) -> None:
        super().__setitem__(name, value)
        self.__dict__[name] = value
        self.__dict__["_names"][value] = name

    def __getattr__(self, name: str) -> int:
        raise AttributeError(f"no constant {name} in this block")

    def value2key(self, value: int) -> str | None:
        """The name of a value, the last one of several; None where there is none."""
        names: dict[int, str] = self.__dict__["_names"]
        return names.get(value)

    def oldvalue2key(self, value: int) -> str | None:
        """The name of a value, the first one of several; None where there is none."""
        return next((name for name, number in self.items() if number == value), None)


def _constants(text: str) -> Iterator[tuple[str, int]]:
    found = _ENUM.search(_COMMENT.sub("", text))
    if found is None:
        raise ValueError("no enum in this text")
    known: dict[str, int] = {}
    following = 0
    for part in _OTHER_COMMENT.sub("", found[1]).split(","):
        name, _, value = (word.strip() for word in part.partition("="))
        if not name:
            continue
        if not name.isidentifier():
            raise ValueError(f"{name!a} is no name of a constant")
        number = _value(value, known) if value else following
        known[name], following = number, number + 1
        yield name, number


def _value(text: str, known: Mapping[str, int]) -> int:
    """A constant expression: numbers as C writes them, names that are known, and C's operators."""
    plain = _OCTAL.sub(r"0o\1", _SUFFIX.sub(r"\1", text.strip()))
    try:
        return _computed(ast.parse(plain, mode="eval").body, known)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{text!a} is no constant expression") from error


def _computed(node: ast.AST, known: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Name(id=name):
            raise KeyError(name)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            operands = _computed(left, known), _computed(right, known)
            if isinstance(op, ast.LShift | ast.RShift) and not 0 <= operands[1] <= _WIDEST:
                raise ValueError("shifted too far")
            return _OPERATIONS[type(op)](*operands)
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_computed(operand, known))
        case _:
            raise ValueError("no constant expression")


def parseSUDef(s: str) -> tuple[str, list[tuple[str, str]]]:
    """A structure's definition as its name and its members: (type, name)."""
    clean = _COMMENT.sub("", s)
    found = re.search(r"\b(struct|union)\s+(\w+)\s*\{(.*)\}", clean, re.DOTALL)
    if found is None:
        raise ValueError("no struct or union in this text")
    members = [_member(" ".join(part.split())) for part in found[3].split(";") if part.strip()]
    return f"{found[1]} {found[2]}", members


def declaration(text: str) -> tuple[str, str]:
    """A declaration in C as (type, name). ValueError for what is none."""
    return _member(" ".join(_COMMENT.sub("", text).split()).rstrip("; "))


def _member(text: str) -> tuple[str, str]:
    pointer = re.fullmatch(r"(.*?)\(\s*\*\s*(\w+)\s*\)\s*\(.*\)\s*((?:\[\d*\]\s*)*)", text)
    if pointer:
        return f"{pointer[1].strip()} (*)(){pointer[3].replace(' ', '')}", pointer[2]
    plain = re.fullmatch(r"(.*?)(\**)\s*(\w+)\s*((?:\[\d*\]\s*)*)", text)
    if plain is None:
        raise ValueError(f"{text!a} is no member")
    return f"{plain[1].strip()}{plain[2] and ' ' + plain[2]}{plain[4].replace(' ', '')}", plain[3]


__all__: list[str] = ["CDefine", "CEnum", "declaration", "parseSUDef"]
