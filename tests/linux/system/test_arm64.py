"""CPUs and mitigations of arm64, on a kernel made up of a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from crashdrive.linux.system.cpuinfo import cpus, hypervisor
from crashdrive.linux.system.mitigations import mitigations

ARM64 = "struct cpuinfo_arm64"
STATES = {"SPECTRE_UNAFFECTED": 0, "SPECTRE_MITIGATED": 1, "SPECTRE_VULNERABLE": 2}


def survey(registers: Sequence[int | None], **variables: int) -> Any:
    """Of a kernel with these ID registers, and variables."""
    kernel = SimpleNamespace(
        session=SimpleNamespace(identity={"machine": "183"}),
        has_type=lambda name: name in {ARM64, "enum mitigation_state"},
        symbols=SimpleNamespace(has=lambda name: name == "cpu_data" or name in variables),
        cpus=tuple(range(len(registers))),
        online_cpus=(0,),
        per_cpu_address=lambda _name, cpu: 0x1000 * cpu,
        read_many=lambda _kind, _places, _fields: {"reg_midr": list(registers)},
        enumerators=lambda _name: STATES,
        symbol_as=lambda name, _kind: variables[name],
    )
    return SimpleNamespace(kernel=kernel, gaps=lambda columns, _what: columns)


def test_cpus_by_their_id_registers() -> None:
    """Cortex-A57 r1p0; one of a maker that isn't known; one whose register the dump lacks."""
    first, other, lost = cpus(survey([0x411FD070, 0x7F2F0123, None]))
    assert (first.vendor_id, first.model_name, first.model, first.stepping) == ("ARM", "0xd07 r1p0", 0xD07, 0)
    assert (first.online, other.online) == (True, False)
    assert (other.vendor_id, other.model_name) == ("0x7f", "0x12 r2p3")
    assert (lost.vendor_id, lost.model_name, lost.model, lost.cpu_family) == (None, None, None, None)
    assert (first.package, first.core, first.microcode) == (None, None, None)


def test_mitigations_that_the_kernel_keeps() -> None:
    rows = mitigations(survey([], spectre_v2_state=1, spectre_v4_state=2, spectre_bhb_state=7))
    assert [(row.name, row.mitigation) for row in rows] == [
        ("spectre_v2", "spectre_mitigated"),
        ("spec_store_bypass", "spectre_vulnerable"),
        ("spectre_bhb", "7"),
    ]


def test_no_hypervisor_is_looked_for() -> None:
    assert hypervisor(survey([])) is None
