"""``mach``: machines of several architectures."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.mach import CpuStack, FirmwareMessage, Machine, MemoryRange, StackSet

BLOCK = """\
          MACHINE TYPE: x86_64
           MEMORY SIZE: 767.5 MB
                  CPUS: 2 [OFFLINE: 1]
            HYPERVISOR: KVM
       PROCESSOR SPEED: 2596 Mhz
                    HZ: 250
             PAGE SIZE: 4096
   KERNEL VIRTUAL BASE: ffff890440000000
      KERNEL START MAP: ffffffff80000000
     KERNEL STACK SIZE: 16384
        IRQ STACK SIZE: 16384
            IRQ STACKS:
                 CPU 0: ffffcdfe80000000
                 CPU 1: ffffcdfe800cd000 [unavailable]
  (unknown) STACK SIZE: 0
      (unknown) STACKS:
                 CPU 0: fffffe0000014000
"""


def test_the_main_block() -> None:
    assert parse("mach", BLOCK).one() == Machine(
        type="x86_64",
        memory=round(767.5 * (1 << 20)),
        cpus=2,
        offline_cpus=1,
        hypervisor="KVM",
        processor_mhz=2596,
        hz=250,
        page_size=4096,
        kernel_stack_size=16384,
        bases={"kernel_virtual_base": 0xFFFF890440000000, "kernel_start_map": 0xFFFFFFFF80000000},
        stacks=(
            StackSet(
                name="IRQ",
                size=16384,
                stacks=(
                    CpuStack(cpu=0, address=0xFFFFCDFE80000000),
                    CpuStack(cpu=1, address=0xFFFFCDFE800CD000, available=False),
                ),
            ),
            StackSet(name="(unknown)", size=0, stacks=(CpuStack(cpu=0, address=0xFFFFFE0000014000),)),
        ),
    )


def test_another_architecture() -> None:
    text = (
        "       MACHINE TYPE: ppc64le\n        MEMORY SIZE: 4 GB\n               CPUS: 8\n"
        "    PROCESSOR SPEED: (unknown)\n"
        "                 HZ: 100\n                MMU: RADIX\n          PAGE SIZE: 65536\n"
        "KERNEL VMALLOC BASE: c008000000000000\n  KERNEL STACK SIZE: 16384\nHARD IRQ STACK SIZE: 16384\n"
        "    HARD IRQ STACKS:\n              CPU 0: c0000001fffe0000\n"
    )
    machine = parse("mach", text).one()
    assert (machine.mmu, machine.processor_mhz, machine.stacks[0].name) == ("RADIX", None, "HARD IRQ")


def test_damage() -> None:
    assert not parse("mach", BLOCK.replace("        IRQ STACK SIZE: 16384\n", "")).complete
    for label in ("MACHINE TYPE", "HZ", "PAGE SIZE"):
        (line,) = (line for line in BLOCK.splitlines(keepends=True) if line.lstrip().startswith(label))
        with pytest.raises(ParseError):
            parse("mach", BLOCK.replace(line, ""))
        with pytest.raises(ParseError):
            parse("mach", BLOCK.replace(line, line + line))


def test_memory() -> None:
    text = (
        "      PHYSICAL ADDRESS RANGE         TYPE\n0000000000000000 - 00000000000a0000  E820_RAM\n"
        "00000000000f0000 - 0000000000100000  type 17\n"
    )
    assert list(parse("mach -m", text)) == [
        MemoryRange(start=0, end=0xA0000, type="E820_RAM"),
        MemoryRange(start=0xF0000, end=0x100000, type="type 17"),
    ]


def test_cpus() -> None:
    text = (
        "CPU 0:\nstruct cpuinfo_x86 {\n  x86 = 15\n}\n\nstruct x8664_pda {\n  me = 0x0\n}\n\n"
        "CPU 1: [OFFLINE]\n"
    )
    first, second = parse("mach -c", text)
    assert [structure.type for structure in first.structures] == ["struct cpuinfo_x86", "struct x8664_pda"]
    assert (second.offline, second.structures) == (True, ())
    with pytest.raises(ParseError):
        parse("mach -c", "CPU 0:\nCPU 1:\n")


def test_firmware() -> None:
    assert list(parse("mach -o", "[   65.219056911,5] SkiBoot [x]\n")) == [
        FirmwareMessage(timestamp=65.219056911, level=5, text="SkiBoot [x]")
    ]


@pytest.mark.parametrize("command", ["mach", "mach -m", "mach -c", "mach -o"])
@pytest.mark.parametrize("text", ["", "mach: invalid option -- 'o'\nUsage:\n", "x" * 1_000_000])
def test_refused(command: str, text: str) -> None:
    with pytest.raises(ParseError):
        parse(command, text)


COMMON = "        MEMORY SIZE: 512 MB\n               CPUS: 1\n    PROCESSOR SPEED: (unknown)\n"
COMMON += "                 HZ: 1024\n          PAGE SIZE: 8192\n"


def test_emergency_stacks_of_ppc64() -> None:
    text = (
        "       MACHINE TYPE: ppc64le\n" + COMMON + "    EMERGENCY STACK: \n"
        "              CPU 0: c0000007fffa0000\n              CPU 1: c0000007fff60000\n"
        "NMI EMERGENCY STACK: (unused)\n MC EMERGENCY STACK: (unused)\n\n"
    )
    answer = parse("mach", text)
    assert answer.complete
    assert answer.one().stacks == (
        StackSet(
            name="EMERGENCY",
            stacks=(
                CpuStack(cpu=0, address=0xC0000007FFFA0000),
                CpuStack(cpu=1, address=0xC0000007FFF60000),
            ),
        ),
        StackSet(name="NMI EMERGENCY"),
        StackSet(name="MC EMERGENCY"),
    )
    for damaged in (text.replace("(unused)", "(used)"), text.replace("CPU 1:", "CPU 0:")):
        with pytest.raises(ParseError):
            parse("mach", damaged)


def test_an_option_that_the_architecture_lacks() -> None:
    text = "PPC64: '-c' option is not supported\n       MACHINE TYPE: ppc64le\n" + COMMON
    answer = parse("mach -c", text)
    assert (answer.one().type, answer.shape, answer.complete) == ("ppc64le", "machine", False)


def test_machines_of_ppc_alpha_and_mips() -> None:
    ppc = parse("mach", "       MACHINE TYPE: ppc\n           PLATFORM: (default)\n" + COMMON).one()
    assert (ppc.platform, ppc.memory) == ("(default)", 512 << 20)
    alpha = parse("mach", "       MACHINE TYPE: alpha\n" + COMMON + "      L1 CACHE SIZE: 64\n").one()
    assert alpha.l1_cache_size == 64
    text = (
        "                 HZ: 250\n          PAGE SIZE: 4096\n\n"
        "      _PAGE_PRESENT: 00000001\n      _PAGE_NO_EXEC: 00000010\n"
    )
    mips = parse("mach", text).one()
    assert (mips.type, mips.memory, mips.cpus, mips.hz) == (None, None, None, 250)
    assert mips.page_flags == {"_PAGE_PRESENT": 1, "_PAGE_NO_EXEC": 16}
    with pytest.raises(ParseError):
        parse("mach", text.replace("_NO_EXEC", "_PRESENT"))


def test_the_regions_of_ia64() -> None:
    text = (
        "              MACHINE TYPE: ia64\n" + COMMON + "      KERNEL CACHED REGION: e000000000000000\n"
        "    USER DATA/STACK REGION: 8000000000000000\n    USER DATA/STACK REGION: 6000000000000000\n"
        "USER IA32 EMULATION REGION: 0000000000000000\n"
    )
    assert parse("mach", text).one().bases == {
        "kernel_cached_region": 0xE000000000000000,
        "user_data_stack_region": 0x8000000000000000,
        "user_data_stack_region_2": 0x6000000000000000,
        "user_ia32_emulation_region": 0,
    }
    with pytest.raises(ParseError):
        parse("mach", text + "      KERNEL CACHED REGION: e000000000000001\n")


def test_memory_of_ia64() -> None:
    text = (
        "      PHYSICAL ADDRESS RANGE         TYPE / ATTRIBUTE / [ACCESS]\n"
        "0000000000000000 - 0000000000001000  BOOT_SERVICES_DATA UC|WB [available][R7]\n"
        "00000000fed00000 - 00000000fee00000  MEMORY_MAPPED_IO UC [R6]\n"
        "0000000100000000 - 0000000200000000  (unknown type)  \n"
    )
    assert list(parse("mach -m", text)) == [
        MemoryRange(
            start=0,
            end=0x1000,
            type="BOOT_SERVICES_DATA",
            attributes=("UC", "WB"),
            available=True,
            region="R7",
        ),
        MemoryRange(
            start=0xFED00000,
            end=0xFEE00000,
            type="MEMORY_MAPPED_IO",
            attributes=("UC",),
            available=False,
            region="R6",
        ),
        MemoryRange(
            start=0x100000000, end=0x200000000, type="(unknown type)", attributes=(), available=False
        ),
    ]


def test_resources_of_sparc64_end_at_their_last_byte() -> None:
    text = (
        "      PHYSICAL ADDRESS RANGE         TYPE\n"
        f"0000000000400000 - 00000001ffffffff  {'System RAM':32}\n"
        f"0000008000000000 - 00000080ffffffff  {'/pci@400/pci@1':32}\n"
    )
    assert list(parse("mach -m", text)) == [
        MemoryRange(start=0x400000, end=0x200000000, type="System RAM"),
        MemoryRange(start=0x8000000000, end=0x8100000000, type="/pci@400/pci@1"),
    ]


def test_cpus_of_alpha_and_ia64() -> None:
    text = "HWRPB:\nstruct hwrpb_struct {\n  id = 0\n}\n\nCPU 0:\nstruct percpu_struct {\n  type = 5\n}\n"
    assert [(row.cpu, row.structures[0].type) for row in parse("mach -c", text)] == [
        (None, "struct hwrpb_struct"),
        (0, "struct percpu_struct"),
    ]
    assert parse("mach -c", "CPU 0: (boot)\nstruct cpuinfo_ia64 {\n  number = 1\n}\n").one().boot
    with pytest.raises(ParseError):
        parse("mach -c", text + "\n" + text.partition("\n\n")[2])


def test_a_line_takes_no_other_one() -> None:
    """A newline that was lost, in values and in the firmware's words."""
    for label in ("HYPERVISOR: KVM", "MACHINE TYPE: x86_64", "PAGE SIZE: 4096"):
        with pytest.raises(ParseError):
            parse("mach", BLOCK.replace(label + "\n", label))
    with pytest.raises(ParseError):
        parse("mach -o", "[    1.5,5] one[    2.5,5] two\n")


def test_an_error_says_what_was_expected() -> None:
    with pytest.raises(ParseError, match=r"a line of the machine: LABEL: VALUE"):
        parse("mach", BLOCK.replace("HZ: 250", "HZ: fast"))
    with pytest.raises(ParseError, match="stacks of no kind"):
        parse("mach", BLOCK.replace("            IRQ STACKS:\n", ""))


def test_several_stacks_without_a_name() -> None:
    """crash 7.2.9 on kernel 5.10 of x86-64."""
    more = "  (unknown) STACK SIZE: 0\n      (unknown) STACKS:\n                 CPU 0: fffffe0000017000\n"
    machine = parse("mach", BLOCK + more).one()
    assert machine.stacks[1:] == (
        StackSet(name="(unknown)", size=0, stacks=(CpuStack(cpu=0, address=0xFFFFFE0000014000),)),
        StackSet(name="(unknown)_2", size=0, stacks=(CpuStack(cpu=0, address=0xFFFFFE0000017000),)),
    )
