"""``mod``: the modules of the kernel."""

from __future__ import annotations

from typing import Literal, overload

from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.mod import Module, ModuleTaint
from crashdrive.records import Answer
from crashdrive.session.result import Runner


@overload
def mod(crash: Runner, *, taints: Literal[False] = False) -> Answer[Module]: ...
@overload
def mod(crash: Runner, *, taints: Literal[True]) -> Answer[ModuleTaint]: ...
def mod(crash: Runner, *, taints: bool = False) -> Answer[Module] | Answer[ModuleTaint]:
    """The modules that were loaded: address, name, base, size in bytes, object file.

    With ``taints`` those that taint the kernel, and how. CommandFailedError where the session was opened
    without access to modules. Source: crash's ``mod``.
    """
    return call(crash, line("mod", flag("t", taints)))
