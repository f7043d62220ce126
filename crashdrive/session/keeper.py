"""The parent of one crash process; a program of its own, run as ``python -I -S keeper.py``.

It lives exactly as long as the client: when the client's end of standard input closes, by close() or
because the client died in whatever way, crash and its children are killed and the private folder is
removed. crash asks the kernel for a signal when the thread that started it ends; its parent being this
process, the client's threads may come and go.

Arguments: the terminal's file descriptor, the private folder, the program, argv[0], further arguments.
Its standard output tells the client ``pid N`` and, when crash ends, ``exit N`` or ``signal N``.
Standard library only, nothing of the package: it must start in milliseconds.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import sys
import termios
from typing import NoReturn


def become_crash(terminal: int, folder: str, program: str, argv: list[str]) -> NoReturn:
    """In the child: a session of its own with the terminal as its controlling one, then crash."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(terminal, descriptor)
    os.closerange(3, 256)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    os.chdir(f"{folder}/home")
    try:
        os.execve(program, argv, dict(os.environ))  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{program}: {error.strerror}\n".encode())
        os._exit(127)


def wait_for_end(pid: int) -> None:
    """Until the client is gone; tells it when crash ends, without reaping, so that the pid stays ours."""
    process = os.pidfd_open(pid)
    poller = select.poll()
    poller.register(0, select.POLLIN | select.POLLHUP)
    poller.register(process, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in poller.poll()}
        if process in ready:
            poller.unregister(process)
            ended = os.waitid(os.P_PIDFD, process, os.WEXITED | os.WNOWAIT)
            word = "exit" if ended is not None and ended.si_code == os.CLD_EXITED else "signal"
            tell(f"{word} {ended.si_status if ended is not None else 0}\n")
        if 0 in ready and not os.read(0, 4096):
            return


def tell(line: str) -> None:
    """One line to the client, if it is still there."""
    with contextlib.suppress(OSError):
        os.write(1, line.encode())


def main() -> None:
    """Start crash, wait for the client's end, clean up."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    terminal, folder, program = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    pid = os.fork()
    if pid == 0:
        become_crash(terminal, folder, program, sys.argv[4:])
    os.close(terminal)
    tell(f"pid {pid}\n")
    try:
        wait_for_end(pid)
    finally:
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
