"""gdb's ``ptype/o``: a structure's whole layout, with the offset and size of each member, holes and
bit-fields.

::

    /* offset    |  size */  type = struct iphdr {
    /*    0: 0   |     1 */    __u8 ihl : 4;
    /* XXX  3-byte hole  */
    /*    4      |     8 */    union {
    /*                 8 */        struct {
    /*    4      |     4 */            __be32 saddr;

                                       /* total size (bytes):    4 */
                                   } addrs[2];

                                   /* total size (bytes):    8 */
                               };

                               /* total size (bytes):   12 */
                             }

Offsets count from the start of the outermost structure. gdb gives none for the members of a union (they start
where the union does) and, within the element of an array of anonymous structures, counts from 0 again.

Source: gdb's ``typeprint.c``. gdb 10.2 (crash 8) writes ``total size (bytes):   16``, gdb 12 and later
``total size:   16 bytes``, with wider columns.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source

_HEADER = expression(
    r"(?:/\* offset +\| +size \*/ +)?type = ((?:struct|union)(?: [A-Za-z_]\w*)?) \{", re.ASCII
)
_FIRST = expression(r"\s*\n/\* +(?:\d+|XXX)", re.ASCII)


def is_layout(source: Source) -> bool:
    """Whether the text is ptype/o's of a structure or union, or (without the header) of a pointer to one."""
    header = _HEADER.match(source.text)
    return header is not None and (
        header[0].startswith("/*") or bool(_FIRST.match(source.text, header.end()))
    )


class Laid(NamedTuple):
    """A member's layout, or that of a whole type.

    ``type``: ``struct NAME``, with qualifiers, of a structure or union with ``members``; None of any other
    type. ``declared``: the declaration without its semicolon; of one with ``members`` the text behind the
    closing brace. ``byte``, ``bit``, ``size`` (in bytes): None where gdb prints none. ``total``: the size
    that gdb prints within the braces. ``remark``: ``incomplete type`` or ``no data fields``. ``place``: the
    offset in the text.
    """

    type: str | None
    declared: str
    byte: int | None
    bit: int | None
    size: int | None
    place: int
    members: tuple[Laid, ...] = ()
    total: int | None = None
    remark: str | None = None


class _Total(NamedTuple):
    size: int


class _Remark(NamedTuple):
    words: str


_AGGREGATE = r"(?:(?:const|volatile) )*+(?:struct|union)(?: [A-Za-z_$][\w$]*+)?+"
_PLACE = r"/\*(?: *+(\d{1,9})(?:: *+(\d{1,3}))? *+\|)? *+(\d{1,9}) *+\*/ ++"


def layout(*, places: bool = True) -> g.ParserElement:
    """The whole text of ``ptype/o`` as one `Laid`; without ``places`` the text of ``ptype``."""
    at = rf"[ \t]*+{_PLACE}" if places else r"[ \t]*+()()()"
    where = ": /* OFFSET | SIZE */" if places else ":"
    header = g.Terminal(r"\s*+(?:/\* offset *+\| *+size \*/ *+)?+type = ", "'type = '", keep=False)
    top = g.Row(rf"({_AGGREGATE}) \{{[ \t]*+", lambda row: row[1], "a structure or union: struct NAME {")
    other = g.Row(r"([^\n]++)", _other, "a type")
    opened = g.Row(rf"{at}({_AGGREGATE}) \{{[ \t]*+", lambda row: row.groups(), f"a structure within{where}")
    member = g.Row(rf"{at}(?!\}})([^;\n]++);[ \t]*+", _member, f"a member{where} TYPE NAME;")
    total = g.Row(
        r"\n?+[ \t]*+/\* total size(?: \(bytes\))?: *+(\d{1,12}+)(?: bytes)? \*/[ \t]*+",
        lambda row: _Total(int(row[1])),
        "a total size",
    )
    remark = g.Row(
        r"[ \t]*+<(incomplete type|no data fields)>[ \t]*+", lambda row: _Remark(row[1]), "a remark of gdb"
    )
    closed = g.Row(
        r"[ \t]*+\}([^;{}\n]*+)(;?+)[ \t]*+", lambda row: row.groups(), "the end of a structure: }"
    )
    hole = g.Remark(r"[ \t]*+/\* XXX  *+\d{1,9}-(?:bit|byte) (?:hole|padding) *+\*/[ \t]*+")
    between = g.noise(hole, g.Remark(r"[ \t]++"))
    body = g.Nest(opened, closed, member, total, remark, make=_inner, between=between)
    return header + ((top + body + closed).add_parse_action(_outer) | other)


def _number(digits: str | None) -> int | None:
    return int(digits) if digits else None


def _other(row: re.Match[str]) -> Laid:
    return Laid(None, row[1].strip(), None, None, None, row.start())


def _member(row: re.Match[str]) -> Laid:
    byte, bit, size, code = row.groups()
    return Laid(None, code.strip(), _number(byte), _number(bit), _number(size), row.start())


def _inner(text: g.Text, place: int, opened: Any, values: list[Any], closed: Any) -> Laid:
    byte, bit, size, type_ = opened
    declared, end = closed
    if not end:
        text.refuse(place, "a member without its ';'")
    return _whole(Laid(type_, declared.strip(), _number(byte), _number(bit), _number(size), place), values)


def _outer(text: str, place: int, tokens: g.ParseResults) -> Laid:  # noqa: ARG001 # pyparsing's
    type_, *values, (declared, _) = tokens
    return _whole(Laid(type_, declared.strip(), None, None, None, place), values)


def _whole(laid: Laid, values: list[Any]) -> Laid:
    """The layout with the values between its braces."""
    members: list[Laid] = []
    total, remark = None, None
    for value in values:
        if type(value) is Laid:
            members.append(value)
        elif type(value) is _Total:
            total = value.size
        else:
            remark = value.words
    return laid._replace(members=tuple(members), total=total, remark=remark)
