"""What a line of the shell is: a command of crash, a report, Python, a row of the last answer, ..."""

from __future__ import annotations

import builtins
import re
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

from crashdrive.commandline import ALIASES, COMMANDS, shell_part

PYTHON, MORE = ">>>", "..."
FORMS = ("text", "table", "json", "jsonl", "csv")
"""How answers are shown: ``text`` is what crash prints, and of a report its tables."""
ENDS = frozenset({"q", "quit", "exit"})

Kind = Literal[
    "nothing",
    "end",
    "python",
    "crash",
    "program",
    "report",
    "host",
    "row",
    "last",
    "help",
    "setting",
    "input",
]
# statements that begin with a word which is no command of crash; `for` is one, of a form of its own
_STATEMENTS = re.compile(
    r"(?:import|from|def|class|if|while|with|try|async|del|assert|raise|global|lambda|not|await|print)\b"
)
_LOOP = re.compile(r"for\s.+\sin\s.+:|@\w")
_TARGET = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[[^\]]*\])*"
_ASSIGNMENT = re.compile(
    rf"{_TARGET}(?:\s*,\s*\*?{_TARGET})*\s*,?\s*(?::[^=]+)?(?:[-+*/%&|^@]|//|\*\*|<<|>>)?=(?!=)"
)
_NAME = re.compile(r"[A-Za-z_]\w*")
_LITERAL = re.compile(r"[(\[{\"'~\d]|[-+]\s*\d|[bfru]{1,2}[\"']", re.IGNORECASE)
_ROW = re.compile(r"#(\d+)((?:\.[A-Za-z_]\w*)*)(?:\s+(.*))?")
_COMMENT = re.compile(r"#|//")


class Sink(NamedTuple):
    """Where a line's output goes, as the user typed it: ``mark`` is ``|``, ``>``, ``>>``, or ``>>>`` for
    Python that gets the answer as ``_``.
    """

    mark: str
    rest: str


class Meant(NamedTuple):
    """A line as it is meant. ``form``: how this answer alone is to be shown; ``sink``: where it goes."""

    kind: Kind
    text: str = ""
    form: str | None = None
    sink: Sink | None = None


class Known(NamedTuple):
    """The names that tell lines apart: of reports and programs, and of Python's namespace."""

    reports: Collection[str] = ()
    programs: Collection[str] = ()
    namespace: Mapping[str, Any] = {}


def meant(line: str, known: Known) -> Meant:
    """What a line is."""
    text = line.strip()
    if (plain := _by_its_mark(text)) is not None:
        return plain
    if is_python(text, known):
        return Meant("python", line.rstrip())
    return _command(text, known)


def _by_its_mark(text: str) -> Meant | None:
    """A line that says by its first characters, or as a whole, what it is."""
    if text.startswith(PYTHON):
        return Meant("python", text[len(PYTHON) :].removeprefix(" "))
    if text == "#" or _ROW.fullmatch(_before_sink(text)):
        return _with_sink("last" if text == "#" else "row", text)
    if not text or _COMMENT.match(text):
        return Meant("nothing")
    if text[0] in "!<":
        return Meant("host" if text[0] == "!" else "input", text[1:].strip())
    if text[0] == "?" or text.endswith("?"):
        return _with_sink("help", text.strip("?").strip())
    return Meant("end") if text in ENDS else None


def row_parts(text: str) -> tuple[int, tuple[str, ...], str]:
    """``#3.task.struct task_struct`` as the row's number, the words behind its points, and the rest."""
    found = _ROW.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[1]), tuple(part for part in found[2].split(".") if part), (found[3] or "").strip()


def _command(text: str, known: Known) -> Meant:
    first, _, rest = text.partition(" ")
    rest = rest.strip()
    if (first == "format" and rest in ("", *FORMS)) or (first == "pager" and rest in ("", "on", "off")):
        return Meant("setting", text)
    if first in FORMS and rest and first not in known.programs:
        inner = _by_its_mark(rest) if rest[0] == "#" else None
        inner = inner or _command(rest, known)
        return inner if inner.form is not None else inner._replace(form=first)
    if first in known.programs:
        return Meant("program", text)
    if first == "report" and rest:
        return _with_sink("report", rest)
    own = first in COMMANDS or first in ALIASES
    return _with_sink("report" if first in known.reports and not own else "crash", text)


def _with_sink(kind: Kind, text: str) -> Meant:
    found = shell_part(text)
    if found is None or (found[1] == "!" and found[2].startswith("=")):
        return Meant(kind, text)
    before, mark, behind = found
    behind = behind.strip()
    if mark in "|!" and behind.startswith(PYTHON):
        return Meant(kind, before.strip(), sink=Sink(PYTHON, behind[len(PYTHON) :].strip()))
    return Meant(kind, before.strip(), sink=Sink("|" if mark == "!" else mark, behind))


def _before_sink(text: str) -> str:
    found = shell_part(text)
    return text if found is None else found[0].strip()


def is_python(text: str, known: Known) -> bool:
    """Whether a line is Python without a mark before it.

    It is where it assigns, begins a statement of Python's, or a literal; calls, indexes or looks into a name
    of the namespace or of Python's own; or is an expression that begins with a name of the namespace, unless
    that is a command's as well.
    """
    if _ASSIGNMENT.match(text) or _STATEMENTS.match(text) or _LOOP.match(text) or _LITERAL.match(text):
        return True
    name = _NAME.match(text)
    if name is None:
        return False
    word, behind = name[0], text[name.end() :]
    if behind[:1] == "(" and (word in known.namespace or hasattr(builtins, word)):
        return True
    if word not in known.namespace or word.startswith("__"):
        return False
    if behind[:1] not in (".", "[") and (word in COMMANDS or word in ALIASES or word in known.programs):
        return False
    return _compiles(text)


def _compiles(text: str) -> bool:
    try:
        compile(text, "<stdin>", "single")
    except (SyntaxError, ValueError):
        return False
    return True
