"""What a kept answer printed, unpacked piece by piece."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import msgspec
import pytest

from crashdrive.cache.answers import KeptAnswer, packed

LOADED = """\
import sys, crashdrive.cli
crashdrive.cli._load_msgspec()
import crashdrive.cache.answers
print([name for name in ("typing_extensions", "inspect", "click") if name in sys.modules])
import typing_extensions
print(bool(typing_extensions.NotRequired))
"""
HEAD = b'{"report": "netstat", "source": "'


def kept(output: bytes) -> KeptAnswer:
    return KeptAnswer(
        asked="", dump="", made_at=0.0, seconds=0.0, status=0, said=(), output=packed(output),
        size=len(output), basis=(),
    )  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 1_000_003])
def test_every_length_is_whole(length: int) -> None:
    output = bytes(number * 7 % 251 for number in range(length))
    assert kept(output).text() == output


@pytest.mark.parametrize("source", [b"crash", b"session"])
def test_a_report_says_that_it_comes_out_of_the_store(source: bytes) -> None:
    rows = b'", "tables": {}}' + b"x" * 300_000
    assert kept(HEAD + source + rows).text() == HEAD + b"store" + rows


def test_a_source_behind_the_head_is_some_rows_own() -> None:
    output = b"y" * (64 << 10) + HEAD + b'crash"}'
    assert kept(output).text() == output


def test_no_piece_is_as_large_as_the_whole() -> None:
    sizes = [len(piece) for piece in kept(b"z" * 1_000_000).pieces()]
    assert sum(sizes) == 1_000_000
    assert max(sizes) <= 64 << 10


@pytest.mark.parametrize(
    "harm",
    [
        lambda answer: msgspec.structs.replace(answer, size=answer.size + 1),
        lambda answer: msgspec.structs.replace(answer, output=b""),
        lambda answer: msgspec.structs.replace(answer, output=b"no frame at all"),
        lambda answer: msgspec.structs.replace(answer, output=answer.output[:-20]),
    ],
)
def test_what_is_damaged_is_no_answer(harm: Callable[[KeptAnswer], KeptAnswer]) -> None:
    with pytest.raises(ValueError, match=r"."):
        harm(kept(b"some text" * 10)).text()


@pytest.mark.usefixtures("unmeasured")
def test_the_program_loads_no_typing_extensions_for_an_answer() -> None:
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\nTrue\n"
