"""What a command line is to the session: whether it may be sent, how, and what it leaves behind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from crashdrive.commandline import CommandLine, command_line
from crashdrive.errors import UsageError

# crash's own bounds for a line: longer ones are refused on a terminal and cut in two in an input file
MOST_CHARACTERS = 1499
MOST_ARGUMENTS = 99
# other programs write past the frames of a batch, comments and input files have none, repeat never ends
_UNFRAMED = re.compile(r"[|>!<]|\s*(?:#|//|repeat\b)")
# other prompts, other frames, a pager: the session couldn't read crash any more
_OURS = frozenset({"gdb", "silent", "scroll", "edit"})
# `set` of these is about the context, not about a variable
_CONTEXT_OPTIONS = frozenset({"-p", "-c", "-a", "-x"})
_CONTEXT = "set context"
# of contexts that failed: as many are run again
_MOST_FAILED = 8
_SHOWING_OPTIONS = frozenset({"-v", "-h"})


def check_line(command: str) -> None:
    """UsageError for what would be no single command: control characters, too long, leaving crash."""
    words = command.split()
    if not words or not command.isprintable():
        raise UsageError(f"no single crash command: {ascii(command)[:120]}")
    if len(command.encode("utf-8", "surrogatepass")) > MOST_CHARACTERS or len(words) > MOST_ARGUMENTS:
        raise UsageError(
            f"crash takes {MOST_CHARACTERS} characters and {MOST_ARGUMENTS} arguments a line: "
            f"{command[:60]!a}..."
        )
    if is_leaving(command):
        raise UsageError("crash is left by closing the session, not by a command")
    standing_for = command_line(command).words
    if standing_for[0] == "set" and len(standing_for) > 2 and standing_for[1] in _OURS:
        raise UsageError(f"`set {standing_for[1]}` is the session's own: it reads crash by it")


def is_leaving(command: str) -> bool:
    """Whether a command leaves crash."""
    return command_line(command).traits.leaves


def may_break_off(command: str, aliases: frozenset[str]) -> bool:
    """Whether crash may leave the command before its end, and can be asked then whether it did."""
    return not _unframed(command, aliases) and command_line(command).traits.breaks_off


def _unframed(command: str, aliases: frozenset[str]) -> bool:
    return _UNFRAMED.search(command) is not None or command.split(maxsplit=1)[0] in aliases


def groups(
    commands: Sequence[str], aliases: frozenset[str], *, holes: bool = False, framing: bool = True
) -> Iterator[tuple[bool, list[str]]]:
    """Commands in their order, in groups that can go into one input file (True) or can't (False, one each).

    ``aliases`` are the user's own: what they stand for may be anything. With ``holes`` in the dump crash has
    to be asked after each command that may break off, which an input file doesn't survive. Without
    ``framing`` there are no input files.
    """
    together: list[str] = []
    for command in commands:
        alone = not framing or _unframed(command, aliases) or (holes and may_break_off(command, aliases))
        if not alone:
            together.append(command)
            continue
        if together:
            yield True, together
            together = []
        yield False, [command]
    if together:
        yield True, together


class Context:
    """The commands that later output depends on: run again after a restart."""

    def __init__(self) -> None:
        self._commands: dict[str, str] = {}
        self._failed: dict[str, None] = {}

    def note(self, command: str, *, failed: bool = False) -> None:
        """A command that succeeded or failed.

        A `set` of the context that failed may have changed it: crash 8.0.6 takes the task first and fails
        at its stack then, with one on which a CPU enters the kernel.
        """
        key = _key(command_line(command))
        if failed and key == _CONTEXT:
            self._failed.pop(command, None)
            self._failed[command] = None
            if len(self._failed) > _MOST_FAILED:
                del self._failed[next(iter(self._failed))]
        elif key is not None and not failed:
            # of several contexts or values of one variable the last one counts
            self._commands.pop(key, None)
            self._commands[key] = command
            if key == _CONTEXT:
                self._failed.clear()

    def commands(self) -> list[str]:
        """What has to be run again, in order."""
        return [*self._commands.values(), *self._failed]

    def lost(self, refused: Iterable[str]) -> list[str]:
        """Of commands that a crash refused, run again, those that it had not refused before."""
        return [command for command in refused if command not in self._failed]

    def aliases(self) -> frozenset[str]:
        """The names of the user's own aliases."""
        return frozenset(self._aliases())

    def resolve(self, command: str) -> str:
        """The command with the user's own alias at its start replaced by what it stands for."""
        name, _, rest = command.partition(" ")
        return f"{self._aliases().get(name, name)} {rest}".strip()

    def _aliases(self) -> dict[str, str]:
        """What the user's own aliases stand for; the last one of a name counts, an empty one deletes it."""
        defined = (command_line(command).words for command in self._commands.values())
        strings = {words[1]: _unquoted(words[2:]) for words in defined if words[0] == "alias" and words[2:]}
        return {name: string for name, string in strings.items() if string}


def _unquoted(words: tuple[str, ...]) -> str:
    """The words that an alias stands for: crash takes double quotes away, and refuses single ones."""
    return " ".join(word.strip('"') for word in words).strip()


def _key(line: CommandLine) -> str | None:
    """What a command changes, as a key: a variable, the context, an alias, ...; None if nothing."""
    words = line.words
    if len(words) < 2:
        return None
    if line.name == "set":
        return _set_key(words)
    if line.traits.stays or words[:2] == ("gdb", "set"):
        return " ".join(words)
    return None


def _set_key(words: tuple[str, ...]) -> str | None:
    if words[1] in _SHOWING_OPTIONS:
        return None
    if words[1] in _CONTEXT_OPTIONS or not re.fullmatch(r"[a-z][a-z_-]+", words[1]):
        return _CONTEXT
    # a bare variable's name shows it, but for `hex` and `dec`
    if len(words) == 2 and words[1] not in {"hex", "dec"}:
        return None
    return "set radix" if words[1] in {"hex", "dec", "radix"} else f"set {words[1]}"
