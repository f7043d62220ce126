"""Where the sockets of warm sessions lie, and whether they may be used: only their user can reach them.

The folder is the user's own, 0700, and reached through a descriptor, so that it can't be changed meanwhile;
both sides ask the kernel who is at the other end. A session is found by its dump: see `dump_key`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from crashdrive.dump.contents import content_sample, current_mark
from crashdrive.text import printable

OFF: Final = "CRASHDRIVE_SESSION"
"""``off`` in the environment: no warm session is used."""
SUFFIX: Final = ".sock"
_LOCK = ".lock"
_NEW = ".new"
_BACKLOG = 64
_CREDENTIALS = struct.Struct("3i")
# a socket that the kernel makes ready within no time; a server that is stopped doesn't take it
_CONNECT_SECONDS = 2.0


class UnsafeSessionsError(OSError):
    """The folder of sockets isn't to be used; the message names it and says what to do."""


class HeldLockError(OSError):
    """Another process serves this dump, or is going to."""


def sessions_folder() -> Path | None:
    """Where the sockets lie: below XDG_RUNTIME_DIR, else below the cache folder; None where neither is."""
    from crashdrive.cache.store import cache_directory

    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/") and os.path.isdir(runtime):  # noqa: PTH112 - without pathlib's start
        return Path(runtime, "crashdrive")
    cache = cache_directory()
    return None if cache is None else cache / "sessions"


def dump_key(vmcore: str) -> str | None:
    """The dump as it is now, as a name: device, inode, size, times and a sample of its contents.

    None for what is no regular file, such as a live kernel's memory.
    """
    try:
        mark = current_mark(vmcore)
        if mark is None or not stat.S_ISREG(os.stat(vmcore).st_mode):  # noqa: PTH116 - follows links as crash does
            return None
        sample = content_sample(vmcore)
    except (OSError, ValueError):
        return None
    return hashlib.sha256(f"{mark} {sample}".encode()).hexdigest()[:32]


@contextlib.contextmanager
def opened_folder(*, make: bool = False) -> Iterator[int | None]:
    """A descriptor of the folder; None where there is none. UnsafeSessionsError where it isn't to be used."""
    path = sessions_folder()
    if path is None:
        yield None
        return
    if make:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise UnsafeSessionsError(f"{_shown(path)} is no folder of sessions: {error.strerror}") from error
    try:
        _check(os.fstat(folder), path)
        yield folder
    finally:
        os.close(folder)


def _check(status: os.stat_result, path: Path) -> None:
    if status.st_uid != os.geteuid():
        raise UnsafeSessionsError(
            f"{_shown(path)} belongs to user {status.st_uid}: set XDG_RUNTIME_DIR to a folder of your own"
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnsafeSessionsError(f"{_shown(path)} can be reached by others: chmod 700 {_shown(path)}")


def _shown(path: Path) -> str:
    return printable(str(path))


def names(folder: int) -> list[str]:
    """The keys of the sockets that lie in the folder."""
    found = (name for name in os.listdir(folder) if name.endswith(SUFFIX))
    return sorted(name.removesuffix(SUFFIX) for name in found)


def listen(folder: int, key: str) -> socket.socket:
    """A listening socket under a dump's key, whose lock the caller holds. It appears when it is ready."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        fresh = f"{key}{_NEW}"
        _unlink(folder, fresh)
        mask = os.umask(0o177)
        try:
            server.bind(f"/proc/self/fd/{folder}/{fresh}")
        finally:
            os.umask(mask)
        server.listen(_BACKLOG)
        os.rename(fresh, f"{key}{SUFFIX}", src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        server.close()
        raise
    return server


def connect(folder: int, key: str) -> socket.socket | None:
    """A connection to the session of a dump, None where there is none that lives.

    A socket that nobody listens at any more is removed. UnsafeSessionsError where another user listens.
    """
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(_CONNECT_SECONDS)
    try:
        client.connect(f"/proc/self/fd/{folder}/{key}{SUFFIX}")
    except (OSError, ValueError) as error:
        client.close()
        if getattr(error, "errno", None) == errno.ECONNREFUSED:
            remove_stale(folder, key)
        return None
    try:
        check_peer(client)
    except BaseException:
        client.close()
        raise
    client.settimeout(None)
    return client


def peer(connection: socket.socket) -> tuple[int, int]:
    """(process id, user id) of the other end, as the kernel says."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, user, _ = _CREDENTIALS.unpack(data)
    return pid, user


def check_peer(connection: socket.socket) -> None:
    """UnsafeSessionsError where the other end is another user's."""
    _, user = peer(connection)
    if user != os.geteuid():
        raise UnsafeSessionsError(f"the other end of a session's socket belongs to user {user}")


def remove_stale(folder: int, key: str) -> bool:
    """Remove what a server left behind that was killed; False where one lives that may still come up."""
    try:
        with locked(folder, key):
            remove(folder, key)
    except HeldLockError:
        return False
    return True


def remove(folder: int, key: str) -> None:
    """Remove a session's files; its lock is the caller's."""
    for suffix in (SUFFIX, _NEW, _LOCK):
        _unlink(folder, f"{key}{suffix}")


def _unlink(folder: int, name: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def locked(folder: int, key: str) -> Iterator[None]:
    """While this process alone may serve the dump of this key; HeldLockError where another one may.

    The lock ends with the process, however that ends.
    """
    while True:
        flags = os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(f"{key}{_LOCK}", flags, 0o600, dir_fd=folder)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise HeldLockError("another process serves this dump") from error
        # whoever had it may have removed it meanwhile
        with suppress(FileNotFoundError):
            if os.fstat(lock).st_ino == os.stat(f"{key}{_LOCK}", dir_fd=folder).st_ino:
                break
        os.close(lock)
    try:
        yield
    finally:
        os.close(lock)
