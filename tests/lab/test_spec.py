"""Names, sizes and the standard set."""

import pytest
from labkit import kernels, spec
from labkit.errors import LabError
from labkit.spec import Spec


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Spec(), "6.1-kdump-sysrq"),
        (Spec(kernel="6.12", format="elf", also_filtered=True), "6.12-elf-sysrq"),
        (Spec(connections=200, cpus=4), "6.1-kdump-sysrq-c200-p4"),
        (Spec(memory=2048, thash_entries=1024), "6.1-kdump-sysrq-h1024-m2048"),
        (Spec(death="bug", given_name="mine"), "mine"),
    ],
)
def test_name_says_what_is_not_the_default(wanted: Spec, name: str) -> None:
    assert wanted.name == name


def test_a_capture_kernel_needs_memory_of_its_own() -> None:
    assert Spec(format="kdump").megabytes - Spec(format="elf").megabytes == spec.CRASHKERNEL


def test_many_connections_need_memory() -> None:
    assert Spec(format="elf", connections=20000).megabytes > 1024


@pytest.mark.parametrize(
    "wanted",
    [
        Spec(kernel="2.6"),
        Spec(connections=-1),
        Spec(memory=64),
        Spec(memory=400),
        Spec(cpus=0),
        Spec(given_name="../x"),
        Spec(death="null", connections=200),
        Spec(death="mce", kernel="6.1"),
        Spec(given_name=".x"),
    ],
)
def test_what_can_not_be_made_is_refused(wanted: Spec) -> None:
    with pytest.raises(LabError):
        wanted.checked()


def test_standard_names() -> None:
    assert [wanted.name for wanted in spec.SMALL] == [
        "6.1-elf-sysrq",
        "6.1-kdump-sysrq",
        "6.12-elf-sysrq",
        "6.12-kdump-sysrq",
        "6.12-kdump-holes",
    ]
    assert {"6.1-elf-big", "6.12-elf-big", "6.1-kdump-oom"} < {wanted.name for wanted in spec.FULL}


def test_standard_dumps_can_be_made_and_have_names_of_their_own() -> None:
    names = [wanted.checked().name for wanted in spec.FULL]
    assert len(set(names)) == len(names)


def test_elf_dumps_of_the_standard_set_have_a_filtered_twin() -> None:
    assert all(wanted.also_filtered for wanted in spec.FULL if wanted.format == "elf")


def test_each_series_of_another_suite_has_a_set_of_its_own() -> None:
    for series in kernels.SUITES:
        made = spec.SETS[series]
        assert {wanted.checked().kernel for wanted in made} == {series}
        assert {f"{series}-elf-sysrq", f"{series}-kdump-sysrq"} < {wanted.name for wanted in made}
        assert spec.standard(f"{series}-kdump-null") in made
