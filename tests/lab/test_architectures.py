"""Guests and crash binaries of other architectures."""

from pathlib import Path

import pytest
from labkit import apt, architectures, crashes, dumps, initramfs, kernels, spec
from labkit.architectures import AMD64, ARM64, PPC64EL, S390X
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
        ("6.1-s390x", S390X, "6.1"),
        ("6.1-ppc64el", PPC64EL, "6.1"),
        ("6.1-x", AMD64, "6.1-x"),
    ],
)
def test_a_name_ends_with_its_architecture(
    name: str, architecture: architectures.Architecture, number: str
) -> None:
    assert architectures.of_name(name) is architecture
    assert architectures.without(name) == number


@pytest.mark.parametrize("architecture", [ARM64, S390X, PPC64EL], ids=lambda one: one.debian)
def test_a_set_of_its_own_has_all_dumps_of_an_architecture(architecture: architectures.Architecture) -> None:
    own = spec.SETS[architecture.debian]
    assert [one.checked().name for one in own] == [f"6.1-{architecture.debian}-elf-sysrq"]
    assert all(one.architecture is architecture for one in own)
    others = [one for name, made in spec.SETS.items() if name not in architectures.FOREIGN for one in made]
    assert all(one.architecture is AMD64 for one in others)
    assert spec.standard(own[0].name) is not None


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
    names += ["linux-image-6.1.0-50-s390x", "linux-image-6.1.0-50-s390x-dbg"]
    assert kernels.newest_release("6.1", names, S390X.flavour) == "6.1.0-50-s390x"
    names += ["linux-image-6.1.0-47-powerpc64le", "linux-image-6.1.0-47-powerpc64le-dbg"]
    assert kernels.newest_release("6.1", names, PPC64EL.flavour) == "6.1.0-47-powerpc64le"


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
    assert "vmcoreinfo" in machine.command()


def test_what_only_some_machines_have_is_left_out_on_others() -> None:
    """s390x has no fw_cfg, and its channels instead of PCI."""
    assert S390X.notes == PPC64EL.notes == ()
    assert {"virtio_pci", "virtio_ccw"} < set(initramfs.DISK_MODULES)
    assert initramfs.GUEST_MODULES[0] == "crc32c_generic"  # libcrc32c needs it where none is built in


def test_a_guest_that_dies_in_silence_is_dead_when_qemu_says_so() -> None:
    early, late = b"LAB 11.88 modules\n", b"LAB 627.00 finish\n"
    assert not dumps.stumbled(early)
    assert dumps.stumbled(early, panicked=True)
    assert not dumps.stumbled(late, panicked=True)


def test_programs_of_another_architecture_run_by_an_emulator() -> None:
    assert Root(Path("/r"), ARM64).emulator == ["qemu-aarch64-static"]
    assert Root(Path("/r"), ARM64).busybox == Path("/r/bin/busybox")
    assert Root(Path("/r"), AMD64).emulator == []
    assert Root(Path("/r"), AMD64).busybox == Path("/bin/busybox")


def test_what_the_host_needs_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert "qemu-user-static" in apt.missing_packages(ARM64)
    assert {"qemu-system-misc", "gcc-s390x-linux-gnu"} <= set(apt.missing_packages(S390X))
    assert {"qemu-system-ppc", "gcc-powerpc64le-linux-gnu"} <= set(apt.missing_packages(PPC64EL))
    assert "qemu-user-static" not in apt.missing_packages()
    assert "qemu-system-x86" in apt.missing_packages()
