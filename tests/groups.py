"""Many small cases as a few tests: a test of its own costs pytest more time than such a case takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

One = TypeVar("One")


def grouped(
    cases: Iterable[One], group: Callable[[One], str], name: Callable[[One], str]
) -> Callable[[Callable[[One], None]], Callable[[list[One]], None]]:
    """Check all cases of a group in one test; all that fail are told, each by its name.

    Example::

        @grouped(cases("ps"), group=lambda case: case.parent.name, name=str)
        def test_rows(case: Path) -> None: ...
    """
    groups: dict[str, list[One]] = {}
    for case in cases:
        groups.setdefault(group(case), []).append(case)

    def decorated(check: Callable[[One], None]) -> Callable[[list[One]], None]:
        @pytest.mark.parametrize("cases", groups.values(), ids=groups)
        def every(cases: list[One]) -> None:
            failed: list[BaseException] = []
            for case in cases:
                try:
                    check(case)
                except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - raised below
                    error.add_note(f"case: {name(case)}")
                    failed.append(error)
            if failed:
                raise BaseExceptionGroup(f"{len(failed)} of {len(cases)} cases", failed)

        # not functools.wraps: pytest would look for the arguments of `check`
        every.__name__, every.__doc__, every.__module__ = check.__name__, check.__doc__, check.__module__
        return every

    return decorated
