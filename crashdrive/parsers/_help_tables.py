"""Tables of crash's own variables: ``help -k``, ``-m``, ``-t``, ``-n``, ``-r`` and their like.

Source in crash: ``dump_kernel_table()``, ``dump_machdep_table()``, ``dump_task_table()`` and their like.
"""

from __future__ import annotations

import re

from crashdrive.commandline import shell_part
from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers.base import Source
from crashdrive.records import Record


class Entry(Record, frozen=True, kw_only=True):
    """An entry of one of crash's tables.

    ``group``: the number of its group, from 0; blank lines set groups apart. ``indent``: blanks before the
    key. ``key`` is None for a line without one. ``value``: the text behind the colon; ``more``: the lines
    below the entry that have no key (flags by name, lists of addresses).
    """

    group: int
    indent: int
    key: str | None
    value: str
    more: tuple[str, ...] = ()


# (indent, key, value, whether blank lines stand above)
_Head = tuple[int, str | None, str, bool]

# A line of a task has no key, though its name may hold a colon. Behind an address that is a key a colon
# stands.
_TASK = r"\[ *+\d{1,7}\] [0-9a-f]{8,16}(?:/[0-9a-f]{8,16})?+ "


def table() -> g.ParserElement:
    """Entries in groups between blank lines; names of flags and lists of numbers stand below their entry::

             flags: 12502600
      (PER_CPU_OFF|SMP|KMOD_V2|KALLSYMS_V2)
              cpus: 2
    __per_cpu_offset[NR_CPUS]:
        ffff8c3b1de00000 ffff8c3b1df00000 ffffffff9fc1a000
        ffffffff9fc1a000 ...

    INDEX       TASK       TGID  (COMM)
    [  0] ffffffffb2410940     0 (swapper/0)
    """
    entry = g.Row(
        rf"( *+)(?:(?!{_TASK})([^\s:(|\"'][^:\n\"']{{0,60}}+): ?)?+([^\n]*+)",
        _head,
        "an entry of a table: KEY: VALUE",
    )
    number = r"[0-9a-f]{8,16}"
    more = (
        _more(r" *+\([A-Z0-9_|]*+\)", "names of flags"),
        _more(rf" {{2,}}{number}(?: {number})*+(?: *+\.{{3}})?+", "numbers"),
        _more(r" {20,}[0-9a-f]{1,16}(?: \(\w{1,40}\))?+", "a number"),
        _more(r" {4,}[A-Z][\w-]*+(?:\([^()\n]*\))?=[^\n]*+", "a line of vmcoreinfo"),
        _more(r"\[ *+\d{1,7}\] [^\n]++", "a task"),
        g.Row(r"([^\n:]{1,16})", _rest, "the rest of a task's name"),
    )
    return g.Blocks(entry, *more, make=_entry)


def _more(pattern: str, what: str) -> g.Row:
    return g.Row(f"({pattern})", lambda row: row[1].rstrip(), what)


# Keys that crash prints in the middle of a line. Any other key there begins a second entry, whose newline was
# lost.
_WITHIN = expression(
    r"size|address|index|cnt|limit|flags|base|isize|ppid|pgrp|sid|si\.(?:code|errno)|sigpend|sighold|stime"
    r"|cstime|fpvalid"
)
_AT_FIRST = expression(r"selector|address|isize|[0-9a-f]{8,16}")
_REGISTER = expression(r"[A-Z][A-Z0-9_]{0,7}")
# blanks before a key: one more than `_WIDEST_GAP` allows
_KEY = expression(r"([ ]{0,7}+)([A-Za-z_.\d][\w.\[\]-]{0,60}+):(?: |$)", re.ASCII)
# Lines of help -r and -n on RISC-V, MIPS and LoongArch: three registers at most, some far apart.
_NAMED = (
    r"(?:epc|ra|sp|gp|tp|t[0-6]|s(?:\d|1[01])|a[0-7]|LO|HI|EPC|BADVADDR|STATUS|CAUSE"
    r"|CSR (?:epc|era|badv|crmd|prmd|ecfg|estat|euen|eneu)) ?: "
)
_REGISTERS = expression(
    rf" *+{_NAMED}(?P<row>[0-9a-f]{{8,16}}+(?: ++{_NAMED}[0-9a-f]{{8,16}}+){{0,2}} *+\Z)?", re.ASCII
)
_WIDEST_GAP = 6
_MOST_REGISTERS = 2  # in one line, behind its first key
# Entries whose value is any text.
_TEXTS = expression(r"proc_version|panicmsg|prompt|cmdline|args\[\d+\]", re.ASCII)
# Beginnings of entries that crash prints below such a text, or whose key has two words. Within a value they
# tell that a newline was lost.
_LINES_BELOW = expression(
    r" (?:args\[\d{1,3}\]: [0-9a-f]{1,16}: "
    r"|(?:new_utsname:|panic_processor: -?\d{1,9}|average size: \d{1,20}) *\Z)",
    re.ASCII,
)


def _head(row: re.Match[str]) -> _Head | None:
    """An entry's first line; the first line of a group may have no key."""
    indent, key, value = row.groups()
    fresh, value = _is_fresh(row.string, row.start()), value.strip()
    if key is None:
        return (len(indent), None, value, fresh) if fresh and value else None
    if _LINES_BELOW.search(value):
        return None
    if ":" in value and not _TEXTS.fullmatch(key):
        registers = _REGISTERS.match(row[0].rstrip("\n"))
        if not (registers["row"] if registers else _one(key, value)):
            return None
    return len(indent), key.rstrip(), value, fresh


def _is_fresh(text: str, start: int) -> bool:
    """Whether a blank line, or nothing, stands above the line that begins here."""
    if start == 0 or text[start - 2 : start - 1] == "\n":
        return True
    return text[start - 2] == " " and not text[text.rfind("\n", 0, start - 1) + 1 : start].strip()


def _rest(row: re.Match[str]) -> str | None:
    """The rest of a task's name that holds a newline: a short line right below the task's line."""
    text, end = row.string, row.start() - 1
    return row[1].rstrip() if text.startswith("[", text.rfind("\n", 0, end) + 1, end) else None


def _one(key: str, value: str) -> bool:
    """Whether a value holds no other entry."""
    registers = 0
    for inner in _KEY.finditer(re.sub(r"\([^()]*\)|\"[^\"]*\"", "", value)):
        if not inner.start() and _AT_FIRST.fullmatch(inner[2]):
            continue
        registers += _REGISTER.fullmatch(inner[2]) is not None
        known = _WITHIN.fullmatch(inner[2]) or (_REGISTER.fullmatch(inner[2]) and _REGISTER.fullmatch(key))
        # no other key stands in the line of an alias
        if not known or key == "alias" or len(inner[1]) > _WIDEST_GAP or registers > _MOST_REGISTERS:
            return False
    return True


def _entry(text: g.Text, place: int, head: _Head, more: list[str]) -> tuple[_Head, tuple[str, ...]]:
    _, key, value, _ = head
    named = more and more[0].lstrip()[:1] == "("
    if named and ("(" in value or key is None or "flags" not in key):
        text.misfit(text.next_line(place), "names of flags where no flags are")
    return head, tuple(more)


# What the table of an option has in every release of crash, as its function's first lines print it. Registers
# (-r) are named by each machine, extensions (-e) by their files.
_SURELY = {
    **{option: {"flags"} for option in "dhHkKmNsvV"},
    **{option: {"flags", "vmware_vmss", "vmware_guestdump"} for option in "nD"},
    **{option: {"current"} for option in "tT"},
    "a": {"alias_head.next"},
    "b": {"buf_1K_used"},
    "B": {"build_command"},
    "c": {"numargs_cache_index"},
    "f": {"inode_cache_index"},
    "g": {"prettyprint_arrays"},
    "o": {"list_head_next"},
    "p": {"program_name"},
}


def _surely(source: Source) -> tuple[str, set[str]]:
    """The option whose table crash prints, and entries of which that has one; of a filtered table nothing is
    known.
    """
    command = source.command
    # crash ends with the first option; -o alone is kept for the end, and takes parts of names
    option = next((one for one in command.options if one != "o"), "o")
    filtered = shell_part(command.text) is not None or (option == "o" and command.arguments)
    return option, set() if filtered else _SURELY.get(option, set())


def grouped(source: Source, found: list[tuple[_Head, tuple[str, ...]]]) -> list[Entry]:
    """The entries with the numbers of their groups; a text without what the option's table surely has is
    marked.
    """
    keys = {key for (_, key, _, _), _ in found}
    option, wanted = _surely(source)
    if wanted and found and keys.isdisjoint(wanted):
        reason = f"no entry {min(wanted)}, which the table of help -{option} has"
        source.note("partial", reason, incomplete=True)
    group = -1 if found and found[0][0][3] else 0
    entries = []
    for (indent, key, value, fresh), more in found:
        group += fresh
        entries.append(Entry(group=group, indent=indent, key=key, value=value, more=more))
    return entries
