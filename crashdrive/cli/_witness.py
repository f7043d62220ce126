"""What is seen of a session while an answer is made: whether it is one to keep, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crashdrive.crash import Crash
    from crashdrive.records import Report


class Witness:
    """Sees how an answer is made; says at the end whether it may be kept."""

    def __init__(self) -> None:
        self._crash: Crash | None = None
        self.module_files: tuple[tuple[str, int, int], ...] = ()
        self._spoiled = self._computes = False

    def opened(self, crash: Crash) -> None:
        """The answer rests on this crash's dump, and on debug data of modules that there is to find now."""
        from crashdrive.dump.module_files import module_files

        self._crash = crash
        found = (crash.identity.get(name) for name in ("vmcore", "vmlinux"))
        self.module_files = tuple(module_files(path for path in found if path))

    def made(self, report: Report) -> None:
        """The answer is this report; one of which a part failed is not one to keep."""
        from crashdrive.cache.reports import FAILED

        self._spoiled |= any(notice.kind in FAILED for notice in report.warnings)

    def computes(self) -> None:
        """The answer is a script's: what it asked has to be what another run would be given, too."""
        self._computes = True

    def basis(self) -> tuple[tuple[str, ...], str] | None:
        """The dump and the vmlinux, and the binary; None where the answer is not one to keep."""
        crash = self._crash
        if crash is None or self._spoiled or crash.live:
            return None
        from crashdrive.session.kept import is_repeatable
        from crashdrive.session.recall import spoils

        if self._computes and (crash.asked_foreign or not is_repeatable(crash.session)):
            return None
        health, identity = crash.health, crash.identity
        if spoils([one.kind for one in health.warnings], [one.outcome for one in health.attempts]):
            return None
        files = tuple(identity[name] for name in ("vmcore", "vmlinux") if name in identity)
        return (files, health.binary) if len(files) == 2 else None

    def marks(self) -> tuple[str, ...]:
        """What the dump and the vmlinux were when crash opened them."""
        crash = self._crash
        marks = {} if crash is None else crash.session.marks
        return tuple(marks.get(name, "") for name in ("vmcore", "vmlinux"))
