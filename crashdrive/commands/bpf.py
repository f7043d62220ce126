"""``bpf``: the eBPF programs and maps."""

from __future__ import annotations

from crashdrive.commands.base import call, flag
from crashdrive.parsers.bpf import BpfMap, BpfProgram
from crashdrive.records import Answer
from crashdrive.session import arguments
from crashdrive.session.result import Runner


def bpf(crash: Runner, *, details: bool = False) -> Answer[BpfProgram | BpfMap]:
    """All programs and maps that were loaded; none is an answer too.

    ``details`` adds sizes, names, owners and load times. Source: crash's ``bpf``.
    """
    return call(crash, f"bpf {flag('PM', details)}".rstrip())


def bpf_program(crash: Runner, number: int, *, instructions: bool = False) -> Answer[BpfProgram]:
    """One program with its details; with ``instructions`` its translated code and its bytes."""
    return call(crash, f"bpf -p {arguments.number(number)} {flag('T', instructions)}".rstrip())


def bpf_map(crash: Runner, number: int) -> Answer[BpfMap]:
    """One map with its details."""
    return call(crash, f"bpf -m {arguments.number(number)}")
