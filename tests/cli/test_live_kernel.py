"""A live kernel on the command line: each answer is marked, some things are of dumps alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import FakeCrash

Cli = Callable[..., tuple[int, bytes, str]]
SAID = re.compile(
    r"crashdrive: a live kernel, read \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d(?: to \d\d:\d\d:\d\d\.\d)? UTC: "
    r"what is shown may be of different moments\n"
)


@pytest.mark.parametrize("path", ["/proc/kcore", "/dev/mem", "/dev/crash", "//proc/./kcore"])
def test_answers_are_marked(cli: Cli, crash: FakeCrash, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """In JSON, and on stderr for those who read text; nothing is missing."""
    crash.live = True
    monkeypatch.setattr(crash, "identity", {**crash.identity, "format": "live"}, raising=False)
    for form in ("json", "text"):
        status, out, err = cli("exec", "--format", form, path, "ps")
        assert (status, crash.opened) == (0, (None, path))
        assert SAID.fullmatch(err)
        if form == "json":
            told = json.loads(out)
            assert (told["live"], told["complete"], len(told["records"])) == (True, True, 2)
            assert [one["kind"] for one in told["warnings"]] == ["live"]
            assert SAID.fullmatch(f"crashdrive: {told['warnings'][0]['message']}\n")
    crash.live = False
    told = json.loads(cli("exec", "--format", "json", path, "ps")[1])
    assert "live" not in told


def test_an_answer_that_took_long_says_since_when_it_is(
    cli: Cli, crash: FakeCrash, monkeypatch: pytest.MonkeyPatch
) -> None:
    crash.live, run = True, crash.run
    monkeypatch.setattr(
        crash, "run", lambda *given, **options: msgspec.structs.replace(run(*given, **options), elapsed=90.0)
    )
    (told,) = json.loads(cli("exec", "--format", "json", "/proc/kcore", "ps")[1])["warnings"]
    assert " to " in told["message"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("batch", "/proc/kcore", "-o", "{}"), "a batch is of dumps"),
        (("session", "start", "/dev/mem"), "no crash is kept on it"),
        (("serve", "/proc/kcore"), "serve shows a dump"),
        (("mcp", "/proc/kcore"), "mcp answers of a dump"),
    ],
)
def test_what_is_of_dumps_alone(cli: Cli, tmp_path: Path, words: tuple[str, ...], why: str) -> None:
    status, out, err = cli(*(word.format(tmp_path / "out") for word in words))
    assert (status, out, err.count("\n")) == (2, b"", 1)
    assert "is a kernel that runs: " in err
    assert why in err
