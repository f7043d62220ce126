"""CPUs as in /proc/cpuinfo: model, microcode, topology. x86, arm64, ppc64, s390x."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crashdrive.linux.lowcore import LOWCORE, is_s390x, lowcores
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
_MACHINE, _ARM64, _ARM64_VARIABLE = "183", "struct cpuinfo_arm64", "cpu_data"
# who made it: arch/arm64/include/asm/cputype.h
_IMPLEMENTERS = {
    0x41: "ARM", 0x42: "Broadcom", 0x43: "Cavium", 0x46: "Fujitsu", 0x48: "HiSilicon", 0x4E: "NVIDIA",
    0x50: "Applied Micro", 0x51: "Qualcomm", 0x61: "Apple", 0x6D: "Microsoft", 0xC0: "Ampere",
}  # fmt: skip
_TOPOLOGY, _TOPOLOGIES = "struct cpu_topology", "cpu_topology"
# 2ec8bd1e7b1e (4.19) renamed cluster_id
_PLACES = {"package": ("package_id", "cluster_id"), "core": ("core_id",)}
# s390x: arch/s390/kernel/processor.c, topology.c
_S390X, _S390X_VARIABLE = "struct cpu_info", "cpu_info"
_S390X_TOPOLOGY = "struct cpu_topology_s390"
# ppc64: arch/powerpc/kernel/setup-common.c
_PPC64, _PVR, _SPEC = "21", "cpu_pvr", "cur_cpu_spec"
_LONGEST_NAME = 64
# of lowcore's machine_flags: arch/s390/include/asm/setup.h
_HYPERVISORS = {1 << 0: "zvm", 1 << 1: "kvm", 1 << 2: "lpar"}


class Cpu(Record, frozen=True):
    """A present CPU; ``online``: whether it was online when the dump was made.

    panic() stops the other CPUs and takes them offline. ``microcode`` is its revision. ``cache``: bytes of
    the last level. The numbers of package and core are those of /proc/cpuinfo.

    On arm64 ``model`` is the part's number, ``model_name`` the part with variant and revision (``0xd07
    r1p0``), ``cpu_family`` the architecture (8), ``stepping`` the revision.

    On s390x ``model`` is the machine's number, ``model_name`` the same in hexadecimal as IBM has it
    (``8561``), ``stepping`` the version.

    On ppc64 ``model`` and ``stepping`` are the halves of the processor's version register (``pvr``), which
    each CPU has its own of, ``model_name`` is that of the first (``POWER9 (architected)``). The kernel tells
    no vendor.
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


def is_arm64(survey: Survey) -> bool:
    """Whether the kernel is of arm64. It is asked first: a recording of another machine has no answers about
    arm64's structures.
    """
    return survey.kernel.session.identity.get("machine") == _MACHINE


def is_ppc64(survey: Survey) -> bool:
    """Whether the kernel is of ppc64; asked before anything that others lack."""
    return survey.kernel.session.identity.get("machine") == _PPC64


def cpus(survey: Survey) -> Iterator[Cpu]:
    """The present CPUs, by number."""
    kernel = survey.kernel
    if is_arm64(survey):
        yield from _of_arm64(survey)
        return
    if is_s390x(kernel):
        yield from _of_s390x(survey)
        return
    if is_ppc64(survey):
        yield from _of_ppc64(survey)
        return
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


def _of_arm64(survey: Survey) -> Iterator[Cpu]:
    """By each CPU's main ID register, as c_show() of arch/arm64/kernel/cpuinfo.c takes it apart."""
    kernel, online = survey.kernel, set(survey.kernel.online_cpus)
    places = [kernel.per_cpu_address(_ARM64_VARIABLE, cpu) for cpu in kernel.cpus]
    registers = survey.gaps(kernel.read_many(_ARM64, places, ["reg_midr"]), "CPUs")["reg_midr"]
    for cpu, register, place in zip(kernel.cpus, registers, _topology(survey), strict=True):
        known = register is not None
        midr = register or 0
        implementer, part, revision = midr >> 24 & 0xFF, midr >> 4 & 0xFFF, midr & 0xF
        yield Cpu(
            cpu=cpu, online=cpu in online,
            vendor_id=_IMPLEMENTERS.get(implementer, f"{implementer:#x}") if known else None,
            model_name=f"{part:#x} r{midr >> 20 & 0xF}p{revision}" if known else None,
            cpu_family=8 if known else None, model=part if known else None,
            stepping=revision if known else None, microcode=None, apicid=None, cache=None, **place,
        )  # fmt: skip


def _of_ppc64(survey: Survey) -> Iterator[Cpu]:
    """By each CPU's version register, as show_cpuinfo() has it."""
    kernel, online = survey.kernel, set(survey.kernel.online_cpus)
    places = [kernel.per_cpu_address(_PVR, cpu) for cpu in kernel.cpus]
    versions = survey.gaps(kernel.read_many("unsigned int", places, [""]), "CPUs")[""]
    spec = kernel.read_pointer(kernel.symbols.address(_SPEC))
    place = int(kernel.object("struct cpu_spec", spec).member_("cpu_name"))
    name = kernel.read_string(place, _LONGEST_NAME).decode("ascii", "backslashreplace") if place else None
    for cpu, version in zip(kernel.cpus, versions, strict=True):
        # 0 where a CPU never came up
        yield Cpu(
            cpu=cpu, online=cpu in online, vendor_id=None, model_name=name, cpu_family=None,
            model=version >> 16 if version else None, stepping=version & 0xFFFF if version else None,
            microcode=None, package=None, core=None, apicid=None, cache=None,
        )  # fmt: skip


def _of_s390x(survey: Survey) -> Iterator[Cpu]:
    """By the CPU's identification (STIDP) and its place in the machine, as show_cpuinfo() has them."""
    kernel, online = survey.kernel, set(survey.kernel.online_cpus)
    own = [kernel.per_cpu_address(_S390X_VARIABLE, cpu) for cpu in kernel.cpus]
    names = ["cpu_id.version", "cpu_id.machine"]
    rows = survey.gaps(kernel.read_many(_S390X, own, names), "CPUs")
    base, size = kernel.symbols.address(_TOPOLOGIES), kernel.sizeof(_S390X_TOPOLOGY)
    places = [base + size * cpu for cpu in kernel.cpus]
    topology = survey.gaps(
        kernel.read_many(_S390X_TOPOLOGY, places, ["socket_id", "core_id"]), "topology of CPUs"
    )
    for cpu, (version, machine), (socket, core) in zip(kernel.cpus, rows, topology, strict=True):
        yield Cpu(
            cpu=cpu, online=cpu in online, vendor_id="IBM/S390",
            model_name=None if machine is None else f"{machine:04x}", cpu_family=None, model=machine,
            stepping=version, microcode=None, package=socket, core=core, apicid=None, cache=None,
        )  # fmt: skip


def _topology(survey: Survey) -> list[dict[str, int | None]]:
    """Package and core of each present CPU; None where the kernel doesn't know them (-1)."""
    kernel = survey.kernel
    if not kernel.has_type(_TOPOLOGY) or not kernel.symbols.has(_TOPOLOGIES):
        return [dict.fromkeys(_PLACES) for _ in kernel.cpus]
    base, size = kernel.symbols.address(_TOPOLOGIES), kernel.sizeof(_TOPOLOGY)
    fields = Fields(kernel, _TOPOLOGY, _PLACES, ())
    rows = survey.rows(fields, [base + size * cpu for cpu in kernel.cpus], "topology of CPUs")
    return [{name: None if (row.get(name) or 0) < 0 else row.get(name) for name in _PLACES} for row in rows]


def _stripped(text: str | None) -> str | None:
    return text if text is None else text.strip()


class Hypervisor(Record, frozen=True):
    """The hypervisor below the kernel: ``native``, ``kvm``, ``vmware``, ``ms_hyperv``, ``xen_hvm``...

    On s390x ``zvm``, ``kvm`` or ``lpar``.
    """

    hypervisor: str


def hypervisor(survey: Survey) -> Hypervisor | None:
    """The hypervisor that the kernel recognised (``x86_hyper_type``); ``native`` also of an unknown one.

    None on arm64 and ppc64, whose kernels look for none.
    """
    kernel = survey.kernel
    if is_arm64(survey) or is_ppc64(survey):
        return None
    if is_s390x(kernel):
        return _hypervisor_of_s390x(survey)
    names = {number: name for name, number in kernel.enumerators("enum x86_hypervisor_type").items()}
    number = int(kernel.symbol_as("x86_hyper_type", "unsigned int"))
    return Hypervisor(hypervisor=names.get(number, str(number)).removeprefix("X86_HYPER_").lower())


def _hypervisor_of_s390x(survey: Survey) -> Hypervisor | None:
    """As detect_machine_type() of arch/s390/kernel/early.c found it; None where the flags lie elsewhere, or
    the dump has no lowcore.
    """
    kernel = survey.kernel
    places = lowcores(survey) if kernel.has_member(LOWCORE, "machine_flags") else {}
    if not places:
        return None
    flags = int(kernel.object(LOWCORE, min(places.values())).member_("machine_flags"))
    return next((Hypervisor(hypervisor=name) for bit, name in _HYPERVISORS.items() if flags & bit), None)
