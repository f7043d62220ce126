r"""Chatter in any command's output, which is no part of it: removed in one place, before the grammars.

- crash's debug lines (``set debug N``) that any command may print: ``<readmem: ...>``,
  ``<read_kdump: ...>``, ``<addr: ...>``, ``read_netdump: ...``, ``GETBUF(...)``, hit rates of its caches,
  steps of the unwinder. They break into lines of data, and their own newline goes with them. What single
  commands add to their own output then (``dev``, ``irq``, ``runq``, ...) isn't known here.
- crash's trace of itself (``[crash] error trace: 55d => 66e`` and ``  55d: readmem+12`` for each of them),
  which it writes to another stream: it may stand in the middle of a later answer. The error that it belongs
  to stays.
- gdb's question about debuginfod, with what it says of the answer.

Source in crash: ``readmem()``, ``display_memory()`` (memory.c), ``getbuf()`` (tools.c), ``read_netdump()``,
``read_diskdump()``, ``dump_trace()`` (symbols.c), ``dump_filesys_table()`` (filesys.c); crash 7 and older
have ``text hit rate`` too. gdb: ``debuginfod-support.c``.
"""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterable

from msgspec.structs import replace

from crashdrive.commandline import CommandLine
from crashdrive.errors import ParseError
from crashdrive.records import Notice

_HEX = r"[0-9a-f]{1,16}"
_IN_LINES = (
    rf"<(?:read|write)mem: {_HEX}, [\w()]{{1,20}}, \"[^\"\x00-\x1f]{{0,200}}\", -?\d{{1,20}}, "
    rf"[^,>\x00-\x1f]{{1,40}}, {_HEX}>\n"
    rf"|<(?:read|write)_\w{{1,40}}: addr: {_HEX} paddr: {_HEX} cnt: \d{{1,20}}>\n"
    rf"|<addr: {_HEX} count: -?\d{{1,20}} flag: {_HEX} \([^()\x00-\x1f]{{1,20}}\)>\n"
    r"|(?:^ {1,64})?(?:GETBUF\(-?\d{1,20} -> \d{1,9}\)|FREEBUF\(\d{1,9}\))\n"
)
_LINES = (
    rf"|^(?:read|write)_(?:netdump|kdump|diskdump|sadump|lkcd\w*|ramdump|proc_kcore|memory_device|dev_mem): "
    rf"(?:addr: {_HEX} )?paddr[:/][^\x00-\x1f]{{1,200}}\n"
    r"|^\w{1,32}: (?:per_cpu_symbol_search\(\w{1,256}\): NULL|get_cpus_\w{1,20}: \w{1,20}: \d{1,9}"
    rf"|convert_time: -?\d{{1,20}} \({_HEX}\))\n"
    r"|^NOTE: GETBUF request > MAX_CACHE_SIZE: \d{1,20}\n"
    r"|^[A-Z_]{1,32}(?:\[[^\x00-\x1f]{0,256}\])?: returned via gdb_error_hook[^\x00-\x1f]{0,200}\n"
    rf"|^seq: \d{{1,20}} caller_id: {_HEX} \((?:pid|cpu): \d{{1,10}}\)\n"
    rf"|^< exception frame at: {_HEX} >\n"
    rf"|^(?:rsp: {_HEX} (?:rbp: {_HEX} )?(?:textaddr|prev_sp): |ELF prstatus rsp: {_HEX} rip: )"
    rf"{_HEX}[^\x00-\x1f]{{0,200}}\n"
)
_HIT_RATES = r"|^ *(?:text|file|dentry|inode|vma) hit rate: +\d{1,3}% \(\d{1,20} of \d{1,20}\)(?:\n|\Z)"
_DEBUG = _IN_LINES + _LINES + _HIT_RATES
# help -F and others print the hit rates as their answer
_DEBUG_OF_HELP = _IN_LINES + _LINES
_MARKS = (
    *("<readmem: ", "<writemem: ", "<addr: ", " hit rate: ", "GETBUF", "per_cpu_symbol_search("),
    *(
        "rsp: ",
        ": get_cpus_",
        ": convert_time: ",
        " caller_id: ",
        "gdb_error_hook",
    ),
)

_TRACE = rf"^ {{0,8}}\[[^\]\x00-\x1f]{{1,4096}}\] error trace: ({_HEX}(?: => {_HEX}){{0,15}}) *\n"
_TRACED = rf"^  ({_HEX}): (?:[A-Za-z_][\w.$@]{{0,255}}\+\d{{1,9}}|\(undetermined\)) *(?:\n|\Z)"

# Where nm can't read crash itself.
_NO_NAMES = r"^(?:\w{1,32}: invalid ELF file: |(?:crash: )?/usr/bin/nm: )[^\x00-\x1f]{1,4096}(?:\n|\Z)"

_QUESTION = (
    r"(?:^This GDB supports auto-downloading debuginfo from the following URLs:\n"
    r"(?:  <[^<>\x00-\x1f]{1,500}>\n|https?://[^\x00-\x1f]{1,500}\n){1,20})?"
    r"^Enable debuginfod for this session\? \(y or \[n\]\)[^\x00-\x1f]{0,200}\n"
    r"(?:Debuginfod has been (?:en|dis)abled\.\n)?"
    r"(?:To make this setting permanent, add 'set debuginfod enabled o(?:n|ff)' to \.gdbinit\.\n)?"
)


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """An expression, compiled when a text first needs it: most texts have no chatter."""
    return re.compile(pattern, re.MULTILINE)


class Quieted:
    """A text without chatter, and its line numbers in the original text."""

    def __init__(self, text: str, cuts: list[tuple[int, int]], notices: Iterable[Notice]) -> None:
        self.notices = tuple(notices)
        pieces: list[str] = []
        self._starts: list[int] = []  # where in the new text something was cut out, and
        self._lines: list[int] = []  # how many newlines were cut out until there
        position = length = lines = 0
        for start, end in cuts:
            pieces.append(text[position:start])
            length += start - position
            lines += text.count("\n", start, end)
            self._starts.append(length)
            self._lines.append(lines)
            position = end
        pieces.append(text[position:])
        self.text = "".join(pieces)
        self._newlines = [0, *(found.end() for found in re.finditer("\n", self.text))]

    def line(self, number: int) -> int:
        """A line's number in the original text."""
        start = self._newlines[min(number, len(self._newlines)) - 1]
        place = bisect.bisect_right(self._starts, start)
        return number + (self._lines[place - 1] if place else 0)

    def moved(self, notices: Iterable[Notice]) -> tuple[Notice, ...]:
        """Notices with line numbers of the original text; before them those about the removed chatter."""
        found = (replace(note, line=note.line and self.line(note.line)) for note in notices)
        return (*self.notices, *found)

    def error(self, error: ParseError) -> ParseError:
        """An error with its line number in the original text."""
        return ParseError(error.command, self.line(error.line), error.column, error.text, error.reason)


def quieted(line: CommandLine, text: str) -> Quieted | None:
    """The text without chatter; None where there is none, as nearly always."""
    cuts: list[tuple[int, int]] = []
    notices: list[Notice] = []
    if _is_marked(text):
        pattern = _DEBUG_OF_HELP if line.traits.hit_rates else _DEBUG
        _take(text, _compiled(pattern).finditer(text), "crash's debug lines", "debug", cuts, notices)
    if "] error trace: " in text:
        _take(text, _traces(text), "lines of crash's trace of itself", "debug", cuts, notices)
    if "Enable debuginfod for this session?" in text:
        _take(
            text, _compiled(_QUESTION).finditer(text), "gdb's question about debuginfod", "gdb", cuts, notices
        )
    return Quieted(text, sorted(cuts), notices) if cuts else None


def _is_marked(text: str) -> bool:
    for mark in _MARKS:  # any() takes twice as long, in each text
        if mark in text:
            return True
    # tables of crash have `paddr` in other places
    return "paddr" in text and (" paddr:" in text or " paddr/" in text)


def _take(
    text: str,
    found: Iterable[re.Match[str]],
    what: str,
    kind: str,
    cuts: list[tuple[int, int]],
    notices: list[Notice],
) -> None:
    spans = [match.span() for match in found]
    if not spans:
        return
    cuts += spans
    first = text[slice(*spans[0])].strip().split("\n", 1)[0]
    line = text.count("\n", 0, spans[0][0]) + 1
    notices.append(Notice(kind=kind, message=f"left out: {what} ({len(spans)})", line=line, text=first))


def _traces(text: str) -> Iterable[re.Match[str]]:
    """The traces' own lines, and below them those of the addresses that they name."""
    heads = list(_compiled(_TRACE).finditer(text))
    addresses = {address for head in heads for address in head[1].split(" => ")}
    yield from heads
    if heads:
        behind = _compiled(_TRACED).finditer(text, heads[0].end())
        yield from (found for found in behind if found[1] in addresses)
        yield from _compiled(_NO_NAMES).finditer(text, heads[0].end())
