"""Settings of the machine that a function puts together, on a kernel that never was."""

from __future__ import annotations

import pytest

from crashdrive.errors import FaultError, UnknownTypeError
from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.survey import Survey
from crashdrive.linux.sysctl.machine import MACHINE
from crashdrive.linux.sysctl.source import Source
from tests.kernel.fake_memory import CHAR, INT, PAGE, UINT, ULONG, FakeMemory, pointer, record
from tests.linux.net.small_kernel import two_cpus

NUMBER = record("upid", ("nr", INT))
TYPES: dict[str, Type] = {
    "struct static_key": record("static_key", ("enabled", record("atomic", ("counter", INT)))),
    "struct seccomp_log_name": record("seccomp_log_name", ("log", UINT), ("name", pointer(CHAR))),
    "struct upid": NUMBER,
    "struct pid": record("pid", ("count", UINT), ("numbers", ArrayType(NUMBER, 1))),
    "struct percpu_counter": record("percpu_counter", ("count", ULONG), ("counters", pointer(INT))),
}


class Image:
    """Two CPUs whose memory is a page apart, and a variable for the setting in question."""

    def __init__(self) -> None:
        self.memory = FakeMemory()
        self.symbols: dict[str, int] = {}
        self.data = self.memory.allocate(PAGE, PAGE)

    def variable(self, name: str, *words: int) -> int:
        """A variable that each CPU has, too; its words."""
        self.symbols[name] = place = self.memory.allocate(2 * PAGE, PAGE)
        self.memory.word(place, *words)
        return place

    def read(self, handler: str, *, data: int | None = None, length: int = 8) -> str | None:
        survey = Survey(two_cpus(self.memory, TYPES, self.symbols))
        return MACHINE[handler](Source(survey, 0, self.data if data is None else data, length, 0))


@pytest.fixture
def image() -> Image:
    return Image()


def test_counts_of_each_cpu(image: Image) -> None:
    for name, (one, other) in {
        "nr_dentry": (5, 7),
        "nr_dentry_unused": (10, (1 << 64) - 4),
        "nr_dentry_negative": (0, (1 << 64) - 4),
    }.items():
        place = image.variable(name, one)
        image.memory.word(place + PAGE, other)
    image.memory.word(image.data, 1, 2, 45, 0, 3, 0)
    assert image.read("proc_nr_dentry", length=48) == "12 6 45 0 0 0"
    image.memory.hole(image.symbols["nr_dentry"] + PAGE)
    with pytest.raises(FaultError):
        image.read("proc_nr_dentry", length=48)


def test_files(image: Image) -> None:
    image.variable("nr_files", 352)
    image.memory.word(image.data, 9, 0, 20_000)
    assert image.read("proc_nr_files", length=24) == "352 0 20000"


def test_sysrq(image: Image) -> None:
    image.variable("sysrq_enabled", 438)
    always = image.variable("sysrq_always_enabled", 0)
    assert image.read("sysrq_sysctl_handler") == "438"
    image.memory.write(always, b"\1")
    assert image.read("sysrq_sysctl_handler") == "1"


@pytest.mark.parametrize(("mask", "shown"), [(0, "000"), (1, "110"), (2, "101"), (3, "111")])
def test_watchdogs(image: Image, mask: int, shown: str) -> None:
    image.variable("watchdog_enabled", mask)
    handlers = ("proc_watchdog", "proc_nmi_watchdog", "proc_soft_watchdog")
    assert "".join(str(image.read(handler)) for handler in handlers) == shown


def test_capabilities(image: Image) -> None:
    """By a number until 6.7, by their address since."""
    place = image.variable("usermodehelper_bset", 511 << 32 | 0xFFFF_FFFF)
    assert image.read("proc_cap_handler", data=1) == "4294967295 511"
    assert image.read("proc_cap_handler", data=place) == "4294967295 511"


def test_uuids(image: Image) -> None:
    image.memory.write(image.data, bytes(range(16)))
    assert image.read("proc_do_uuid") == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    image.memory.write(image.data, bytes(16))
    assert image.read("proc_do_uuid") is None
    assert image.read("proc_do_uuid", data=0) is None


def test_the_process_that_gets_ctrl_alt_del(image: Image) -> None:
    pid = image.memory.allocate(16)
    image.memory.int32(pid + 4, 17)
    image.variable("cad_pid", pid)
    assert image.read("proc_do_cad_pid") == "17"


def test_statistics_of_bpf_that_may_be_on_for_another_reason(image: Image) -> None:
    assert image.read("bpf_stats_handler") == "0"
    image.memory.int32(image.data, 1)
    with pytest.raises(UnknownTypeError):
        image.read("bpf_stats_handler")


def test_saving_energy_says_nothing_where_all_cpus_are_alike(image: Image) -> None:
    image.memory.int32(image.data, 1)
    assert image.read("sched_energy_aware_handler") == "1"
    key = image.variable("sched_asym_cpucapacity", 0)
    image.variable("sched_is_eas_possible", 0)
    assert image.read("sched_energy_aware_handler") is None
    image.memory.int32(key, 1)
    with pytest.raises(UnknownTypeError):
        image.read("sched_energy_aware_handler")
