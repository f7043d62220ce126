"""Faults of memory accesses: NULL, paging request, general protection, bad instruction pointer."""

from __future__ import annotations

import re
from functools import partial

from crashdrive.linux.oops.culprit import caller, fault, first_pointer, is_bad_pointer
from crashdrive.linux.oops.patterns import CPU_ON
from crashdrive.linux.oops.rule import Case, Found, Rule

NULL_TITLE = "BUG: unable to handle kernel NULL pointer dereference"
PAGING_TITLE = "BUG: unable to handle kernel paging request"
_FIRST_PAGE = 0x1000
_ADDRESS = re.compile(
    r"(?:[Ff]ailing address:|CR2:|FAR:|DAR:|BadVA|badaddr:|\bstval:|dereference .{0,30}address|at "
    r"virtual address|(?<!instruction )address:?)"
    r"\s*:?\s*(?:0x)?(?P<address>[0-9a-f]{4,16})\b"
)
_FETCH = re.compile(
    r"instruction fetch|Bad [RE]IP value|Unable to access opcode bytes|PC alignment|execute from "
    r"non-executable|IABT|jump to unaligned|to execute (?:NX|user|page)"
)
# a word of hexadecimal digits that is no word of English
_AT = r"(?:.{0,48}?(?<!\w)(?:0x)?<?(?P<address>[0-9a-f]{8,16}|(?=[a-f]{0,6}\d)[0-9a-f]{4,7})\b|.{0,60})"


def fault_address(case: Case) -> int | None:
    """The faulting address, from the first line, else from the lines below."""
    given = case.group("address")
    if given is None:
        hit = case.find(_ADDRESS, 40)
        given = hit["address"] if hit else None
    return int(given, 16) if given else None


def find(case: Case) -> Found:
    """The faulting function; its caller where the instruction pointer is no address of code."""
    address = fault_address(case)
    pointer = first_pointer(case)
    if is_bad_pointer(case, address) or (
        pointer is not None and not pointer.frame.function and case.find(_FETCH) is not None
    ):
        found = caller(case, pointer.frame if pointer else None)
        found.kind, found.title = "bad-ip", "BUG: bad instruction pointer"
        return found
    found = fault(case)
    if case.rule.kind in {"null", "paging"} and address is not None:
        low = address < _FIRST_PAGE
        found.kind, found.title = ("null", NULL_TITLE) if low else (found.kind, found.title)
    return found


_X86 = r"BUG: (?:unable to handle (?:kernel )?)?"
_null = partial(Rule, "null", title=NULL_TITLE, find=find, family="access")
_paging = partial(Rule, "paging", title=PAGING_TITLE, find=find, family="access")
RULES = (
    _null("NULL pointer dereference", rf"(?:\S+ )?{_X86}[Kk]ernel NULL pointer dereference{_AT}"),
    _null("NULL pointer dereference", rf"BUG: unable to handle kernel NULL pointer dereference{_AT}"),
    _null("NULL pointer dereference", rf"{CPU_ON}Unable to handle kernel NULL pointer dereference{_AT}"),
    _paging(
        "unable to handle", rf"BUG: unable to handle (?:kernel paging request|page fault for address){_AT}"
    ),
    _paging(
        "nable to handle kernel",
        rf"{CPU_ON}(?:BUG: )?[Uu]nable to handle kernel (?:paging request|access|data access|pointer "
        rf"dereference|unaligned access|instruction fetch|mapping){_AT}",
    ),
    _paging("nable to handle kernel", r"(?:BUG: )?[Uu]nable to handle kernel\s*$", strength=30),
    _paging(
        "Unhandled fault:",
        r"Unhandled (?:fault|prefetch abort): (?P<what>.*?) \(0x[0-9a-f]+\) at (?:0x)?(?P<address>[0-9a-f]+)",
    ),
    _paging("Kernel Fault:", r"Kernel Fault: Code=\d+.{0,80}?(?:at addr (?P<address>[0-9a-f]+)|$)"),
    _paging("unaligned access", r"(?:Kernel unaligned access at TPC|Unhandled kernel unaligned access)"),
    _paging("us error", r"(?:Data|Instruction) bus error, epc =="),
    Rule(
        "gpf",
        "general protection fault",
        r"(?:traps: |segment-related |kasan: .{1,90}access)?(?:Oops: )?general protection fault(?:,? "
        r"maybe for address| ?,? probably for non-canonical address|:|\s|$)(?!.{0,80}error:\d+ in )"
        r"(?:.{0,60}?(?:0x)(?P<address>[0-9a-f]{12,16}))?",
        "general protection fault",
        find,
        family="access",
    ),
    Rule(
        "gpf",
        "stack segment",
        r"(?:Oops: )?stack[ _]segment(?: fault)?: [0-9a-f]{4}",
        "stack segment fault",
        find,
        family="access",
    ),
    Rule("gpf", "alignment check", r"(?:Oops: )?alignment check: [0-9a-f]{4}", "alignment check", find),
    Rule(
        "bad-ip",
        "to execute",
        r"(?:BUG: )?(?:kernel tried to execute (?:NX-protected|user|page)|unable to execute|Unable to "
        r"handle kernel execut)",
        "BUG: bad instruction pointer",
        find,
        strength=45,
        joins="handle",
    ),
    Rule(
        "unknown",
        "Oops",
        r"(?:Internal error: )?Oops(?:[: -].{0,40}?)?:? ?[0-9a-f]{0,16} ?\[#\d+\]",
        "Oops",
        find,
        strength=10,
        weak=True,
        family="access",
    ),
    Rule(
        "unknown",
        "Oops",
        r"(?:\S+\(\d+\): )?Oops:? (?:[0-9a-f]{1,8}|Kernel access of bad area|.{1,40}, sig: \d+)",
        "Oops",
        find,
        strength=9,
        weak=True,
        family="access",
    ),
    Rule(
        "unknown",
        "Internal error",
        r"Internal error: (?P<what>.{1,40}?): [0-9a-f]+ \[#",
        "Internal error: {what}",
        find,
        strength=12,
        weak=True,
    ),
)
