"""``?``: what the shell can, and what a word is: command, report, type, symbol, a name of Python's."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from crashdrive.commandline import ALIASES, COMMANDS
from crashdrive.errors import CrashdriveError, UsageError
from crashdrive.near import hint

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.render.output import Output

OVERVIEW = """\
bt -a                    a command of crash, as it is
netstat -anp             a report; `report ps` where `ps` is a command
tasks = crash.ps()       Python; >>> before what isn't plainly Python
epython prog.py args     a PyKdump program
table ps, json ps        as table, json, jsonl, csv; `format json`: all
ps | grep ssh            into a program of this host; > FILE, >> FILE
ps | >>> len(_)          into Python, where the answer is _
#                        the last answer with its rows numbered
#3   #3.pid   #3.bt      row 3 of it; a field; a command about the row's task:
                         bt files vm task sig ps set net
#3.struct   #3.inode.rd  ... about an address: struct rd sym vtop kmem dis;
                         #3.struct TYPE where the row doesn't say of which
bt #3                    a row's task or address among a command's words
! make, < FILE           a command of this host; the lines of a file
pager off                long answers without a pager (PAGER)
? ps   ps?               about a command, report, type, symbol, Python
TAB, ^R, ^C, ^D          complete; search lines; end what runs; leave (also q)
"""


class Subject(NamedTuple):
    """What there is to explain: the dump, and the names of its reports."""

    crash: Crash
    reports: Sequence[str]


def show_help(about: Subject, word: str, output: Output) -> None:
    """Write what there is to say of a word; without one, of the shell. UsageError for an unknown one."""
    if not word:
        output.text(OVERVIEW)
        for what, names in (("reports", about.reports), ("commands", sorted(COMMANDS))):
            output.text(f"\n{_folded((f'{what}:', *names))}\n")
        return
    told = [function(about, word, output) for function in (_of_command, _of_report, _of_python)]
    if not any(told) and not _of_kernel(about, word, output):
        near = hint(word, [*COMMANDS, *about.reports])
        raise UsageError(f"{word!a}: no command, report, type, symbol or name{near}")


def _folded(names: Iterable[str]) -> str:
    import textwrap

    return textwrap.fill(" ".join(names), 79, subsequent_indent="  ")


def _of_command(about: Subject, word: str, output: Output) -> bool:
    name = ALIASES.get(word, word).split(maxsplit=1)[0]
    if name not in COMMANDS:
        return False
    with output.foreign() as foreign:
        about.crash.run(f"help {name}", to=foreign)
    return True


def _of_report(about: Subject, word: str, output: Output) -> bool:
    name = word.removeprefix("report ").strip()
    if name not in about.reports:
        return False
    from crashdrive.shell.report_words import parser

    output.text(f"\nreport {parser(name).format_help().removeprefix('usage: ')}")
    return True


def _of_python(_about: Subject, word: str, output: Output) -> bool:
    import inspect

    names = sys.modules["__main__"].__dict__
    head, _, rest = word.partition(".")
    if head not in names:
        return False
    value, kind = names[head], type(names[head])
    for part in rest.split(".") if rest else ():
        # of a property its own words: it isn't computed to be explained
        found = inspect.getattr_static(kind, part, None)
        value = found if found is not None else getattr(value, part, None)
        kind = type(value)
    if value is None:
        return False
    signature = ""
    if callable(value):
        try:
            signature = str(inspect.signature(value))
        except (TypeError, ValueError):
            signature = "(...)"
    output.text(f"{word}{signature}\n\n{inspect.getdoc(value) or type(value).__name__}\n")
    return True


def _of_kernel(about: Subject, word: str, output: Output) -> bool:
    """What crash's ``whatis`` and ``sym`` have for it."""
    found = False
    for command in (f"whatis {word}", f"sym {word}"):
        try:
            result = about.crash.run(command)
        except CrashdriveError:
            continue
        if result.failure is None:
            with output.foreign() as foreign:
                foreign.write(result.raw)
            found = True
    return found
