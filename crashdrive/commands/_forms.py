"""The forms of a typed call: what ``show`` chooses among a module's public functions.

``commands/irq.py`` holds ``irq``, ``irq_counts``, ``irq_idt``: they are ``crash.irq()``,
``crash.irq(show="counts")`` and ``crash.irq(show="idt")``, found by their names alone.
"""

from __future__ import annotations

import functools
import inspect
import keyword
from collections.abc import Callable, Mapping
from inspect import Parameter
from types import MappingProxyType, ModuleType
from typing import Any, Literal

from crashdrive.commands._choices import check_word, checked

Function = Callable[..., Any]


def main_name(command: str) -> str:
    """The name of a command's own function; with ``_`` behind it where Python reserves the word."""
    return f"{command}_" if keyword.iskeyword(command) else command


def forms_of(module: ModuleType) -> Mapping[str | None, Function]:
    """A command module's public functions by the word for ``show``; the command's own is under None."""
    command = module.__name__.rpartition(".")[2]
    main = main_name(command)
    found: dict[str | None, Function] = {None: getattr(module, main)}
    for name, function in vars(module).items():
        ours = inspect.isfunction(function) and function.__module__ == module.__name__
        if ours and name.startswith(f"{command}_") and name != main:
            found[name.removeprefix(f"{command}_")] = function
    return MappingProxyType(found)


def joined(forms: Mapping[str | None, Function]) -> Function:
    """One call of all forms: words are checked, ``show`` chooses."""
    calls = {show: checked(function) for show, function in forms.items()}
    main = forms[None]
    if len(calls) == 1:
        return calls[None]

    @functools.wraps(main)
    def call(crash: Any, *arguments: Any, show: str | None = None, **options: Any) -> Any:
        check_word(main.__name__.rstrip("_"), "show", show, tuple(calls))
        return calls[show](crash, *arguments, **options)

    call.__doc__ = _told(forms)
    call.__signature__ = _joined_signature(forms)  # type: ignore[attr-defined] # as inspect documents it
    return call


def bound_signature(function: Function) -> inspect.Signature:
    """The signature of a call as users of ``crash.ps`` see it: without the runner."""
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _joined_signature(forms: Mapping[str | None, Function]) -> inspect.Signature:
    """Those of the command itself, ``show``, and as keywords what other forms take."""
    signatures = {show: inspect.signature(function) for show, function in forms.items()}
    found = dict(signatures[None].parameters)
    words = Literal[tuple(show for show in forms if show is not None)]  # type: ignore[valid-type] # a run-time list
    found["show"] = Parameter("show", Parameter.KEYWORD_ONLY, default=None, annotation=words | None)
    several = {one.kind for one in found.values()}
    for signature in signatures.values():
        for name, one in signature.parameters.items():
            if one.kind is not Parameter.VAR_POSITIONAL:
                found.setdefault(name, one.replace(kind=Parameter.KEYWORD_ONLY, default=_default(one)))
            elif Parameter.VAR_POSITIONAL not in several:
                several.add(one.kind)
                found[name] = one
    results = dict.fromkeys(str(signature.return_annotation) for signature in signatures.values())
    return inspect.Signature(
        sorted(found.values(), key=lambda one: one.kind), return_annotation=" | ".join(results)
    )


def _default(one: Parameter) -> Any:
    """The default of what only some forms need: none of it is needed without them."""
    return None if one.default is Parameter.empty else one.default


def _told(forms: Mapping[str | None, Function]) -> str:
    """What the command itself and each form do."""
    parts = [inspect.getdoc(forms[None]) or ""]
    for show, function in forms.items():
        if show is not None:
            parts.append(f"show={show!r}, {bound_signature(function)}\n{inspect.getdoc(function)}")
    return "\n\n".join(parts)
