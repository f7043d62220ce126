"""The kernel modules of the deaths, which die in the ways that userland can't bring about."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from labkit import modules
from labkit.host import run
from labkit.kernels import Kernel

SOURCES = Path(__file__).parent / "module"
# -g: Debian's build gives a module no debug data. A tail call would leave a frame out. The paths that BUG()
# prints are the same wherever it was built.
MAKEFILE = """\
obj-m := {module}.o
ccflags-y += -g -fno-optimize-sibling-calls -DLAB_VERSION='"{version}"' -ffile-prefix-map={work}/=lab/
"""

HEADERS = "usr/src/linux-headers-{release}"
WORK_INSIDE = "/lab"
INSIDE = f"""\
mount --rbind /dev "$1/dev"
mount --rbind /proc "$1/proc"
mount --bind "$2" "$1{WORK_INSIDE}"
shift 2
exec "$@"
"""


def source(module: str) -> Path:
    """The file that a death's module is made of."""
    return SOURCES / f"{module}.c"


def version(module: str) -> str:
    """What a module says of itself in .modinfo: a digest of its source."""
    texts = (SOURCES / "death.h").read_bytes() + source(module).read_bytes() + MAKEFILE.encode()
    return hashlib.sha256(texts).hexdigest()[:12]


def built(folder: Path) -> dict[str, Path]:
    """The deaths' modules that are there below a kernel's folder of modules, by name."""
    return modules.find_modules(folder / "extra")


def ensure(module: str, kernel: Kernel) -> Path:
    """Build a death's module, if need be, against unpacked (not installed) headers; returns its path."""
    root, folder, release = kernel.folder / "root", kernel.folder / "modules", kernel.release
    target = folder / "extra" / f"{module}.ko"
    if target.exists() and f"\0version={version(module)}\0".encode() in target.read_bytes():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        for path in (SOURCES / "death.h", source(module)):
            shutil.copy(path, work / path.name)
        seen = Path(WORK_INSIDE) if kernel.own_tools else work
        (work / "Makefile").write_text(MAKEFILE.format(module=module, version=version(module), work=seen))
        # BTF for a module would take pahole on the host; crash has no use for it.
        settings = [f"M={seen}", "CONFIG_DEBUG_INFO_BTF_MODULES=", *kernel.architecture.make, "modules"]
        if kernel.own_tools:
            _make_inside(root, work, release, settings)
        else:
            headers = root / HEADERS.format(release=release)
            _relocate(headers, root)
            # Headers name the compiler of their own suite, which the host needn't have.
            run(["make", "-C", headers, f"CC={kernel.architecture.compiler}", *settings])
        return Path(shutil.copy(work / target.name, target))


def _make_inside(root: Path, work: Path, release: str, settings: Sequence[str]) -> None:
    """Run make in a root of the kernel's own suite, in a mount namespace that ends with it."""
    for name in (WORK_INSIDE, "/dev", "/proc"):
        (root / name[1:]).mkdir(exist_ok=True)
    rights = ["--map-root-user"] if os.geteuid() else []
    words = ["chroot", str(root), "/usr/bin/make", "-C", f"/{HEADERS.format(release=release)}", *settings]
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    run(["unshare", *rights, "--mount", "sh", "-ec", INSIDE, "sh", str(root), str(work), *words], env=path)


def _relocate(headers: Path, root: Path) -> None:
    """Make the headers' makefiles find each other below root instead of below /usr."""
    for name in ("Makefile", ".kernelvariables"):
        path = headers / name
        if path.exists():
            text = path.read_text()
            path.write_text(re.sub(r"(?<![\w/])/usr/(src|lib)/linux-", rf"{root}/usr/\1/linux-", text))
