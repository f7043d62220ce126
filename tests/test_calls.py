"""The typed surface: every function and every shape is reached, what is declared is what comes."""

from __future__ import annotations

import importlib
import inspect
import pydoc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from dockit import calls

from crashdrive.calls import Calls
from crashdrive.commands import command_forms, command_names
from crashdrive.errors import ArgumentError
from crashdrive.parsers import _catalog, parse
from crashdrive.parsers import command_names as parsers
from crashdrive.parsers.foreach import TaskAnswer
from crashdrive.parsers.repeat import Round
from crashdrive.session.result import CommandResult

GOLDEN = Path(__file__).parents[1] / "golden_outputs"
CHANGES = "it changes crash's settings or files: crash.run"

UNREACHED = {
    ("alias", "deleted"): CHANGES,
    ("bt", "method"): CHANGES,
    ("dev", "dump"): CHANGES,
    ("dis", "skipped"): CHANGES,
    ("extend", "events"): CHANGES,
    ("foreach", "tasks"): "foreach itself asks for it, to know who is missing",
    ("gdb", "enum"): "whatis",
    ("gdb", "lines"): "free text of any gdb command: crash.run and crash.parse",
    ("gdb", "silent"): "what gdb does without a word, set and source: crash.run and crash.parse",
    ("gdb", "type"): "whatis",
    ("gdb", "value"): "p",
    ("rd", "copy"): CHANGES,
    ("repeat", "rounds"): "commands/repeat.py sends the command itself, round by round",
    ("runq", "one-queue"): "kernels before 2.6 alone: crash.runq() declares what all others give",
    ("s390dbf", "copy"): CHANGES,
    ("set", "active"): CHANGES,
}
"""Shapes whose records no typed call declares, and why."""


class Ear(Calls):
    """An open dump that tells what crash would be asked."""

    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return function(self, *arguments, **options)

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        del timeout
        raise LookupError(command)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


def overloads() -> Iterator[tuple[str, Any, Any]]:
    for name in command_names():
        for form in command_forms(name).values():
            yield from ((name, form, one) for one in calls.overloads_of(form))


@pytest.mark.parametrize("name", command_names())
def test_every_public_function_is_reached(name: str) -> None:
    module = importlib.import_module(f"crashdrive.commands.{name}")
    public = {
        function
        for word, function in vars(module).items()
        if inspect.isfunction(function)
        and function.__module__ == module.__name__
        and not word.startswith("_")
    }
    forms = command_forms(name)
    assert set(forms.values()) == public
    assert len(forms) == 1 or "show" not in inspect.signature(forms[None]).parameters


@pytest.mark.parametrize("name", parsers())
def test_every_shape_is_reached_or_is_listed(name: str) -> None:
    declared = {
        record
        for command, _, one in overloads()
        if command == name
        for record in calls.records_in(calls.result_of(one))
    }
    unreached = {
        (name, shape.name)
        for shape in _catalog.shapes_of(name)
        if not declared & set(_catalog.record_types(shape.record))
    }
    assert {key for key in UNREACHED if key[0] == name} == unreached


@pytest.mark.parametrize("name", [name for name in command_names() if name != "repeat"])
def test_only_records_of_the_command_are_declared(name: str) -> None:
    known = {record for shape in _catalog.shapes_of(name) for record in _catalog.record_types(shape.record)}
    declared = {
        record
        for command, _, one in overloads()
        if command == name
        for record in calls.records_in(calls.result_of(one))
    }
    if Any not in known:
        assert declared - {Any} <= known


def recorded() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(GOLDEN.glob("*/*/*/*.cmd")):
        found.setdefault(path.read_text(encoding="utf-8").splitlines()[0], []).append(path)
    return found


def test_recorded_outputs_give_what_is_declared() -> None:
    by_line, held = recorded(), 0
    for _, form, one in overloads():
        declared = calls.records_in(calls.result_of(one))
        # the last two are made of what several commands gave
        if declared & {Any, TaskAnswer, Round}:
            continue
        for path in by_line.get(calls.sent(form, one), ()):
            answer = parse(
                path.read_text(encoding="utf-8").splitlines()[0],
                path.with_suffix(".out").read_bytes().decode("utf-8", "backslashreplace"),
                lenient=True,
            )
            assert {type(record) for record in answer} <= declared, path
            held += bool(answer.records)
    assert held > 200


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda crash: crash.ps(1, show="parents"), "ps -p 1"),
        (lambda crash: crash.irq(show="counts"), "irq -s"),
        (lambda crash: crash.bt(7, show="text", whole_stack=True), "bt -T 7"),
        (lambda crash: crash.sys(0, show="calls"), "sys -c 0"),
        (lambda crash: crash.sys(find=0, show="calls"), "sys -c 0"),
        (lambda crash: crash.task("comm", 1, show="members"), "task -R comm 1"),
        (lambda crash: crash.tree(1, "maple", root=8, ranges=True), "tree -t maple -r 8 -v 1"),
        (lambda crash: crash.help("bt", show="page"), "help bt"),
    ],
)
def test_what_show_sends(call: Any, line: str) -> None:
    with pytest.raises(LookupError) as sent:
        call(Ear())
    assert sent.value.args == (line,)


def test_an_unknown_form_is_told_with_what_is_near() -> None:
    with pytest.raises(ArgumentError, match="irq: show can't be 'count'; near: counts"):
        Ear().irq(show="count")  # type: ignore[call-overload] # that is the test
    with pytest.raises(TypeError, match="show"):
        Ear().swap(show="devices")  # type: ignore[call-arg] # that is the test


def test_a_call_is_a_described_method() -> None:
    crash = Ear()
    assert (crash.kmem.__name__, crash.ps.__qualname__) == ("kmem", "Ear.ps")
    assert list(inspect.signature(crash.swap).parameters) == []
    parameters = inspect.signature(crash.irq).parameters
    assert list(parameters) == ["numbers", "used", "show"]
    assert parameters["show"].default is None
    told = inspect.signature(crash.runq).return_annotation  # in the order of the module
    assert told.startswith("Answer[RunQueue] | Answer[GroupedRunQueue] | Answer[QueueClock]")
    told = pydoc.plain(pydoc.render_doc(crash.irq))
    assert "The interrupt lines and their handlers" in told
    assert "show='counts'" in told
    assert "crash: " not in told.split("show=")[0]


@pytest.mark.parametrize("name", command_names())
def test_help_tells_of_every_call(name: str) -> None:
    told = pydoc.plain(pydoc.render_doc(getattr(Ear(), name)))
    assert name in told.splitlines()[0]
    assert "partial" not in told.splitlines()[0]
    assert (inspect.getdoc(command_forms(name)[None]) or "").splitlines()[0] in told
