"""The faulting access: address and its class, operand, registers, the callback that ran."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from crashdrive.linux.oops.addresses import Area, address_class
from crashdrive.linux.oops.code import Access, Code, access_of
from crashdrive.linux.oops.machinery import plain
from crashdrive.linux.oops.records import Event
from crashdrive.records import Address, Record

_PF = re.compile(r"#PF: (?:supervisor|user) (?P<how>read|write|instruction fetch)")
_PERMISSION = re.compile(r"error_code\(0x[0-9a-f]+\) - (?P<why>permissions violation|.{1,40} violation)")
_OOPS_CODE = re.compile(r"Oops: (?:0x)?(?P<code>[0-9a-f]{4})\b")
_GUARD = re.compile(r"(?:BUG: )?(?:stack|IRQ stack|TASK stack) guard page was hit at")
_PRESENT, _WRITE, _FETCH = 1, 2, 16  # arch/x86/include/asm/trap_pf.h
# functions that call a context's callback
_RUNNERS = frozenset(
    {
        "process_one_work",
        "call_timer_fn",
        "expire_timers",
        "rcu_do_batch",
        "tasklet_action_common",
        "__hrtimer_run_queues",
        "__flush_smp_call_function_queue",
        "generic_smp_call_function_single_interrupt",
        "kthread",
    }
)


class Fault(Record, frozen=True):
    """The access that failed.

    ``address``: the accessed one; ``address_class``: `null`, `poison`, `user`, ... (see
    `crashdrive.linux.oops.addresses`), ``meaning``: the same in words. ``access``: ``read``, ``write`` or
    ``execute``, ``size`` in bytes. ``instruction``, ``operand``: the faulting instruction, and its memory
    operand. ``operand_registers``: the registers in the operand, with their values. ``member``: the
    structure's member at the operand's displacement, where debug data tells. ``callback``: the function that
    a work, timer, tasklet or thread is for.
    """

    address: Address | None
    address_class: str | None
    meaning: str | None
    access: str | None
    size: int | None
    instruction: str | None
    operand: str | None
    operand_registers: tuple[str, ...]
    member: str | None
    callback: str | None


def fault_of(
    event: Event,
    lines: Sequence[str],
    code: Code | None,
    areas: Sequence[Area] = (),
    member: str | None = None,
) -> Fault:
    """The fault in a report; ``lines`` are the report's own."""
    access = access_of(event, code) if code else None
    address = event.fault_address
    if address is None and access is not None and event.kind in {"gpf", "paging", "null", "bad-ip"}:
        address = access.address
    return Fault(
        address=address,
        **_class(address, lines, areas, wide=code is None or code.machine not in {3, 8, 20, 40}),
        access=_how(lines) or (access.how if access else None),
        size=(access.size or None) if access else None,
        instruction=code.faulting.text if code else None,
        operand=access.operand if access else None,
        operand_registers=_registers(access),
        member=member,
        callback=callback(event),
    )


def _registers(access: Access | None) -> tuple[str, ...]:
    known = access.registers if access else ()
    return tuple(f"{name}={value:#x}" if value is not None else f"{name}=?" for name, value in known)


def _class(
    address: int | None, lines: Sequence[str], areas: Sequence[Area], *, wide: bool
) -> dict[str, str | None]:
    if any(map(_GUARD.search, lines)):
        return {"address_class": "stack guard", "meaning": "the page below a stack: that is full"}
    if address is None:
        return {"address_class": None, "meaning": None}
    found = address_class(address, areas, wide=wide)
    if found.name in {"kernel", "module", "direct map", "vmalloc", "image"} and _is_forbidden(lines):
        return {"address_class": "read-only", "meaning": f"{found.meaning}, write protected"}
    return {"address_class": found.name, "meaning": found.meaning}


def _how(lines: Sequence[str]) -> str | None:
    """The kind of access by x86's error code."""
    for line in lines:
        if hit := _PF.search(line):
            return "execute" if hit["how"] == "instruction fetch" else hit["how"]
    return None


def _is_forbidden(lines: Sequence[str]) -> bool:
    """Whether the page was present, and write-protected."""
    writes = _how(lines) == "write"
    for line in lines:
        if writes and _PERMISSION.search(line):
            return True
        if hit := _OOPS_CODE.search(line):
            code = int(hit["code"], 16)
            if code & _PRESENT and code & _WRITE and not code & _FETCH:
                return True
    return False


def callback(event: Event) -> str | None:
    """The function of a work, timer, callback or kernel thread: the one that its runner called."""
    names = [plain(frame.function) for frame in event.frames if frame.function and frame.sure]
    for inner, outer in pairwise(names):
        if outer in _RUNNERS:
            return inner
    return None
