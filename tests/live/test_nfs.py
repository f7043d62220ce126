"""NFS of real dumps: as the guest's /proc had it, and as PyKdump's nfsshow shows it on the same dump."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pykdumpkit as kit
import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.nfs import caches, exports, mounts, opens, served
from crashdrive.linux.nfs.calls import rpc_calls
from crashdrive.linux.nfs.transports import Transports
from crashdrive.linux.survey import Survey
from crashdrive.pykdump.likeness import nfs

pytestmark = pytest.mark.live
DUMP = kit.CHECKOUT / ".lab" / "dumps" / "6.1-kdump-deadserver"
MOUNTED = DUMP.with_name("6.1-kdump-nfsd")


def opened(dump: Path, version: str) -> Iterator[Crash]:
    """A dump in a crash of the lab; skipped where one of them is missing."""
    binary = kit.CHECKOUT / ".lab" / "crash" / version / "crash"
    if not (dump / "vmcore").exists() or not binary.exists():
        pytest.skip(f"{dump.name} or crash {version} is missing: scripts/lab makes it")
    with open_dump(dump / "vmlinux", dump / "vmcore", crash=[str(binary)]) as found:
        yield found


@pytest.fixture(scope="module", params=["8.0.6", "9.0.2"])
def crash(request: pytest.FixtureRequest) -> Iterator[Crash]:
    """The guest whose mount waits for a server that never answers."""
    yield from opened(DUMP, request.param)


def waiting_pid() -> int:
    """The process that the guest said to wait for the call."""
    found = [
        int(stack.parent.name)
        for stack in (DUMP / "truth/proc").glob("[0-9]*/stack")
        if "rpc_wait_bit_killable" in stack.read_text()
    ]
    (pid,) = found
    return pid


def test_the_call_that_is_not_answered(crash: Crash) -> None:
    survey = NetSurvey.of(crash.kernel)
    found = rpc_calls(survey)
    (client,), (call,) = found.clients, found.calls
    (link,) = Transports(survey).at([int(client.transport_address or 0)])
    assert survey.complete
    assert (client.program, client.program_number, client.program_version, client.server) == (
        "nfs", 100003, 4, "127.0.0.1",
    )  # fmt: skip
    assert (call.owner_pid, call.procedure, call.procedure_number) == (waiting_pid(), None, 0)
    assert call.queue == "xprt_pending"
    assert set((call.flags or "").split("|")) >= {"SOFT", "SOFTCONN", "SENT"}
    assert (link.protocol, link.remote) == ("tcp", "127.0.0.1:2049")
    assert set((link.state or "").split("|")) == {"BOUND", "CONNECTED"}
    assert (link.queues["pending"], link.call_counters["sends"], link.call_counters["recvs"]) == (1, 1, 0)


def lines(crash: Crash, **given: object) -> list[str]:
    survey = Survey(crash.kernel)
    said = list(nfs.lines(crash, survey, {"verbose": 0, "netns": "init", **given}))
    assert survey.complete
    return said


def test_the_summary_has_the_connection_and_its_socket(crash: Crash) -> None:
    said = lines(crash)
    assert said[:3] == [
        " RPC ".center(70, "="), "  ------- 1 RPC Tasks ---------", "      --- 1 RPC Clients ----",
    ]  # fmt: skip
    assert any(re.fullmatch(r" +tcp 127.0.0.1:\d+ 127.0.0.1:2049 ESTABLISHED", line) for line in said)
    assert "        len(pending) queue is 1" in said


def test_who_is_in_nfs(crash: Crash) -> None:
    pid = waiting_pid()
    for asked in (-1, pid):
        said = lines(crash, pid=asked)
        assert f"--- PID={pid} --- mount" in said
        stack = Path(DUMP / f"truth/proc/{pid}/stack").read_text()
        told = [line.removeprefix(" --- ") for line in said if line.startswith(" --- ")]
        assert told == [name for name in re.findall(r"(\w+)\+0x", stack) if re.search("nfs|rpc", name)]
    # with the modules' debug data: what they were given
    if any("rpc_task" in line for line in said):
        assert "      ⮡server: 127.0.0.1" in said


def test_every_option_has_an_answer(crash: Crash) -> None:
    for option in ("client", "server", "rpctasks", "locks", "deferred", "all"):
        lines(crash, **{option: True, "verbose": 2})


@pytest.fixture(scope="module", params=["8.0.6", "9.0.2"])
def mounted(request: pytest.FixtureRequest) -> Iterator[Crash]:
    """The guest that mounts what it exports itself, and whose server waits for a frozen filesystem."""
    yield from opened(MOUNTED, request.param)


def test_a_mount_with_its_client_open_files_lock_and_delegation(mounted: Crash) -> None:
    survey = NetSurvey.of(mounted.kernel)
    (mount,), (client,) = mounts.nfs_mounts(survey), mounts.nfs_clients(survey)
    assert (mount.hostname, mount.mount_points) == ("127.0.0.1", ("/mnt",))
    shown = (MOUNTED / "truth/proc/1/mountinfo").read_text()
    options = next(line for line in shown.splitlines() if " - nfs4 " in line).split()[-1]
    assert {f"rsize={mount.rsize}", f"wsize={mount.wsize}"} <= set(options.split(","))
    assert (client.nfs_version, client.minor_version, client.remote) == (4, 1, "127.0.0.1")
    assert (mount.client_address, client.lease) == (client.address, 10.0)
    found = {one.path: one for one in opens.nfs_opens(survey, [mount])}
    assert {path: one.mode for path, one in found.items()} == {"/file": "READ|WRITE", "/other": "WRITE"}
    assert [len(one.lock_states) for one in found.values()].count(1) == 1
    assert len(found["/file"].lock_states) == 1
    assert all(one.path == "/file" for one in opens.nfs_delegations(survey, [mount]))
    assert survey.complete


def test_what_the_server_exports_as_the_guest_wrote_it_into_its_caches(mounted: Crash) -> None:
    survey = NetSurvey.of(mounted.kernel)
    known = caches.rpc_caches(survey)
    (export,), (handle,) = exports.nfs_exports(survey, known), exports.nfs_handles(survey, known)
    assert (export.client, export.path, export.flags, export.fsid) == ("lab", "/export", 0x2402, 0)
    assert (handle.client, handle.fsid_type, handle.fsid_words, handle.path) == (
        "lab", 1, "00000000", "/export",
    )  # fmt: skip
    assert {one.remote: one.domain for one in exports.address_domains(survey, known)} == {
        "127.0.0.1": "lab", "192.0.2.7": "other",
    }  # fmt: skip
    (user,) = exports.user_groups(survey, known)
    assert (user.uid, user.gids) == (0, (0, 10))
    links = served.nfsd_connections(survey)
    assert sorted(one.local or "" for one in links) == ["0.0.0.0:2049", "127.0.0.1:2049", "[::]:2049"]
    assert all("LISTENER" in (one.flags or "") for one in links if one.kept == "permanent")
    assert served.deferred_requests(survey) == []
    assert survey.complete


def test_calls_that_wait_for_the_frozen_filesystem(mounted: Crash) -> None:
    survey = NetSurvey.of(mounted.kernel)
    found = rpc_calls(survey)
    owners = {one.procedure: one.owner_pid for one in found.calls}
    names = {pid: (MOUNTED / f"truth/proc/{pid}/comm").read_text().strip() for pid in owners.values()}
    assert names[owners["CREATE"]] == "mkdir"
    assert names[owners["WRITE"]] == "lab-writer"
    assert all((one.started_ago or 0) > 4 for one in found.calls)
    said = lines(mounted, all=True, verbose=2)
    assert "       WARNING: NFS loopback mount -> 127.0.0.1" in said
    assert "rw,insecure,no_root_squash,sync,no_wdelay,no_subtree_check,fsid=0" in said
