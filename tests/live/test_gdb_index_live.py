"""gdb's index changes nothing of what crash prints; crash writes none itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crashdrive.cache.gdb_index import Indexes
from crashdrive.cache.store import Store
from crashdrive.dump.identity import vmlinux_identity
from crashdrive.session import Session
from crashdrive.session.indexing import prepared

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

# each crash once
ONCE = {("6.1-elf-sysrq", "vmcore"), ("6.1-elf-sysrq", "vmcore.filtered"), ("6.12-elf-sysrq", "vmcore")}
COMMANDS = (
    "sys", "ps", "bt -a", "mod", "log", "struct task_struct", "struct -o sock", "union thread_union",
    "p init_task.comm", "whatis schedule", "sym jiffies", "dis -l do_exit 20", "kmem -i", "net", "mount",
    "list task_struct.tasks -H init_task -s task_struct.pid", "gdb info line do_exit",
    "gdb ptype struct list_head",
)  # fmt: skip


def said(session: Session) -> list[tuple[str, bytes]]:
    # what crash 8.0.6 keeps of earlier backtraces changes the next ones
    session.run("bt -D clear").check()
    return [(command, session.run(command).raw) for command in COMMANDS]


def test_what_crash_prints_is_the_same(lab: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (lab.name, lab.vmcore.name) not in ONCE:
        pytest.skip("the index is the vmlinux's: seen on the other dumps")
    monkeypatch.delenv("CRASHDRIVE_GDB_INDEX")
    store = Store(tmp_path)
    store.size()
    indexes = Indexes(store)
    assert prepared(vmlinux_identity(lab.vmlinux), indexes)[0] is not None
    plain = said(lab.session)
    with Session.open(lab.vmlinux, lab.vmcore, crash=[str(lab.crash)], indexes=indexes) as session:
        assert session.health.attempts[-1].indexed
        assert said(session) == plain
        session.run("mod -S /nonexistent")
        scratch = session.scratch
        assert scratch is not None
        assert len(list((scratch / "index").iterdir())) == 1
    assert len(list(indexes.directory.iterdir())) == 1
