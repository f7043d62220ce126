"""Recordings that are read once in a process answer as if each opening had read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import replaykit
from sessionkit import SESSION, replayed, report_folders, whole_session

from crashdrive.errors import ParseError, SessionClosedError, TranscriptError
from crashdrive.kernel.types import layouts, ptype
from crashdrive.kernel.types.model import PointerType, Type
from crashdrive.session.replay import ReplayTransport
from crashdrive.session.session import Session

FOLDER = report_folders("dmesg")[0]


def test_each_opening_has_the_answers_from_the_first_on() -> None:
    path = whole_session(FOLDER)
    assert whole_session(FOLDER) is path
    first, second = ReplayTransport(path), ReplayTransport(path)
    assert first.head == second.head
    assert list(first.entries()) == list(second.entries())
    (op, command), answers = next(iter(first._entries.items()))
    assert op == "run"
    asked = [first.exchange(command, 0) for _ in answers]
    first.close()
    with pytest.raises(SessionClosedError):
        first.exchange(command, 0)
    assert [second.exchange(command, 0) for _ in answers] == asked


def test_a_recording_that_was_put_together_is_what_its_file_says(tmp_path: Path) -> None:
    path = whole_session(FOLDER)
    copy = tmp_path / SESSION
    copy.write_bytes(path.read_bytes())
    known, read = ReplayTransport(path), ReplayTransport(copy)
    assert known.head == read.head
    assert list(known._entries.items()) == list(read._entries.items())


def test_memory_is_that_of_the_file() -> None:
    with replayed(FOLDER) as one, replayed(FOLDER) as other:
        rows = [crash.run_report("dmesg").builtins()["tables"] for crash in (one, other)]
    assert rows[0] == rows[1]
    assert any(rows[0].values())


def test_files_that_may_change_are_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / SESSION
    whole = ReplayTransport(whole_session(FOLDER))
    head = msgspec.json.encode(whole.head)
    for text in ("one", "other"):
        path.write_bytes(head + b'\n{"op":"run","command":"echo","text":"%s"}\n' % text.encode())
        with Session.replay(path) as session:
            assert session.run("echo").text == text
    path.write_bytes(head)
    with pytest.raises(TranscriptError):
        ReplayTransport(path)


def test_a_table_of_symbols_is_that_of_its_text() -> None:
    one, other = (b"ffffffff81000000 (T) %s\n" % name for name in (b"_text", b"_stext"))
    assert replaykit._table(one) is replaykit._table(bytes(bytearray(one)))
    assert replaykit._table(one).names == ["_text"]
    assert replaykit._table(other).names == ["_stext"]


def test_a_type_is_that_of_its_text_and_of_how_it_was_asked_for() -> None:
    text = (
        "type = struct a {\n"
        "/*      0      |       4 */    int b;\n"
        "\n"
        "                               /* total size (bytes):    4 */\n"
        "                             } **\n"
    )
    read: Callable[..., Type] = vars(layouts)["parse_ptype"]
    one = read("gdb ptype/o struct a **", text)
    assert read("gdb ptype/o struct a **", "".join(list(text))) is one
    assert one == ptype.parse_ptype("gdb ptype/o struct a **", text)
    assert read("gdb ptype/o struct a **", text, pointers=1) == PointerType(one, 8)
    with pytest.raises(ParseError):
        read("gdb ptype/o struct a **", text.replace("int b;", "int b"))
