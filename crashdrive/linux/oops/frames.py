r"""Frames in a line of text: every form that kernels, klogd, ksymoops and symbolizers print.

======================================================  =================================================
``[<c0123456>] ? foo+0x12/0x34 [mod]``                  2.6 to now; addresses gone since 4.10
``<ffffffff8010dd17>{:ext3:foo+126}``                   x86-64 up to 2.6.17, offsets in decimal
``[foo+52/1234]``, ``[ext3:foo+52/1234]``               klogd of 2.4, decimal
``[<c0133e6a>] foo [kernel] 0x27a (0xd7f5de))``         Red Hat's 2.4
``Trace; c0107a47 <[ext3]foo+33/38>``                   ksymoops
``[<c001>] (foo+0x0/0x1) from [<c002>] (bar+0x..)``     arm; also without addresses and the first offset
``foo (mm/slab.c:12 mm/slab.c:34) mod``                 scripts/decode_stacktrace.sh
``foo mm/slab.c:12 [inline]``                           syzbot's symbolizer
======================================================  =================================================
"""

from __future__ import annotations

import re

import msgspec

from crashdrive.linux.oops.records import Frame

_NAME = r"[A-Za-z_.$][\w.$]*"
_MODULE = r"(?:\s?\[(?P<module>(?!inline\])[\w-]+)(?:\s[^\]]*)?\])?"
_SOURCE = r"[\w./+-]*\.(?:c|h|S|cc|cpp|rs|s):\d+"

_TOKEN = re.compile(
    r"(?:\[?<?(?:0x)?(?P<addr>[0-9a-f]{8,16})>?\]?:?\s{1,4})?"
    r"(?P<doubt>\(?\?\s{1,3})?[({<]?"
    rf"(?P<name>{_NAME})\+(?:0x)?(?P<offset>[0-9a-f]{{1,8}})/0x(?P<size>[0-9a-f]{{1,8}})\)?>?{_MODULE}"
)
_BRACES = re.compile(
    rf"(?:<(?P<addr>[0-9a-f]{{8,16}})>\s?)?\{{(?::(?P<module>[\w-]+):)?(?P<name>{_NAME})\+"
    rf"(?P<offset>\d{{1,8}})\}}"
)
_KLOGD = re.compile(
    rf"\[(?:(?P<module>[\w-]+):)?(?P<name>{_NAME})\+(?P<offset>\d{{1,8}})/(?P<size>\d{{1,8}})\]"
)
_REDHAT = re.compile(
    rf"(?:\[<(?P<addr>[0-9a-f]{{8}})>\]\s)?(?P<name>{_NAME}) \[(?P<module>[\w-]+)\] 0x"
    rf"(?P<offset>[0-9a-f]{{1,8}})(?![\w/])"
)
_KSYMOOPS = re.compile(
    rf"\b(?P<addr>[0-9a-f]{{8,16}}) <(?:\[(?P<module>[\w-]+)\])?(?P<name>{_NAME})\+"
    rf"(?P<offset>[0-9a-f]{{1,8}})/(?P<size>[0-9a-f]{{1,8}})>"
)
_DECODED = re.compile(
    rf"(?P<doubt>\? )?(?P<name>{_NAME}) \((?:discriminator \d+\) )?(?P<source>{_SOURCE})(?: [^()]*(?:\([^"
    rf"()]*\)[^()]*)*)?\)(?: (?P<module>[\w-]+)$)?"
)
_INLINE = re.compile(rf"\s*(?P<name>{_NAME}) (?P<source>{_SOURCE}) \[inline\]")
_ARM_FIRST = re.compile(
    rf"\s*(?:\[<(?P<addr>[0-9a-f]+)>\]\s\()?(?P<name>{_NAME})(?: \[(?P<module>[\w-]+)\])?\)? from "
)
_PLAIN_SOURCE = re.compile(rf"\s+(?P<source>{_SOURCE})\b")
# each form with a text that its lines contain, which is faster to search for, and the base of its offsets
_FORMS = (
    (_TOKEN, "/0x", 16),
    (_BRACES, "{", 10),
    (_KSYMOOPS, "+", 16),
    (_KLOGD, "+", 10),
    (_REDHAT, "] 0x", 16),
    (_DECODED, " (", 10),
)

_MARKER = re.compile(r"\s*(?P<open></?(?:<)?(?P<name>[A-Z#][A-Z_#]{1,18})>>?)\s*")
_ADDRESS_ONLY = re.compile(
    r"\s*(?:\[c[0-9a-f]{7,15}\]\s)?\[?[<\[]?(?:0x)?(?P<addr>[0-9a-f]{8,16})[>\]]{1,2}(?:\s+0x[0-9a-f]+)?\s*$"
)
_LEADING = re.compile(
    r"[\s(=]*(?:\[[0-9a-fx]{1,18}\]\s*)*(?:<[0-9a-f]{8,16}>\s?)?(?:Trace;\s*)?[({<]?(?:\[[\w-]+\])?$"
)
_UNRELIABLE = "(unreliable)"


def frames_in(text: str) -> list[Frame]:
    """All frames that a line names, in its order."""
    return _found(text)[0]


def trace_frames(text: str) -> list[Frame]:
    """The frames of a line that holds nothing but frames, as lines of a trace do; else none."""
    frames, start = _found(text)
    if not frames:
        return [Frame(address=int(hit["addr"], 16))] if (hit := _ADDRESS_ONLY.match(text)) else []
    if start >= 80 or not _LEADING.match(text[:start]):
        return []
    return frames if " from " in text else [_called(frame) for frame in frames]


def _called(frame: Frame) -> Frame:
    """A frame of a call, in doubt where its offset is 0: that is behind a call that never returns, such as of
    panic(), at the end of the function before. x86 looks up the byte in front (``%pB``), arm64 doesn't.
    """
    return msgspec.structs.replace(frame, sure=False) if frame.offset == 0 else frame


def _found(text: str) -> tuple[list[Frame], int]:
    """The frames of a line, and where the first one begins."""
    if "+" not in text and "[" not in text and "(" not in text:
        return [], 0
    if inline := _INLINE.match(text):
        file, _, line = inline["source"].rpartition(":")
        return [Frame(function=inline["name"], inline=True, file=file, line=int(line))], 0
    for form, sign, base in _FORMS:
        hits = list(form.finditer(text)) if sign in text else []
        if hits:
            frames = [_frame(hit, base, text) for hit in hits]
            if len(hits) == 1 and " from " in text and (first := _ARM_FIRST.match(text)):
                inner = Frame(function=first["name"], module=first["module"], address=_hex(first["addr"]))
                return [inner, *frames], 0
            return frames, hits[0].start()
    return [], 0


def without_markers(text: str) -> tuple[list[tuple[str, bool]], str]:
    """``<IRQ>``, ``</TASK>``, ``<<EOE>>`` in front of a line: name and whether it opens; the rest."""
    marks = []
    while "<" in text[:24] and (hit := _MARKER.match(text)):
        marks.append((hit["name"], not hit["open"].startswith("</")))
        text = text[hit.end() :]
    return marks, text


def _frame(hit: re.Match[str], base: int, text: str) -> Frame:
    groups = hit.groupdict()
    module = groups.get("module")
    file, line = _source(groups.get("source"), text, hit.end())
    offset, size = groups.get("offset"), groups.get("size")
    return Frame(
        function=groups["name"].lstrip(".") or groups["name"],
        offset=int(offset, base) if offset else None,
        size=int(size, base) if size else None,
        module=None if module == "kernel" else module,
        address=_hex(groups.get("addr")),
        sure=not groups.get("doubt") and _UNRELIABLE not in text,
        file=file,
        line=line,
    )


def _source(source: str | None, text: str, end: int) -> tuple[str | None, int | None]:
    if source is None:
        behind = _PLAIN_SOURCE.match(text, end)
        if behind is None:
            return None, None
        source = behind["source"]
    file, _, line = source.rpartition(":")
    return file, int(line)


def _hex(digits: str | None) -> int | None:
    return int(digits, 16) if digits else None
