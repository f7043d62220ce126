"""Sockets that only their user can reach, and what is said over them."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crashdrive.session.warm import frames, place
from crashdrive.session.warm.find import greet
from crashdrive.session.warm.frames import Channel
from crashdrive.session.warm.held import lasts
from crashdrive.session.warm.turns import Turns
from tests.session.warm.conftest import Warm


@pytest.fixture
def folder(sockets: Path) -> Iterator[int]:
    assert not sockets.exists()
    with place.opened_folder() as found:
        assert found is None
    with place.opened_folder(make=True) as found:
        assert found is not None
        yield found


def test_the_folder_and_the_socket_are_the_users_alone(warm: Warm, sockets: Path) -> None:
    assert sockets.stat().st_mode & 0o777 == 0o700
    assert (sockets / f"{warm.key}.sock").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o750, 0o701])
def test_a_folder_that_others_reach_is_refused(folder: int, sockets: Path, mode: int) -> None:
    sockets.chmod(mode)
    with pytest.raises(place.UnsafeSessionsError, match="chmod 700"), place.opened_folder():
        pass
    assert folder


def test_a_foreign_folder_is_refused(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(place.UnsafeSessionsError, match="belongs to user"), place.opened_folder():
        pass
    assert folder


def test_a_link_in_its_place_is_refused(sockets: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    sockets.symlink_to(tmp_path / "other")
    with (
        pytest.raises(place.UnsafeSessionsError, match="no folder of sessions"),
        place.opened_folder(make=True),
    ):
        pass


def test_another_users_server_is_not_used(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "peer", lambda _connection: (1, 12345))
    assert warm.try_client() is None
    assert "belongs to user 12345" in warm.said[-1]


def test_another_users_client_is_not_served(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.warm.server.place.check_peer", _refuse)
    connection = socket.socket(socket.AF_UNIX)
    with place.opened_folder() as found:
        connection.connect(f"/proc/self/fd/{found}/{warm.key}.sock")
    assert connection.recv(1) == b""
    connection.close()


def _refuse(_connection: object) -> None:
    raise place.UnsafeSessionsError("another user's")


def test_without_a_runtime_folder_it_is_the_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    for odd in ("", "relative", str(tmp_path / "missing")):
        monkeypatch.setenv("XDG_RUNTIME_DIR", odd)
        assert place.sessions_folder() == tmp_path / "cache/sessions"
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    assert place.sessions_folder() is None


def test_a_path_that_is_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with place.opened_folder(make=True) as found:
        assert found is not None
        listening = place.listen(found, "key")
        connection = place.connect(found, "key")
        assert connection is not None
        connection.close()
        listening.close()


def test_what_a_killed_server_left_is_removed(folder: int, sockets: Path) -> None:
    with place.locked(folder, "key"):
        place.listen(folder, "key").close()
        assert place.connect(folder, "key") is None
        assert place.names(folder) == ["key"]  # its process lives: it may still come up
    assert place.connect(folder, "key") is None
    assert not any(sockets.iterdir())


def test_one_server_for_a_dump(folder: int) -> None:
    with place.locked(folder, "key"):
        with pytest.raises(place.HeldLockError), place.locked(folder, "key"):
            pass
        with place.locked(folder, "other"):
            pass
    with place.locked(folder, "key"):
        pass


def test_a_dump_is_found_by_what_it_is(tmp_path: Path) -> None:
    first, other = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"x" * 100_000)
    other.write_bytes(b"x" * 100_000)
    key = place.dump_key(str(first))
    assert key is not None
    assert place.dump_key(str(other)) != key
    (tmp_path / "link").symlink_to(first)
    assert place.dump_key(str(tmp_path / "link")) == key
    times = first.stat()
    first.write_bytes(b"y" + b"x" * 99_999)
    os.utime(first, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert place.dump_key(str(first)) != key
    assert [place.dump_key(path) for path in (str(tmp_path), "/dev/null", "/nowhere", "a\0b")] == [None] * 4


GARBLED = [
    b"\xff\xff\xff\xff",
    struct.pack("<I", frames.MOST_ASKED + 1),
    struct.pack("<I", 3) + b"\xc1\xc1\xc1",
    struct.pack("<I", 4) + msgspec.msgpack.encode([1, 2, 3]),
    b"GET / HTTP/1.0\r\n\r\n",
]


def _connected(warm: Warm) -> socket.socket:
    with place.opened_folder() as found:
        assert found is not None
        connection = place.connect(found, warm.key)
    assert connection is not None
    connection.settimeout(20)
    return connection


@pytest.mark.parametrize("data", GARBLED)
@pytest.mark.parametrize("greeted", [False, True])
def test_what_is_no_frame_ends_the_connection(warm: Warm, data: bytes, *, greeted: bool) -> None:
    connection = _connected(warm)
    if greeted:
        channel = Channel(connection, frames.MOST_SAID)
        channel.send(frames.Hello(protocol=frames.PROTOCOL, code=warm.server.welcome().code))
        channel.receive(frames.WELCOME, 20)
        connection.settimeout(20)
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    assert connection.recv(1) == b""
    connection.close()
    with warm.client() as session:
        assert session.run("echo 1").ok


@pytest.mark.parametrize(
    "frame",
    [
        {"frame": "run", "number": 1, "command": "echo 1", "seconds": 1.0, "more": 1},
        {"frame": "run", "number": "1", "command": "echo 1", "seconds": 1.0},
        {"frame": "run", "number": 1, "command": ["echo 1"], "seconds": 1.0},
        {"frame": "exec", "number": 1},
        {"number": 1},
    ],
)
def test_frames_are_read_strictly(frame: dict[str, object]) -> None:
    with pytest.raises(msgspec.DecodeError):
        frames.REQUEST.decode(msgspec.msgpack.encode(frame))


def _receive_all(channel: Channel) -> None:
    while True:
        channel.receive(frames.REQUEST, 5)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(data)
    theirs.close()
    channel = Channel(ours, 1000)
    with pytest.raises((frames.GarbledError, frames.ClosedError)):
        _receive_all(channel)
    channel.close()


def test_a_line_that_must_not_reach_crash(warm: Warm) -> None:
    """The server checks lines as a session does, whoever is at the other end."""
    with place.opened_folder() as found:
        assert found is not None
        greeted = greet(found, warm.key)
    assert greeted is not None
    channel = greeted[0]
    for number, line in enumerate(["echo 1\necho 2", "quit", "", "set silent off"], 1):
        channel.send(frames.Run(number=number, command=line, seconds=5.0))
        answer = channel.receive(frames.REPLY, 20)
        assert isinstance(answer, frames.Failed)
        assert answer.kind == "error"
    channel.close()


def test_turns_go_in_order() -> None:
    turns = Turns()
    assert turns.take("a", 0)
    assert turns.take("a", 0)
    assert not turns.take("b", 0)
    assert not turns.wanted
    turns.give("b")
    assert turns.holder == "a"
    turns.give("a")
    assert turns.take("b", 0)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ps -a", False), ("bt -a | grep x", False), ("rd -r /tmp/x ffff 8", False), ("set 1", False),
        ("mod", False), ("mod -t", False), ("mod -S", True), ("mod -s dummy", True), ("alias", False),
        ("alias x ps", True), ("extend x.so", True), ("gdb ptype/o struct list_head", False),
        ("gdb p jiffies", False), ("gdb p $x = 1", True), ("gdb set listsize 1", True), ("gdb", True),
        ("gdb cd /tmp", False), ("p jiffies", False), ("p jiffies=1", True), ("wr jiffies 1", True),
        ("repeat -1 ps", True), ("print 1", True), ("foreach bt", False), ("hex", False),
    ],
)  # fmt: skip
def test_what_lasts(line: str, *, expected: bool) -> None:
    assert lasts(line, b"") is expected
    assert not lasts("nosuch", b"crash: command not found: nosuch\n")


Change = Callable[[Warm], object]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda warm: warm.kernel.write_bytes(warm.kernel.read_bytes()), "vmlinux was changed"),
        (lambda warm: os.utime(warm.fake.path), "crash binary was changed"),
    ],
)
def test_a_session_that_no_longer_fits(warm: Warm, change: Change, why: str) -> None:
    change(warm)
    assert warm.try_client() is None
    assert why in warm.said[-1]


def test_a_session_of_another_kind(warm: Warm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from crashdrive.session.warm import find

    wanted = warm.wanted
    other = tmp_path / "other"
    other.write_bytes(warm.kernel.read_bytes())
    for asked, why in (
        (wanted._replace(vmlinux=str(other)), "another vmlinux"),
        (wanted._replace(crash=["/bin/true"]), "other crash binaries"),
        (wanted._replace(crash=["/nowhere"]), "no crash binary"),
    ):
        assert find.connected(asked, warm.said.append) is None
        assert why in warm.said[-1]
    assert find.connected(wanted._replace(vmcore=str(other)), warm.said.append) is None
    monkeypatch.setattr(find, "code_digest", lambda: "other code")
    assert find.connected(wanted, warm.said.append) is None
    assert "another version" in warm.said[-1]
