"""Names of types where the kernel has two for one number."""

from __future__ import annotations

from crashdrive.kernel.types.model import EnumType
from crashdrive.linux.bpf.maps import type_name, type_names
from crashdrive.linux.survey import Survey
from tests.kernel.fake_memory import FakeMemory, fake_kernel

KIND, PREFIX = "enum bpf_map_type", "BPF_MAP_TYPE_"
NAMES = (
    ("HASH", 1), ("CGROUP_STORAGE_DEPRECATED", 19), ("CGROUP_STORAGE", 19), ("OLD_DEPRECATED", 21),
)  # fmt: skip


def test_the_name_that_is_not_deprecated() -> None:
    members = (*((f"{PREFIX}{name}", number) for name, number in NAMES), ("__MAX_BPF_MAP_TYPE", 22))
    types = {KIND: EnumType("bpf_map_type", 4, False, members)}
    names = type_names(Survey(fake_kernel(FakeMemory(), types)), KIND, PREFIX)
    assert names == {1: "hash", 19: "cgroup_storage", 21: "old_deprecated"}
    assert [type_name(names, number) for number in (19, 99, None)] == ["cgroup_storage", "99", None]
