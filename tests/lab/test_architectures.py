"""Guests and crash binaries of other architectures."""

from pathlib import Path

import pytest
from labkit import apt, architectures, crashes, kernels, spec
from labkit.architectures import AMD64, ARM64
from labkit.errors import LabError
from labkit.qemu import Machine
from labkit.spec import Spec
from labkit.userland import Root


@pytest.mark.parametrize(
    ("name", "architecture", "number"),
    [
        ("6.1", AMD64, "6.1"),
        ("6.1-arm64", ARM64, "6.1"),
        ("8.0.2-arm64", ARM64, "8.0.2"),
        ("6.1-x", AMD64, "6.1-x"),
    ],
)
def test_a_name_ends_with_its_architecture(
    name: str, architecture: architectures.Architecture, number: str
) -> None:
    assert architectures.of_name(name) is architecture
    assert architectures.without(name) == number


def test_a_set_of_its_own_has_all_dumps_of_arm64() -> None:
    assert [one.checked().name for one in spec.SETS["arm64"]] == ["6.1-arm64-elf-sysrq"]
    assert all(one.architecture is ARM64 for one in spec.SETS["arm64"])
    others = [one for name, dumps in spec.SETS.items() if name != "arm64" for one in dumps]
    assert all(one.architecture is AMD64 for one in others)
    assert spec.standard("6.1-arm64-elf-sysrq") is not None


def test_no_capture_kernel_is_made_for_another_architecture() -> None:
    with pytest.raises(LabError, match="--format elf or flattened"):
        Spec(kernel="6.1-arm64").checked()


def test_a_kernel_is_chosen_among_those_of_its_architecture() -> None:
    names = [
        "linux-image-6.1.0-50-cloud-arm64", "linux-image-6.1.0-50-cloud-arm64-dbg",
        "linux-image-6.1.0-57-cloud-arm64", "linux-image-6.1.0-58-cloud-amd64",
        "linux-image-6.1.0-58-cloud-amd64-dbg",
    ]  # fmt: skip
    assert kernels.newest_release("6.1", names, ARM64.flavour) == "6.1.0-50-cloud-arm64"
    assert kernels.newest_release("6.1", names) == "6.1.0-58-cloud-amd64"


def test_crash_binaries_of_another_architecture_lie_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASHDRIVE_LAB", str(tmp_path))
    for place in ("crash/8.0.2", "crash-arm64/8.0.2"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "crash").touch()
    assert crashes.there("8.0.2") == tmp_path / "crash/8.0.2/crash"
    assert crashes.there("8.0.2-arm64") == tmp_path / "crash-arm64/8.0.2/crash"
    assert len(crashes.all_there()) == 2


def test_the_machine_of_each_architecture_is_started() -> None:
    machine = Machine(
        vmlinuz=Path("k"), initramfs=Path("i"), command_line="c", memory=512, cpus=2, disks=[],
        console=Path("s"), program=ARM64.qemu,
    )  # fmt: skip
    assert "qemu-system-aarch64" in machine.command()
    assert "qemu-system-x86_64" not in machine.command()


def test_programs_of_another_architecture_run_by_an_emulator() -> None:
    assert Root(Path("/r"), ARM64).emulator == ["qemu-aarch64-static"]
    assert Root(Path("/r"), ARM64).busybox == Path("/r/bin/busybox")
    assert Root(Path("/r"), AMD64).emulator == []
    assert Root(Path("/r"), AMD64).busybox == Path("/bin/busybox")


def test_what_the_host_needs_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert "qemu-user-static" in apt.missing_packages(ARM64)
    assert "qemu-user-static" not in apt.missing_packages()
    assert "qemu-system-x86" in apt.missing_packages()
