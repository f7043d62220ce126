"""crash on another host: commands, bulk data, what a broken connection leaves behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from crashdrive.errors import DeadlineError, HostError, SessionDiedError
from crashdrive.kernel.memory.transfer import Transfer
from crashdrive.session.remote.channel import Unpacked
from crashdrive.session.remote.link import Link
from crashdrive.session.remote.transport import SshTransport
from crashdrive.session.session import Session
from tests.session.fake_crash import memory
from tests.session.places import gone
from tests.session.remote.conftest import Start
from tests.session.remote.server import Sshd

PAGE = 4096


def read(transport: SshTransport, *addresses: int, size: int = PAGE) -> tuple[bytes, bytes]:
    data = bytearray()
    commands = [f"rd -p -r {transport.fifo} {address:x} {size}" for address in addresses]
    text = transport.stream([*commands, "eval 0x5eed5"], data.extend, 20)
    return bytes(data), text


def test_several_commands_in_one_round_trip(start: Start) -> None:
    transport = start()
    before = transport.host.rounds
    outputs = transport.batch([f"eval {number}" for number in range(500)], 20)
    assert [output.split()[1] for output in outputs] == [f"{n:x}".encode() for n in range(500)]
    assert transport.host.rounds == before + 1


def test_hostile_output_is_no_prompt(start: Start) -> None:
    transport = start()
    outputs = transport.batch(["hostile", "prompts", "split", "unended", "eval 1"], 20)
    assert outputs[-1].startswith(b"hexadecimal: 1\n")
    assert outputs[3] == b"no newline"


def test_nothing_of_the_users_environment(start: Start) -> None:
    transport = start(files=(b"made there", "/odd name/vm'core"))
    said = transport.exchange("environment", 20).decode()
    names = {line.partition("=")[0] for line in said.splitlines()}
    assert names <= {"HOME", "INPUTRC", "LC_ALL", "PATH", "TERM", "TZ", "FAKE_MODE", "FAKE_FILES", "LC_CTYPE"}
    arguments = transport.exchange("arguments", 20).decode().splitlines()
    assert Path(eval(arguments[1])).read_bytes() == b"made there"  # noqa: S307 - a repr of the fake's
    assert arguments[2] == "'/odd name/vm'core'"  # its name, not that of a link


def test_memory_comes_once(start: Start) -> None:
    transport = start()
    data, text = read(transport, 0x100000, 0x200000)
    assert data == memory(0x100000, PAGE) + memory(0x200000, PAGE)
    assert text.count(b"bytes copied") == 2
    before = transport.host.rounds
    for address in (0x101000, 0x205000, 0x100000):  # neighbours, and the same again
        assert read(transport, address)[0] == memory(address, PAGE)
    assert transport.host.rounds == before


@pytest.mark.parametrize("holes", [True, False])
def test_pages_that_the_dump_lacks(start: Start, *, holes: bool) -> None:
    transport = start(holes=holes)
    for _ in range(2):
        data, text = read(transport, 0xBAC000, 0xBAD000, 0xBAE000)
        assert data == memory(0xBAC000, PAGE) + memory(0xBAE000, PAGE)
        assert b"page excluded" in text
        assert text.count(b"bytes copied") == 2


def test_rounds_one_behind_the_other(start: Start) -> None:
    """The bytes of none are taken for those of another, whichever host is the faster one."""
    transport = start()
    for number in range(40):
        address = (number + 1) << 24
        assert read(transport, address, size=3 * PAGE)[0] == memory(address, 3 * PAGE)


def test_interrupted(session: Session) -> None:
    with pytest.raises(DeadlineError):
        session.run("spin", timeout=0.5)
    assert session.run("echo 1").text == "1\n"
    assert not session.health.warnings  # it is the same crash


def test_a_crash_that_dies(session: Session) -> None:
    session.run("set 5")
    with pytest.raises(SessionDiedError, match="killed by SIGKILL"):
        session.run("die")
    assert "5" in session.run("set").text
    assert "restarted" in [warning.kind for warning in session.health.warnings]


def test_a_connection_that_breaks(session: Session, link: Link) -> None:
    """It is an error, and a new crash at the next command; nothing stays there."""
    transport = session._transport
    assert isinstance(transport, SshTransport)
    pid = int(session.run("pid").text)
    folder = Path(transport.side.folder)
    assert folder.is_dir()
    carrier = link.channel()._process.pid  # the connection that carries all
    threading.Timer(0.3, os.killpg, (carrier, signal.SIGKILL)).start()
    with pytest.raises(SessionDiedError, match="connection broke"):
        session.run("spin", timeout=20)
    assert session.run("echo again").text == "again\n"
    assert gone(pid)
    assert vanishes(folder)


def test_memory_that_a_broken_connection_kept_back_is_asked_for_again(
    session: Session, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a crash as it was: none with other tables takes its place."""
    carrier, add = link.channel()._process.pid, Unpacked.add

    def break_off(answer: Unpacked, data: bytes) -> None:
        monkeypatch.setattr(Unpacked, "add", add)
        os.killpg(carrier, signal.SIGKILL)
        add(answer, data[:100])

    monkeypatch.setattr(Unpacked, "add", break_off)
    (block,) = Transfer(session, "-p").fetch(range(0x100, 0x110), 0).blocks
    assert block == (0x100000, memory(0x100000, 16 * PAGE))
    assert [warning.kind for warning in session.health.warnings] == ["restarted"]


def test_the_end(start: Start, link: Link) -> None:
    transport = start()
    pid, folder = int(transport.exchange("pid", 20)), Path(transport.side.folder)
    sockets = Path(link.host._folder.name if link.host._folder else "/nonexistent")
    transport.exchange("child", 20)
    transport.close()
    assert not folder.exists()
    assert gone(pid)
    link.close()
    assert not sockets.exists()


def vanishes(folder: Path, seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not folder.exists()


def test_a_file_that_was_changed(link: Link, tmp_path: Path) -> None:
    from crashdrive.session.remote.ahead import Ahead

    dump = tmp_path / "vmcore"
    dump.write_bytes(b"x")
    transport = SshTransport(link, "/bin/true", [], (), [(str(dump), "1:2:3")], Ahead())
    with pytest.raises(SessionDiedError) as error:
        transport.greeting(20)
    transport.close()
    assert b"was changed since it was looked at" in error.value.output


def test_what_is_wrong_with_a_host(sshd: Sshd) -> None:
    from crashdrive.session.remote.host import Host

    sshd.know("changed", "other")
    key = str(sshd.folder / "key")
    for host, said in (
        (Host("127.0.0.1", sshd.options("none"), key), "host key is not known here"),
        (Host("127.0.0.1", sshd.options("changed"), key), "host key has changed"),
        (sshd.host("other"), "it wants a password or another key"),
        (Host("127.0.0.1", ["Port=1"], key), "nothing takes ssh connections there"),
        (Host("127.0.0.1", ["Nonsense=1"], key), "Bad configuration option"),
    ):
        with pytest.raises(HostError, match=said) as error:
            Link(host).channel()
        assert "\n" not in str(error.value)
        assert host._folder is None
