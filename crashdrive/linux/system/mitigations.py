"""Mitigations of the processor's vulnerabilities: /sys/devices/system/cpu/vulnerabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.errors import UnknownTypeError
from crashdrive.linux.system.cpuinfo import is_arm64
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_PROCESSOR = "struct cpuinfo_x86"
# arch/arm64/kernel/proton-pack.c
_ARM64_STATES = "enum mitigation_state"
_ARM64_VARIABLES = {
    "spectre_v2": "spectre_v2_state",
    "spec_store_bypass": "spectre_v4_state",
    "spectre_bhb": "spectre_bhb_state",
}
# arch/x86/kernel/cpu/bugs.c: the variable, and its enumeration
_VARIABLES = {
    "mds": ("mds_mitigation", "enum mds_mitigations"),
    "taa": ("taa_mitigation", "enum taa_mitigations"),
    "mmio_stale_data": ("mmio_mitigation", "enum mmio_mitigations"),
    "reg_file_data_sampling": ("rfds_mitigation", "enum rfds_mitigations"),
    "srbds": ("srbds_mitigation", "enum srbds_mitigations"),
    "gather_data_sampling": ("gds_mitigation", "enum gds_mitigations"),
    "spectre_v1": ("spectre_v1_mitigation", "enum spectre_v1_mitigation"),
    "spectre_v2": ("spectre_v2_enabled", "enum spectre_v2_mitigation"),
    "retbleed": ("retbleed_mitigation", "enum retbleed_mitigation"),
    "indirect_target_selection": ("its_mitigation", "enum its_mitigation"),
    "spec_store_bypass": ("ssb_mode", "enum ssb_mitigation"),
    "l1tf": ("l1tf_mitigation", "enum l1tf_mitigations"),
    "spec_rstack_overflow": ("srso_mitigation", "enum srso_mitigation"),
    "tsa": ("tsa_mitigation", "enum tsa_mitigations"),
    "vmscape": ("vmscape_mitigation", "enum vmscape_mitigations"),
}


class Mitigation(Record, frozen=True):
    """A vulnerability by its name in /sys, and the kernel's mitigation: a constant of bugs.c.

    On arm64 ``spectre_unaffected``, ``spectre_mitigated`` or ``spectre_vulnerable``.

    The constant's number where its name isn't known. The mitigation applies where the processor has the
    vulnerability: the CPU's ``bugs`` tell that.
    """

    name: str
    mitigation: str


def mitigations(survey: Survey) -> Iterator[Mitigation]:
    """Those that this kernel knows; x86 and arm64 alone: UnknownTypeError elsewhere."""
    kernel = survey.kernel
    if is_arm64(survey):
        yield from _of_arm64(survey)
        return
    if not kernel.has_type(_PROCESSOR):
        raise UnknownTypeError(f"no {_PROCESSOR}")
    for name, (variable, enumeration) in _VARIABLES.items():
        if not kernel.symbols.has(variable):
            continue
        known = kernel.enumerators(enumeration) if kernel.has_type(enumeration) else {}
        names = {number: word for word, number in known.items()}
        number = int(kernel.symbol_as(variable, "int"))
        yield Mitigation(name=name, mitigation=names.get(number, str(number)).lower())


def _of_arm64(survey: Survey) -> Iterator[Mitigation]:
    kernel = survey.kernel
    known = kernel.enumerators(_ARM64_STATES) if kernel.has_type(_ARM64_STATES) else {}
    names = {number: word for word, number in known.items()}
    for name, variable in _ARM64_VARIABLES.items():
        if kernel.symbols.has(variable):
            number = int(kernel.symbol_as(variable, "int"))
            yield Mitigation(name=name, mitigation=names.get(number, str(number)).lower())
