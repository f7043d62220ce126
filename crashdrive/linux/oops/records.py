"""Records of a log: frames, events, the verdict."""

from __future__ import annotations

from typing import Literal

import msgspec

from crashdrive.records import Address, Record

Kind = Literal[
    "null", "paging", "gpf", "bug", "divide", "invalid-opcode", "bad-ip", "double-fault", "stack", "list",
    "refcount", "usercopy", "fortify", "kasan", "ubsan", "kfence", "warning", "softlockup", "hardlockup",
    "rcu", "hung", "oom", "atomic", "lockdep", "leak", "mce", "nmi", "watchdog", "sysrq", "panic", "unknown",
]  # fmt: skip
"""What happened, in one word."""


class Frame(Record, frozen=True):
    """One entry of a call trace, or the instruction pointer.

    ``function`` is None where the text has an address alone. ``sure`` is False for entries that the kernel
    marks (``?``, ``(unreliable)``); ``inline`` for those that a symbolizer added. ``segment`` is the stack as
    the trace names it (``IRQ``, ``NMI``, ``TASK``, ``#DF``, ``SOFTIRQ``), None where it names none.
    """

    function: str | None = None
    offset: int | None = None
    size: int | None = None
    module: str | None = None
    address: Address | None = None
    segment: str | None = None
    sure: bool = True
    inline: bool = False
    file: str | None = None
    line: int | None = None


class Trace(Record, frozen=True):
    """The frames below one heading (``Call Trace:``, ``Allocated by task 12:``), innermost first."""

    heading: str
    line: int
    frames: tuple[Frame, ...]


class Head(Record, frozen=True):
    """The CPU and its task: ``CPU: 1 PID: 12 Comm: cat Tainted: G W``; ``task:cat pid:12``."""

    line: int
    cpu: int | None = None
    pid: int | None = None
    comm: str | None = None
    taint: str | None = None


class LinkedModule(Record, frozen=True):
    """One of ``Modules linked in:``, with its taint flags (``OE``)."""

    name: str
    flags: str = ""


class Event(Record, frozen=True):
    """One crash report of the kernel, as the log has it.

    ``line`` and ``end_line`` (from 1): its first and last line; ``time``: printk's time stamp in seconds.
    ``message`` is the line that names the crash. ``culprit``: the frame to blame, None where the text doesn't
    tell it for sure. ``doubts``: what is missing or mixed up. ``alternatives``: titles of the same crash on
    other kernels or builds. ``fault_address`` is the bad address. ``consequence`` is True for an event that
    only follows from an earlier one (``Fatal exception``).
    """

    kind: str  # a Kind
    title: str
    message: str
    line: int
    end_line: int
    time: float | None = None
    culprit: Frame | None = None
    pointer: Frame | None = None
    frames: tuple[Frame, ...] = ()
    traces: tuple[Trace, ...] = ()
    context: str | None = None
    cpu: int | None = None
    pid: int | None = None
    comm: str | None = None
    taint: str | None = None
    hardware: str | None = None
    workqueue: str | None = None
    modules: tuple[LinkedModule, ...] = ()
    register_values: dict[str, Address] = msgspec.field(default_factory=dict)
    code_line: str | None = None
    file: str | None = None
    source_line: int | None = None
    fault_address: Address | None = None
    alternatives: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    rank: int = 0
    consequence: bool = False


class Verdict(Record, frozen=True):
    """Why a kernel died, and the crash's signature; all None and empty where the log holds no crash.

    ``bucket`` is a stable id of the crash, ``algorithm`` the version of the rules that made it.
    ``corrupted`` says that the text is mixed up or cut: what couldn't be told for sure is None.
    ``frames`` are function names, innermost first, without compilers' suffixes.
    """

    title: str | None = None
    kind: str | None = None  # a Kind
    function: str | None = None
    offset: int | None = None
    module: str | None = None
    address: Address | None = None
    file: str | None = None
    line: int | None = None
    context: str | None = None
    cpu: int | None = None
    pid: int | None = None
    comm: str | None = None
    taint: str | None = None
    owner: str | None = None
    bucket: str | None = None
    algorithm: int | None = None
    alternatives: tuple[str, ...] = ()
    corrupted: bool = False
    frames: tuple[str, ...] = ()
