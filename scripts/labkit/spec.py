"""Which dump: the options, the names, and the standard set."""

from dataclasses import dataclass, replace

from labkit import architectures
from labkit.architectures import Architecture
from labkit.deaths import DEATHS
from labkit.errors import LabError
from labkit.kernels import FOREIGN, KNOWN, SERIES, SUITES

FORMATS = ("elf", "flattened", "filtered", "kdump")
CRASHKERNEL = 256
# The kernel lies anywhere in a guest's memory: beside it, half of a small guest's has to be enough.
LEAN_CRASHKERNEL = 192
BIG = 20000


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a dump shall be; memory in MB, None where it follows from the rest."""

    kernel: str = SERIES[0]
    format: str = "kdump"
    death: str = "sysrq"
    connections: int = 50
    thash_entries: int | None = None
    memory: int | None = None
    cpus: int = 2
    also_filtered: bool = False
    old_filter: bool = False
    given_name: str | None = None

    @property
    def name(self) -> str:
        """The dump's name: the one given, or one that says in what it isn't the default."""
        if self.given_name:
            return self.given_name
        default = Spec()
        words = [self.kernel, self.format, self.death]
        for letter, field in (("c", "connections"), ("h", "thash_entries"), ("m", "memory"), ("p", "cpus")):
            if (value := getattr(self, field)) != getattr(default, field):
                words.append(f"{letter}{value}")
        return "-".join(words)

    @property
    def architecture(self) -> Architecture:
        """What the guest runs on."""
        return architectures.of_name(self.kernel)

    @property
    def lean(self) -> bool:
        """Whether the guest only dies: without the scene of network, sockets and processes."""
        return self.death != "sysrq"

    @property
    def megabytes(self) -> int:
        """The guest's memory in MB; a kdump's capture kernel takes its share of it."""
        if self.memory:
            return self.memory
        load = 512 if self.connections <= 1000 else 512 + self.connections // 25
        if self.lean:
            load = DEATHS[self.death].memory
        return load + self.crashkernel

    @property
    def crashkernel(self) -> int:
        """The share of a capture kernel in MB; 0 if there is none."""
        if self.format != "kdump":
            return 0
        return LEAN_CRASHKERNEL if self.lean else CRASHKERNEL

    @property
    def command(self) -> str:
        """The command that builds it."""
        words = ["scripts/lab dump", "--kernel", self.kernel, "--format", self.format]
        words += ["--death", self.death, "--name", self.name]
        if self.connections != Spec().connections:
            words += ["--connections", str(self.connections)]
        if self.thash_entries:
            words += ["--thash-entries", str(self.thash_entries)]
        if self.memory:
            words += ["--memory", str(self.memory)]
        if self.cpus != Spec().cpus:
            words += ["--cpus", str(self.cpus)]
        words += ["--also filtered"] * self.also_filtered + ["--old-makedumpfile"] * self.old_filter
        return " ".join(words)

    def checked(self) -> "Spec":
        """Itself; LabError if no such dump can be made."""
        if self.kernel not in KNOWN:
            raise LabError(f"kernel {self.kernel}? the lab knows {', '.join(KNOWN)}")
        if self.kernel in FOREIGN and self.format == "kdump":
            raise LabError(f"kernel {self.kernel} has no capture kernel here: --format elf or flattened")
        if self.connections < 0 or self.connections > 100_000:
            raise LabError("--connections takes 0 to 100000")
        if self.lean and self.connections != Spec().connections:
            raise LabError("connections are in the guest of the death sysrq alone")
        if DEATHS[self.death].only not in (None, self.kernel):
            raise LabError(f"kernel {self.kernel} can't die of {self.death}: its configuration lacks it")
        least = (256 if self.lean else 384) + self.crashkernel
        if self.megabytes < least or not 1 <= self.cpus <= 16:
            raise LabError(f"a guest needs --memory {least} or more and --cpus from 1 to 16")
        if "/" in self.name or self.name.startswith("."):
            raise LabError(f"a dump can't be named {self.name}")
        return self


def _elf(kernel: str) -> Spec:
    return Spec(kernel=kernel, format="elf", also_filtered=True)


def _big(kernel: str) -> Spec:
    return replace(_elf(kernel), connections=BIG, thash_entries=131072, given_name=f"{kernel}-elf-big")


SMALL = (
    _elf("6.1"),
    Spec(kernel="6.1"),
    _elf("6.12"),
    Spec(kernel="6.12"),
    # Real, and full of holes where slab pages should be.
    Spec(kernel="6.12", old_filter=True, given_name="6.12-kdump-holes"),
)
FULL = (
    *SMALL,
    _big("6.1"),
    _big("6.12"),
    *(Spec(kernel="6.1", death=death) for death in ("null", "bug", "softlockup", "hungtask", "oom")),
    Spec(kernel="6.1", format="flattened"),
)
# Each death of each kernel saved by a capture kernel; some also as QEMU sees a guest that stands still.
IN_ELF = ("null", "bug", "timer", "workqueue", "softlockup", "rcuother", "rwsem", "gone", "recursion", "oom")
EACH_DEATH = (
    *(
        Spec(kernel=kernel, death=name)
        for name, death in DEATHS.items()
        for kernel in SERIES
        if name != "sysrq" and death.only in (None, kernel)
    ),
    *(Spec(kernel=kernel, format="elf", death=death) for death in IN_ELF for kernel in SERIES),
)
# What a batch is held against: each death of each kernel, and some of them more than once, on other machines.
REPEATED = ("null", "gpf", "bug", "warn", "timer", "softlockup", "hungmutex", "deadlock", "oom", "refcount")
BATCH = tuple(
    Spec(kernel=kernel, death=name, cpus=cpus)
    for name, death in DEATHS.items()
    for cpus in ((2, 3) if name in REPEATED else (2,))
    for kernel in SERIES
    if name not in ("sysrq", "crowd") and death.only in (None, kernel)
)
ARM64 = (_elf("6.1-arm64"),)
S390X = (Spec(kernel="6.1-s390x", format="elf"),)
# pages of 64 KiB take more memory for the same scene
PPC64EL = (Spec(kernel="6.1-ppc64el", format="elf", memory=1024, given_name="6.1-ppc64el-elf-sysrq"),)
# Each series of another suite: the whole scene in both formats, and some deaths.
TRIED = (
    "null",
    "bug",
    "deadlock",
    "hungmutex",
    "softlockup",
    "oom",
    "listdel",
    "waiters",
    "peers",
    "devices",
)
OTHER = {
    series: (_elf(series), *(Spec(kernel=series, death=death) for death in ("sysrq", *TRIED)))
    for series in SUITES
}
SETS = {
    "small": SMALL,
    "full": FULL,
    "deaths": EACH_DEATH,
    "batch": BATCH,
    "arm64": ARM64,
    "s390x": S390X,
    "ppc64el": PPC64EL,
    **OTHER,
}


def standard(name: str) -> Spec | None:
    """The standard dump of that name."""
    return next((spec for made in SETS.values() for spec in made if spec.name == name), None)
