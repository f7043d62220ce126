"""Making a dump: a guest boots, tells the truth, dies, and what is left is put in order."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labkit import (
    apt,
    architectures,
    deathmodules,
    deaths,
    elfcore,
    initramfs,
    kernels,
    places,
    qemu,
    truth,
    userland,
    verdict,
)
from labkit.errors import LabError
from labkit.host import Stopwatch, run, say
from labkit.kernels import Kernel
from labkit.spec import Spec, standard

TRUTH_BYTES = 512 << 20
BOOT_SECONDS = 600
CAPTURE_SECONDS = 600
# An emulated processor may run into code that another one is just patching ("Oops: int3" while the kernel
# boots): seen once in some dozens of starts.
BOOTS = 3


def folder(name: str) -> Path:
    """Where the dump of that name lies, or would."""
    return places.lab() / "dumps" / name


def facts(name: str) -> dict[str, Any] | None:
    """A dump's dump.json; None if it isn't there."""
    try:
        return dict(json.loads((folder(name) / "dump.json").read_text()))
    except FileNotFoundError:
        return None


def names() -> list[str]:
    """The dumps that are there."""
    return sorted(path.parent.name for path in folder("x").parent.glob("[!.]*/dump.json"))


def ensure(spec: Spec, *, again: bool = False) -> Path:
    """The folder of a dump, made if need be (or again); call it with the lab locked."""
    target = folder(spec.name)
    if not again and facts(spec.name) is not None:
        say(f"{spec.name} is there")
        return target
    apt.install(apt.missing_packages(spec.architecture))
    kernel = kernels.ensure(spec.kernel)
    module = deaths.module(spec.death) if spec.lean else initramfs.IDLE_MODULE
    if module:
        deathmodules.ensure(module, kernel)
    with places.appearing(target) as work, _kept_console(spec.name, work):
        _Build(spec, kernel, work).run()
    return target


@contextmanager
def _kept_console(name: str, work: Path) -> Iterator[None]:
    """Keep the console of a guest that failed, as failed/<name>.log."""
    kept = places.lab() / "failed" / f"{name}.log"
    try:
        yield
    except LabError:
        if (console := work / "console.log").exists():
            kept.parent.mkdir(exist_ok=True)
            shutil.copy(console, kept)
            say(f"what the guest said: {kept}")
        raise


class _Build:
    """One dump in the making, in a folder that isn't the final one yet."""

    def __init__(self, spec: Spec, kernel: Kernel, work: Path) -> None:
        self.spec, self.kernel, self.work = spec, kernel, work
        self.filter_root = userland.filter_root(spec.kernel, old=spec.old_filter)
        self.clock = Stopwatch()
        self.log = b""

    def run(self) -> None:
        """All steps, from the initramfs to dump.json."""
        say(f"{self.spec.name}: kernel {self.kernel.release}, {self.spec.megabytes} MB")
        with self.clock.step("all"):
            with self.clock.step("initramfs"):
                self._write_initramfs()
            self._run_guest()
            with self.clock.step("tidy"):
                self._tidy()
            with self.clock.step("truth"):
                index = truth.split(self.work / "truth.disk", self.work / "truth")
                console = self.log.decode(errors="replace")
                verdict.write(self.spec.death, self.work / "truth", console, self._kernel_log())
            (self.work / "truth.disk").unlink()
        self._describe(index)
        say(f"{self.spec.name}: {self.clock.seconds}")

    @property
    def _kexec(self) -> bool:
        return self.spec.format == "kdump"

    def _write_initramfs(self) -> None:
        death = self.spec.death if self.spec.lean else None
        data = initramfs.guest(self.kernel, death, self.filter_root if self._kexec else None)
        (self.work / "initramfs").write_bytes(data)

    def _disk(self, name: str, size: int) -> Path:
        path = self.work / name
        with path.open("wb") as handle:
            handle.truncate(size)
        return path

    def _command_line(self) -> str:
        spec = self.spec
        words = [f"console={spec.architecture.console}", *spec.architecture.kernel_words]
        words.append(f"lab.connections={spec.connections}")
        # The guest's timing is that of an emulator: no watchdog may end it before its time.
        words += ["nmi_watchdog=0", "rcupdate.rcu_cpu_stall_suppress=1", "loglevel=4"]
        if spec.lean:
            # makedumpfile 1.7.6 keeps the free pages of 6.12, but leaves out those that are zero.
            words += ["init_on_free=1", *deaths.DEATHS[spec.death].boot_words]
        if self._kexec:
            words.append(f"crashkernel={spec.crashkernel}M")
        if spec.thash_entries:
            words.append(f"thash_entries={spec.thash_entries}")
        return " ".join(words)

    def _machine(self) -> qemu.Machine:
        disks = [self._disk("truth.disk", TRUTH_BYTES)]
        if self._kexec:
            disks.append(self._disk("vmcore.disk", 2 * self.spec.megabytes << 20))
        return qemu.Machine(
            vmlinuz=self.kernel.folder / "vmlinuz",
            initramfs=self.work / "initramfs",
            command_line=self._command_line(),
            memory=self.spec.megabytes,
            cpus=self.spec.cpus,
            disks=disks,
            console=self.work / "console.log",
            program=self.spec.architecture.qemu,
            notes=self.spec.architecture.notes,
            hardware=deaths.DEATHS[self.spec.death].hardware,
        )

    def _run_guest(self) -> None:
        for _ in range(BOOTS):
            with qemu.running(self._machine(), self.work) as guest:
                with self.clock.step("guest"):
                    self._let_die(guest)
                if not stumbled(guest.log(), panicked=guest.panicked()):
                    self._take(guest)
                    return
                say(f"{self.spec.name}: the guest fell before its time: {fall(guest.log())}; once more")
        raise LabError(f"{BOOTS} guests fell before their time: {fall(guest.log())}")

    def _let_die(self, guest: qemu.Guest) -> None:
        if monitor := deaths.DEATHS[self.spec.death].monitor:
            asked = b"button, please"
            guest.wait(lambda: asked in guest.log() or self._dead(guest), BOOT_SECONDS, "its button")
            guest.qmp("human-monitor-command", **{"command-line": monitor})
        guest.wait(lambda: self._dead(guest), BOOT_SECONDS, "its death")

    def _take(self, guest: qemu.Guest) -> None:
        """The dump of a guest that died as it should."""
        with self.clock.step("dump"):
            if self._kexec:
                guest.wait(lambda: _saved(guest), CAPTURE_SECONDS, "a saved dump")
            else:
                self._dump_memory(guest)
        self.log = guest.log()

    def _dead(self, guest: qemu.Guest) -> bool:
        log, panicked = guest.log(), guest.panicked()
        ended = b"LAB CAPTURE" in log if self._kexec else qemu.PANIC_END in log or panicked
        return ended or stumbled(log, panicked=panicked)

    def _dump_memory(self, guest: qemu.Guest) -> None:
        guest.qmp("stop")
        form = "kdump-zlib" if self.spec.format == "flattened" else "elf"
        path = f"file:{self.work / 'vmcore'}"
        guest.qmp("dump-guest-memory", paging=False, protocol=path, format=form)
        if self.spec.architecture is architectures.PPC64EL:
            elfcore.little_endian(self.work / "vmcore")

    def _tidy(self) -> None:
        (self.work / "initramfs").unlink()
        vmcore = self.work / "vmcore"
        if self._kexec:
            self._rearrange(self.work / "vmcore.disk", vmcore)
            (self.work / "vmcore.disk").unlink()
        elif self.spec.format == "flattened":
            self._rearrange(vmcore, self.work / "vmcore.rearranged")
        elif self.spec.format == "filtered":
            self._filter(vmcore, self.work / "vmcore.filtered")
            (self.work / "vmcore.filtered").rename(vmcore)
        else:
            if self.spec.also_filtered:
                self._filter(vmcore, self.work / "vmcore.filtered")
            run(["fallocate", "--dig-holes", vmcore])
        (self.work / "vmlinux").symlink_to(f"../../kernels/{self.kernel.series}/vmlinux")
        (self.work / "modules").symlink_to(f"../../kernels/{self.kernel.series}/modules")
        self._keep_module()

    def _keep_module(self) -> None:
        """The death's module as it was: that of the kernel's folder changes with its source."""
        if module := deaths.module(self.spec.death):
            shutil.copy(deathmodules.built(self.kernel.folder / "modules")[module], self.work)

    def _kernel_log(self) -> str:
        """The kernel's log out of a dump that a capture kernel saved."""
        if not self._kexec:
            return ""
        log = self.work / "kernel.log"
        run([*self._makedumpfile, "-f", "--dump-dmesg", self.work / "vmcore", log])
        text = log.read_bytes().decode(errors="replace")
        log.unlink()
        return text

    @property
    def _makedumpfile(self) -> list[str]:
        return userland.command(self.filter_root, "makedumpfile")

    def _rearrange(self, flattened: Path, into: Path) -> None:
        with flattened.open("rb") as handle:
            run([*self._makedumpfile, "-R", into], stdin=handle.fileno())
        into.chmod(0o644)

    def _filter(self, vmcore: Path, into: Path) -> None:
        """Do on the host what a capture kernel does."""
        with elfcore.plain(vmcore):
            run([*self._makedumpfile, "-l", "-d", "31", vmcore, into])
        into.chmod(0o644)

    def _describe(self, index: dict[str, dict[str, float]]) -> None:
        collected = index["clock"]["after"]
        wall = float((self.work / "truth" / "clock").read_text())
        died = panic_uptime(self.log.decode(errors="replace"), collected)
        what = {
            "name": self.spec.name,
            "command": self.spec.command,
            "release": self.kernel.release,
            "build_id": self.kernel.build_id,
            "package_version": self.kernel.package_version,
            "architecture": self.spec.architecture.debian,
            "format": self.spec.format,
            "death": self.spec.death,
            "cpus": self.spec.cpus,
            "memory": self.spec.megabytes,
            "connections": self.spec.connections,
            "thash_entries": self.spec.thash_entries,
            "files": sorted(path.name for path in self.work.glob("vmcore*")),
            "truth_uptime": collected,
            "panic_uptime": died,
            "panic_time": datetime.fromtimestamp(wall + died - collected, UTC).isoformat(),
            "seconds": self.clock.seconds,
            "tools": _tools(self.spec.architecture.qemu[0], self._makedumpfile),
        }
        (self.work / "dump.json").write_text(json.dumps(what, indent=2) + "\n")


def stumbled(log: bytes, *, panicked: bool = False) -> bool:
    """Whether a guest died before it was to die: its console tells, or QEMU (``panicked``)."""
    died = panicked or qemu.PANIC_END in log or b"LAB CAPTURE" in log
    return died and re.search(rb"^LAB [\d.]+ finish\b", log, re.MULTILINE) is None


def fall(log: bytes) -> str:
    """What the kernel died of, in its words."""
    found = re.search(rb"(?:Oops|BUG|Kernel panic)[^\r\n]*", log)
    return found[0].decode(errors="replace")[:120] if found else "nothing on the console"


def _saved(guest: qemu.Guest) -> bool:
    return b"DONE" in guest.log() and guest.ended()


def panic_uptime(console: str, least: float) -> float:
    """When the kernel says on the console that it panics, in seconds of uptime, or least."""
    telling = re.compile(r"^\[ *(\d+\.\d+)\] (?:Kernel panic|BUG:|kernel BUG|Oops)", re.MULTILINE)
    times = [float(match[1]) for match in telling.finditer(console)]
    return next((time for time in times if time >= least - 1), least)


def _tools(emulator: str, makedumpfile: list[str]) -> dict[str, str]:
    commands = {"qemu": [emulator, "--version"], "makedumpfile": [*makedumpfile, "-v"]}
    lines = {name: run(words).splitlines() for name, words in commands.items()}
    found = {name: text[0] for name, text in lines.items() if text}
    return {**found, "python": sys.version.split()[0]}


def missing(name: str) -> LabError:
    """The error for a dump that isn't there, with the command that makes it."""
    known = standard(name)
    hint = known.command if known else "scripts/lab dump; --help tells its options"
    return LabError(f"no dump named {name}; make it with: {hint}")
