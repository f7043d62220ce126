"""Reports: what crash has no command for, or not in this form. One module each, found by itself.

``run_report(crash, "netstat", all=True)`` gives a `Report`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any, cast

from crashdrive.errors import UsageError
from crashdrive.reports.base import Finding, Option, Report, ReportModule, Table

__all__ = ["Finding", "Option", "Report", "Table", "module_for", "report_names", "run_report"]

_NO_REPORTS = frozenset({"base"})


@functools.cache
def report_names() -> tuple[str, ...]:
    """All reports' names, sorted; nothing is imported for this."""
    found = (info.name for info in pkgutil.iter_modules(__path__))
    return tuple(sorted(n.replace("_", "-") for n in found if n not in _NO_REPORTS and not n.startswith("_")))


def module_for(name: str) -> ReportModule:
    """The module of a report (only that one is imported)."""
    if name not in report_names():
        raise UsageError(f"no report {name!a}; `crashdrive report --list` shows all")
    return cast("ReportModule", importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def run_report(crash: Any, name: str, **options: Any) -> Report:
    """Compute a report; UsageError for an option that it doesn't have."""
    module = module_for(name)
    known = {option.name: option.absent for option in module.OPTIONS}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(
            f"report {name} has no option {', '.join(unknown)}; it has {', '.join(known) or 'none'}"
        )
    return module.report(crash, **{**known, **options})
