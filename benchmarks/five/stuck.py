"""TCP sockets with bytes that nobody took, and who holds them, ``crashdrive run VMCORE stuck.py``."""

from __future__ import annotations

from crashdrive import Crash
from crashdrive.linux.net import sockets


def report(crash: Crash) -> None:
    """Print them."""
    found = sockets.read(crash.kernel, protocols=("tcp", "tcp6"), processes=True)
    stuck = [one for one in found if one.state != "LISTEN" and (one.recv_q or one.send_q)]
    for one in sorted(stuck, key=lambda one: (-(one.recv_q or 0) - (one.send_q or 0), one.inode or 0)):
        near, far = f"{one.local_address}:{one.local_port}", f"{one.remote_address}:{one.remote_port}"
        print(f"{near} {far} {one.state} recv {one.recv_q} send {one.send_q} {one.pid} {one.program}")
    print(f"{len(stuck)} of {len(found)} have bytes in a queue")
    for notice in found.notices:
        print(notice.message)
