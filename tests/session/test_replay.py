"""Recorded sessions: what was recorded comes back equal; what is damaged says so."""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crashdrive.errors import (
    CrashdriveError,
    DeadlineError,
    SessionClosedError,
    SessionDiedError,
    SessionError,
    TranscriptError,
    UsageError,
)
from crashdrive.session.opening import Known
from crashdrive.session.replay import FORMAT, RecordingTransport, open_record
from crashdrive.session.result import CommandResult
from crashdrive.session.session import Session
from crashdrive.session.terminal import Sink
from crashdrive.session.transport import OutOfTimeError
from tests.session.conftest import Fake
from tests.session.fake_crash import memory
from tests.session.places import HEALTH


class Scripted:
    """A transport that answers what the test wants."""

    scratch: Path | None = Path("/private/folder")
    fifo: Path | None = Path("/private/folder/fifo")

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = {command: iter(all_of_them) for command, all_of_them in answers.items()}

    def exchange(self, command: str, timeout: float, sink: Sink | None = None) -> bytes:
        assert timeout > 0
        answer = next(self.answers[command])
        if isinstance(answer, Exception):
            raise answer
        if sink is not None:
            sink(answer[:-1])
            return bytes(answer[-1:])
        return bytes(answer)

    def batch(self, commands: list[str], timeout: float) -> list[bytes]:
        outputs: list[bytes] = []
        for command in commands:
            try:
                outputs.append(self.exchange(command, timeout))
            except (OutOfTimeError, SessionDiedError) as error:
                error.finished = outputs
                raise
        return outputs

    def stream(self, commands: list[str], sink: Sink, timeout: float) -> bytes:
        sink(self.exchange(commands[0], timeout))
        return b"done\n"

    def broke_off(self, command: str, timeout: float) -> bool:
        assert timeout > 0
        return command == "kmem -i"

    def waiting(self) -> bool:
        return True

    def recover(self) -> bool:
        return True

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Sunk(bytearray):
    """A file in memory that can be compared."""

    def write(self, data: bytes) -> int:
        self.extend(data)
        return len(data)


def record(path: Path, transport: Any) -> Session:
    session = Session(
        transport, HEALTH, Known({"vmcore": "x"}), timeout=5, restart=lambda _context: (transport, [])
    )
    with open_record(path) as file:
        session._record(file)
    return session


def outcome(act: Callable[[], Any]) -> Any:
    """What a call gives or raises, with nothing in it that is measured."""
    try:
        result = act()
    except CrashdriveError as error:
        return type(error), str(error), getattr(error, "output", None)
    if isinstance(result, CommandResult):
        return (result.command, result.raw, result.failure)
    if isinstance(result, list):
        return [(r.command, r.raw, r.failure) for r in result]
    return result


def play(session: Session, calls: list[tuple[str, Any]]) -> list[Any]:
    """All calls' outcomes."""
    outcomes: list[Any] = []
    for how, what in calls:
        sunk = Sunk()
        if how == "run":
            outcomes.append(outcome(lambda: session.run(what)))  # noqa: B023 - called at once
        elif how == "to":
            outcomes.append(outcome(lambda: session.run(what, to=sunk)))  # type: ignore[arg-type] # noqa: B023 - as a file
        elif how == "many":
            outcomes.append(outcome(lambda: session.run_many(what)))  # noqa: B023 - called at once
        else:
            outcomes.append(outcome(lambda: session.stream([what], sunk.extend)))  # noqa: B023 - called at once
        outcomes.append(bytes(sunk))
    return outcomes


NAMES = st.sampled_from(["ps", "bt", "log", "rd x", "struct a"])
OUTPUTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([b"", b"\0\x1b[31m\r\n", b"ps: x\n", b"FIFO", b"\xff" * 70_000]),
    st.sampled_from(["deadline", "died"]),
)
CALLS = st.one_of(
    st.tuples(st.sampled_from(["run", "to", "stream"]), NAMES),
    st.tuples(st.just("many"), st.lists(NAMES, min_size=1, max_size=4)),
)


def failing(output: Any) -> Any:
    if output == "deadline":
        return OutOfTimeError(b"so far")
    return SessionDiedError("crash ended: killed by SIGKILL", b"so \xff far") if output == "died" else output


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=8), data=st.data())
def test_any_session_replays_equal(tmp_path: Path, calls: list[tuple[str, Any]], data: st.DataObject) -> None:
    outputs = {name: data.draw(st.lists(OUTPUTS, min_size=1, max_size=8)) for name in ("ps",)}
    outputs |= {
        n: data.draw(st.lists(OUTPUTS, min_size=1, max_size=1)) for n in ("bt", "log", "rd x", "struct a")
    }
    answers = {name: [failing(output) for output in some * 40] for name, some in outputs.items()}
    path = tmp_path / "session"
    with record(path, Scripted(answers)) as session:
        live = play(session, calls)
    with Session.replay(path, timeout=5) as replayed:
        assert play(replayed, calls) == live


def test_a_real_one_replays_equal(make_fake: Callable[..., Fake], tmp_path: Path) -> None:
    path = tmp_path / "session"

    def calls(session: Session) -> list[Any]:
        data = bytearray()
        texts = [
            outcome(lambda: session.run("hostile")),
            outcome(lambda: session.run(f"echo {session.fifo}x")).__class__,
            outcome(
                lambda: session.run_many(["echo 1", "nosuch", "echo a | b", "spin", "echo 2"], timeout=0.3)
            ),
            outcome(lambda: session.run("set 5")),
            outcome(lambda: session.run("die")),
            outcome(lambda: session.run("set")),
            outcome(lambda: session.run("segv")),
            outcome(lambda: session.run("set")),
            outcome(lambda: session.stream([f"rd -r {session.fifo} 1000 5000"], data.extend)).__class__,
        ]
        return [*texts, bytes(data)]

    with make_fake().session() as session, open_record(path) as file:
        session._record(file)
        live = calls(session)
    with Session.replay(path) as replayed:
        assert replayed.fifo == Path("FIFO")
        assert calls(replayed) == live
        assert replayed.health == HEALTH or replayed.health.warnings
    assert b"crashdrive-" not in path.read_bytes()


def test_memory_in_other_pieces(make_fake: Callable[..., Fake], tmp_path: Path) -> None:
    path = tmp_path / "session"
    with make_fake().session() as session, open_record(path) as file:
        session._record(file)
        fifo = session.fifo
        data = bytearray()
        session.stream([f"rd -r {fifo} 10000 8192", f"rd -r {fifo} 12000 4096", "eval 0x5eed5"], data.extend)
        session.stream([f"rd -r {fifo} bad000 4096", f"rd -r {fifo} 20010 100", "eval 0x5eed5"], data.extend)
    replayed = Session.replay(path)
    got = bytearray()
    text = replayed.stream(["rd -r FIFO 10ff0 8192", "rd -r FIFO 20020 16", "eval 0x7"], got.extend)
    assert bytes(got) == memory(0x10FF0, 8192) + memory(0x20020, 16)
    assert text == (
        b"8192 bytes copied from 0x10ff0 to FIFO\n16 bytes copied from 0x20020 to FIFO\nhexadecimal: 7\n"
    )
    got.clear()
    text = replayed.stream(["rd -r FIFO bad000 512", "rd -r FIFO 10000 16"], got.extend)
    assert text.startswith(b"rd: page excluded: kernel virtual address: bad000")
    assert bytes(got) == memory(0x10000, 16)
    for unknown in (
        "rd -r FIFO 13000 8",
        "rd -r FIFO 12fff 2",
        "rd -p -r FIFO 10000 8",
        "rd -r FIFO 20000 100",
    ):
        with pytest.raises(
            TranscriptError, match=r"doesn.t hold \d+ bytes of memory at 0x.* record it again"
        ):
            replayed.stream([unknown], got.extend)


HEAD = json.dumps({
    "crashdrive_session": FORMAT, "identity": {},
    "health": {"binary": "c", "version": None, "gdb_version": None, "options": [], "attempts": [],
               "warnings": [], "missing": []},
})  # fmt: skip
BOMB = base64.b85encode(zlib.compress(b"\0" * (1 << 26), 9)).decode()
TORN = base64.b85encode(zlib.compress(os.urandom(5000), 9)[:300]).decode()


def entry(**fields: Any) -> str:
    return json.dumps({"op": "run", "command": "ps", **fields})


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\n", b"x", b"{}\n", b"\xff\xfe\n", b"\0" * 100, b"[1]\n", b"[" * 5000 + b"\n",
        HEAD.encode()[:50], HEAD.encode(), f"{HEAD}\nnonsense\nmore\n".encode(),
        HEAD.replace(f'"crashdrive_session": {FORMAT}', '"crashdrive_session": 99').encode() + b"\n",
        f'{HEAD}\n{{"op": "jump", "command": "ps"}}\n'.encode(), f"{HEAD}\n".encode() + b"\xff\n",
        f'{HEAD}\n{{"op": "run", "command": 7}}\n'.encode(),
    ],
)  # fmt: skip
def test_damaged_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x\x1b[31m"
    path.write_bytes(content)
    with pytest.raises(TranscriptError) as caught:
        Session.replay(path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "fields", [{"packed": "~~~"}, {"packed": "\x01"}, {"packed": TORN}, {"packed": BOMB[:100]}]
)
def test_damaged_entries(tmp_path: Path, fields: dict[str, Any]) -> None:
    path = tmp_path / "session"
    path.write_text(f"{HEAD}\n{entry(**fields)}\n")
    session = Session.replay(path)
    with pytest.raises(TranscriptError, match="damaged entry"):
        session.run("ps")
    with pytest.raises(TranscriptError, match="damaged entry"):
        session.run("ps", to=Sunk())  # type: ignore[arg-type] # as a file


def test_bombs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crashdrive.session.replay._MOST_BYTES", 1 << 20)
    path = tmp_path / "session"
    path.write_text(f"{HEAD}\n{entry(packed=BOMB)}\n")
    with pytest.raises(TranscriptError, match="more than 1 MiB"):
        Session.replay(path).run("ps")


def test_no_files(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, Path("/dev/zero"), tmp_path / "a\0b"):
        with pytest.raises(TranscriptError):
            Session.replay(path)


def test_a_half_written_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "session"
    path.write_text(f"{HEAD}\n{entry(text='all of it')}\n{entry(text='half')[:20]}")
    session = Session.replay(path)
    assert session.run("ps").text == "all of it"
    with pytest.raises(TranscriptError, match="doesn't hold `bt`"):
        session.run("bt")
    session.close()
    with pytest.raises(SessionClosedError):
        session.run("ps")


def test_where_to_record(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't record"), open_record(tmp_path / "no" / "such"):
        pass
    old = tmp_path / "old"
    old.write_text("an older recording")
    for path in (old, tmp_path / "new"):
        with pytest.raises(RuntimeError), open_record(path):
            raise RuntimeError
    assert old.read_text() == "an older recording"
    assert not (tmp_path / "new").exists()


def test_a_full_disk_while_recording() -> None:
    with open_record("/dev/full") as file:
        assert file is not None
        recorder = RecordingTransport(Scripted({}), file)  # type: ignore[arg-type] # as a transport
        with pytest.raises(SessionError, match="can't write the recorded session: No space left"):
            recorder.write_head(HEALTH, {})
        recorder.finish()


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    path = tmp_path / "case.session"
    with open_record(path) as file:
        assert file is not None
        recorder = RecordingTransport(Scripted({}), file)  # type: ignore[arg-type] # as a transport
        recorder.write_head(HEALTH, {"vmcore": "/tmp/vmcore\udcff"})
        recorder.finish()
    assert Session.replay(path).identity == {"vmcore": "/tmp/vmcore\\xff"}


def test_deadline_and_death_come_back(tmp_path: Path) -> None:
    path = tmp_path / "session"
    path.write_text(
        f"{HEAD}\n{entry(text='a', ended='deadline')}\n{entry(text='b', ended='died', how='crash ended')}\n"
    )
    session = Session.replay(path)
    with pytest.raises(DeadlineError) as late:
        session.run("ps")
    assert late.value.output == b"a"
    with pytest.raises(SessionDiedError, match="crash ended during `ps`"):
        session.run("ps")
    assert session.replayed, "a memory made now must ask for no page that isn't recorded"


def test_a_command_that_was_broken_off_is_so_in_a_replay(tmp_path: Path) -> None:
    path = tmp_path / "session"
    commands = ["sys", "kmem -i"]
    with record(path, Scripted({"sys": [b"KERNEL\n"] * 2, "kmem -i": [b"PAGES\n"] * 2})) as session:
        recorded = play(session, [("run", command) for command in commands])
    with Session.replay(path) as replayed:
        assert play(replayed, [("run", command) for command in commands]) == recorded
        assert [r.failure and r.failure.kind for r in replayed.run_many(commands)] == [None, "broken-off"]
