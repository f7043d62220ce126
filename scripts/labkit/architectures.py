"""What is different about a guest of each architecture: Debian's names, the compiler, QEMU's machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One architecture; ``emulator`` runs its programs on this host, None where the host does by itself."""

    debian: str
    multiarch: str
    loader: str
    loader_folder: str
    prefix: str
    qemu: tuple[str, ...]
    console: str
    # of the guest's kernel; guest/init.sh has those of the one that saves its dump
    kernel_words: tuple[str, ...]
    host_programs: tuple[tuple[str, str], ...]
    # how the releases of its kernels end
    flavour: str
    # what puts VMCOREINFO into the dump's notes, with the guest's module qemu_fw_cfg
    notes: tuple[str, ...] = ("-device", "vmcoreinfo")
    emulator: str | None = None
    make: tuple[str, ...] = ()
    host_files: tuple[tuple[str, str], ...] = ()

    @property
    def compiler(self) -> str:
        """Its C compiler."""
        return f"{self.prefix}gcc"

    @property
    def library_folders(self) -> tuple[str, ...]:
        """Where its packages have libraries, below a root."""
        names = (f"lib/{self.multiarch}", f"usr/lib/{self.multiarch}", f"usr/lib/{self.multiarch}/elfutils")
        return (*names, "usr/lib")


AMD64 = Architecture(
    debian="amd64",
    multiarch="x86_64-linux-gnu",
    loader="ld-linux-x86-64.so.2",
    loader_folder="lib64",
    prefix="",
    # Four-level page tables, as nearly all real machines have.
    qemu=("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off"),
    console="ttyS0",
    # On a busy host an emulated timer's ticks come too late for the kernel's check, which panics then.
    kernel_words=("no_timer_check",),
    host_programs=(("qemu-system-x86_64", "qemu-system-x86"),),
    flavour="cloud-amd64",
)
ARM64 = Architecture(
    debian="arm64",
    multiarch="aarch64-linux-gnu",
    loader="ld-linux-aarch64.so.1",
    loader_folder="lib",
    prefix="aarch64-linux-gnu-",
    qemu=(
        *("qemu-system-aarch64", "-M", "virt,gic-version=2"),
        *("-accel", "tcg,thread=multi", "-cpu", "cortex-a57"),
    ),
    console="ttyAMA0",
    kernel_words=(),
    host_programs=(
        ("qemu-system-aarch64", "qemu-system-arm"),
        ("qemu-aarch64-static", "qemu-user-static"),
        ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"),
    ),
    flavour="cloud-arm64",
    emulator="qemu-aarch64-static",
    make=("ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-"),
    host_files=(("/usr/aarch64-linux-gnu/include/stdio.h", "libc6-dev-arm64-cross"),),
)
S390X = Architecture(
    debian="s390x",
    multiarch="s390x-linux-gnu",
    loader="ld64.so.1",
    loader_folder="lib",
    prefix="s390x-linux-gnu-",
    # After a panic the machine stands in a disabled wait, which QEMU takes for its end unless told to pause.
    qemu=(
        *("qemu-system-s390x", "-M", "s390-ccw-virtio", "-action", "panic=pause"),
        *("-accel", "tcg,thread=multi", "-cpu", "max"),
    ),
    console="ttysclp0",
    kernel_words=(),
    host_programs=(
        ("qemu-system-s390x", "qemu-system-misc"),
        ("qemu-s390x-static", "qemu-user-static"),
        ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu"),
    ),
    flavour="s390x",
    # it has no fw_cfg
    notes=(),
    emulator="qemu-s390x-static",
    make=("ARCH=s390", "CROSS_COMPILE=s390x-linux-gnu-"),
    host_files=(("/usr/s390x-linux-gnu/include/stdio.h", "libc6-dev-s390x-cross"),),
)
PPC64EL = Architecture(
    debian="ppc64el",
    multiarch="powerpc64le-linux-gnu",
    loader="ld64.so.2",
    loader_folder="lib64",
    prefix="powerpc64le-linux-gnu-",
    # An emulated processor has none of the answers to Spectre that the machine promises unless told not to.
    # After a panic the firmware is told, which ends QEMU unless it is to pause.
    qemu=(
        *("qemu-system-ppc64", "-M", "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken"),
        *("-accel", "tcg,thread=multi", "-cpu", "power9", "-action", "panic=pause"),
    ),
    console="hvc0",
    kernel_words=(),
    host_programs=(
        ("qemu-system-ppc64", "qemu-system-ppc"),
        ("qemu-ppc64le-static", "qemu-user-static"),
        ("powerpc64le-linux-gnu-gcc", "gcc-powerpc64le-linux-gnu"),
    ),
    flavour="powerpc64le",
    # it has no fw_cfg
    notes=(),
    emulator="qemu-ppc64le-static",
    make=("ARCH=powerpc", "CROSS_COMPILE=powerpc64le-linux-gnu-"),
    host_files=(("/usr/powerpc64le-linux-gnu/include/stdio.h", "libc6-dev-ppc64el-cross"),),
)
# by Debian's names of all but the host's own
FOREIGN = {"arm64": ARM64, "s390x": S390X, "ppc64el": PPC64EL}


def of_name(name: str) -> Architecture:
    """The architecture that ends a name such as ``6.1-arm64`` or ``8.0.2-arm64``; the host's else."""
    return FOREIGN.get(name.rpartition("-")[2], AMD64)


def without(name: str) -> str:
    """The name without its architecture: ``6.1``."""
    base, _, last = name.rpartition("-")
    return base if last in FOREIGN else name
