r"""Modules: size, who uses them, state, taint, version, parameters; and those that aren't on the list.

\b
Examples:
  crashdrive report modules vmcore
  crashdrive report modules --parameters --module loop vmcore
  crashdrive report modules --format json vmcore | jq '.tables.modules[].name'

references: how many use the module, other modules among them. taint: the letters of an oops, O for one from
out of the tree, E for one without a signature. listed: no for a module that is in memory and that lsmod
doesn't show. vermagic isn't kept in memory.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.modules.details import module_rows
from crashdrive.linux.modules.parameters import module_parameters
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "modules"
SUMMARY = "Modules: size, users, state, taint, version, parameters, and hidden ones."
BTF = True
JUDGED = (NAME,)
OPTIONS = (
    Option(name="module", flags=("-m", "--module"), kind="text", many=True, help="This module."),
    Option(name="parameters", flags=("-p", "--parameters"), help="Their parameters, with values."),
)


def report(crash: Any, **asked: Any) -> Report:
    """The modules that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    rows = survey.attempt("modules", partial(module_rows, survey))
    survey.require("module", asked["module"], [row.name for row in rows if row.name])
    shown = [row for row in rows if not asked["module"] or row.name in asked["module"]]
    some = [name for name in _SOMETIMES if any(getattr(row, name) for row in shown)]
    hidden = ("listed",) if not all(row.listed for row in shown) else ()
    tables = [Table(name="modules", rows=shown, columns=(*_COLUMNS, *hidden, *some))]
    if asked["parameters"]:
        found = survey.attempt("parameters of modules", partial(module_parameters, survey, shown))
        tables.append(Table(name="parameters", rows=found, columns=_PARAMETER, title="Parameters"))
    return judged(report_of(NAME, survey, tables), "system")


_COLUMNS = ("name", "size", "references", "state", "taint", "base", "used_by")
_SOMETIMES = ("version", "load_arguments", "srcversion")
_PARAMETER = ("module_name", "parameter", "value", "absent", "getter")
