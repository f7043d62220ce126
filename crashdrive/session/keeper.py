"""The parent of one crash process; a program of its own, run as ``python -I -S keeper.py``.

It lives exactly as long as the client has use for it: when the client says ``q`` on standard input, closes
it, or is gone in whatever way (a descriptor of the client's process tells, since a child that the client
forked may hold standard input open), crash and its children are killed and the private folder is removed.
crash asks the kernel for a signal when the thread that started it ends; its parent being this process, the
client's threads may come and go.

Arguments: the client's process id, the terminal's file descriptor, the private folder, the program, argv[0],
further arguments. Its standard output tells the client ``pid N`` and, when crash ends, ``exit N`` or
``signal N``. Standard library only, nothing of the package: it must start in milliseconds.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import sys
import termios
from collections.abc import Iterator
from typing import NoReturn

# a child that forks while its session is killed is found by the next look
_ROUNDS = 20


def become_crash(terminal: int, folder: str, program: str, argv: list[str]) -> NoReturn:
    """In the child: a session of its own with the terminal as its controlling one, then crash."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    if terminal > 2:
        os.close(terminal)  # all others are closed by exec
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    os.chdir(f"{folder}/home")
    try:
        os.execve(program, argv, dict(os.environ))  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{program}: {error.strerror}\n".encode())
        os._exit(127)


def client_gone(pid: int) -> int | None:
    """A descriptor that becomes readable when the client ends; None if it already has."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    return descriptor if os.getppid() == pid else None


def wait_for_end(pid: int, client: int | None) -> None:
    """Until crash isn't wanted any more; tells when it ends, without reaping: the pid stays ours."""
    if client is None:
        return
    process = os.pidfd_open(pid)
    poller = select.poll()
    for descriptor in (0, process, client):
        poller.register(descriptor, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if process in ready:
            poller.unregister(process)
            ended = os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT)
            word = "exit" if ended is not None and ended.si_code == os.CLD_EXITED else "signal"
            tell(f"{word} {ended.si_status if ended is not None else 0}\n")
        if 0 in ready or client in ready:
            return


def tell(line: str) -> None:
    """One line to the client, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(1, line.encode())


def members(session: int) -> Iterator[int]:
    """The live processes of a session: crash, and what it started with ``!`` and ``|``."""
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 - pathlib costs 10 ms to import
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - the same
            fields = file.read().rpartition(b")")[2].split()
            if int(fields[3]) == session and fields[0] not in (b"Z", b"X"):
                yield int(name)


def kill_session(pid: int) -> None:
    """SIGKILL for all of crash's session, until none is left."""
    for _ in range(_ROUNDS):
        alive = [pid, *members(pid)]
        for member in alive:
            with contextlib.suppress(OSError):
                os.kill(member, signal.SIGKILL)
        if len(alive) == 1:
            return


def main() -> None:
    """Start crash, wait for the client's end, clean up."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    client, terminal, folder, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    pid = os.fork()
    if pid == 0:
        become_crash(terminal, folder, program, sys.argv[5:])
    os.close(terminal)
    tell(f"pid {pid}\n")
    try:
        wait_for_end(pid, client_gone(client))
    finally:
        kill_session(pid)
        os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
