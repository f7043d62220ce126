"""Each kind of crash: what happened, and who is to blame."""

from __future__ import annotations

import pytest

from crashdrive.linux import oops
from tests.linux.oops.logs import (
    ARM64,
    BAD_IP,
    BOOT,
    HUNG,
    KASAN,
    LIST,
    OLD,
    PANIC,
    PPC,
    RCU,
    S390,
    SOFT,
    SYSRQ,
    WARNING,
    X86,
)

NULL = "BUG: unable to handle kernel NULL pointer dereference"
PAGING = "BUG: unable to handle kernel paging request"
LIME = "lime: no way on from NUM"
CASES = {
    "x86": (X86, "null", "blue_open", "blue", f"{NULL} in blue_open"),
    "warning": (WARNING, "warning", "red_check", "red", "WARNING in red_check"),
    "arm64": (ARM64, "paging", "green_remove", "green", f"{PAGING} in green_remove"),
    "ppc": (PPC, "null", "grey_show", "grey", f"{NULL} in grey_show"),
    "s390": (S390, "null", "teal_init", "teal", f"{NULL} in teal_init"),
    "old": (OLD, "bug", "__free_pages_mine", None, "kernel BUG in __free_pages_mine"),
    "soft": (SOFT, "softlockup", "pink_turn", "pink", "BUG: soft lockup in pink_turn"),
    "hung": (HUNG, "hung", "plum_read", "plum", "INFO: task hung in plum_read"),
    "list": (LIST, "list", "gold_unlink", "gold", "BUG: corrupted list in gold_unlink"),
    "kasan": (KASAN, "kasan", "cyan_get", "cyan", "KASAN: slab-use-after-free Read in cyan_get"),
    "bad-ip": (BAD_IP, "bad-ip", "rose_call", "rose", "BUG: bad instruction pointer in rose_call"),
    "panic": (PANIC, "panic", "lime_give_up", "lime", f"kernel panic: {LIME} in lime_give_up"),
    "sysrq": (SYSRQ, "sysrq", "sysrq_handle_crash", None, "sysrq: triggered crash in sysrq_handle_crash"),
    "rcu": (RCU, "rcu", "navy_spin", "navy", "INFO: rcu detected stall in navy_spin"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_kind_and_culprit(name: str) -> None:
    """The kind, the function, its module, the title; nothing is doubted."""
    text, kind, function, module, title = CASES[name]
    got = oops.verdict(text)
    assert (got.kind, got.function, got.module, got.title) == (kind, function, module, title)
    assert not got.corrupted


def test_no_crash() -> None:
    """A boot log, and lines that only quote a report, hold no crash."""
    assert oops.verdict(BOOT) == oops.Verdict()
    assert oops.verdict("") == oops.Verdict()


def test_warning_long_before() -> None:
    """The oops decides, not a warning before it; what the oops led to is what followed."""
    judged = oops.judge(oops.events(WARNING + X86))
    assert judged.verdict.kind == "null"
    assert [event.title for event in judged.followed] == ["kernel panic: Fatal exception"]


def test_panic_on_warn() -> None:
    """A panic that only says panic_on_warn follows from the warning."""
    panic = "[    3.000012] Kernel panic - not syncing: panic_on_warn set ...\n"
    got = oops.verdict(WARNING + panic)
    assert (got.kind, got.function) == ("warning", "red_check")


def test_consequence_alone() -> None:
    """A panic whose cause is cut away is corrupted and blames nobody."""
    got = oops.verdict("[    3.000012] Kernel panic - not syncing: Fatal exception\n")
    assert (got.kind, got.function, got.corrupted) == ("panic", None, True)


def test_facts() -> None:
    """What else a report says."""
    (event, _) = oops.events(X86)
    assert (event.cpu, event.pid, event.comm, event.taint) == (1, 812, "insmod", "GWOE")
    assert event.fault_address == 0x18
    assert event.register_values["CR2"] == 0x18
    assert event.modules[0] == oops.LinkedModule(name="blue", flags="OE")
    assert event.hardware is not None
    assert event.hardware.startswith("QEMU")
    assert oops.verdict(X86).frames[:3] == ("blue_open", "blue_probe", "do_one_initcall")
    assert oops.verdict(WARNING).context == "workqueue"


UNLOCK = """\
[    3.000001] WARNING: bad unlock balance detected!
[    3.000002] 4.15.0 #1 Not tainted
[    3.000003] reader/72 is trying to release lock (grey_lock) at:
[    3.000004] [<00000000c4ef30ff>] grey_stop+0xe1/0x130
[    3.000005] but there are no more locks to release!
[    3.000006] 1 lock held by reader/72:
[    3.000007]  #0:  (&p->lock){+.+.}, at: [<0000000070ba5816>] blue_read+0xd5/0x13d0
"""


def test_a_lock_to_release_is_of_the_function_in_the_line_below() -> None:
    """That line names who releases it; those of held locks name others."""
    assert oops.verdict(UNLOCK).function == "grey_stop"


TRUSTY = """\
[    3.000001] trusty: panic (caller 0xffffffffe0002314): failed(-5) to start app 6
[    3.000002] trusty: HALT: (reason = 9)
[    3.000003] ------------[ cut here ]------------
[    3.000004] WARNING: CPU: 0 PID: 4 at drivers/trusty/trusty.c:215 trusty_std_call32+0x220/0x240
[    3.000005] Kernel panic - not syncing: panic_on_warn set ...
"""


def test_the_secure_world_panics_for_reasons_of_its_own() -> None:
    """The driver's warning is the same each time; what the secure world said tells two of them apart."""
    one, other = oops.verdict(TRUSTY), oops.verdict(TRUSTY.replace("failed(-5) to start", "ASSERT FAILED in"))
    assert (one.kind, one.title) == ("panic", "trusty: panic: failed(-NUM) to start app NUM")
    assert one.bucket != other.bucket
    assert not one.corrupted
