"""A session's crash on another host: which host and files, and how crash is started there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crashdrive.errors import HostError
from crashdrive.session.folder import RawImage
from crashdrive.session.remote.ahead import Ahead
from crashdrive.session.remote.files import Seen
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.transport import SshTransport


class Away(NamedTuple):
    """The connection, and the two files as they were when they were looked at.

    ``image``: where in physical memory the kernel's own data lie (address, size), which all reports want;
    ``holes``: whether pages may have been left out of the dump; ``copies``: what is kept here of the files,
    at least as long as this is. ``live``: it is the kernel that runs there.
    """

    link: Link
    vmlinux: Seen
    vmcore: Seen
    image: tuple[tuple[int, int], ...] = ()
    holes: bool = True
    copies: object = None
    live: bool = False

    def transport(
        self, program: str, arguments: Sequence[str], files: Sequence[str | bytes | RawImage]
    ) -> SshTransport:
        """Crash, started there; HostError where that host can't be reached."""
        given = [file for file in files if not isinstance(file, RawImage)]
        if len(given) != len(files):
            raise HostError(f"{self.link.host}: a raw image of memory has to be opened where it is")
        same = [self.vmlinux] if self.live else [self.vmlinux, self.vmcore]
        marks = [(one.path, one.mark) for one in same]
        ahead = Ahead(self.image, holes=self.holes, keeps=not self.live)
        return SshTransport(self.link, program, arguments, given, marks, ahead)

    def names(self) -> dict[str, str]:
        """What the two are called on this host, as scp does."""
        host = self.link.host
        return {"vmlinux": f"{host}:{self.vmlinux.path}", "vmcore": f"{host}:{self.vmcore.path}"}
