"""One run of a guest under QEMU, from boot to death."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.architectures import AMD64
from labkit.errors import LabError

PANIC_END = b"---[ end Kernel panic"
# how many times the limit of its silence a guest has in all
LONGEST = 6


@dataclass(frozen=True)
class Machine:
    """What the guest runs on."""

    vmlinuz: Path
    initramfs: Path
    command_line: str
    memory: int
    cpus: int
    disks: Sequence[Path]
    console: Path
    program: Sequence[str] = AMD64.qemu
    notes: Sequence[str] = AMD64.notes
    hardware: Sequence[str] = ()
    network: str = "user,id=net,restrict=on"

    def command(self) -> list[str]:
        """The words that start QEMU, with QMP on stdin and stdout."""
        return [
            # QEMU dies with the lab even if the lab is killed.
            *("setpriv", "--pdeathsig", "KILL", *self.program),
            *("-m", f"{self.memory}M", "-smp", str(self.cpus)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(self.vmlinuz), "-initrd", str(self.initramfs)),
            *("-append", self.command_line),
            *("-serial", f"file:{self.console}"),
            *("-chardev", "stdio,id=qmp,signal=off", "-mon", "chardev=qmp,mode=control"),
            *self.notes,
            # of the bus that the machine has: PCI, or s390x's channels
            *("-netdev", self.network, "-device", "virtio-net,netdev=net"),
            *(word.format(half=self.memory // 2) for word in self.hardware),
            *(word for disk in self.disks for word in _disk(disk)),
        ]


def _disk(path: Path) -> tuple[str, str]:
    return "-drive", f"file={path},format=raw,if=virtio,cache=unsafe,discard=unmap"


class Guest:
    """A running guest."""

    def __init__(self, process: "subprocess.Popen[str]", console: Path) -> None:
        assert process.stdin and process.stdout  # noqa: S101, PT018 - for mypy: they are pipes
        self._process, self._in, self._out = process, process.stdin, process.stdout
        self._console = console
        self._reply()
        self.qmp("qmp_capabilities")

    def _reply(self) -> Any:
        while line := self._out.readline():
            message = json.loads(line)
            if "event" not in message:
                return message
        raise LabError(f"qemu ended: {last_line(self._process.communicate()[1].encode())}")

    def qmp(self, command: str, **arguments: object) -> Any:
        """Execute a QMP command and return what it returns."""
        self._in.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._in.flush()
        message = self._reply()
        if "return" not in message:
            raise LabError(f"qemu: {command}: {message['error']['desc']}")
        return message["return"]

    def log(self) -> bytes:
        """What the guest wrote on its serial console so far."""
        return self._console.read_bytes() if self._console.exists() else b""

    def panicked(self) -> bool:
        """Whether QEMU was told of the guest's panic, or saw it: s390x says no more on its console then."""
        return bool(self.qmp("query-status")["status"] == "guest-panicked")

    def ended(self) -> bool:
        """Whether QEMU has ended."""
        return self._process.poll() is not None

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until done(); LabError with the console's last line when that has had nothing new for so long.

        A busy host makes a guest slow, not silent; one that talks without end has `LONGEST` times as long.
        """
        end, deadline, size = time.monotonic() + LONGEST * seconds, time.monotonic() + seconds, 0
        while not done():
            log, now = self.log(), time.monotonic()
            if len(log) > size:
                size, deadline = len(log), min(now + seconds, end)
            if self.ended() or b"FAILED" in log or now > deadline:
                raise LabError(f"the guest didn't get to {what}: {last_line(log)}")
            time.sleep(0.1)


def last_line(log: bytes) -> str:
    """The line of a console log that says best why it ended there."""
    lines = log.decode(errors="replace").split("\n")
    telling = [line for line in lines if "FAILED" in line] or [line for line in lines if line]
    return telling[-1].strip()[:200] if telling else "nothing on the console"


@contextmanager
def running(machine: Machine, cwd: Path) -> Iterator[Guest]:
    """Start a guest; QEMU is gone when the with statement ends, however it ends."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(machine.command(), cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        yield Guest(process, machine.console)
    finally:
        process.kill()
        process.communicate()
