"""gdb's index of a vmlinux: written beside the first start of crash, used by the next ones."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from crashdrive.cache.gdb_index import Indexes
from crashdrive.dump.identity import VmlinuxIdentity
from crashdrive.dump.machines import are_alike, own_machine
from crashdrive.session.binaries import Binary

OFF = "CRASHDRIVE_GDB_INDEX"
"""``off`` in the environment: no index is written or used."""
FIRST_WRITER = 13
"""The first version of gdb whose indexes speed crash up."""
_READS = 10  # the first gdb inside a crash that has a cache of indexes; 12 named its switch anew
_RENAMED = 12
_VERSION = re.compile(r"GNU gdb (?:\([^)]*\) )?(\d+)")
# seconds that a writer gets: it takes five, and as many again on a busy machine
PATIENCE = 120.0
_NICE = 10
# that a session which ends waits for the index that is written beside it
CLOSING_SECONDS = 3.0
_ENVIRONMENT = {"PATH": os.defpath, "HOME": "/nonexistent", "LC_ALL": "C", "TERM": "dumb"}


class Index(NamedTuple):
    """An index that a crash is started with: ``file`` is named by the vmlinux's build id."""

    file: Path

    def fits(self, binary: Binary) -> bool:
        """Whether the gdb inside this crash can use it."""
        return _switch(binary) is not None

    def equip(self, binary: Binary, folder: Path) -> None:
        """Have the crash that is going to start in this private folder use it, and no other one."""
        place = folder / "index"
        place.mkdir()
        (place / self.file.name).symlink_to(self.file)
        (folder / "home/.gdbinit").write_text(f"set index-cache directory {place}\n{_switch(binary)} on\n")

    def end(self, binary: Binary) -> str:
        """The command after which crash's gdb writes no index itself, of a module's file say."""
        return f"gdb {_switch(binary)} off"


def _switch(binary: Binary) -> str | None:
    found = re.match(r"\d+", binary.gdb_version or "")
    version = int(found[0]) if found else 0
    if version < _READS:
        return None
    return "set index-cache enabled" if version >= _RENAMED else "set index-cache"


def writing_gdb() -> str | None:
    """A gdb of this host that writes indexes worth having."""
    path = shutil.which("gdb")
    return path if path is not None and gdb_version(path) >= FIRST_WRITER else None


def gdb_version(path: str) -> int:
    """A gdb's version, its first number; 0 where it doesn't say."""
    try:
        done = subprocess.run(
            [path, "-nx", "--version"], capture_output=True, timeout=PATIENCE, check=False,
            stdin=subprocess.DEVNULL, cwd="/", env=_ENVIRONMENT,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _VERSION.match(done.stdout.decode("utf-8", "replace"))
    return int(found[1]) if found else 0


class Writer:
    """A gdb that writes a vmlinux's index, in the background; `finish` or `drop` it."""

    def __init__(self, gdb: str, vmlinux: VmlinuxIdentity, indexes: Indexes) -> None:
        """Start it; OSError where that can't be done."""
        self._indexes = indexes
        self._vmlinux = str(Path(vmlinux.path).absolute())
        self._build_id = vmlinux.build_id or ""
        self._room = indexes.room()
        # nothing of the user's, and nothing that lies beside the vmlinux, is run
        told = (
            "set auto-load off", "set debuginfod enabled off", f"set index-cache directory {self._room}",
            "set index-cache enabled on",
        )  # fmt: skip
        options = [word for command in told for word in ("-iex", command)]
        try:
            self._process = subprocess.Popen(
                # the last command waits until the index is written
                [gdb, "-nx", "-batch", *options, "-ex", "info line do_exit", self._vmlinux],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                cwd="/", env=_ENVIRONMENT, start_new_session=True,
            )  # fmt: skip
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
        except OSError:
            shutil.rmtree(self._room, ignore_errors=True)
            raise

    def finish(self, seconds: float = CLOSING_SECONDS) -> Path | None:
        """Keep the index if it is written within so many seconds, else stop; where it lies then."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.drop()
            return None
        if status:
            self.drop()
            return None
        return self._indexes.take(self._build_id, self._vmlinux, self._room)

    def drop(self) -> None:
        """Stop it; nothing is kept."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._room, ignore_errors=True)


def is_foreign(vmlinux: VmlinuxIdentity) -> bool:
    """Whether a kernel is of another architecture than this host: a gdb that doesn't know it (Debian's plain
    one) takes its addresses for 32 bits wide, and says nothing.
    """
    return not are_alike(vmlinux.machine, own_machine())


def usable(vmlinux: VmlinuxIdentity, indexes: Indexes | None) -> Index | None:
    """The index of a vmlinux, where there is one that can be trusted."""
    if indexes is None or not vmlinux.build_id or is_foreign(vmlinux) or os.environ.get(OFF) == "off":
        return None
    file = indexes.find(vmlinux.build_id, vmlinux.path)
    return None if file is None else Index(file)


def write_beside(vmlinux: VmlinuxIdentity, indexes: Indexes | None) -> Writer | None:
    """Begin to write a vmlinux's index, where there is none and a gdb here can; None otherwise."""
    if indexes is None or not vmlinux.build_id or not vmlinux.debug_data or os.environ.get(OFF) == "off":
        return None
    gdb = None if is_foreign(vmlinux) else writing_gdb()
    try:
        return None if gdb is None else Writer(gdb, vmlinux, indexes)
    except OSError:
        return None


def prepared(vmlinux: VmlinuxIdentity, indexes: Indexes) -> tuple[Path | None, float]:
    """The index of a vmlinux, written now where there is none; with the seconds that took."""
    began = time.monotonic()
    found = usable(vmlinux, indexes)
    if found is not None:
        return found.file, 0.0
    writer = write_beside(vmlinux, indexes)
    path = None if writer is None else writer.finish(PATIENCE)
    return path, time.monotonic() - began
