"""A guest that stays up, and runs crash on itself: its disk has Debian's sshd, crash and its own vmlinux."""

import base64
import hashlib
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from labkit import apt, crashes, initramfs, kernels, places, qemu, userland
from labkit.architectures import AMD64
from labkit.host import run
from labkit.kernels import Kernel

CRASH = "9.0.2"
# what `crashdrive --host` asks of a host, and what the guest is looked at with from inside
TOOLS = (
    "openssh-server",
    "openssh-sftp-server",
    "coreutils",
    "dash",
    "gzip",
    "findutils",
    "sed",
    "grep",
    "procps",
    "iproute2",
    "mount",
    "util-linux",
)
MODULES = (
    "virtio_pci",
    "virtio_blk",
    "virtio_net",
    "crc32c_generic",
    "ext4",
    "xt_conntrack",
    "dummy",
    "sch_htb",
)
BOOT_SECONDS = 300
_GUEST = Path(__file__).parent / "guest" / "live"
_USERS = """\
root:x:0:0:root:/root:/bin/sh
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
plain:x:1000:1000::/tmp:/bin/sh
"""
_GROUPS = "root:x:0:\nnogroup:x:65534:\nplain:x:1000:\n"
_OF_PACKAGES = ("usr", "bin", "sbin", "lib", "lib64")
_FOLDERS = ("proc", "sys", "dev", "tmp", "run", "var", "root", "lab", "etc", "usr/lib/debug/boot")


def disk(series: str) -> Path:
    """The image of the guest's disk, made if it isn't there or its scripts changed: 600 MB; lock the lab."""
    scripts = b"".join(path.read_bytes() for path in sorted(_GUEST.iterdir()))
    target = places.lab() / "live" / f"{series}-{hashlib.sha256(scripts).hexdigest()[:8]}"
    image = target / "disk.img"
    if not image.exists():
        with places.appearing(target) as work:
            root = work / "root"
            _fill(root, kernels.ensure(series))
            size = sum(path.lstat().st_size for path in root.rglob("*")) * 5 // 4 + (32 << 20)
            plain = ("-q", "-t", "ext4", "-O", "^has_journal")
            run(["mke2fs", *plain, "-d", root, work / "disk.img", f"{size >> 10}k"])
            shutil.rmtree(root)
    return image


def _fill(root: Path, kernel: Kernel) -> None:
    """The guest's root folder: programs, crash, the kernel's vmlinux where Debian has it, our own scripts."""
    for folder in _FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for folder in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / folder).mkdir(exist_ok=True)
        (root / folder).symlink_to(f"usr/{folder}")
    _unpack(root)
    shutil.copy2(userland.tools(AMD64).busybox, root / "usr/bin/busybox")
    # crash looks into the vmlinux with strings
    for name in ("ip", "strings"):
        if not (root / "usr/bin" / name).exists():
            (root / "usr/bin" / name).symlink_to("busybox")
    if not (root / "usr/bin/sh").exists():
        (root / "usr/bin/sh").symlink_to("dash")
    (root / "etc/passwd").write_text(_USERS)
    (root / "etc/group").write_text(_GROUPS)
    for file in _GUEST.iterdir():
        shutil.copy2(file, root / "lab" / file.name)
    crash = crashes.ensure(CRASH)
    shutil.copytree(crash.parent, root / "opt/crash", symlinks=True, ignore=shutil.ignore_patterns("doc"))
    vmlinux = (kernel.folder / "vmlinux").resolve()
    shutil.copy2(vmlinux, root / "usr/lib/debug/boot" / vmlinux.name)


def _unpack(root: Path) -> None:
    """Debian's programs with their libraries, in a root whose /bin, /sbin and /lib lead into /usr."""
    work = root.parent
    needed = userland.packages_needed(apt.recursive(apt.HOST_SUITE, TOOLS), TOOLS)
    apt.unpack(apt.HOST_SUITE.download(needed, work / "debs"), work / "unpacked")
    for path in sorted((work / "unpacked").rglob("*")):
        inside = path.relative_to(work / "unpacked")
        place = root / inside
        # Debian 12's packages have files in /bin and in /usr/bin
        if inside.parts[0] not in _OF_PACKAGES or (path.is_dir() and not path.is_symlink()):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists() and not place.is_symlink():
            shutil.copy2(path, place, follow_symlinks=False)
    shutil.rmtree(work / "unpacked")
    shutil.rmtree(work / "debs")


@dataclass(frozen=True)
class Staying:
    """A guest that is up: the port of its sshd on the loopback, and the folder with the keys."""

    port: int
    keys: Path

    @property
    def options(self) -> list[str]:
        """Options of ssh that lead to it, and to no settings of the user's."""
        return [
            f"Port={self.port}", f"UserKnownHostsFile={self.keys / 'known'}",
            "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none",
            "ConnectTimeout=120",
        ]  # fmt: skip

    def run(self, command: str, user: str = "root") -> str:
        """What a shell there prints."""
        words = [word for option in self.options for word in ("-o", option)]
        return run(["ssh", "-F", "none", "-T", "-i", self.keys / "key", *words, f"{user}@127.0.0.1", command])


@contextmanager
def up(series: str, image: Path, work: Path, memory: int = 1024) -> Iterator[Staying]:
    """A guest of a kernel series with that disk, until the body ends; ``memory`` in MB.

    Keys and console are kept in the folder ``work``.
    """
    kernel = kernels.ensure(series)
    for name in ("host", "key"):
        run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-C", "lab", "-f", work / name])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = (work / "host.pub").read_text().split()[:2]
    (work / "known").write_text(f"[127.0.0.1]:{port} {' '.join(known)}\n")
    (work / "initramfs").write_bytes(initramfs.staying(kernel, MODULES, _GUEST / "init.sh"))
    words = {
        "lab.host": base64.b64encode((work / "host").read_bytes()).decode(),
        "lab.authorized": base64.b64encode((work / "key.pub").read_bytes()).decode(),
    }
    line = " ".join(
        ["console=ttyS0", "quiet", *AMD64.kernel_words, *(f"{key}={value}" for key, value in words.items())]
    )
    machine = qemu.Machine(
        vmlinuz=kernel.folder / "vmlinuz", initramfs=work / "initramfs", command_line=line, memory=memory,
        cpus=2, disks=[image], console=work / "console.log",
        network=f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22",
    )  # fmt: skip
    with qemu.running(machine, work) as guest:
        guest.wait(lambda: b" UP" in guest.log(), BOOT_SECONDS, "its sshd")
        yield Staying(port, work)
