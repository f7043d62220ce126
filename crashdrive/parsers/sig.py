"""``sig``: how tasks handle signals, and which are pending; names and sets of signals.

Source in crash: ``cmd_sig()``, ``signame_list()``, ``translate_sigset()`` (task.c); tasks: ``_sig_tasks.py``.

As crash prints it::

    crash> sig 324
    PID: 324      TASK: ffff8ea55eb78000  CPU: 1    COMMAND: "connections"
    SIGNAL_STRUCT: ffff8ea541bde880  NR_THREADS: 1
     SIG    SIGACTION        HANDLER       MASK       FLAGS
     [1] ffff8ea55eb2ca60    SIG_DFL 0000000000000000 0
     [2] ffff8ea55eb2ca80    SIG_IGN 0000000000000000 0
    ...
"""

from __future__ import annotations

from crashdrive.expressions import expression
from crashdrive.parsers import grammar as g
from crashdrive.parsers._sig_tasks import TaskSignals, signals
from crashdrive.parsers.base import Shape, Source
from crashdrive.parsers.grammar.answers import demand_records
from crashdrive.records import Record


class SignalName(Record, frozen=True, kw_only=True):
    """A signal's number, name and other name."""

    number: int
    name: str
    alternative: str | None = None


class SignalInSet(Record, frozen=True, kw_only=True):
    """A signal whose bit is set (``-s``)."""

    name: str


# All names that crash knows, of any architecture.
_NAME = (
    r"SIG(?:HUP|INT|QUIT|ILL|TRAP|ABRT|IOT|EMT|BUS|FPE|KILL|USR1|SEGV|USR2|PIPE|ALRM|TERM|STKFLT|CHLD|CLD|CONT"
    r"|STOP|TSTP|TTIN|TTOU|URG|XCPU|XFSZ|VTALRM|PROF|WINCH|IO|POLL|LOST|PWR|INFO|SYS|UNUSED"
    r"|RTMIN(?:\+\d{1,2}+)?+|RTMAX(?:-\d{1,2}+)?+)(?![A-Z0-9])"
)


def _check_signals(source: Source, found: list[TaskSignals]) -> list[TaskSignals]:
    return demand_records(source, found)


def _names() -> g.ParserElement:
    """`` [6] SIGABRT/SIGIOT``."""
    return g.Rows(
        g.Row(
            rf" *+\[ *+(\d{{1,3}}+)\] ({_NAME})(?:/({_NAME}))?+",
            lambda row: SignalName(number=int(row[1]), name=row[2], alternative=row[3]),
            "a signal: [NUMBER] NAME",
        )
    )


def _check_names(source: Source, found: list[SignalName]) -> list[SignalName]:
    numbers = [signal.number for signal in found]
    if numbers != list(range(1, len(numbers) + 1)) and source.complete:
        source.note("partial", "the numbers don't count up from 1", incomplete=True)
    return found


def _set() -> g.ParserElement:
    """``SIGHUP SIGABRT/SIGIOT SIGRTMIN+1``, or ``(none)``."""
    none = g.Titles("(none)")
    name = g.Terminal(
        rf"[ \n]*+({_NAME}(?:/{_NAME})?+)(?![^ \n])[ \n]*+",
        "a signal's name",
        lambda found: SignalInSet(name=found[1]),
    )
    # blank lines at once, as a name takes them: one by one, each would look through all lines below
    return none | g.Many(name, between=g.noise(g.BlankLines()))


def _check_set(source: Source, found: list[SignalInSet]) -> list[SignalInSet]:
    """The names; marked where the mask that was asked for has another number of bits."""
    mask = source.command.options.get("s", "").removeprefix("0x")
    if _MASK.fullmatch(mask) and source.complete and int(mask, 16).bit_count() != len(found):
        source.note("partial", f"{len(found)} names for {int(mask, 16).bit_count()} bits", incomplete=True)
    return found


_MASK = expression(r"[0-9a-fA-F]{1,16}")

SHAPES = (
    Shape(
        name="names",
        record=SignalName,
        grammar=_names,
        finish=_check_names,
        options="-l",
        when=lambda source: source.command.has("l"),
    ),
    Shape(
        name="set",
        record=SignalInSet,
        grammar=_set,
        finish=_check_set,
        options="-s sigset",
        when=lambda source: source.command.has("s"),
    ),
    Shape(name="signals", record=TaskSignals, grammar=signals, finish=_check_signals, options="(none) -g"),
)
EXAMPLES = ("sig", "sig {pid}", "sig -g {pid}", "sig -l", "sig -s 800A000000000201", "sig -s 0", "sig 999999")
