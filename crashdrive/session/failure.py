"""Telling success from failure: crash has no exit status for its commands, only words.

The shapes are those that crash 8.0.2 to 9.0.2 print; the kernel's own log can hold lines that look like each
of them, so that commands which print it are judged by short outputs alone.
"""

from __future__ import annotations

import re

from crashdrive.parsers.base import canonical_words, split_words
from crashdrive.session.result import Failure

# how much of a long output is looked at, at each end; errors in the middle are the parsers' business
_WINDOW = 1 << 14
# these print text of strangers from the first column on
_PRINT_STRANGERS = frozenset({"log", "!", "cat", "help", "man"})
# commands whose success is never silent: crash 9.0.1 and later print nothing for a page that was excluded
_NEVER_SILENT = frozenset(
    {"bt", "dis", "eval", "p", "ps", "pte", "rd", "struct", "sym", "sys", "vtop", "whatis"}
)

_MEMORY = (
    r"(?:seek error|read error|page excluded|page incomplete|invalid kernel virtual address"
    r"|invalid user virtual address|invalid physical address|cannot access|memory page|zero-size page)"
)
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("gdb-crashed", re.compile(r"<segmentation violation in gdb>")),
    ("offset", re.compile(r"invalid (?:structure member offset|structure size|size_table|offset_table)\b.*")),
    ("minimal", re.compile(r".*command not available in minimal mode.*")),
    ("unknown-command", re.compile(r"^(?:\S+: )?command not found: .*", re.MULTILINE)),
    (
        "option",
        re.compile(
            r"^\S+: (?:invalid option|option requires an argument|unrecognized option) .*", re.MULTILINE
        ),
    ),
    ("symbol", re.compile(r"^symbol not found: .*", re.MULTILINE)),
    ("gdb", re.compile(r"^.*gdb request failed:.*", re.MULTILINE)),
)


def find_failure(command: str, text: str) -> Failure | None:
    """How the command failed, or None when nothing says so."""
    words = canonical_words(command)
    if not words:
        return None
    if len(text) > 2 * _WINDOW:
        text = f"{text[:_WINDOW]}\n{text[-_WINDOW:]}"
    if words[0][0] == "!" or (words[0] in _PRINT_STRANGERS and text.count("\n") > 2):
        return None
    return (
        _by_words(text)
        or _by_prefix(words, command, text)
        or _by_usage(text)
        or _by_silence(words, command, text)
    )


def _by_words(text: str) -> Failure | None:
    for kind, pattern in _KINDS:
        if found := pattern.search(text):
            return Failure(kind=kind, message=found.group().strip())
    return None


def _by_prefix(words: tuple[str, ...], command: str, text: str) -> Failure | None:
    """``CMD: message``, CMD being the command, one inside it (foreach, repeat), or the program."""
    words = (*split_words(command)[:1], *words[:4])
    names = {"crash", *(word for word in words if re.fullmatch(r"[a-z_*]\w*", word))}
    # crash names the command as it was typed: a shortcut by itself, not by what it stands for
    pattern = "|".join(map(re.escape, sorted(names | {"\\*"})))
    memory = re.search(rf"\b(?:{pattern}): (?:WARNING: )?{_MEMORY}.*", text)
    if memory:
        return Failure(kind="memory", message=memory.group().strip())
    message = re.search(rf"^(?:{pattern}): (?!WARNING).*", text, re.MULTILINE)
    return Failure(kind="message", message=message.group().strip()) if message else None


def _by_usage(text: str) -> Failure | None:
    if re.search(r"^Usage:", text, re.MULTILINE) and re.search(
        r'^Enter "help \S+" for details\.', text, re.MULTILINE
    ):
        return Failure(kind="usage", message=" ".join(text.split("Enter ", maxsplit=1)[0].split()))
    return None


def _by_silence(words: tuple[str, ...], command: str, text: str) -> Failure | None:
    if text.strip() or words[0] not in _NEVER_SILENT or re.search(r"[|>!]", command):
        return None
    return Failure(
        kind="silent", message=f"{words[0]} printed nothing; the memory may be excluded from the dump"
    )
