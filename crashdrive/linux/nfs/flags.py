"""Names of bits, as the kernel's own trace events word them.

Bits of transports and calls have moved between releases, and are no enumerations that debug data keeps. A
trace event's format (``print_fmt_NAME``) has each bit with its name: ``{ (1UL << 4), "BOUND" }``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from crashdrive.errors import FaultError, KernelError
from crashdrive.linux.machine import Machine
from crashdrive.linux.survey import Survey
from crashdrive.records import Notice

CALL = ("rpc_task_running",)
"""Trace events with the bits of ``rpc_task.tk_flags``."""
TRANSPORT = ("rpc_xprt_lifetime_class",)
"""Those of ``rpc_xprt.state``."""
SERVED = ("svc_xprt_event", "svc_xprt_dequeue")
"""Those of ``svc_xprt.xpt_flags``."""
CLIENT = ("nfs4_state_mgr",)
"""Those of ``nfs_client.cl_state``."""
_LONGEST = 8192
# the first list of bits alone: a second one is of another member
_LIST = re.compile(r'__print_flags\(\(?(?:unsigned long\))?\s*REC->\w+\)?,\s*"\|",((?:\s*\{[^{}]*\},?)+)')
_PAIR = re.compile(r'\{\s*([^{}"]+?)\s*,\s*"(\w+)"\s*\}')
_SHIFT = re.compile(r"<<\s*\(*(\w+)\)*$")


class BitNames:
    """Names by masks, of the first trace event that the kernel has; none without one."""

    def __init__(self, survey: Survey, events: Sequence[str]) -> None:
        self.names: Mapping[int, str] = {}
        kernel = survey.kernel
        symbol = next((one for event in events if kernel.symbols.has(one := f"print_fmt_{event}")), None)
        if symbol is not None:
            try:
                self.names = _names(kernel, symbol)
            except FaultError as error:
                survey.miss([Notice(kind="hole", message=f"names of bits: {error}")])

    def words(self, value: int | None) -> str | None:
        """``BOUND|CONNECTED``; see `words`."""
        return words(value, self.names)


def words(value: int | None, names: Mapping[int, str]) -> str | None:
    """``BOUND|CONNECTED``; bits without a name as one number behind these: ``BOUND|0x2000``."""
    if value is None:
        return None
    found = [name for mask, name in names.items() if mask & value]
    rest = value & ~sum(names)
    return "|".join([*found, hex(rest)] if rest else found)


def _names(kernel: Machine, symbol: str) -> dict[int, str]:
    text = kernel.read_string(kernel.symbols.address(symbol), _LONGEST).decode("ascii", "replace")
    found = _LIST.search(text)
    pairs = _PAIR.findall(found[1]) if found else ()
    masks = {_mask(kernel, expression): name.removeprefix("XPT_") for expression, name in pairs}
    return {mask: name for mask, name in masks.items() if mask}


def _mask(kernel: Machine, expression: str) -> int:
    """The value of ``0x0800``, ``(1UL << 4)``, ``((((1UL))) << (XPT_BUSY))``; 0 of what isn't known."""
    shift = _SHIFT.search(expression)
    word = shift[1] if shift else expression
    try:
        value = int(word, 0)
    except ValueError:
        value = _enumerator(kernel, word)
    return (1 << value if 0 <= value < 64 else 0) if shift else value


def _enumerator(kernel: Machine, name: str) -> int:
    try:
        return kernel.layouts.enumeration_of(name)[name]
    except (KernelError, KeyError):
        return -1
