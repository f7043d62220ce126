"""Telling success from failure: crash has no exit status for its commands, only words.

The shapes are those that crash 8.0.2 to 9.0.2 print (recorded in tests/session/recorded). What a dump holds
can look like each of them: a shape counts only where crash puts it, at the start of a line, at the end of
the output, outside of quotes, and the commands that print strangers' text are judged by their first line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from msgspec import UNSET, UnsetType

from crashdrive.commandline import COMMANDS, CommandLine, command_line
from crashdrive.parsers.grammar.chatter import Quieted, quieted
from crashdrive.session.result import Failure

# how much of a long output is looked at, at each end; errors in the middle are the parsers' business
WINDOW = 1 << 14
_OTHER_PROGRAM = re.compile(r"[|>!]")

_MEMORY = re.compile(
    r'(?:seek error|read error|page excluded|page incomplete): [a-z ]+ address: [0-9a-f]+ +type: "'
    r"|\b[\w* ]{1,80}: (?:WARNING: )?invalid (?:kernel virtual|user virtual|physical) address: [0-9a-f]+"
)
_SEGFAULT = re.compile(r"   (<segmentation violation(?: in gdb)?>)\n\n\Z")
_OFFSET = re.compile(
    r"(invalid (?:structure member offset|structure size|size_table|offset_table)\b[^\n]*)"
    r"\n\s+FILE: \S+ +LINE: \d+ +FUNCTION: "
)
_GDB = re.compile(r"\b\w+: gdb request failed:[^\n]*(?=\n?\Z)")
_USAGE = re.compile(r'(?:^|\n)Usage:\s*\n(.*)\nEnter "help \S+" for details\.\s*\Z', re.DOTALL)
# those that don't say the command's name, at the start of a line
_UNNAMED = (
    ("symbol", re.compile(r"^symbol not found: .*", re.MULTILINE)),
    ("message", re.compile(r"^alias does not exist: .*|^invalid id or address: .*", re.MULTILINE)),
    ("message", re.compile(r'\ANo help data for ".*" is available\.')),
    # crash names the command before this one
    ("message", re.compile(r"^\w+: (?:pipe operation failed|unable to open .*)$", re.MULTILINE)),
)


class Judgement(NamedTuple):
    """How a command failed, or None when nothing says so.

    ``quiet`` is what `quieted` gave of the text; unset where not all of it was looked at.
    """

    failure: Failure | None
    quiet: Quieted | UnsetType | None = UNSET


def judge(command: str, output: bytes) -> Judgement:
    """`find_failure` on raw bytes; of a long output its two ends are looked at."""
    if len(output) > 2 * WINDOW:
        ends = output[:WINDOW] + b"\n" + output[-WINDOW:]
        return Judgement(find_failure(command, _text(ends)))
    return _judged(command_line(command), _text(output))


def find_failure(command: str, text: str) -> Failure | None:
    """How the command failed, or None when nothing says so."""
    return _judged(command_line(command), text).failure


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")


def _judged(line: CommandLine, text: str) -> Judgement:
    if not line.words or line.name[0] == "!":
        return Judgement(None)
    quiet = quieted(line, text)
    return Judgement(_found(line, quiet.text if quiet else text), quiet)


def _found(line: CommandLine, text: str) -> Failure | None:
    if found := _SEGFAULT.search(text):
        return Failure(kind="gdb-crashed", message=found.group(1))
    if line.traits.strangers:
        return _first_line(line, text)
    return (
        _by_words(text)
        or _by_prefix(line, text)
        or _by_usage(text)
        or _by_silence(line, text)
        or _by_count(line, text)
    )


def _first_line(line: CommandLine, text: str) -> Failure | None:
    """A failure that has the first line to itself, or crash's words for a kernel that it doesn't know."""
    if found := re.match(rf"(?:{line.name}|crash): (?!WARNING|NOTE)[^\n]*", text):
        return _classified(found.group())
    if text.startswith("No help data for"):
        return Failure(kind="message", message=text.strip())
    if (found := _OFFSET.search(text)) and text.count("\n", found.end()) <= 2:
        return Failure(kind="offset", message=found.group(1))
    return _by_usage(text)


def _unquoted(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches that don't stand in a string of C: an even number of quotes comes before on their line."""
    for found in pattern.finditer(text):
        start = text.rfind("\n", 0, found.start()) + 1
        before = re.sub(r'\\.|"[^"\\]*(?:\\.[^"\\]*)*"', "", text[start : found.start()])
        if '"' not in before:
            yield found


def _whole_line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    return text[start : end if end >= 0 else None].strip()


def _by_words(text: str) -> Failure | None:
    if found := _OFFSET.search(text):
        return Failure(kind="offset", message=found.group(1))
    for found in _unquoted(_GDB, text):
        return Failure(kind="gdb", message=found.group())
    if " address: " in text:  # it looks at each word of a text for what may stand before a colon
        for found in _unquoted(_MEMORY, text):
            return Failure(kind="memory", message=_whole_line(text, found.start()))
    for kind, pattern in _UNNAMED:
        if found := pattern.search(text):
            return Failure(kind=kind, message=found.group().strip())
    return None


def _names(line: CommandLine) -> set[str]:
    """Names that crash may put before a message: the typed one, its alias's, its command's, the program's."""
    names = {"crash", line.typed, line.name}
    if line.name == "struct" or line.name not in COMMANDS:
        names |= {"*", "struct", "union"}
    if line.traits.runs_others:
        names |= COMMANDS.intersection(line.words)
    return names


# what a command says of itself without having failed: bt -O
_SAID = r"use (?:old|new) bt method by default$"


def _by_prefix(line: CommandLine, text: str) -> Failure | None:
    """``CMD: message`` at the start of a line; crash's warnings have no name before them."""
    pattern = "|".join(map(re.escape, sorted(_names(line))))
    message = re.search(rf"^(?:{pattern}): (?!WARNING|NOTE|{_SAID}).+", text, re.MULTILINE)
    if message is None and line.traits.mixes:
        message = re.search(rf"\b{line.name}: (?!WARNING|NOTE).+", text)
    if message is None and line.name == "<":
        message = re.search(r"^\w+: .*", text, re.MULTILINE)
    return _classified(message.group()) if message else None


_CLASSES = (
    ("unknown-command", re.compile(r"command not found: ")),
    ("minimal", re.compile(r".*command not available in minimal mode")),
    ("option", re.compile(r"(?:invalid option|option requires an argument|unrecognized option)\b")),
)


def _classified(line: str) -> Failure:
    """A message of the form ``CMD: text`` by what its text begins with."""
    said = line.partition(": ")[2]
    kind = next((kind for kind, pattern in _CLASSES if pattern.match(said)), "message")
    return Failure(kind=kind, message=line.strip())


def _by_usage(text: str) -> Failure | None:
    if found := _USAGE.search(text):
        return Failure(kind="usage", message="Usage: " + " ".join(found.group(1).split()))
    return None


def _by_silence(line: CommandLine, text: str) -> Failure | None:
    if line.name == "dis" and text.endswith(":\t"):
        return Failure(kind="memory", message="dis could not read the instruction")
    if text.strip() or not line.traits.never_silent or _OTHER_PROGRAM.search(line.text):
        return None
    if (text and line.name == "rd") or line.words[:2] in {("mod", "-d"), ("mod", "-D")}:
        return None  # bytes that are no characters, to -a; symbols that were forgotten
    if line.name == "ps" and (chosen := line.words[1:]) and any(not word.startswith("-") for word in chosen):
        return Failure(kind="silent", message=_no_task(chosen))
    return Failure(
        kind="silent", message=f"{line.name} printed nothing; the memory may be excluded from the dump"
    )


# crash's task_state_string()
_STATES = frozenset(["RU", "IN", "UN", "ST", "ZO", "DE", "SW", "WA", "PA", "TR", "ID", "NE"])


def _no_task(chosen: Sequence[str]) -> str:
    """``ps -m UN`` prints nothing where no task has that state: an empty answer, and no failure."""
    states = [word for word in chosen if word in _STATES]
    which = f"in state {' or '.join(states)}" if states else "of those that were asked for"
    return f"ps found no task {which}"


# rd's units by option: bytes of each, and how one is printed
_UNITS = {"8": (1, r"[0-9a-f]{2}"), "1": (2, r"[0-9a-f]{4}"), "3": (4, r"[0-9a-f]{8}")}


def _by_count(line: CommandLine, text: str) -> Failure | None:
    """``rd`` that printed less than was asked: crash 9.0.1 and later stop silently at an excluded page."""
    if line.name != "rd" or _OTHER_PROGRAM.search(line.text):
        return None
    asked = line.with_options()
    if asked.has("r"):
        if re.search(r"^\d+ bytes copied from 0x[0-9a-f]+ to ", text, re.MULTILINE):
            return None
        return Failure(kind="memory", message="rd didn't say that it copied all bytes")
    wanted = _wanted(asked.arguments, asked.options)
    if wanted is None or asked.has("a"):
        return None
    printed = _counter(asked.options)(text)
    if printed >= wanted or len(text) > 2 * WINDOW:
        return None
    return Failure(
        kind="memory",
        message=f"rd printed {printed} of {wanted} values; the rest may be excluded from the dump",
    )


def _wanted(arguments: tuple[str, ...], options: dict[str, str]) -> int | None:
    """How many values rd was asked for; None where that isn't plain."""
    if len(arguments) == 2 and re.fullmatch(r"\d+|0x[0-9a-fA-F]+", arguments[1]):
        return int(arguments[1], 0) if arguments[1].startswith("0x") else int(arguments[1])
    if len(arguments) == 1 and "e" not in options:
        return 1
    return None


def _counter(options: dict[str, str]) -> Callable[[str], int]:
    """Counts the values in rd's rows: decimal and symbolic ones by words, others by their width."""
    if options.keys() & {"d", "D", "s", "S"}:
        return lambda text: sum(
            len(re.sub(r"\[[^\]\n]*\]", "x", row).split())
            for row in re.findall(r"^ *[0-9a-f]+:  (.*)", text, re.MULTILINE)
        )
    _, one = next((_UNITS[letter] for letter in "813" if letter in options), (8, r"[0-9a-f]{16}"))
    rows = re.compile(rf"^ *[0-9a-f]+:  ((?:{one} )+)", re.MULTILINE)
    return lambda text: sum(len(row.split()) for row in rows.findall(text))
