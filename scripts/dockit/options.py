"""Options of crash's commands that no recorded output shows, and why.

An option is one of those that crash gives to getopt (`crashdrive.commandline`), documented or not; an output
that crash refused shows none. ``tests/parsers/unrecorded_options.toml`` says why there is none.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec

from crashdrive.commandline import ALIASES, COMMANDS, command_line, split_command

CHECKOUT = Path(__file__).resolve().parents[2]
GOLDEN = CHECKOUT / "golden_outputs"
REASONS = CHECKOUT / "tests" / "parsers" / "unrecorded_options.toml"


def unrecorded() -> dict[str, str]:
    """The letters of each command that no recorded output shows; commands with none are left out."""
    shown = _shown()
    missing = {
        name: "".join(dict.fromkeys(letter for letter in _letters(name) if letter not in shown[name]))
        for name in sorted(COMMANDS - set(ALIASES))
    }
    return {name: letters for name, letters in missing.items() if letters}


def reasons() -> dict[str, dict[str, str]]:
    """Why, by command and letters."""
    return tomllib.loads(REASONS.read_text(encoding="utf-8"))


def rows() -> Iterator[list[str]]:
    """A row for each reason, for docs/coverage.md."""
    for name, by_letters in sorted(reasons().items()):
        for letters, reason in by_letters.items():
            yield [f"`{name}`", " ".join(f"`-{letter}`" for letter in letters), reason]


def _letters(name: str) -> str:
    return command_line(name).traits.options.replace(":", "")


def _shown() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for path in GOLDEN.glob("*/*/*/*.cmd"):
        line = split_command(path.read_text(encoding="utf-8").split("\n", 1)[0])
        if line.options and not _refused(path):
            found[path.parent.name] |= set(line.options)
    return found


def _refused(path: Path) -> bool:
    return bool(msgspec.json.decode(path.with_suffix(".json").read_bytes()) == {"failure": True})
