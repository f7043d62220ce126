"""Every public reader of `crashdrive.linux`, found by itself, with what its parameters may be.

A reader is a function without ``_`` that takes a kernel (``Machine``) or a survey first, and gives rows: what
gives the kernel's types (``Btf``), for others to read by, is none. What else it needs is made of what other
readers give: ``every: Sequence[Device]`` of a reader that gives ``list[Device]``,
``task: int`` of ``for_each_task``. Methods and properties of the kernel that need nothing are readers too.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import crashdrive.linux
from crashdrive.kernel import Objects
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.machine import Machine
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.survey import Reading
from crashdrive.records import Answer
from faultkit.facts import Facts, of_results

_ROOT = f"{crashdrive.linux.__name__}."
_KERNELS = frozenset({"Machine", "Kernel"})
_SURVEYS = frozenset({"Survey", "NetSurvey"})
# words that parameters of this name take, in all of the package
_WORDS = {"family": ("inet", "inet6")}
# structures that a reader of one is tried on, from the first to the last
_MOST = 6
_SEVERAL = re.compile(r"(?:Sequence|Iterable|Iterator|list|tuple|Reading|Answer)\[(\w+)(?:, \.\.\.)?\]")
_MAPPING = re.compile(r"(?:Mapping|dict)\[int, (\w+)\]")
# no rows; variables and files of modules come with the modules that have none
_TYPES = re.compile(r"\b(?:Btf|ModuleVariables|ModuleFiles)\b")
_PLAIN = frozenset({"int", "str", "bytes", "bool", "Any", "float"})


class Function(NamedTuple):
    """A public function of a module below `crashdrive.linux` that takes a kernel or a survey first."""

    name: str
    call: Callable[..., Any]
    takes: str
    needs: Mapping[str, str]
    switches: Mapping[str, bool]
    gives: str


class Made(NamedTuple):
    """A reader with how each of its parameters is made; ``switches`` are those that differ from defaults."""

    name: str
    function: Function
    makers: Mapping[str, Maker]
    switches: Mapping[str, bool]

    def read(self, kernel: Kernel, whole: Kernel) -> Facts:
        """What it gives for each of the values that its parameters can have; ``whole`` has no faults.

        Structures that a user asks about are those of the whole memory; what readers give to each other is of
        the ``kernel`` that is read.
        """
        survey = NetSurvey.of(kernel) if self.function.takes in _SURVEYS else None
        results = [
            _whole(self.function.call(_first(self.function, kernel, survey), **words, **self.switches))
            for words in self.words(Sources(kernel, whole, survey))
        ]
        if survey is None:
            return of_results(results)
        return of_results(results, noted=survey.notices, complete=survey.complete)

    def words(self, sources: Sources) -> list[dict[str, Any]]:
        """Its parameters, as often as it is called."""
        found: list[dict[str, Any]] = [{}]
        for name, maker in self.makers.items():
            values = maker(sources)
            found = [{**words, name: value} for words in found for value in values]
        return found


class Sources(NamedTuple):
    """What parameters are made of."""

    kernel: Kernel
    whole: Kernel
    survey: NetSurvey | None


Maker = Callable[[Sources], Sequence[Any]]
"""Gives the values that a parameter is tried with."""


def _first(function: Function, kernel: Kernel, survey: NetSurvey | None) -> Any:
    return survey if function.takes in _SURVEYS else kernel


def _whole(result: Any) -> Any:
    """A result to its end: a reader that yields rows has noted all only then."""
    return list(result) if isinstance(result, Iterator) else result


@functools.cache
def functions() -> tuple[Function, ...]:
    """All functions that may be readers."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(*_where())]
    found = [
        _function(call)
        for module in modules
        for name, call in vars(module).items()
        if inspect.isfunction(call) and not name.startswith("_") and call.__module__ == module.__name__
    ]
    return tuple(one for one in found if one is not None)


def _where() -> tuple[list[str], str]:
    return list(crashdrive.linux.__path__), _ROOT


def _function(call: Callable[..., Any]) -> Function | None:
    signature = inspect.signature(call)
    if not signature.parameters:
        return None
    first, *rest = signature.parameters.values()
    gives = str(signature.return_annotation)
    if first.annotation not in _KERNELS | _SURVEYS or _TYPES.search(gives):
        return None
    needed = {one.name: str(one.annotation) for one in rest if one.default is one.empty}
    switches = {one.name: one.default for one in rest if isinstance(one.default, bool)}
    name = f"{call.__module__.removeprefix(_ROOT)}.{call.__name__}"
    return Function(name, call, first.annotation, needed, switches, gives)


@functools.cache
def readers() -> tuple[Made, ...]:
    """All readers whose parameters can be made, with every switch at its default and turned."""
    found: list[Made] = []
    for function in functions():
        makers = _makers(function)
        if makers is None:
            continue
        found.append(Made(function.name, function, makers, {}))
        if function.switches:
            turned = {name: not value for name, value in function.switches.items()}
            words = " ".join(f"{name}={value}" for name, value in turned.items())
            found.append(Made(f"{function.name} {words}", function, makers, turned))
    return (*found, *_of_the_kernel())


def _makers(function: Function) -> dict[str, Maker] | None:
    """How to make each of its parameters; None where one can't be."""
    makers = {name: _maker(function, name, kind) for name, kind in function.needs.items()}
    made = {name: maker for name, maker in makers.items() if maker is not None}
    return made if len(made) == len(makers) else None


def _maker(function: Function, name: str, kind: str) -> Maker | None:
    if kind == "bool":
        return lambda _sources: (True,)
    if kind == "str" and name in _WORDS:
        return lambda _sources: _WORDS[name]
    if kind == "int":
        return _addresses(name)
    return _rows(function, kind)


def _addresses(name: str) -> Maker | None:
    """Some of the structures that ``for_each_NAME`` finds."""
    walks = [one for one in functions() if one.call.__name__ == f"for_each_{name}" and not one.needs]
    if not walks:
        return None

    def make(sources: Sources) -> Sequence[int]:
        found: Objects = walks[0].call(sources.whole)
        step = max(1, len(found) // _MOST)
        return found.addresses[::step][:_MOST]

    return make


def _rows(function: Function, kind: str) -> Maker | None:
    """What another reader gives: of several the nearest one."""
    wanted = _element(kind)
    if wanted is None:
        return None
    givers = [
        one
        for one in functions()
        if _element(one.gives) == wanted
        and wanted not in map(_element, one.needs.values())
        and (one.takes in _KERNELS or function.takes in _SURVEYS)
    ]
    for giver in sorted(givers, key=functools.partial(_distance, function)):
        makers = _makers(giver)
        if makers is not None:
            return functools.partial(_given, Made(giver.name, giver, makers, {}))
    return None


def _given(giver: Made, sources: Sources) -> Sequence[Any]:
    words = giver.words(sources)[0]
    result = giver.function.call(_first(giver.function, sources.kernel, sources.survey), **words)
    if isinstance(result, Reading | Answer) and sources.survey is not None:
        sources.survey.miss((), complete=result.complete)
    return (result if isinstance(result, dict) else list(result),)


def _element(kind: str) -> tuple[str, str] | None:
    """What a sequence or a mapping of records holds, by its annotation."""
    for form, pattern in (("several", _SEVERAL), ("mapping", _MAPPING)):
        found = pattern.fullmatch(kind)
        if found and found[1] not in _PLAIN:
            return form, found[1]
    return None


def _distance(function: Function, other: Function) -> int:
    """How far apart two modules are; names of records stand for others elsewhere."""
    same = (
        one == another for one, another in zip(function.name.split("."), other.name.split("."), strict=False)
    )
    return -sum(itertools.takewhile(bool, same))


def _of_the_kernel() -> list[Made]:
    """Methods and properties of a kernel that need nothing."""
    found: list[Made] = []
    elsewhere = {one.call.__name__ for one in functions()}
    for owner in (Machine, Kernel):
        for name, member in vars(owner).items():
            if name.startswith("_") or name in elsewhere:
                continue
            if isinstance(member, functools.cached_property | property):
                found.append(_made(f"kernel.{name}", functools.partial(_attribute, name)))
            elif inspect.isfunction(member) and not _needed(member):
                found.append(_made(f"kernel.{name}", member))
    return found


def _needed(member: Callable[..., Any]) -> list[str]:
    _, *rest = inspect.signature(member).parameters.values()
    return [one.name for one in rest if one.default is one.empty]


def _attribute(name: str, kernel: Kernel) -> Any:
    return getattr(kernel, name)


def _made(name: str, call: Callable[..., Any]) -> Made:
    return Made(name, Function(name, call, "Kernel", {}, {}, ""), {}, {})
