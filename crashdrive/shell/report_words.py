"""A report as it is typed: ``netstat -anp --where state=LISTEN``, taken apart by what its module declares."""

from __future__ import annotations

import argparse
import functools
import shlex
from typing import Any, NamedTuple, NoReturn

from crashdrive.errors import UsageError
from crashdrive.near import hint
from crashdrive.render.choice import Choice, condition
from crashdrive.reports import module_for
from crashdrive.reports.base import Option, filling

FORMATS = ("table", "json", "jsonl", "csv", "html")


class Asked(NamedTuple):
    """A report that is asked for: its name and options, how it is shown, which rows and columns."""

    name: str
    options: dict[str, Any]
    form: str | None
    choice: Choice


class _Parser(argparse.ArgumentParser):
    """Errors are UsageErrors, and end no program."""

    def error(self, message: str) -> NoReturn:
        """See the class."""
        raise UsageError(f"{self.prog}: {message} (`? {self.prog}` shows its options)")


def asked(text: str) -> Asked:
    """The report that a line asks for; UsageError where there is none such."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!a}: {error}") from error
    if not words:
        raise UsageError("which report? `crashdrive report --list` shows all")
    name, *rest = words
    module = module_for(name)
    values, unknown = parser(name).parse_known_args(rest)
    if unknown:
        near = hint(unknown[0], [flag for option in module.OPTIONS for flag in option.flags])
        raise UsageError(f"{name}: no option {unknown[0]!a}{near} (`? {name}` shows its options)")
    given = vars(values)
    for one in given["choice_where"]:
        condition(one)
    choice = Choice(
        columns=_names(given["choice_columns"]),
        where=tuple(given["choice_where"]),
        sort=_names(given["choice_sort"]),
        limit=given["choice_limit"],
    )
    options = {option.name: _value(option, given[f"own_{option.name}"]) for option in module.OPTIONS}
    options |= filling(module.OPTIONS, choice.names)
    return Asked(name, options, given["form"], choice)


@functools.cache
def parser(name: str) -> argparse.ArgumentParser:
    """What knows a report's options, and those that every report has."""
    module = module_for(name)
    made = _Parser(name, description=module.SUMMARY, allow_abbrev=False, add_help=False)
    own = made.add_argument_group("options of this report")
    for option in module.OPTIONS:
        _add(own, option)
    taken = {flag for option in module.OPTIONS for flag in option.flags}
    common = made.add_argument_group("what is shown of it")
    for flag, settings in _COMMON.items():
        if flag not in taken:
            common.add_argument(flag, **settings)
        made.set_defaults(**{settings["dest"]: settings.get("default")})
    return made


_COMMON: dict[str, dict[str, Any]] = {
    "--columns": {
        "dest": "choice_columns",
        "metavar": "A,B,...",
        "help": "these columns alone, in this order",
    },
    "--where": {
        "dest": "choice_where",
        "action": "append",
        "default": [],
        "metavar": "CONDITION",
        "help": "rows that meet it: state=LISTEN, 'recv_q>0', comm~^kworker",
    },
    "--sort": {"dest": "choice_sort", "metavar": "A,-B,...", "help": "rows ordered by these columns"},
    "--limit": {"dest": "choice_limit", "type": int, "metavar": "N", "help": "so many rows of each table"},
    "--format": {"dest": "form", "choices": FORMATS, "help": "how it is written"},
}


def _add(group: Any, option: Option) -> None:
    destination = f"own_{option.name}"
    shown = option.help.replace("%", "%%")
    if option.kind == "flag":
        group.add_argument(*option.flags, dest=destination, action="store_true", help=shown)
        return
    settings: dict[str, Any] = {"dest": destination, "help": shown, "default": option.default}
    kinds: dict[str, Any] = {"integer": int, "port": int, "seconds": float}
    if option.choices:
        settings["choices"] = option.choices
    else:
        settings |= {"type": kinds.get(option.kind, str), "metavar": option.kind.upper()}
    if option.many:
        settings |= {"action": "append", "default": None}
    group.add_argument(*option.flags, **settings)


def _value(option: Option, given: Any) -> Any:
    if given is None:
        return option.absent
    if option.kind == "address":
        return tuple(_address(option, one) for one in given) if option.many else _address(option, given)
    if option.kind == "port" and any(not 0 <= one <= 65535 for one in (given if option.many else [given])):
        raise UsageError(f"{option.flags[-1]}: a port is 0 to 65535")
    return tuple(given) if option.many else given


def _address(option: Option, word: str) -> int:
    try:
        return int(word, 16)
    except ValueError as error:
        raise UsageError(f"{option.flags[-1]}: {word!a} is no address (such as ffff888003a54000)") from error


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
