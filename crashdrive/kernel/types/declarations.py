"""C declarations as gdb prints them, turned into types: ``const struct sock *(*get)(int, u32)``.

Knows what debug data of a C kernel contains: base types, tags, typedefs, pointers, arrays, functions,
bit-fields, vectors. Names are not looked up: a tag or typedef becomes a `TypeRef`. A name may say which
module's is meant: ``struct priv@bonding *``.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from crashdrive.kernel.types.model import (
    ArrayType,
    FloatType,
    FunctionType,
    IntType,
    PointerType,
    Type,
    TypeRef,
    VoidType,
)

_TOKEN = re.compile(r"\s*([A-Za-z_$][\w$]*|@\w+|\d+|\.\.\.|[*()\[\],:])")
_QUALIFIERS = {"const", "volatile", "restrict", "__restrict", "_Atomic", "register", "static", "extern"}
_BASE_WORDS = {
    "signed", "unsigned", "char", "short", "int", "long", "float", "double", "_Bool", "void", "__int128",
    "_Complex", "complex",
}  # fmt: skip
_TAGS = {"struct", "union", "enum"}
_ATTRIBUTES = {"__attribute__"}


class DeclarationError(ValueError):
    """Text that is no C declaration."""


class Abi(msgspec.Struct, frozen=True):
    """What differs between kernels in C's types: bytes of a pointer (and a long), whether char is signed."""

    word_size: int = 8
    char_signed: bool = True


LINUX_64 = Abi()


class Declaration(msgspec.Struct, frozen=True):
    """What a declaration declares; ``name`` is None for an abstract one, ``bits`` a bit-field's width."""

    name: str | None
    type: Type
    bits: int | None = None


@lru_cache(maxsize=4096)
def parse_declaration(text: str, abi: Abi = LINUX_64) -> Declaration:
    """Parse one declaration, without its semicolon; DeclarationError for anything else."""
    return _Parser(_tokens(text), abi).declaration()


def parse_declarator(text: str, base: Type, abi: Abi = LINUX_64) -> Declaration:
    """Parse what follows a type that has been read already: the ``*near[4] : 3`` after a closing brace."""
    return _Parser(_tokens(text), abi).declarator_of(base)


def base_type(words: list[str], abi: Abi) -> Type | None:
    """The type of words such as ``long unsigned int``, None if they aren't C's.

    Sizes are those of Linux on all its architectures: a long is as large as a pointer.
    """
    name = " ".join(words)
    kinds = set(words)
    if not kinds or not kinds <= _BASE_WORDS or kinds & {"_Complex", "complex"}:
        return None
    if kinds == {"void"}:
        return VoidType()
    if "_Bool" in kinds:
        return IntType(name, 1, signed=False, kind="bool")
    if kinds & {"float", "double"}:
        return FloatType(name, 4 if "float" in kinds else 16 if "long" in kinds else 8)
    if "char" in kinds:
        return IntType(
            name, 1, signed=name == "signed char" or (name == "char" and abi.char_signed), kind="char"
        )
    signed = "unsigned" not in kinds
    longs = words.count("long")
    size = (
        16
        if "__int128" in kinds
        else 2
        if "short" in kinds
        else 8
        if longs > 1
        else abi.word_size
        if longs
        else 4
    )
    return IntType(name, size, signed)


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise DeclarationError(f"unexpected {text[at : at + 20]!a} in {text[:120]!a}")
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Parser:
    """A recursive-descent parser over a list of tokens."""

    def __init__(self, tokens: list[str], abi: Abi) -> None:
        self.tokens = tokens
        self.at = 0
        self.abi = abi

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        word = self.peek()
        if not word or (wanted is not None and word != wanted):
            raise DeclarationError(f"expected {wanted or 'more'} in {' '.join(self.tokens)[:120]!a}")
        self.at += 1
        return word

    def declaration(self) -> Declaration:
        return self.declarator_of(self.specifiers())

    def declarator_of(self, base: Type) -> Declaration:
        name, kind = self.declarator(base)
        bits = None
        if self.peek() == ":":
            self.take()
            bits = self.number()
        if self.peek():
            raise DeclarationError(f"unexpected {self.peek()!a} in {' '.join(self.tokens)[:120]!a}")
        return Declaration(name, kind, bits)

    def number(self) -> int:
        word = self.take()
        if not word.isdecimal():
            raise DeclarationError(f"no number: {word!a}")
        return int(word)

    def specifiers(self) -> Type:
        words: list[str] = []
        named: TypeRef | None = None
        while (word := self.peek()).isidentifier():
            if word in _QUALIFIERS:
                self.take()
            elif word in _TAGS and not words and named is None:
                named = self.of_module(f"{self.take()} {self.identifier()}")
            elif word in _BASE_WORDS and named is None:
                words.append(self.take())
            elif not words and named is None:
                named = self.of_module(self.take())
            else:
                break
        kind = named or base_type(words, self.abi)
        if kind is None:
            raise DeclarationError(f"no type in {' '.join(self.tokens)[:120]!a}")
        return kind

    def of_module(self, name: str) -> TypeRef:
        """A named type, with the module behind it that has it: ``struct priv@bonding``."""
        return TypeRef(name + self.take() if self.peek().startswith("@") else name)

    def identifier(self) -> str:
        word = self.take()
        if not word.isidentifier():
            raise DeclarationError(f"no name: {word!a}")
        return word

    def declarator(self, base: Type) -> tuple[str | None, Type]:
        while (word := self.peek()) == "*" or word in _QUALIFIERS:
            self.take()
            if word == "*":
                base = PointerType(base, self.abi.word_size)
        if self.peek() == "(" and self.peek(1) in {"*", "("}:
            inside = self.at + 1
            self.skip_group()
            base = self.suffixes(base)
            after, self.at = self.at, inside
            name, kind = self.declarator(base)
            self.take(")")
            self.at = after
            return name, kind
        has_name = self.peek().isidentifier() and self.peek() not in _ATTRIBUTES
        return self.take() if has_name else None, self.suffixes(base)

    def skip_group(self) -> None:
        depth = 0
        while True:
            word = self.take()
            depth += (word == "(") - (word == ")")
            if not depth:
                return

    def suffixes(self, base: Type) -> Type:
        """Arrays and parameter lists after a name; the innermost type is ``base``."""
        if self.peek() == "[":
            self.take()
            count = None if self.peek() == "]" else self.number()
            self.take("]")
            return ArrayType(self.suffixes(base), count)
        if self.peek() == "(":
            parameters, variadic = self.parameters()
            return FunctionType(self.suffixes(base), parameters, variadic)
        if self.peek() == "__attribute__":
            return ArrayType(base, self.vector())
        return base

    def vector(self) -> int:
        for word in ("__attribute__", "(", "(", "vector_size", "("):
            self.take(word)
        count = self.number()
        for _ in range(3):
            self.take(")")
        return count

    def parameters(self) -> tuple[tuple[Type, ...], bool]:
        self.take("(")
        found: list[Type] = []
        variadic = False
        while self.peek() != ")":
            if self.peek() == "...":
                self.take()
                variadic = True
            else:
                found.append(self.declarator(self.specifiers())[1])
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        return tuple([] if found == [VoidType()] else found), variadic
