"""Arguments of typed calls that are words out of a few: checked before anything is sent to crash."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from crashdrive.errors import ArgumentError
from crashdrive.near import hint

F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """The same call; ArgumentError, with what is near or what there is, for a word that it doesn't know."""
    choices = _choices_of(function)
    if not choices:
        return function
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            given = signature.bind(*arguments, **options).arguments
        except TypeError:
            return function(*arguments, **options)  # which says it in Python's words
        _check(function.__name__.rstrip("_"), choices, given)
        return function(*arguments, **options)

    return typing.cast("F", call)


def check_word(command: str, name: str, value: object, known: tuple[Any, ...]) -> None:
    """ArgumentError, with what is near or what there is, for a word that is none of those known."""
    if not any(value == other and type(value) is type(other) for other in known):
        near = hint(str(value), [str(other) for other in known if other is not None], every=True)
        raise ArgumentError(f"{command}: {name} can't be {value!a:.80}{near}")


def _check(command: str, choices: Mapping[str, tuple[Any, ...]], given: Mapping[str, Any]) -> None:
    for name, known in choices.items():
        value = given.get(name, known[0])
        for one in value if isinstance(value, (list, tuple, set, frozenset)) else (value,):
            check_word(command, name, one, known)


def _choices_of(function: Callable[..., Any]) -> dict[str, tuple[Any, ...]]:
    """What each parameter may be that is a literal of several, or a sequence of such ones."""
    found = {name: tuple(_literals(hint)) for name, hint in typing.get_type_hints(function).items()}
    return {name: known for name, known in found.items() if known and Ellipsis not in known}


def _literals(annotation: Any) -> Iterator[Any]:
    """The values of literals in a type; with an Ellipsis where it allows something else, too."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        yield from arguments
    elif annotation is type(None):
        yield None
    elif origin in {typing.Union, types.UnionType} or (arguments and origin is not tuple):
        for one in arguments:
            yield from _literals(one)
    else:
        yield Ellipsis
