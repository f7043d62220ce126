"""The literals of gdb's values: numbers in every radix, texts with C escapes, symbols with offsets."""

from __future__ import annotations

import re

from crashdrive.expressions import expression

_ESCAPE = expression(r"\\([0-7]{1,3}|x[0-9a-f]{2}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}
_OCTAL = expression(r"0[0-7]+")
_SYMBOL = expression(r"(.+?)(?:\+(-?[0-9]{1,20}+|0x[0-9a-f]{1,16}+))?")


def unescape(text: str) -> str:
    """The text for gdb's C escapes; bytes that are no UTF-8 stay backslash escapes."""
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(_character, text.encode("utf-8", "surrogatepass").decode("latin-1"))
    return raw.encode("latin-1").decode("utf-8", "backslashreplace")


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "01234567":
        return chr(int(code, 8) & 0xFF)
    if code[0] == "x" and len(code) == 3:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


def plain_number(text: str) -> int:
    """A number as crash prints it: decimal, or hexadecimal behind 0x."""
    return int(text, 16 if text[:2] == "0x" else 10)


def parse_number(text: str) -> int | float:
    """A number as gdb prints it in radix 10, 16 (0x...) or 8 (0...)."""
    digits = text.lstrip("-")
    if digits[:2] == "0x":
        return int(text, 16)
    if digits.isdecimal():
        return int(text, 8) if _OCTAL.fullmatch(digits) else int(text)
    return float(text.partition("(")[0])


def split_symbol(symbol: str | None) -> tuple[str | None, int | None]:
    """``init_task+16`` as (name, offset); the offset is 0 where none is given."""
    if symbol is None:
        return None, None
    match = _SYMBOL.fullmatch(symbol)
    if not match or not match[2]:
        return symbol, 0
    return match[1], int(match[2], 16) if match[2].startswith("0x") else int(match[2])
