"""Reports: what crash has no command for, or not in this form. One module each, found by itself.

``run_report(crash, "netstat", all=True)`` gives a `Report`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from importlib.machinery import FileFinder
from pathlib import Path
from typing import Any, cast

from crashdrive.errors import UsageError
from crashdrive.records import Finding, Report, Table
from crashdrive.reports.base import Option, ReportModule

__all__ = ["Finding", "Option", "Report", "Table", "module_for", "report_names", "run_report"]


@functools.cache
def _modules() -> dict[str, str]:
    """Each report's module by the report's name, wherever below this package it lies."""
    return dict(_found(list(__path__), __name__))


def _found(path: list[str], package: str) -> Iterator[tuple[str, str]]:
    for folder, name, is_package in pkgutil.iter_modules(path):
        module = f"{package}.{name}"
        if is_package:
            yield from _found([str(Path(cast("FileFinder", folder).path) / name)], module)
        elif not name.startswith("_") and module != f"{__name__}.base":
            yield name.replace("_", "-"), module


def report_names() -> tuple[str, ...]:
    """All reports' names, sorted; nothing is imported for this."""
    return tuple(sorted(_modules()))


def module_for(name: str) -> ReportModule:
    """The module of a report (only that one is imported)."""
    module = _modules().get(name)
    if module is None:
        raise UsageError(f"no report {name!a}; `crashdrive report --list` shows all")
    return cast("ReportModule", importlib.import_module(module))


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
