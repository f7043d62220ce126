"""What an open dump answers by name: crash's commands and the reports.

Type checkers and editors read `calls.pyi` in place of this: ``scripts/docs`` writes it out of the commands'
functions and the reports' options, and a test holds it against them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["Calls"]


class Calls:
    """crash's commands as methods, ``crash.ps()``, and reports by name, ``crash.report("netstat")``.

    A method gives an `Answer`, a sequence of records; ``help(crash.ps)`` tells what it takes. Where a command
    shows several things, ``show`` chooses: ``crash.irq(show="counts")``.
    """

    def __getattr__(self, name: str) -> Callable[..., Any]:
        from crashdrive.commands import command_function, command_names

        if name.startswith("_") or name not in command_names():
            from crashdrive.near import hint

            near = "" if name.startswith("_") else hint(name, dir(self))
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{near}")
        return _bound(self._call, command_function(name), name, f"{type(self).__qualname__}.{name}")

    def __dir__(self) -> list[str]:
        from crashdrive.commands import command_names

        return sorted({*super().__dir__(), *command_names()})

    def report(self, name: str, **options: Any) -> Any:
        """Compute a report; its options are those of ``crashdrive report NAME --help``."""
        return self.run_report(name, **options)

    def run_report(self, name: str, **options: Any) -> Any:
        """Compute a report: see `Crash.run_report`."""
        raise NotImplementedError

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run a command's function."""
        raise NotImplementedError


def _bound(
    call: Callable[..., Any], function: Callable[..., Any], name: str, qualname: str
) -> Callable[..., Any]:
    """A command's function as a method: named, told and described as one."""

    @functools.wraps(function)
    def bound(*arguments: Any, **options: Any) -> Any:
        return call(function, *arguments, **options)

    from crashdrive.commands import call_signature

    bound.__name__, bound.__qualname__ = name, qualname
    bound.__signature__ = call_signature(name)  # type: ignore[attr-defined] # as inspect documents it
    return bound
