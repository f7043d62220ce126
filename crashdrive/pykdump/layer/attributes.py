"""Attributes that scripts add to structures: chains of members that differ between kernels, and functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from crashdrive.pykdump.layer.chains import Chain, chain_value, parse_chain
from crashdrive.pykdump.layer.structs import StructResult, struct_class
from crashdrive.pykdump.layer.typeinfo import PseudoVarInfo, VarInfo

_SOCKET = "SKC."
_COMMON = "struct sock_common"


def structSetAttr(sname: str, aname: str, estrings: str | Sequence[str], sextra: Sequence[str] = ()) -> bool:
    """Give a structure an attribute: the first chain of members that there is; an empty one is itself.

    ``sextra``: structures that get it, too. False where there is none of the chains, or no such structure.
    """
    chains = [estrings] if isinstance(estrings, str) else list(estrings)
    try:
        cls = struct_class(sname)
    except TypeError:
        return False
    for text in chains:
        if text == "":
            _set(cls, aname, lambda obj: obj, None)
            return True
        if (chain := parse_chain(sname, text)) is not None:
            for one in (cls, *(struct_class(extra) for extra in sextra)):
                _set_chain(one, aname, chain)
            return True
    return False


def structSetProcAttr(sname: str, aname: str, meth: Callable[[Any], Any]) -> bool:
    """Give a structure an attribute that a function computes; False where there is no such structure."""
    try:
        _set(struct_class(sname), aname, meth, None)
    except TypeError:
        return False
    return True


def _set_chain(cls: type[StructResult], name: str, chain: Chain) -> None:
    member, steps = chain
    _set(cls, name, lambda obj: chain_value(int(obj), member, steps), _plain_member(name, chain))


def _set(cls: type[StructResult], name: str, read: Callable[[Any], Any], member: VarInfo | None) -> None:
    setattr(cls, name, property(read))
    if member is not None:
        cls.PYT_sinfo[name] = member


def _plain_member(name: str, chain: Chain) -> VarInfo | None:
    """A chain without pointers is a member at an offset."""
    member, steps = chain
    if any(through for through, _ in steps):
        return None
    found = PseudoVarInfo(name, member.ti)
    found.addr = 0
    found.offset = sum(offset for _, offset in steps)
    found.bitoffset = found.offset * 8 + (member.bitoffset - member.offset * 8)
    found.bitsize = member.bitsize
    return found


class AttrSetter:
    """Sets attributes of several structures by assignment: ``setter.Name = ["chain", "other.chain"]``.

    What was assigned reads back as whether it was set. Chains are looked for in the first structure; one that
    begins with ``SKC.`` in struct sock_common. A function computes the attribute.
    """

    def __init__(self, *args: str) -> None:
        object.__setattr__(self, "_ArgList_", args)

    def __setattr__(self, aname: str, rhs: Any) -> None:
        choices = list(rhs) if isinstance(rhs, list | tuple) else [rhs]
        object.__setattr__(self, aname, self._assign(aname, choices))

    def __getattr__(self, aname: str) -> Any:
        raise AttributeError(f"{aname} was not set")

    def _assign(self, name: str, choices: list[Any]) -> bool:
        try:
            struct_class(self._ArgList_[0])
        except TypeError:
            return False
        return any(self._try(name, choice) for choice in choices)

    def _set_all(self, name: str, method: Callable[[Any], Any]) -> bool:
        return sum(structSetProcAttr(sname, name, method) for sname in self._ArgList_) > 0

    def _try(self, name: str, choice: Any) -> bool:
        if isinstance(choice, FunctionType):
            return self._set_all(name, choice)
        if choice == "":
            return self._set_all(name, lambda obj: obj)
        base, text = self._ArgList_[0], choice
        if choice.startswith(_SOCKET):
            base, text = _COMMON, choice.removeprefix(_SOCKET)
        if (chain := parse_chain(base, text)) is None:
            return False
        for sname in self._ArgList_:
            try:
                _set_chain(struct_class(sname), name, chain)
            except TypeError:
                continue
        return True
