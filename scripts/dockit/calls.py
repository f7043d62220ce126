"""What the typed calls and the reports take and give: ``crashdrive/calls.pyi`` and ``docs/calls.md``."""

from __future__ import annotations

import functools
import inspect
import subprocess
import sys
import textwrap
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from crashdrive.commands import command_forms, command_names
from crashdrive.parsers import _catalog
from crashdrive.parsers import command_names as parser_names
from crashdrive.parsers import module_for as parser_module
from crashdrive.records import Answer
from crashdrive.reports import Option, module_for, report_names
from crashdrive.session.result import Runner

_HEAD = '''\
# Written by scripts/docs; a test says when it is out of date. Don't edit.
"""What an open dump answers by name: crash's commands and the reports."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, overload

{imports}

__all__ = ["Calls"]

class Calls:
    """crash's commands as methods, ``crash.ps()``, and reports by name, ``crash.report("netstat")``."""

'''
_TAIL = '''\
    def run_report(self, name: str, **options: Any) -> Report:
        """Compute any report, one from outside too, by a name that is known at run time only."""
    def _call(self, function: Any, *arguments: Any, **options: Any) -> Any: ...
'''
# What stands for an argument that a call needs.
_ADDRESS = 0xFFFF888003A54000
_REPEATED = "runq -t"
_SAMPLES: dict[str, Any] = {
    "layout_of": "list_head",
    "letter": "k",
    "members": "flags",
    "number": 1,
    "name": "task_struct",
    "structure": "request",
    "text": "jiffies",
    "queue": _ADDRESS,
    "file": "/etc/passwd",
    "member": "mm_struct",
    "sizes": (192, 256),
    "cpu": 0,
    "start": "modules",
    "symbol": "_RNvC6_123foo3bar",
}
_KINDS = {
    "flag": "bool",
    "text": "str",
    "integer": "int",
    "port": "int",
    "address": "int",
    "seconds": "float",
}


class Signature(NamedTuple):
    """One overload of a typed call: its parameters and result as text, with the types' modules told apart."""

    parameters: tuple[str, ...]
    result: str


def stub() -> str:
    """The text of ``crashdrive/calls.pyi``."""
    types_ = Types()
    body = [method for name in command_names() for method in _methods(name, types_)]
    body += _reports()
    return formatted(_HEAD.format(imports=types_.imports()) + textwrap.indent("".join(body), "    ") + _TAIL)


def formatted(text: str) -> str:
    """A stub's text as ruff formats it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "crashdrive/calls.pyi", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60).stdout


class Types:
    """Types as a stub's text names them; collects the modules that it has to import."""

    def __init__(self) -> None:
        self.modules: dict[str, str] = {}

    def imports(self) -> str:
        """The import statements that the text needs."""
        named = sorted(alias for alias, module in self.modules.items() if module.endswith(f".{alias}"))
        lines = [
            f"import {module} as {alias}"
            for alias, module in sorted(self.modules.items(), key=lambda item: item[1])
            if alias not in named
        ]
        plain = f"from crashdrive.parsers import {', '.join(named)}"
        return "\n".join([*lines, plain, "from crashdrive.records import Answer, Report"])

    def text(self, annotation: Any) -> str:
        """A type's name, a record's with its module: two commands may have a record of the same name."""
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if annotation is None or annotation is type(None):
            return "None"
        if origin in {typing.Union, types.UnionType}:
            return " | ".join(map(self.text, arguments))
        if origin is Literal:
            return f"Literal[{', '.join(map(repr, arguments))}]"
        if origin is typing.Annotated:
            return self.text(arguments[0])
        if origin is not None:
            named = "..." if annotation == tuple[()] else ", ".join(map(self._argument, arguments))
            return f"{origin.__name__}[{named}]"
        return self._plain(annotation)

    def _argument(self, annotation: Any) -> str:
        return "..." if annotation is Ellipsis else self.text(annotation)

    def _plain(self, annotation: Any) -> str:
        module = str(_homes().get(annotation) or getattr(annotation, "__module__", ""))
        if module.startswith("crashdrive.parsers"):
            alias = "_" + module.removeprefix("crashdrive.parsers.").strip("_").replace(".", "_")
            self.modules[alias] = module
            return f"{alias}.{annotation.__name__}"
        return "Any" if annotation is Any else str(annotation.__name__)


@functools.cache
def _homes() -> dict[Any, str]:
    """The parser modules that export a record by ``__all__``: the public ones, wherever it is defined."""
    modules = [parser_module(name) for name in parser_names()]
    return {
        vars(module)[name]: module.__name__
        for module in reversed(modules)
        for name in getattr(module, "__all__", ())
        if isinstance(vars(module)[name], type)
    }


def overloads_of(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    """A function's overloads; itself where it has none."""
    return list(typing.get_overloads(function)) or [function]


def result_of(function: Callable[..., Any]) -> Any:
    """What an overload returns."""
    return hints_of(function)["return"]


def records_in(annotation: Any) -> set[Any]:
    """The record types in ``Answer[A | B]`` or ``Answer[A] | Answer[B]``."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return {record for one in typing.get_args(annotation) for record in records_in(one)}
    if typing.get_origin(annotation) is Answer:
        (held,) = typing.get_args(annotation)
        return records_in(held)
    return {annotation}


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of an overload's parameters and result."""
    return typing.get_type_hints(function, localns={"Runner": Runner})


def _methods(name: str, types_: Types) -> Iterator[str]:
    forms = command_forms(name)
    every = [(show, form, one) for show, form in forms.items() for one in overloads_of(form)]
    for show, form, one in every:
        decorator = "@overload\n" if len(every) > 1 else ""
        document = textwrap.indent(f'"""{inspect.getdoc(form)}\n"""', "    ")
        if "\n" not in (inspect.getdoc(form) or ""):
            document = f'    """{inspect.getdoc(form)}"""'
        parameters, result = signature(one, show, types_)
        yield f"{decorator}def {name}({', '.join(('self', *parameters))}) -> {result}:\n{document}\n"


def signature(function: Callable[..., Any], show: str | None, types_: Types) -> Signature:
    """An overload's parameters without the runner, ``show`` among them, and its result."""
    hints = hints_of(function)
    found: list[str] = []
    keywords = False
    parameters = list(inspect.signature(function).parameters.values())[1:]
    if show is not None:
        word = inspect.Parameter("show", inspect.Parameter.KEYWORD_ONLY)
        hints["show"] = Literal[show]
        parameters = sorted([*parameters, word], key=lambda one: one.kind)
    for number, one in enumerate(parameters):
        if one.kind is one.KEYWORD_ONLY and not keywords:
            found.append("*")
            keywords = True
        stars = "*" if one.kind is one.VAR_POSITIONAL else ""
        keywords = keywords or bool(stars)
        default = "" if one.default is one.empty else f" = {_default(one.default)}"
        found.append(f"{stars}{one.name}: {types_.text(hints[one.name])}{default}")
        following = parameters[number + 1 : number + 2]
        if one.kind is one.POSITIONAL_ONLY and not (following and following[0].kind is one.POSITIONAL_ONLY):
            found.append("/")
    return Signature(tuple(found), types_.text(hints["return"]))


def _default(value: Any) -> str:
    return "..." if value is Ellipsis else repr(value)


def _reports() -> Iterator[str]:
    for name in report_names():
        module = module_for(name)
        options = [f"{option.name}: {option_type(option)} = ..." for option in module.OPTIONS]
        taken = ", ".join(["self", f"name: Literal[{name!r}]", *(["*", *options] if options else [])])
        yield f'@overload\ndef report({taken}) -> Report:\n    """{module.SUMMARY}"""\n'


def option_type(option: Option) -> str:
    """The type of a report's option, as text."""
    plain = (
        f"Literal[{', '.join(map(repr, option.choices))}]"
        if option.choices
        else _KINDS.get(option.kind, "int")
    )
    if option.many:
        return f"Sequence[{plain}]"
    return plain if option.absent is not None else f"{plain} | None"


class _Sent(Exception):  # noqa: N818 - it ends the call, it is no error
    """What a call sent."""


class _Ear:
    """A runner that tells what it was asked to run."""

    def run(self, command: str, *, timeout: float | None = None) -> Any:
        del timeout
        raise _Sent(command)

    def run_many(self, commands: list[str], *, timeout: float | None = None) -> Any:
        del timeout
        raise _Sent(commands[-1])


def sent(form: Callable[..., Any], overload: Callable[..., Any]) -> str:
    """The command line that an overload of a call sends, with no more arguments than it needs."""
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    hints = hints_of(overload)
    for one in list(inspect.signature(overload).parameters.values())[1:]:
        if one.kind is one.VAR_POSITIONAL:
            positional += _wanted(form)
        elif one.default is one.empty:
            value = _REPEATED if form.__name__ == "repeat" else _sample(one.name, hints[one.name])
            if one.kind is one.KEYWORD_ONLY:
                keywords[one.name] = value
            else:
                positional.append(value)
    try:
        form(_Ear(), *positional, **keywords)
    except _Sent as told:
        return str(told)
    raise AssertionError(f"{form.__name__} sent nothing")


def _wanted(form: Callable[..., Any]) -> list[Any]:
    """What calls need that take any number of something, but not none."""
    wanted: dict[str, list[Any]] = {"search": [_ADDRESS], "sym": ["jiffies"]}
    return wanted.get(form.__name__, [])


def _sample(name: str, hint: Any) -> Any:
    """Something that an argument may be; the first word where it is one of a few."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return arguments[0]
    if name in _SAMPLES:
        return _SAMPLES[name]
    if origin in {typing.Union, types.UnionType}:
        return _sample(name, arguments[0])
    if origin is not None:
        return [_sample(name, arguments[0])]
    return {str: "sample", int: _ADDRESS}[hint]


_CALLS = """\
# Calls

What an open dump (`crash`) answers by name. A call gives an `Answer`: a sequence of records that says whether
it is complete. Each call stands here with the command line that crash gets for it; `show` chooses what a
command shows. Fields, with their types, are in [vocabulary.md](vocabulary.md); `help(crash.ps)` tells the
same as this page. `crash.run("...")` takes any command line as it is, `crash.parse(result)` makes records of
what it gave. A type checker knows all of this: `crash.ps(no_such_option=1)` is an error,
`crash.ps()` an `Answer[Process]`.

"""

_REPORTS = """\
## Reports

`crash.report(NAME, option=value)`, `crashdrive report NAME --option value`; `crash.run_report(name, ...)`
takes names that are known at run time only.
"""


def page() -> str:
    """The text of ``docs/calls.md``."""
    commands = "".join(_of_command(name) for name in command_names())
    return _CALLS + commands + _REPORTS + "".join(_of_report(name) for name in report_names())


def _of_command(name: str) -> str:
    text = f"## {name}\n\n"
    for show, form in command_forms(name).items():
        overloads = overloads_of(form)
        for one in overloads:
            parameters, _ = signature(one, show, Types())
            text += f"- `crash.{name}({', '.join(parameters)})`\\\n"
            text += f"  {_result(result_of(one))}; `{sent(form, one)}`\n"
        text += f"\n{_document(form)}\n\n"
    return text


def _result(annotation: Any) -> str:
    """An answer's records, by name."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return " or ".join(map(_result, typing.get_args(annotation)))
    return f"`{_catalog.type_text(annotation)}`"


def _document(form: Callable[..., Any]) -> str:
    """A docstring in Markdown."""
    return (inspect.getdoc(form) or "").replace("``", "`")


def _of_report(name: str) -> str:
    module = module_for(name)
    text = f"\n### {name}\n\n{module.SUMMARY}\n"
    if module.OPTIONS:
        text += "\n| Option | Type | Command line | |\n| --- | --- | --- | --- |\n"
    for option in module.OPTIONS:
        cells = (f"`{option.name}`", f"`{option_type(option)}`", f"`{' '.join(option.flags)}`", option.help)
        text += "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
    return text
