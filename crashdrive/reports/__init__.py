"""Reports: what crash has no command for, or not in this form. One module each, found by name.

Reports from outside (`crashdrive.plugins`) are found too, unless a report of ours has the same name.

``run_report(crash, "netstat", all=True)`` gives a `Report`.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.machinery import FileFinder
from pathlib import Path
from typing import Any, cast

from crashdrive.errors import PluginError, UsageError
from crashdrive.near import hint
from crashdrive.plugins import Found, Plugin, blamed, find, load
from crashdrive.records import Finding, Report, Table
from crashdrive.reports.base import Option, ReportModule

__all__ = [
    "Finding",
    "Option",
    "Report",
    "Table",
    "foreign_reports",
    "module_for",
    "of_the_whole",
    "purpose_of",
    "report_names",
    "run_report",
    "takes_btf",
]


_RESERVED = frozenset({"-h", "--help", "--format", "-v", "--verbose"})


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
    """The names of crashdrive's own reports, sorted; nothing is imported for this."""
    return tuple(sorted(_modules()))


def foreign_reports() -> Found:
    """Reports from outside, and those that were refused; none of their code is run."""
    return find("reports", taken=report_names())


def module_for(name: str) -> ReportModule:
    """The module of a report (only that one is imported).

    UsageError where there is none, PluginError for one from outside that is broken.
    """
    module = _modules().get(name)
    if module is not None:
        return cast("ReportModule", importlib.import_module(module))
    return cast("ReportModule", load(_foreign(name), functools.partial(_wrong, name)))


def purpose_of(name: str) -> str:
    """What a session is opened for: the key under which the cache keeps how the last start went."""
    return f"report {name}" if name in report_names() else f"foreign {name} {_foreign(name).identity}"


def takes_btf(name: str) -> bool:
    """Whether a report declares that types from BTF are enough: ``BTF`` of `reports.base`."""
    return bool(getattr(module_for(name), "BTF", False))


def of_the_whole(name: str) -> bool:
    """Whether a report needs no option that names what to look at: ``WHOLE`` of `reports.base`."""
    return bool(getattr(module_for(name), "WHOLE", True))


def _foreign(name: str) -> Plugin:
    found = foreign_reports()
    if name not in found.plugins:
        refused = "".join(f"; {line}" for line in found.refused)
        near = hint(name, [*report_names(), *found.plugins])
        raise UsageError(f"no report {name!a}{near}; `crashdrive report --list` shows all{refused}")
    return found.plugins[name]


def _wrong(name: str, module: Any) -> str | None:
    """Why a module isn't the report of that name that `reports.base` describes; None if it is."""
    if (told := getattr(module, "NAME", None)) != name:
        return f"its NAME is {told!a}, not {name!a}"
    summary = getattr(module, "SUMMARY", None)
    if not isinstance(summary, str) or not summary.isprintable():
        return "SUMMARY is no line of text"
    options = getattr(module, "OPTIONS", None)
    if not isinstance(options, tuple) or not all(isinstance(option, Option) for option in options):
        return "OPTIONS is no tuple of Option"
    if not isinstance(getattr(module, "BTF", False), bool):
        return "BTF is neither True nor False"
    flags = [flag for option in options for flag in option.flags]
    if taken := [flag for flag in flags if flag in _RESERVED or flags.count(flag) > 1]:
        return f"an option can't be {taken[0]!a}"
    return None if callable(getattr(module, "report", None)) else "it has no function report(crash, ...)"


def run_report(crash: Any, name: str, **options: Any) -> Report:
    """Compute a report; UsageError for an option that it doesn't have."""
    module = module_for(name)
    known = {option.name: option.absent for option in module.OPTIONS}
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise UsageError(
            f"report {name} has no option {', '.join(unknown)}{hint(unknown[0], known)}; "
            f"it has {', '.join(known) or 'none'}"
        )
    compute = module.report if name in report_names() else _guarded(name, module)
    return compute(crash, **{**known, **options})


def _guarded(name: str, module: ReportModule) -> Callable[..., Report]:
    """A foreign report's function; its exceptions are raised as errors of the plugin."""
    plugin = _foreign(name)

    def compute(crash: Any, **options: Any) -> Report:
        with blamed(plugin):
            found: object = module.report(crash, **options)
        if not isinstance(found, Report):
            raise PluginError(f"{plugin.source}: it gave {type(found).__name__}, no Report")
        return found

    return compute
