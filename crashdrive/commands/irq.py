"""``irq``: interrupts."""

from __future__ import annotations

from crashdrive.commands.base import call, flag, line
from crashdrive.parsers.irq import Affinity, BottomHalves, IdtEntry, Irq, IrqCounts, OldIrq, SoftIrq
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def irq(crash: Runner, *numbers: int, used: bool = False) -> Answer[Irq] | Answer[OldIrq]:
    """The interrupt lines and their handlers; with ``used`` only those that have a descriptor.

    Kernels before 2.6.37 give `OldIrq`. Source: crash's ``irq``.
    """
    return call(crash, line("irq", flag("u", used), *map(arguments.number, numbers)))


def irq_counts(crash: Runner) -> Answer[IrqCounts]:
    """How often each interrupt came on each CPU (``irq -s``)."""
    return call(crash, "irq -s")


def irq_affinities(crash: Runner) -> Answer[Affinity]:
    """Which CPUs may serve each interrupt (``irq -a``)."""
    return call(crash, "irq -a")


def irq_softirqs(crash: Runner) -> Answer[SoftIrq | BottomHalves]:
    """The functions of softirqs (``irq -b``)."""
    return call(crash, "irq -b")


def irq_idt(crash: Runner) -> Answer[IdtEntry]:
    """The interrupt descriptor table (``irq -d``)."""
    return call(crash, "irq -d")
