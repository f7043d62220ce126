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
