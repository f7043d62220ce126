"""``crashdrive rules``: what findings there can be, and from where on."""

from __future__ import annotations

from typing import Any

import click

from crashdrive.cli._complete import Items, names
from crashdrive.cli._ending import say
from crashdrive.cli._opening import format_option
from crashdrive.errors import EXIT_OK
from crashdrive.render import FORMATS

_HELP = """Say what looks wrong to crashdrive, and from where on: the rules behind the findings of reports.

Without NAME all of them, those from elsewhere with where they come from; with NAME all that is known of one.

\b
Examples:
  crashdrive rules
  crashdrive rules conntrack-full
  crashdrive rules --format json | jq .tables.rules
"""


def _names(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> Items:
    from crashdrive.rules import foreign_rules, rule_names

    return names([*rule_names(), *foreign_rules().plugins], incomplete)


@click.command(
    "rules",
    help=_HELP,
    short_help="What findings there can be, and from where on.",
    params=[
        format_option(FORMATS, "table"),
        click.Argument(["wanted"], nargs=-1, metavar="[NAME]...", shell_complete=_names),
    ],
)
def command(wanted: tuple[str, ...], form: str) -> int:
    """See the help text."""
    from crashdrive.records import Report, Table
    from crashdrive.render import Output, render
    from crashdrive.rules import foreign_rules, rule_for, rules

    if wanted:
        found = [rule_for(name) for name in wanted]
    else:
        every = rules()
        for notice in every.notices:
            say(notice.message)
        found = list(every.found)
    outside = foreign_rules().plugins
    rows = [_row(one, outside) for one in found]
    shown = ("rule", "severity", "threshold", "looks_at", *(("from",) if outside else ()))
    table = Table(
        name="rules", rows=rows, columns=() if wanted else shown, layout="fields" if wanted else "rows"
    )
    render(Report(report="rules", tables=(table,)), form, Output.standard())
    return EXIT_OK


def _row(rule: Any, outside: Any) -> dict[str, Any]:
    from crashdrive.rules.base import source_name

    plugin = outside.get(rule.id)
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "message": rule.told(),
        "threshold": rule.threshold,
        "looks_at": tuple(map(source_name, rule.looks_at)),
        "explanation": rule.explanation,
        "advice": rule.advice,
        "reference": rule.reference,
        "from": plugin.source if plugin else None,
    }
