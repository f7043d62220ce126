"""The one double of a session on a dump: crash is whole, nothing is known of the dump and nothing doubted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from crashdrive.session.health import Health
from crashdrive.session.result import CommandResult


def health(*options: str) -> Health:
    """That of a crash that came up with these options."""
    return Health(
        binary="/usr/bin/crash",
        version="8.0.6",
        gdb_version=None,
        options=options,
        attempts=(),
        warnings=(),
        missing=(),
    )


class SessionDouble:
    """A `DumpSession`; tests say in a subclass what its crash answers, or what else is so."""

    timeout: float = 120.0
    minimal = False
    recording = False
    replayed = False
    fifo: str | None = None

    def __init__(
        self,
        *,
        identity: Mapping[str, str] | None = None,
        marks: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        minimal: bool = False,
        recording: bool = False,
    ) -> None:
        self.identity: dict[str, str] = dict(identity or {})
        self.vmcoreinfo: dict[str, str] = {}
        self.marks: dict[str, str] = dict(marks or {})
        self.health = health(*options)
        self.minimal = minimal
        self.recording = recording

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        """Nothing is expected to be asked."""
        raise AssertionError(f"{command} was sent, with a deadline of {timeout}")

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        """One by one."""
        return [self.run(command, timeout=timeout) for command in commands]

    def stream(
        self, commands: Sequence[str], sink: Callable[[bytes], object], *, timeout: float | None = None
    ) -> bytes:
        """Without a FIFO there is none."""
        raise AssertionError(f"{commands} were sent for {sink}, with a deadline of {timeout}")

    def make_full(self) -> bool:
        """Crash has its tables unless a test says otherwise."""
        was, self.minimal = self.minimal, False
        return was
