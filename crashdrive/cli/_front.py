"""Front-ends that are called as PyKdump's programs are, and answer by reports."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import files
from crashdrive.cli._opening import files_of, opened, session_options
from crashdrive.errors import EXIT_FAILED, EXIT_OK, UsageError
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.pykdump.asked import Asked


def flag(*names: str, shown: str, dest: str) -> click.Option:
    """An option without a value."""
    return click.Option([*names, dest], is_flag=True, help=shown)


def value(*names: str, shown: str, dest: str, kind: Any = str, metavar: str | None = None) -> click.Option:
    """An option with one."""
    return click.Option([*names, dest], type=kind, metavar=metavar, help=shown)


def verbosity(shown: str) -> click.Option:
    """``-v``, ``-vv``."""
    return click.Option(["-v", "verbosity"], count=True, help=shown)


class Address(click.ParamType[int]):
    """A kernel address, in hexadecimal."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        if isinstance(value, int):
            return value
        try:
            return int(value, 16)
        except ValueError:
            self.fail(f"{value!a} is no address in hexadecimal", param, ctx)


def program(
    name: str,
    text: str,
    summary: str,
    options: Sequence[click.Option],
) -> click.Command:
    """The subcommand of a program; which reports its options mean says the function of its name in
    `crashdrive.pykdump.asked`.
    """
    own = {str(option.name) for option in options}
    taken = {name for option in options for name in option.opts}
    common = [option for option in session_options() if not taken & set(option.opts)]

    def call(words: tuple[str, ...], **values: Any) -> int:
        given = {key: value for key, value in values.items() if key in own}
        given["verbose"] = given.pop("verbosity", 0)
        rest = {key: value for key, value in values.items() if key not in own}
        rest.setdefault("verbose", False)
        meant: Callable[[Mapping[str, Any]], Sequence[Asked]] = getattr(
            importlib.import_module("crashdrive.pykdump.asked"), name
        )
        reports = meant(given)
        target = files_of(words, rest)
        if target.rest:
            raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")
        with opened(target, rest, purpose=name) as crash:
            return _worst([_shown(crash, one, alone=len(reports) == 1) for one in reports])

    return click.Command(
        name,
        callback=call,
        help=text,
        short_help=summary,
        params=[
            *options,
            *common,
            click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
        ],
    )


def _shown(crash: Crash, one: Asked, *, alone: bool) -> int:
    from crashdrive.cli._answers import completeness
    from crashdrive.cli._ending import say
    from crashdrive.render import Output, render
    from crashdrive.render.choice import Choice, chosen
    from crashdrive.render.progress import waiting
    from crashdrive.text import counted

    if not alone and one.lines is None:
        sys.stdout.write(f"\n==== {one.report} ====\n")
        sys.stdout.flush()
    if one.looks is not None:
        return _looked(crash, one.report, one.looks)
    with waiting(one.report), step(f"report {one.report}"):
        found = crash.run_report(one.report, **one.options)
    if one.lines is not None:
        refused: list[str] = []
        _print(one.lines(found, partial(_answer, crash, refused)) if one.asks else one.lines(found))
        if refused:
            say(f"crash refused {counted(len(refused), 'command', 'commands')}, {refused[0]!a} the first")
            return max(EXIT_FAILED, completeness(found, one.report))
    else:
        if one.order or one.limit is not None:
            found, _ = chosen(found, Choice(sort=one.order, limit=one.limit), narrow=False)
        render(found, "table", Output.standard())
    return completeness(found, one.report)


def _looked(crash: Crash, name: str, looks: Callable[[Any, Any], Any]) -> int:
    """What no report has; as incomplete as a report would be."""
    from crashdrive.cli._answers import completeness
    from crashdrive.crash import doubted
    from crashdrive.linux.survey import Survey
    from crashdrive.records import Report

    survey = Survey(crash.kernel)
    _print(looks(crash, survey))
    found = Report(report=name, tables=(), complete=survey.complete, warnings=tuple(survey.notices))
    return completeness(doubted(found, (*crash.health.of_memory, *crash.kernel.symbol_doubts)), name)


def _answer(crash: Crash, refused: list[str], command: str) -> str:
    """The text of a command of crash's; one that it refused is added to ``refused``."""
    result = crash.run(command)
    if not result.ok:
        refused.append(command)
    return result.text


def _print(lines: Any) -> None:
    from crashdrive.text import printable

    for line in lines:
        sys.stdout.write("\t".join(map(printable, line.split("\t"))) + "\n")


def _worst(statuses: Sequence[int]) -> int:
    return max(statuses, default=EXIT_OK)
