"""C declarations as gdb prints them, turned into types: ``const struct sock *(*get)(int, u32)``.

Knows what debug data of a C kernel contains: base types, tags, typedefs, pointers, arrays, functions,
bit-fields, vectors. Names are not looked up: a tag or typedef becomes a `TypeRef`. A name may say which
module's is meant: ``struct priv@bonding *``.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from crashdrive.errors import ParseError
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
from crashdrive.parsers.grammar.declarations import Array, Declared, Pointer, declared

_BASE_WORDS = {
    "signed", "unsigned", "char", "short", "int", "long", "float", "double", "_Bool", "void", "__int128",
    "_Complex", "complex",
}  # fmt: skip


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
    found = _declared(text)
    return Declaration(found.name, _made(found, _base(found, text, abi), abi), found.bits)


def parse_declarator(text: str, base: Type, abi: Abi = LINUX_64) -> Declaration:
    """Parse what follows a type that has been read already: the ``*near[4] : 3`` after a closing brace."""
    found = _declared(f"void {text}")
    return Declaration(found.name, _made(found, base, abi), found.bits)


def _declared(text: str) -> Declared:
    try:
        return declared(text.strip())
    except ParseError as error:
        raise DeclarationError(f"{error.reason} at column {error.column} of {text[:120]!a}") from None


def _base(found: Declared, text: str, abi: Abi) -> Type:
    """The type that a declaration begins with."""
    words = list(found.base)
    if len(words) == 1 and words[0] not in _BASE_WORDS and "{" not in words[0]:
        return TypeRef(words[0])
    kind = base_type(words, abi)
    if kind is None:
        raise DeclarationError(f"no type in {text[:120]!a}")
    return kind


def _made(found: Declared, kind: Type, abi: Abi) -> Type:
    """The type of what is declared: outwards from its base."""
    for step in reversed(found.derived):
        if isinstance(step, Pointer):
            kind = PointerType(kind, abi.word_size)
        elif isinstance(step, Array):
            kind = ArrayType(kind, step.length)
        else:
            types = tuple(_made(one, _base(one, "a parameter", abi), abi) for one in step.parameters)
            kind = FunctionType(kind, () if types == (VoidType(),) else types, step.variadic)
    return kind


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
