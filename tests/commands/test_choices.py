"""Words that a typed call doesn't know are an error before anything is sent to crash."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from crashdrive.commands import command_function, command_names
from crashdrive.commands._choices import _choices_of
from crashdrive.errors import ArgumentError


class Silent:
    def run(self, command: str, **_: Any) -> Any:
        pytest.fail(f"{command} was sent")


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("kmem", {"what": "slab"}, "kmem: what can't be 'slab'; near: slabs"),
        ("kmem", {"also": ("node",)}, "kmem: also can't be 'node'; near: nodes"),
        ("kmem", {"what": None}, "kmem: what can't be None; there are info, free, "),
        ("rd", {"address": 1, "space": "kern"}, "rd: space can't be 'kern'; near: kernel"),
        ("rd", {"address": 1, "bits": 7}, "rd: bits can't be 7; "),
        ("ipcs", {"what": "memry"}, "ipcs: what can't be 'memry'; near: memory"),
        ("foreach", {"command": "btt"}, "foreach: command can't be 'btt'; near: bt"),
        ("foreach", {"command": ["bt", "fles"]}, "foreach: command can't be 'fles'; near: files"),
    ],
)
def test_an_unknown_word_is_told_with_what_there_is(
    command: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(ArgumentError) as raised:
        command_function(command)(Silent(), **arguments)
    assert str(raised.value).startswith(said)


@pytest.mark.parametrize("command", command_names())
def test_every_choice_of_every_call_is_checked(command: str) -> None:
    function = command_function(command)
    plain = inspect.unwrap(function)
    needed = {
        name: 1
        for name, one in inspect.signature(plain).parameters.items()
        if one.default is inspect.Parameter.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }
    needed.pop("crash")
    for name in _choices_of(plain):
        with pytest.raises(ArgumentError):
            function(Silent(), **{**needed, name: "no such word"})


def test_python_says_what_it_says_of_arguments() -> None:
    with pytest.raises(TypeError, match="nonsense"):
        command_function("kmem")(Silent(), nonsense=1)
