"""CPUs as in /proc/cpuinfo: model, microcode, topology; ``struct cpuinfo_x86`` (x86-64)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.survey import Fields
from crashdrive.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crashdrive.linux.survey import Survey

_KIND, _VARIABLE = "struct cpuinfo_x86", "cpu_info"
_FIELDS = {
    "vendor_id": ("x86_vendor_id",),
    "model_name": ("x86_model_id",),
    "cpu_family": ("x86",),
    "model": ("x86_model",),
    # x86_mask before b399151cb48d (4.16)
    "stepping": ("x86_stepping", "x86_mask"),
    "microcode": ("microcode",),
    # 6e290323582b (6.6) put the topology into a structure of its own
    "package": ("topo.pkg_id", "phys_proc_id"),
    "core": ("topo.core_id", "cpu_core_id"),
    "apicid": ("topo.apicid", "apicid"),
    "cache_kilobytes": ("x86_cache_size",),
}


class Cpu(Record, frozen=True):
    """A present CPU; ``online``: whether it was online when the dump was made.

    panic() stops the other CPUs and takes them offline. ``microcode`` is its revision. ``cache``: bytes of
    the last level. The numbers of package and core are those of /proc/cpuinfo.
    """

    cpu: int
    online: bool
    vendor_id: str | None
    model_name: str | None
    cpu_family: int | None
    model: int | None
    stepping: int | None
    microcode: str | None
    package: int | None
    core: int | None
    apicid: int | None
    cache: int | None


def cpus(survey: Survey) -> Iterator[Cpu]:
    """The CPUs that are present, by number."""
    kernel = survey.kernel
    places = [kernel.per_cpu_address(_VARIABLE, cpu) for cpu in kernel.cpus]
    online = set(kernel.online_cpus)
    rows = survey.rows(Fields(kernel, _KIND, _FIELDS, ("vendor_id", "model_name")), places, "CPUs")
    for cpu, row in zip(kernel.cpus, rows, strict=True):
        microcode, kilobytes = row.pop("microcode"), row.pop("cache_kilobytes")
        row["model_name"] = _stripped(row["model_name"])
        yield Cpu(
            cpu=cpu, online=cpu in online, microcode=None if microcode is None else f"{microcode:#x}",
            cache=None if kilobytes is None else kilobytes << 10, **row,
        )  # fmt: skip


def _stripped(text: str | None) -> str | None:
    return text if text is None else text.strip()


class Hypervisor(Record, frozen=True):
    """The hypervisor below the kernel: ``native``, ``kvm``, ``vmware``, ``ms_hyperv``, ``xen_hvm``..."""

    hypervisor: str


def hypervisor(survey: Survey) -> Hypervisor:
    """The hypervisor that the kernel recognised (``x86_hyper_type``); ``native`` also of an unknown one."""
    kernel = survey.kernel
    names = {number: name for name, number in kernel.enumerators("enum x86_hypervisor_type").items()}
    number = int(kernel.symbol_as("x86_hyper_type", "unsigned int"))
    return Hypervisor(hypervisor=names.get(number, str(number)).removeprefix("X86_HYPER_").lower())
