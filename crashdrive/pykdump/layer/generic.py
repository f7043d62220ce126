"""Helpers of PyKdump's API that know nothing of a dump."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any


class Bunch(dict[str, Any]):
    """A dict whose items are attributes, too."""

    def __init__(self, d: Mapping[str, Any] | None = None) -> None:
        super().__init__(d or {})

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self[name]

    def copy(self) -> Bunch:
        """A new one with the same items."""
        return Bunch(self)

    def __str__(self) -> str:
        return "\n".join(f"   {key:<12s} {self[key]}" for key in sorted(self))


class _Cached(Bunch):
    """Items of a cache: what isn't there is None."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name)


class DataCache:
    """What programs keep: ``tmp`` until the program's end, ``perm`` until the run's."""

    def __init__(self) -> None:
        self._tmp, self._perm = _Cached(), _Cached()

    @property
    def tmp(self) -> Bunch:
        """Kept while one program runs."""
        return self._tmp

    @property
    def perm(self) -> Bunch:
        """Kept while the dump is open."""
        return self._perm

    def cleartmp(self) -> None:
        """Forget what is in ``tmp``."""
        self._tmp.clear()

    def clearperm(self) -> None:
        """Forget what is in ``perm``."""
        self._perm.clear()

    def __str__(self) -> str:
        return f"{len(self._tmp)} in tmp, {len(self._perm)} in perm"

    def dump(self) -> None:
        """Print what is kept."""
        for name, items in (("tmp", self._tmp), ("perm", self._perm)):
            if items:
                print(f"   ** DCache.{name} **")
                print(items)


class TrueOnce:
    """True for the first ``v`` questions, False for all later ones."""

    def __init__(self, v: int = 1) -> None:
        self.v = v

    def __bool__(self) -> bool:
        self.v -= 1
        return self.v >= 0


def iterN(seq: Iterable[Any], N: int) -> Iterator[Any]:
    """The first N of a sequence that may have no end."""
    return itertools.islice(seq, N)


def dbits2str(flags: int, d: Mapping[str, int], offset: int = 0) -> str:
    """The names of the bits that are set, joined by ``|``; ``offset``: how much of each name is left out.

    Names of several bits, or of none, aren't looked at.
    """
    single = ((name, value) for name, value in d.items() if value > 0 and not value & (value - 1))
    return "|".join(name[offset:] for name, value in single if flags & value)


def print2columns(left: str, right: str) -> None:
    """Print two texts beside each other."""
    for one, other in itertools.zip_longest(left.split("\n"), right.split("\n"), fillvalue=""):
        print(one.ljust(38), other)


def getCurrentModule(depth: int = 1) -> ModuleType:
    """The module whose code calls this, ``depth`` calls up."""
    return sys.modules[sys._getframe(depth).f_globals["__name__"]]


def patch_default_kw(mod: Any, kname: str, newval: Any) -> None:
    """Give a keyword argument another default, in all functions and classes of a module that have it."""
    for one in _callables(mod):
        defaults = getattr(one, "__kwdefaults__", None)
        if defaults and kname in defaults:
            defaults[kname] = newval


def _callables(mod: Any) -> Iterator[Callable[..., Any]]:
    for value in vars(mod).values():
        if getattr(value, "__module__", None) != mod.__name__:
            continue
        if isinstance(value, type):
            yield from (one for one in vars(value).values() if callable(one))
        elif callable(value):
            yield value


def registerObjAttrHandler(o: Any, attrname: str, **kwargs: Any) -> None:
    """Give an object's attribute its default, unless it has it already."""
    default = kwargs.get("default")
    if default is None:
        default = getattr(o, attrname, None)
    setattr(o, attrname, default)


def registerModuleAttr(
    attrname: str,
    pyctlname: str | None = None,
    default: Any = None,
    help: str = "",  # noqa: A002 - PyKdump's own name
    type: Any = int,  # noqa: A002 - as above
) -> None:
    """Give a variable of the calling module its default."""
    registerObjAttrHandler(
        getCurrentModule(2), attrname, pyctlname=pyctlname, default=default, help=help, type=type
    )


def argv2s(argv: Iterable[str]) -> str:
    """Arguments as one line; those with spaces in quotes."""
    words = list(argv)
    named = [words[0].rpartition("/")[2], *words[1:]] if words else []
    return " ".join(["", *(f'"{word}"' if " " in word else word for word in named), ""])


def isfileoutput() -> bool:
    """Whether standard output is a file."""
    import os
    import stat

    try:
        return stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def hexl(number: int) -> str:
    """A number in hexadecimal."""
    return hex(number)


def unsigned16(l: int) -> int:  # noqa: E741 - PyKdump's own name
    """The lowest 16 bits."""
    return l & 0xFFFF


def unsigned32(l: int) -> int:  # noqa: E741 - as above
    """The lowest 32 bits."""
    return l & 0xFFFFFFFF


def unsigned64(l: int) -> int:  # noqa: E741 - as above
    """The lowest 64 bits."""
    return l & 0xFFFFFFFFFFFFFFFF


def ALIGN(addr: int, align: int) -> int:
    """An address rounded up to a power of two."""
    return (int(addr) + align - 1) & ~(align - 1)


def atomic_t(o: Any) -> Any:
    """The counter of an atomic_t; what isn't one, itself."""
    try:
        return o.counter
    except AttributeError:
        return o
