"""TCP sockets with bytes that nobody took, with owners, by drgn: the counterpart of ``../stuck.py``."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator

from drgn import Object, Program, cast, container_of
from drgn.helpers.linux.fs import for_each_file
from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry
from drgn.helpers.linux.pid import for_each_task

TIME_WAIT, NEW_SYN_RECV, LISTEN = 6, 12, 10
program = Program()
program.set_core_dump(sys.argv[2])
program.load_debug_info([sys.argv[1]])


def established() -> Iterator[Object]:
    """Every socket in the hash table of connections."""
    table = program["tcp_hashinfo"]
    for number in range(table.ehash_mask.value_() + 1):
        chain = table.ehash[number].chain
        yield from hlist_nulls_for_each_entry("struct sock", chain, "__sk_common.skc_nulls_node")


def owners() -> dict[int, tuple[int, str]]:
    """Who holds a socket, by the address of its ``struct sock``."""
    found: dict[int, tuple[int, str]] = {}
    operations = program["socket_file_ops"].address_of_()
    for task in for_each_task(program):
        if not task.files:
            continue
        for _, file in for_each_file(task):
            if file.f_op == operations:
                held = cast("struct socket *", file.private_data)
                found.setdefault(
                    held.sk.value_(),
                    (task.pid.value_(), task.comm.string_().decode("utf-8", "backslashreplace")),
                )
    return found


def shown(common: Object, side: str, port: int) -> str:
    """An address and port."""
    if common.skc_family.value_() == socket.AF_INET6:
        raw = bytes(getattr(common, f"skc_v6_{side}").in6_u.u6_addr8.value_())
        return f"{socket.inet_ntop(socket.AF_INET6, raw)}:{port}"
    raw = getattr(common, f"skc_{side}").value_().to_bytes(4, "little")
    return f"{socket.inet_ntop(socket.AF_INET, raw)}:{port}"


holders = owners()
rows, total = [], 0
for sock in established():
    total += 1
    common = sock.member_("__sk_common")
    state = common.skc_state.value_()
    if state in {TIME_WAIT, NEW_SYN_RECV}:
        continue
    tcp = container_of(sock, "struct tcp_sock", "inet_conn.icsk_inet.sk")
    received = (tcp.rcv_nxt - tcp.copied_seq).value_() & 0xFFFFFFFF
    sent = (tcp.write_seq - tcp.snd_una).value_() & 0xFFFFFFFF
    if received or sent:
        near = shown(common, "rcv_saddr", common.skc_num.value_())
        far = shown(common, "daddr", socket.ntohs(common.skc_dport.value_()))
        rows.append((near, far, state, received, sent, holders.get(sock.value_())))
for row in rows:
    print(*row)
print(f"{len(rows)} of {total} have bytes in a queue")
