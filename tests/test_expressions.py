"""Expressions that are compiled when they are first used."""

from __future__ import annotations

import copy
import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import crashdrive.parsers
from crashdrive.expressions import expression


def all_expressions() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Those that stand in modules of the parsers and below, in their dicts and tuples too."""
    names = [info.name for info in pkgutil.walk_packages(crashdrive.parsers.__path__, "crashdrive.parsers.")]
    for name in ("crashdrive.commandline", "crashdrive.text", "crashdrive.parsers", *names):
        for key, value in vars(importlib.import_module(name)).items():
            parts = list(value.values()) if isinstance(value, dict) else [value]
            yield from ((f"{name}.{key}", part) for part in parts if type(part) is type(expression("a")))


def test_each_expression_of_the_package_is_one() -> None:
    found = dict(all_expressions())
    assert len(found) > 100
    for name, one in found.items():
        assert re.compile(one.pattern, one.flags).groups == one.groups, name


def test_it_is_compiled_when_it_is_used() -> None:
    one = expression("(")
    assert one.pattern == "("
    with pytest.raises(re.error, match="missing"):
        one.match("")


def test_it_does_what_a_compiled_one_does() -> None:
    one = expression(r"(?P<word>a+)", re.IGNORECASE)
    match = one.match("AAb")
    assert match is not None
    assert match["word"] == "AA"
    assert (one.sub("x", "baab"), one.findall("a ba"), one.groups) == ("bxb", ["a", "a"], 1)
    assert dict(one.groupindex) == {"word": 1}


def test_a_copy_is_one_too() -> None:
    one = expression("a")
    for other in (copy.copy(one), copy.deepcopy(one)):
        assert other.pattern == "a"
        assert other.fullmatch("a")


def test_other_attributes_are_not_there() -> None:
    assert not hasattr(expression("a"), "scan")
    assert repr(expression("a")) == "expression('a')"
