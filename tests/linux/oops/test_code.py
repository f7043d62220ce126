"""The instructions that a report shows, and what the faulting one wanted of memory; by hand-made bytes."""

from __future__ import annotations

import pytest

from crashdrive.linux import oops
from crashdrive.linux.oops.addresses import Area, address_class
from crashdrive.linux.oops.code import ARM, ARM64, I386, PPC64, RISCV, X86_64, access_of, code_lines, code_of
from crashdrive.linux.oops.faults import callback, fault_of
from crashdrive.linux.oops.records import Event
from tests.linux.oops.logs import X86, X86_USER

POWERPC = """\
[   12.1] BUG: Unable to handle kernel data access on read at 0x00000018
[   12.1] Faulting instruction address: 0xc008000000e90078
[   12.1] Oops: Kernel access of bad area, sig: 11 [#1]
[   12.1] CPU: 1 PID: 812 Comm: insmod Tainted: G           OE      6.1.0 #1
[   12.1] NIP:  c008000000e90078 LR: c008000000e90068 CTR: c0000000007c2ab0
[   12.1] CFAR: c00000000020e3ac DAR: 0000000000000018 DSISR: 40000000 IRQMASK: 0
[   12.1] GPR00: c008000000e90068 c00000000b9d3a50 c008000000eb8000 0000000000000000
[   12.1] NIP [c008000000e90078] grey_show+0x38/0x90 [grey]
[   12.1] LR [c008000000e90068] grey_show+0x28/0x90 [grey]
[   12.1] Call Trace:
[   12.1] [c00000000b9d3a80] [c000000000012345] do_one_initcall+0x60/0x2b0
[   12.1] Instruction dump:
[   12.1] 60000000 60420000 3c4c0003 384280a0 7c0802a6 60000000 fbe1fff8 7c7f1b78
[   12.1] f8010010 f821ffd1 48000000 60000000 <e9230018> 38210030 e8010010 ebe1fff8
[   12.1] ---[ end trace 0000000000000000 ]---
"""


def event(log: str) -> Event:
    return oops.events(log)[0]


def made(code: str, **registers: int) -> Event:
    """A report with this code and these registers."""
    return Event(
        kind="paging", title="", message="", line=1, end_line=9, code_line=code, register_values=registers
    )


def test_the_faulting_instruction_of_x86() -> None:
    code = code_of(event(X86))
    assert code is not None
    assert code.machine == X86_64
    rows = list(code_lines(event(X86), code))
    assert [(row.distance, row.place, row.data, row.instruction, row.faulting) for row in rows] == [
        (-5, "blue_open+0x17", "0f1f440000", "nopl (%rax, %rax)", False),
        (0, "blue_open+0x1c", "488b4718", "movq 0x18(%rdi), %rax", True),
        (4, "blue_open+0x20", "c3", "retq", False),
    ]


@pytest.mark.parametrize(
    ("machine", "code", "registers", "operand", "address", "how"),
    [
        (X86_64, "90 <48> 8b 47 18 c3", {"RDI": 0, "RAX": 1}, "0x18(%rdi)", 0x18, "read"),
        (X86_64, "<48> 89 44 d1 10", {"RCX": 256, "RDX": 2, "RAX": 0}, "0x10(%rcx, %rdx, 8)", 0x120, "write"),
        (X86_64, "<49> 89 48 08", {"R08": 0x6B6B, "RAX": 1}, "8(%r8)", 0x6B73, "write"),
        (X86_64, "<f0> 0f c1 07", {"RDI": 8, "RAX": 0}, "(%rdi)", 8, "read and write"),
        (X86_64, "<ff> d0", {"RAX": 0x1234}, "*%rax", 0x1234, "execute"),
        (X86_64, "<48> 8b 47 f8", {"RDI": 0, "RAX": 0}, "-8(%rdi)", (1 << 64) - 8, "read"),
        (X86_64, "<65> 48 8b 04 25 28 00 00 00", {"RAX": 0}, "%gs:0x28", None, "read"),
        (I386, "<8b> 43 10", {"EBX": 0, "EAX": 7}, "0x10(%ebx)", 0x10, "read"),
        (ARM64, "aa0003f3 (f9400c14)", {"x0": 0, "x29": 1}, "[x0, #0x18]", 0x18, "read"),
        (ARM64, "(f9000401)", {"x0": 0x10, "x29": 1}, "[x0, #8]", 0x18, "write"),
        (ARM, "e92d4010 (e5933008)", {"r3": 4, "r10": 0}, "[r3, #8]", 0xC, "read"),
        (RISCV, "ff010113 (0187b783)", {"a5": 0, "s11": 0}, "0x18(a5)", 0x18, "read"),
    ],
)  # fmt: skip
def test_operands(
    machine: int, code: str, registers: dict[str, int], operand: str, address: int | None, how: str
) -> None:
    report = made(code, **registers)
    found = code_of(report)
    assert found is not None
    assert found.machine == machine
    access = access_of(report, found)
    assert access is not None
    assert (access.operand, access.address, access.how) == (operand, address, how)


def test_the_words_of_powerpc() -> None:
    report = event(POWERPC)
    code = code_of(report)
    assert code is not None
    assert (code.machine, code.faulting.text) == (PPC64, "ld r9, 0x18(r3)")
    fault = fault_of(report, POWERPC.split("\n"), code)
    assert (report.kind, report.fault_address) == ("null", 0x18)
    assert (fault.address, fault.address_class, fault.operand_registers) == (0x18, "null", ("r3=0x0",))


@pytest.mark.parametrize(
    "code", ["Bad RIP value.", "", "<48>", "48 8b 47 18", "<48> <8b>", "zz <48> 8b", "Unable to access <48>"]
)
def test_what_is_no_code(code: str) -> None:
    found = code_of(made(code, RAX=0))
    assert found is None or found.faulting.data


def test_registers_and_code_of_user_space_are_none_of_the_kernels() -> None:
    report = event(X86_USER)
    assert report.register_values == {}
    assert report.code_line is None


def test_where_a_structures_end_is_behind_the_functions_start() -> None:
    """Bytes in front of the function are another one's."""
    log = X86.replace("blue_open+0x1c/0x60", "blue_open+0x0/0x60")
    code = code_of(event(log))
    assert code is not None
    assert [one.address for one in code.instructions] == [0, 4]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0, "null"),
        (0x18, "null"),
        (0x8000, "null"),
        ((1 << 64) - 12, "error"),
        (0x6B6B6B6B6B6B6B6B, "poison"),
        (0x6B6B6B6B6B6B6B73, "poison"),
        (0xDEAD000000000108, "poison"),
        (0x5A5A5A5A5A5A5A5A, "poison"),
        (0x7F0012345678, "user"),
        (0x1234567812345678, "non-canonical"),
        (0xFFFFFFFFC0123456, "module"),
        (0xFFFF888012345678, "kernel"),
    ],
)
def test_classes_of_addresses(address: int, name: str) -> None:
    assert address_class(address).name == name


def test_areas_that_the_dump_tells() -> None:
    areas = [Area(0xFFFF9A0000000000, 0xFFFF9A0040000000, "direct map")]
    assert address_class(0xFFFF9A0012345678, areas).name == "direct map"
    assert address_class(0xFFFF9A0052345678, areas).name == "kernel"


def test_a_fault_in_a_report() -> None:
    log = X86.replace("RDI: ", "RDX: ").replace(
        "RCX: 0000000000000000\n",
        "RCX: 0000000000000000\n[   12.345688] RDX: 0 RSI: 0000000000000001 RDI: 0000000000000000\n",
    )
    report = event(log)
    fault = fault_of(report, log.split("\n"), code_of(report))
    assert (fault.address, fault.address_class, fault.access, fault.size) == (0x18, "null", "read", 8)
    assert (fault.operand, fault.operand_registers) == ("0x18(%rdi)", ("rdi=0x0",))


def test_the_function_that_a_work_is_for() -> None:
    log = X86.replace("do_one_initcall+0x56/0x220", "process_one_work+0x1e5/0x3b0")
    assert callback(event(log)) == "blue_probe"


def test_a_write_to_a_page_that_is_write_protected() -> None:
    log = (
        X86.replace(
            "kernel NULL pointer dereference, address: 0000000000000018",
            "unable to handle page fault for address: ffffffffc0123456",
        )
        .replace("supervisor read access", "supervisor write access")
        .replace("error_code(0x0000) - not-present page", "error_code(0x0003) - permissions violation")
        .replace("Oops: 0000", "Oops: 0003")
    )
    report = event(log)
    fault = fault_of(report, log.split("\n"), code_of(report))
    assert (fault.address_class, fault.access) == ("read-only", "write")
