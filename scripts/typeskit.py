"""Hold all types in a vmlinux's BTF against drgn's, which come out of its DWARF.

``scripts/types VMLINUX VMCORE``: every structure, union, enumeration and typedef that BTF defines once, with
offsets, sizes, bit-fields, enumerators; and every array that DWARF has with several dimensions must be one
that crashdrive doubts. Exit status 1 where anything differs. ``--step N`` takes each N-th type.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click
import drgn

from crashdrive.kernel.debuginfo.dimensions import Dimensions, dimensions, made_of
from crashdrive.kernel.symbols.image import section
from crashdrive.kernel.types.btf import Btf
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    FloatType,
    IntType,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
    VoidType,
)

_SHOWN = 20
_KINDS = {drgn.TypeKind.STRUCT: "struct", drgn.TypeKind.UNION: "union", drgn.TypeKind.ENUM: "enum"}


@click.command(help=__doc__)
@click.argument("vmlinux", type=click.Path(exists=True))
@click.argument("vmcore", type=click.Path(exists=True))
@click.option("--step", default=1, show_default=True, help="Each so many types only.")
def main(vmlinux: str, vmcore: str, step: int) -> None:
    """See the help text."""
    data = section(vmlinux, ".BTF")
    if data is None:
        raise click.UsageError(f"{vmlinux} has no BTF")
    program = drgn.Program()
    program.set_core_dump(vmcore)
    program.load_debug_info([vmlinux])
    btf, doubted = Btf(data), dimensions(vmlinux)
    if doubted is None:
        raise click.ClickException("its DWARF can't be searched for arrays of several dimensions")
    compared, unknown, wrong = 0, 0, list[str]()
    clear = [(name, numbers[0]) for name, numbers in sorted(btf.named.items()) if len(numbers) == 1]
    for name, number in clear[::step]:
        try:
            theirs = program.type(name)
        except LookupError:  # of assembler and BPF
            unknown += 1
            continue
        compared += 1
        wrong += [f"{name}{where}" for where in _differences(btf.type(number), theirs, doubted, "")]
    click.echo(f"{compared} types compared, {unknown} that drgn doesn't know, {len(wrong)} differences")
    for line in wrong[:_SHOWN]:
        click.echo(line)
    sys.exit(bool(wrong))


def _differences(ours: Type, theirs: Any, doubted: Dimensions, at: str) -> Iterator[str]:
    """Where two types differ."""
    if isinstance(ours, TypedefType):
        if theirs.kind != drgn.TypeKind.TYPEDEF or theirs.name != ours.name:
            yield f"{at}: {theirs.type_name()}"
            return
        yield from _differences(ours.target, _final(theirs), doubted, at)
        return
    match ours:
        case StructType():
            yield from _of_structure(ours, theirs, doubted, at)
        case EnumType():
            yield from _of_enumeration(ours, theirs, at)
        case ArrayType():
            yield from _of_array(ours, theirs, doubted, at)
        case PointerType():
            yield from _of_pointer(ours, theirs, doubted, at)
        case TypeRef(name=name):
            if _name(theirs) != name:
                yield f"{at}: {theirs.type_name()} for {name}"
        case _:
            yield from _of_number(ours, theirs, at)


def _of_enumeration(ours: EnumType, theirs: Any, at: str) -> Iterator[str]:
    found = [(one.name, one.value % (1 << 8 * ours.size)) for one in theirs.enumerators or ()]
    mine = [(name, value % (1 << 8 * ours.size)) for name, value in ours.enumerators]
    if (theirs.kind, found) != (drgn.TypeKind.ENUM, mine):
        yield f"{at}: enumerators {found[:3]}... for {mine[:3]}..."


def _of_pointer(ours: PointerType, theirs: Any, doubted: Dimensions, at: str) -> Iterator[str]:
    if theirs.kind != drgn.TypeKind.POINTER or theirs.size != ours.size:
        yield f"{at}: {theirs.type_name()} for a pointer"
    elif isinstance(ours.target, TypeRef | IntType | PointerType):
        yield from _differences(ours.target, theirs.type, doubted, f"{at}*")


def _of_number(ours: Type, theirs: Any, at: str) -> Iterator[str]:
    match ours:
        case IntType(size=size, signed=signed):
            # drgn has booleans apart
            other = getattr(theirs, "is_signed", False)
            if theirs.size != size or (bool(other) != signed and ours.kind != "char"):
                yield f"{at}: {theirs.type_name()} for {ours.name}"
        case FloatType(size=size):
            if theirs.kind != drgn.TypeKind.FLOAT or theirs.size != size:
                yield f"{at}: {theirs.type_name()} for {ours.name}"
        case VoidType():
            if theirs.kind != drgn.TypeKind.VOID:
                yield f"{at}: {theirs.type_name()} for void"


def _of_structure(ours: StructType, theirs: Any, doubted: Dimensions, at: str) -> Iterator[str]:
    if _KINDS.get(theirs.kind) != ours.kind or theirs.size != ours.size:
        yield f"{at}: {theirs.type_name()} of {getattr(theirs, 'size', None)} bytes for {ours.size}"
        return
    found = [(one.name, one.bit_offset, one.bit_field_size) for one in theirs.members or ()]
    mine = [(one.name, one.bit_offset, one.bit_size) for one in ours.members]
    if found != mine:
        yield f"{at}: members {set(found) ^ set(mine)}"
        return
    for one, other in zip(ours.members, theirs.members, strict=True):
        yield from _differences(one.type, other.type, doubted, f"{at}.{one.name}")


def _of_array(ours: ArrayType, theirs: Any, doubted: Dimensions, at: str) -> Iterator[str]:
    if theirs.kind != drgn.TypeKind.ARRAY:
        yield f"{at}: {theirs.type_name()} for an array"
        return
    count, sizes = 1, 0
    while theirs.kind == drgn.TypeKind.ARRAY:
        count, sizes, theirs = count * (theirs.length or 0), sizes + 1, theirs.type
    if count != (ours.count or 0):
        yield f"{at}: {count} elements for {ours.count}"
    if sizes > 1 and (ours.count or 0) not in doubted.get(made_of(ours.element), ()):
        yield f"{at}: {sizes} dimensions, and nobody would ask for them"
    yield from _differences(ours.element, theirs, doubted, f"{at}[]")


def _name(kind: Any) -> str:
    if kind.kind == drgn.TypeKind.TYPEDEF:
        return str(kind.name)
    return f"{_KINDS.get(kind.kind, '')} {getattr(kind, 'tag', None)}"


def _final(kind: Any) -> Any:
    while kind.kind == drgn.TypeKind.TYPEDEF:
        kind = kind.type
    return kind
