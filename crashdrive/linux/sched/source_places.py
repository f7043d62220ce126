"""Source lines and variables of code addresses, by the debug data of the image and of modules. x86-64.

Only files are read: the vmlinux of the dump; for a module ``NAME.ko`` or ``NAME.ko.debug`` beside the dump or
the vmlinux, or below ``/usr/lib/debug/lib/modules/RELEASE``, if it was built for this kernel. A recording has
no files, so nothing is known there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crashdrive.dump.module_files import INSTALLED, names_of
from crashdrive.errors import VmlinuxError
from crashdrive.kernel.debuginfo.places import CodePlace, DebugInfo, Variable

if TYPE_CHECKING:
    from crashdrive.kernel.debuginfo.line_table import Line
    from crashdrive.linux.machine import Machine
    from crashdrive.linux.sched.frames import StackFrame

_X86_64 = "62"
_MOST_FILES = 50_000


class SourcePlaces:
    """Looks code addresses up; each file is opened once.

    ``files``: those of modules that are known (`crashdrive.linux.modules.files.paths`), by name.
    """

    def __init__(self, kernel: Machine, files: Mapping[str, Path] | None = None) -> None:
        session = kernel.session
        self._known = files or {}
        self._identity = identity = session.identity
        self._moved = int(identity.get("kaslr_offset") or "0", 0)
        usable = not session.recording and identity.get("machine", _X86_64) == _X86_64
        self._image = identity.get("vmlinux") if usable else None
        self._files: dict[str | None, DebugInfo | None] = {}

    def of(
        self, address: int, module: str | None, function: str | None, offset: int | None, *, exact: bool
    ) -> CodePlace | None:
        """Debug data of an address; ``exact``: it is an instruction pointer, not a return address.

        A module's address is looked up by function and offset. None where nothing is known.
        """
        data = self._data(module)
        linked = self._linked(data, address, module, function, offset)
        return None if data is None or linked is None else data.place(linked if exact else linked - 1)

    def of_frames(self, frames: Sequence[StackFrame]) -> list[CodePlace | None]:
        """Debug data of each frame: of the instruction that it was interrupted at, or of its call."""
        return [
            None
            if frame.segment == "user"
            else self.of(
                int(frame.address),
                frame.module,
                frame.function,
                frame.offset,
                exact=is_exact(frame),
            )
            for frame in frames
        ]

    def saved(
        self, address: int, module: str | None, function: str | None, offset: int | None, *, exact: bool
    ) -> dict[str, int]:
        """Offsets of the registers that the function has saved by then, from its frame address (CFA)."""
        data = self._data(module)
        linked = self._linked(data, address, module, function, offset)
        return {} if data is None or linked is None else data.saved.find(linked if exact else linked - 1)

    def _linked(
        self,
        data: DebugInfo | None,
        address: int,
        module: str | None,
        function: str | None,
        offset: int | None,
    ) -> int | None:
        """The link-time address of an instruction."""
        if data is None or module is None:
            return address - self._moved
        if function is None or offset is None:
            return None
        starts = list(data.sections.functions(function))
        return starts[0] + offset if len(starts) == 1 else None

    def _data(self, module: str | None) -> DebugInfo | None:
        if module not in self._files:
            self._files[module] = self._opened(module)
        return self._files[module]

    def _opened(self, module: str | None) -> DebugInfo | None:
        if self._image is None:
            return None
        for path in [self._image] if module is None else self._objects(module):
            try:
                data = DebugInfo(path)
                if module is None or self._fits(data):
                    return data
            except VmlinuxError:
                continue
        return None

    def _fits(self, data: DebugInfo) -> bool:
        release = self._identity.get("osrelease")
        magic = data.sections.information().get("vermagic", "").split()
        return bool(release) and magic[:1] == [release]

    def _objects(self, module: str) -> Iterator[Path]:
        """Files that may hold a module's debug data."""
        if module in self._known:
            yield self._known[module]
        names = names_of(module)
        for beside in ("vmcore", "vmlinux"):
            if path := self._identity.get(beside):
                yield from (place for name in names if (place := Path(path).parent / name).is_file())
        release = self._identity.get("osrelease") or ""
        installed = Path(INSTALLED, release)
        if not release or "/" in release or not installed.is_dir():
            return
        seen = 0
        for folder, _, files in os.walk(installed):
            seen += len(files)
            yield from (Path(folder, name) for name in names if name in files)
            if seen > _MOST_FILES:
                return


def is_exact(frame: StackFrame) -> bool:
    """Whether a frame's address is that of an instruction that was interrupted, not the one behind a call."""
    return frame.pt_regs is not None or not frame.level


def shown(line: Line | None) -> str | None:
    """``fs/read_write.c:681``; None where no line is known."""
    return f"{line.file}:{line.line}" if line and line.line else None


def shown_line(place: CodePlace | None) -> str | None:
    """The line of a place, in the innermost of its functions."""
    return shown(place.line) if place else None


def shown_calls(place: CodePlace | None) -> tuple[str, ...]:
    """Functions inlined there, the innermost first, each with the line that calls it."""
    return tuple(
        f"{call.function} at {call.line.file}:{call.line.line}" if call.line else call.function
        for call in reversed(place.calls if place else ())
    )


def holder_of(place: CodePlace | None, register: str | None) -> Variable | None:
    """The variable in a register at an address; of several, the innermost one."""
    if place is None or register is None:
        return None
    found = [variable for variable in place.variables if variable.register == register]
    return found[-1] if found else None
