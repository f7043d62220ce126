"""``crashdrive report``: what crash has no command for. One subcommand per report, built from its module."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import click

from crashdrive.cli._complete import Items, files, folders, names
from crashdrive.cli._ending import say
from crashdrive.cli._groups import NearGroup
from crashdrive.cli._opening import files_of, format_option, opened, session_options
from crashdrive.errors import EXIT_OK, CrashdriveError, PluginError, UsageError
from crashdrive.records import Report, Table
from crashdrive.render import FORMATS, PICTURE
from crashdrive.reports import foreign_reports, module_for, purpose_of, report_names, takes_btf
from crashdrive.reports.base import Option, ReportModule, filling
from crashdrive.steps import step

if TYPE_CHECKING:
    from crashdrive.render.choice import Choice

_HELP = """Reports that crash has no command for.

\b
Examples:
  crashdrive report --list
  crashdrive report NAME --help
  crashdrive report NAME vmcore
  crashdrive report NAME --format json vmcore | jq .complete
  crashdrive report netstat -a --where state=LISTEN --sort local_port vmcore
  crashdrive report --all -o DIR vmcore     all reports, with an index

\b
Formats:
  table   for people
  json    {"report", "dump", "complete", "warnings",
           "tables": {name: [row, ...]}, "findings"}
  jsonl   one row per line, each with its "table", "dump" and "host"
  csv     one header per table, each row with its dump and host
  html    a page: no network, tables that can be filtered and sorted
"""

_HELP_ALL = """All reports of a dump, each into a file of its own below DIR.

\b
Examples:
  crashdrive report --all -o DIR vmcore
  crashdrive report --all -o DIR --format json vmcore

index.html and index.json say how each went: complete, incomplete or failed,
how many rows and findings it has, and how long it took. A report that fails
stops no other: the exit status is 1 then, 5 where one is incomplete.
"""
_ALL = "--all"
# formats that show `Table.columns` alone; the others have all fields of a row
_FOR_PEOPLE = frozenset({"table", "html"})
_EVERY = "(all)"  # stands for it among the names of reports, which are no options
_OWN = "own_"  # before the names of a report's options, which may be those of common ones


class Reports(NearGroup):
    """A group with one command per report module; with --all what follows are the files of a dump."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """``--all`` before any report's name is a command; behind one it is that report's option."""
        at = args.index(_ALL) if _ALL in args else None
        if at is not None and (at == 0 or not set(args[:at]) & set(self.list_commands(ctx))):
            args = [_EVERY, *args[:at], *args[at + 1 :]]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command of a report, or of all of them under the name that users know."""
        name, found, rest = super().resolve_command(ctx, args)
        return _ALL if name == _EVERY else name, found, rest

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The reports' names, crashdrive's own and others'."""
        return sorted({*report_names(), *foreign_reports().plugins})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a report, None if there is no such report."""
        if cmd_name == _EVERY:
            return _all_reports()
        try:
            return _command(cmd_name)
        except CrashdriveError:
            # a broken one hides no other from who presses TAB
            if ctx.resilient_parsing:
                return None
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Each report with its summary; one that is broken is told, and hides no other."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, _, summary in _summaries()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> Items:
        """The reports' names, without importing one; the group's options."""
        return [
            *names(self.list_commands(ctx), incomplete),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]


class _Report(click.Command):
    """A report, whose help says what rules find in its tables, and from where on."""

    def __init__(self, name: str, judged: Collection[str], **settings: Any) -> None:
        super().__init__(name, **settings)
        self._judged = judged

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The findings stand behind the options."""
        super().format_options(ctx, formatter)
        if found := _rules_about(self._judged):
            with formatter.section("Findings, and from where on (see crashdrive rules)"):
                formatter.write_dl(found)


def _rules_about(reports: Collection[str]) -> list[tuple[str, str]]:
    """The ids of crashdrive's rules that look at tables of these reports alone, and their thresholds."""
    from crashdrive.rules import rule_for, rule_names
    from crashdrive.rules.base import source_name

    every = map(rule_for, rule_names()) if reports else ()
    return [
        (one.id, one.threshold)
        for one in every
        if all(source_name(source).partition(".")[0] in reports for source in one.looks_at)
    ]


def _command(name: str) -> click.Command:
    module = module_for(name)
    own = [_option(option) for option in module.OPTIONS]
    taken = {flag for option in module.OPTIONS for flag in option.flags}
    common = [option for option in session_options() if _left_over(option, taken)]

    def call(words: tuple[str, ...], form: str, **values: Any) -> int:
        given = {option.name: _value(option, values.pop(_OWN + option.name)) for option in module.OPTIONS}
        return _show(name, words, form, given, values)

    return _Report(
        name,
        judged=getattr(module, "JUDGED", ()),
        callback=call,
        help=_help(module),
        short_help=module.SUMMARY,
        params=[
            *own,
            *common,
            format_option((*FORMATS, PICTURE) if getattr(module, "DRAWS", False) else FORMATS, "table"),
            *(option for option in _choice_options() if _left_over(option, taken)),
            click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
        ],
    )


def _choice_options() -> list[click.Option]:
    """What its reader wants of a report's tables."""
    return [
        click.Option(
            ["--columns", "wanted_columns"],
            metavar="A,B,...",
            help="These columns alone, in this order; in JSON and CSV these fields.",
        ),
        click.Option(
            ["--where", "wanted_where"],
            multiple=True,
            metavar="CONDITION",
            help="Rows that meet it: state=LISTEN, 'recv_q>0', comm~^kworker; = != < <= > >= ~ (a regular "
            "expression) !~. Of several, all have to hold.",
        ),
        click.Option(
            ["--sort", "wanted_order"], metavar="A,-B,...", help="Rows ordered by these columns; - downwards."
        ),
        click.Option(
            ["--limit", "wanted_rows"],
            type=click.IntRange(min=0),
            metavar="N",
            help="So many rows of each table at most; stderr says how many there were more.",
        ),
    ]


def _all_reports() -> click.Command:
    def call(words: tuple[str, ...], form: str, folder: str | None, **options: Any) -> int:
        from crashdrive.cli._all_reports import write_all

        return write_all(words, folder, form, options)

    return click.Command(
        _ALL,
        callback=call,
        help=_HELP_ALL,
        params=[
            click.Option(
                ["-o", "--output", "folder"],
                metavar="DIR",
                shell_complete=folders,
                help="The folder for the files, made where it isn't there; what else is in it stays.",
            ),
            *session_options(),
            format_option(FORMATS, "html"),
            click.Argument(["words"], nargs=-1, metavar="[VMLINUX] VMCORE", shell_complete=files),
        ],
    )


def _help(module: ReportModule) -> str:
    """The module's description where it is written for a terminal: with click's mark, also as two letters."""
    text = (module.__doc__ or "").replace("\\b\n", "\b\n")
    return text if "\b" in text else module.SUMMARY


def _option(option: Option) -> click.Option:
    if option.kind == "flag":
        return click.Option([*option.flags, _OWN + option.name], is_flag=True, help=option.help)
    kinds: dict[str, Any] = {"integer": int, "port": click.IntRange(0, 65535), "seconds": float}
    kind = click.Choice(option.choices) if option.choices else kinds.get(option.kind, str)
    return click.Option(
        [*option.flags, _OWN + option.name],
        type=kind,
        multiple=option.many,
        default=option.default,
        show_default=option.default is not None,
        help=option.help,
    )


def _left_over(option: click.Parameter, taken: set[str]) -> bool:
    """Take the report's own flags from a common option; whether any is left."""
    option.opts = [flag for flag in option.opts if flag not in taken]
    return bool(option.opts)


def _value(option: Option, value: Any) -> Any:
    """A value as the report takes it: addresses are hexadecimal, with or without 0x."""
    if option.kind != "address" or value is None:
        return value
    words = [_address(option, word) for word in (value if option.many else [value])]
    return tuple(words) if option.many else words[0]


def _address(option: Option, word: str) -> int:
    try:
        return int(word, 16)
    except ValueError as error:
        raise UsageError(f"{option.flags[-1]}: {word!a} is no address (such as ffff888003a54000)") from error


def _show(
    name: str, words: tuple[str, ...], form: str, given: dict[str, Any], options: dict[str, Any]
) -> int:
    from crashdrive.cli._answers import completeness
    from crashdrive.cli._kept import Question, answered
    from crashdrive.cli._witness import Witness
    from crashdrive.render import Output, render
    from crashdrive.render.choice import chosen
    from crashdrive.render.progress import waiting

    target = files_of(words, options)
    if target.rest:
        raise UsageError(f"{target.rest[0]!a}: one VMLINUX and one VMCORE at most")
    choice = _choice(options)
    given |= filling(module_for(name).OPTIONS, choice.names)

    def work(witness: Witness) -> int:
        with opened(target, options, purpose=purpose_of(name), btf=takes_btf(name), witness=witness) as crash:
            with waiting(name), step(f"report {name}"):
                found = crash.run_report(name, **given)
            witness.made(found)
            if form == PICTURE and not found.pictures:
                raise UsageError(f"report {name}: there is nothing to draw in this dump")
            with step("written"):
                shown, cut = chosen(found, choice, narrow=form not in _FOR_PEOPLE)
                render(shown, form, Output.standard())
        for line in cut:
            say(line)
        return completeness(found, name)

    asked = Question(("report", name, form, sorted(given.items())))
    # what a report from elsewhere rests on isn't known
    return answered(asked if name in report_names() else None, target, options, work)


def _choice(options: dict[str, Any]) -> Choice:
    """What the options say of rows and columns; a condition that is none is refused before crash starts."""
    from crashdrive.render.choice import Choice, condition

    where = options.get("wanted_where") or ()
    for text in where:
        condition(text)
    return Choice(
        columns=_names_of(options.get("wanted_columns")),
        where=tuple(where),
        sort=_names_of(options.get("wanted_order")),
        limit=options.get("wanted_rows"),
    )


def _names_of(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _summaries() -> Iterator[tuple[str, str, str]]:
    """Name, where it comes from (nothing for ours) and summary; what is refused or broken goes to stderr."""
    found = foreign_reports()
    for line in found.refused:
        say(line)
    for name in sorted({*report_names(), *found.plugins}):
        source = "" if name in report_names() else found.plugins[name].source
        try:
            yield name, source, module_for(name).SUMMARY
        except PluginError as error:
            say(str(error))


def _list(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's
    if not wanted or ctx.resilient_parsing:
        return
    from crashdrive.render import Output, render

    rows = [{"report": name, "from": source, "summary": summary} for name, source, summary in _summaries()]
    own = [row for row in rows if not row["from"]]
    foreign = [row for row in rows if row["from"]]
    tables = [Table(name="reports", rows=own, columns=("report", "summary"))]
    if foreign:
        tables.append(Table(name="foreign", rows=foreign, title="From elsewhere, no part of crashdrive"))
    render(Report(report="reports", tables=tuple(tables)), "table", Output.standard())
    ctx.exit(EXIT_OK)


command = Reports(
    "report",
    help=_HELP,
    short_help="Reports that crash has no command for.",
    no_args_is_help=True,
    params=[
        click.Option(
            ["--list"], is_flag=True, is_eager=True, expose_value=False, callback=_list, help="All reports."
        ),
        click.Option(
            [_ALL],
            is_flag=True,
            expose_value=False,
            help="Every report into a file: see report --all --help.",
        ),
    ],
)
