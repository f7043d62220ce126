"""Names that fit what has been typed: commands, options, symbols, types, members, pids, rows, paths."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.commandline import ALIASES, COMMANDS, command_line
from crashdrive.errors import CrashdriveError
from crashdrive.render.cells import all_columns, as_cell
from crashdrive.session.kept import is_up
from crashdrive.shell.lines import FORMS, Known, is_python
from crashdrive.shell.names import KernelNames
from crashdrive.shell.rows import ACTIONS, OF_TASKS, Rows
from crashdrive.text import printable

if TYPE_CHECKING:
    from crashdrive.shell.talk import Shell

MOST = 200
"""Names that are offered at once, at most."""
_WORD = re.compile(r"[\w.$#:/~-]*\Z")
_PYTHON_WORD = re.compile(r"[\w.]*\Z")
_MOST_LABEL = 40
# commands whose first argument is a structure, and may be one of its members behind a point
_OF_TYPES = frozenset({"struct", "union", "whatis", "list", "tree", "foreach"})
_WITH_PIDS = frozenset({*OF_TASKS, "foreach", "fuser"})
# seconds that the first TAB waits for names that are still being loaded
_PATIENCE = 3.0
_OPTION_WORDS = {"set": ("-p", "-c", "-a", "-x", "-v"), "help": ()}


class Offer(NamedTuple):
    """A name that fits, and a word about it."""

    text: str
    about: str = ""


class Names:
    """What fits a line of a shell."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._run = shell.run
        self.kernel = KernelNames(shell.run)
        self._tasks: list[tuple[int, str]] | None = None

    def fitting(self, text: str) -> tuple[int, list[Offer]]:
        """Offers for the text before the cursor, `MOST` at most, and how many characters they replace."""
        known = self._shell.known()
        if self._is_python(text, known):
            typed = _found(_PYTHON_WORD, text)
            return len(typed), _first(self._of_python(typed))
        typed = _found(_WORD, text)
        before = text[: len(text) - len(typed)]
        return len(typed), _first(self._of_line(before, typed, known))

    def _is_python(self, text: str, known: Known) -> bool:
        if self._shell.more or text.lstrip().startswith(">>>") or re.search(r"\|\s*>>>", text):
            return True
        return any(sign in text.strip() for sign in " .(") and is_python(text, known)

    # lines

    def _of_line(self, before: str, typed: str, known: Known) -> Iterator[Offer]:
        words = before.split()
        if words[:1] and words[0] in FORMS:
            words = words[1:]
            before = before.split(maxsplit=1)[1] if words else ""
        piped = re.search(r"[|!]\s*(\S*\s*)\Z|(\A|\s)>>?\s*\Z|\A\s*<\s*\Z", before)
        if piped or re.search(r"[|!]", before):
            yield from self._of_host(before, typed)
        elif typed.startswith("#"):
            yield from self._of_rows(typed)
        elif not words:
            yield from self._first_words(typed, known)
        elif words[0] in ("?", "help", "man"):
            yield from _begin(sorted({*COMMANDS, *self._shell.reports}), typed)
        else:
            yield from self._arguments(words, typed)

    def _first_words(self, typed: str, known: Known) -> Iterator[Offer]:
        if typed.startswith("?"):
            yield from (Offer("?" + name) for name in sorted(COMMANDS) if name.startswith(typed[1:]))
            return
        about = dict.fromkeys(ALIASES, "alias")
        about.update(dict.fromkeys(("report", "format", "pager", "q", *FORMS), "shell"))
        about.update(dict.fromkeys(known.programs, "program"))
        about.update(dict.fromkeys(self._shell.reports, "report"))
        about.update(dict.fromkeys(COMMANDS, "command"))
        yield from (Offer(name, about[name]) for name in sorted(about) if name.startswith(typed))
        names = [name for name in known.namespace if name.startswith(typed) and name not in about]
        yield from (Offer(name, "Python") for name in sorted(names))
        if typed and len(typed) > 1:
            yield from self._of_python(typed) if "." in typed else ()
            yield from self._of_kernel("struct" if "." in typed else "", typed)

    def _arguments(self, words: list[str], typed: str) -> Iterator[Offer]:
        first = words[0]
        if first == "report" and len(words) == 1:
            yield from _begin(self._shell.reports, typed)
        elif first in ("format", "pager"):
            yield from _begin(FORMS if first == "format" else ("on", "off"), typed)
        elif first == "report" or (first in self._shell.reports and first not in COMMANDS):
            yield from self._of_report(words[1:] if first == "report" else words, typed)
        elif first == "epython":
            yield from _begin(self._run.programs.known(), typed)
            yield from _paths(typed)
        elif first in ("<", "extend") or "/" in typed or typed.startswith("~"):
            yield from _paths(typed)
        else:
            yield from self._of_command(" ".join(words), typed)

    def _of_command(self, before: str, typed: str) -> Iterator[Offer]:
        line = command_line(before)
        if typed.startswith("-"):
            yield from _options(line.name, line.traits.options, typed)
            return
        if line.name in _WITH_PIDS and (not typed or typed.isdigit()):
            yield from self._pids(typed)
        if line.name in {"ps", "foreach"}:
            yield from self._names_of_tasks(typed)
        if typed:
            yield from self._of_kernel(line.name, typed)

    def _of_report(self, words: list[str], typed: str) -> Iterator[Offer]:
        from crashdrive.reports import module_for
        from crashdrive.shell.report_words import FORMATS

        try:
            options = module_for(words[0]).OPTIONS
        except CrashdriveError:
            return
        before = next((option for option in options if words[-1] in option.flags), None)
        if before is not None and before.choices:
            yield from _begin(before.choices, typed)
        elif words[-1] == "--format":
            yield from _begin(FORMATS, typed)
        elif words[-1] in ("--where", "--sort", "--columns"):
            yield from self._columns(words[0], typed)
        elif before is None or before.kind == "flag":
            flags = [(flag, option.help) for option in options for flag in option.flags]
            common = ("--columns", "--where", "--sort", "--limit", "--format")
            flags += [(flag, "rows and columns") for flag in common]
            yield from (Offer(flag, _label(told)) for flag, told in flags if flag.startswith(typed))

    def _columns(self, report: str, typed: str) -> Iterator[Offer]:
        """The columns of the last answer, where it is this report's."""
        rows = self._last_rows()
        if rows is not None and rows.told == report and rows.rows:
            yield from _begin(all_columns(rows.rows[:1]), typed)

    # the kernel

    def _of_kernel(self, command: str, typed: str) -> Iterator[Offer]:
        self.kernel.ready(_PATIENCE)
        kind, point, member = typed.partition(".")
        if point:
            path, _, last = member.rpartition(".")
            front = f"{kind}.{path}." if path else f"{kind}."
            found = self.kernel.members(kind, path)
            yield from (Offer(front + name, "member") for name in found if name.startswith(last))
            return
        if command in _OF_TYPES:
            yield from (Offer(name, "type") for name in self.kernel.types.beginning(typed, MOST))
        yield from (Offer(name, "symbol") for name in self.kernel.symbols.beginning(typed, MOST))
        if command not in _OF_TYPES:
            yield from (Offer(name, "type") for name in self.kernel.types.beginning(typed, MOST))

    def _pids(self, typed: str) -> Iterator[Offer]:
        for pid, comm in self._known_tasks():
            if str(pid).startswith(typed):
                yield Offer(str(pid), _label(comm))

    def _names_of_tasks(self, typed: str) -> Iterator[Offer]:
        """Names that can stand on a command line: those of plain characters."""
        names = sorted({comm for _, comm in self._known_tasks() if re.fullmatch(r"[\w./:-]+", comm)})
        yield from (Offer(name, "task") for name in names if typed and name.startswith(typed))

    def _known_tasks(self) -> list[tuple[int, str]]:
        """Pids and names: of the last answer, else of all tasks where crash runs already."""
        if self._tasks is None:
            rows = self._last_rows()
            found = [] if rows is None else _tasks_in(rows.rows)
            if found:
                return found
            session = self._run.crash.session
            if session.minimal or not is_up(session):
                return []  # nobody waits half a minute for a TAB
            try:
                found = _tasks_in(self._run.crash.ps().records)
            except CrashdriveError:
                found = []
            self._tasks = found
        return self._tasks

    def _last_rows(self) -> Rows | None:
        try:
            return self._shell.last()
        except CrashdriveError:
            return None

    # rows of the last answer

    def _of_rows(self, typed: str) -> Iterator[Offer]:
        rows = self._last_rows()
        if rows is None:
            return
        number, point, rest = typed[1:].partition(".")
        if not point:
            shown = ((f"#{at}", row) for at, row in enumerate(rows.rows[:MOST], 1))
            yield from (Offer(name, _label(as_cell(row))) for name, row in shown if name.startswith(typed))
            return
        if not number.isdigit() or not 0 < int(number) <= len(rows.rows):
            return
        front, _, last = rest.rpartition(".")
        names = ACTIONS if front else (*all_columns([rows.row(int(number))]), *ACTIONS)
        head = f"#{number}.{front}." if front else f"#{number}."
        yield from (Offer(head + name) for name in dict.fromkeys(names) if name.startswith(last))

    # this host, Python

    def _of_host(self, before: str, typed: str) -> Iterator[Offer]:
        if re.search(r"[|!]\s*\Z", before):
            yield from _begin(sorted(_programs(typed)), typed)
        yield from _paths(typed)

    def _of_python(self, typed: str) -> Iterator[Offer]:
        import rlcompleter

        names = sys.modules["__main__"].__dict__
        head, point, last = typed.rpartition(".")
        if point and (kind := _computed(names, head)) is not None:
            # what hasn't been computed yet isn't for a TAB: by its class alone
            yield from (
                Offer(f"{head}.{name}") for name in dir(kind) if name.startswith(last) and name[0] != "_"
            )
            return
        complete = rlcompleter.Completer(names).complete
        for number in range(MOST):
            name = complete(typed, number)
            if name is None:
                return
            yield Offer(name.rstrip("()"))


def _computed(names: dict[str, object], path: str) -> type | None:
    """The class of what ``crash.kernel`` will be, where it isn't yet; None for all else."""
    head, _, rest = path.partition(".")
    value = names.get(head)
    if rest != "kernel" or value is None or "kernel" in vars(value):
        return None
    from crashdrive.crash import Crash
    from crashdrive.linux.kernel import Kernel

    return Kernel if isinstance(value, Crash) else None


def _tasks_in(rows: Iterable[object]) -> list[tuple[int, str]]:
    found = []
    for row in rows:
        pid, comm = getattr(row, "pid", None), getattr(row, "comm", None)
        if type(pid) is int and isinstance(comm, str):
            found.append((pid, comm))
    return found


def _options(command: str, optstring: str, typed: str) -> Iterator[Offer]:
    for flag in _OPTION_WORDS.get(command, ()):
        if flag.startswith(typed):
            yield Offer(flag)
    front = typed[1:]
    for at, letter in enumerate(optstring):
        if letter == ":" or (front and (letter in front or not front.isalpha())):
            continue
        about = "takes a value" if optstring[at + 1 : at + 2] == ":" else ""
        yield Offer(f"-{front}{letter}", about)


def _programs(typed: str) -> Iterator[str]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        try:
            with os.scandir(folder or ".") as entries:
                yield from {
                    one.name for one in entries if one.name.startswith(typed) and os.access(one, os.X_OK)
                }
        except OSError:
            continue


def _paths(typed: str) -> Iterator[Offer]:
    folder, slash, name = typed.rpartition("/")
    place = Path(f"{folder}{slash}" or ".").expanduser()
    try:
        with os.scandir(place) as entries:
            found = sorted((one.name, one.is_dir()) for one in entries if one.name.startswith(name))
    except OSError:
        return
    for entry, is_folder in found:
        if entry.isprintable() and (name or not entry.startswith(".")):
            yield Offer(f"{folder}{slash}{entry}{'/' if is_folder else ''}")


def _begin(names: Iterable[str], typed: str) -> Iterator[Offer]:
    return (Offer(name) for name in names if name.startswith(typed))


def _label(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _MOST_LABEL else f"{text[: _MOST_LABEL - 1]}…"


def _found(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[0] if found else ""


def _first(offers: Iterable[Offer]) -> list[Offer]:
    """Each text once, the first of them."""
    found: dict[str, Offer] = {}
    for offer in offers:
        found.setdefault(offer.text, offer)
        if len(found) >= MOST:
            break
    return list(found.values())
