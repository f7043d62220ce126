"""``crashdrive serve`` as a process: how it begins, and each way in which it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sessionkit import SESSION, folders

RECORDED = folders()[0] / SESSION


@contextmanager
def serve(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "crashdrive", "serve", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def is_at_its_end(process: subprocess.Popen[str]) -> None:
    status, said = ended(process)
    *warnings, last = said.splitlines()
    assert (status, last) == (0, "crashdrive: serving; ^C ends it")
    assert all(line.startswith("crashdrive: warning: ") for line in warnings)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told(number: signal.Signals) -> None:
    with serve("--replay", str(RECORDED)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url.partition("?")[0], timeout=60)  # noqa: S310 - what was just printed
        found = urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(url, timeout=60)
        assert found.status in (200, 202)
        process.send_signal(number)
        is_at_its_end(process)


def test_a_port_in_use_is_a_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with serve("--replay", str(RECORDED), "--port", port) as process:
            status, said = ended(process)
    told = f"crashdrive: port {port} is in use: take another one (--port 0: any free one)"
    assert (status, said.splitlines()[-1]) == (1, told)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may take any port")
def test_a_port_of_others_is_a_line() -> None:
    with serve("--replay", str(RECORDED), "--port", "1") as process:
        status, said = ended(process)
    assert status == 1
    assert "isn't yours to take" in said


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ((), 2, "Missing argument"),
        (("/nonexistent",), 3, "/nonexistent"),
        (("--replay", "/nonexistent"), 3, "/nonexistent"),
        (("--replay", str(RECORDED), "one", "two"), 2, "one VMLINUX and one VMCORE at most"),
        (("--port", "99999", "x"), 2, "99999"),
        ((os.path.dirname(__file__),), 2, "no ledger there"),  # noqa: PTH120 - a word
        ((__file__,), 3, "test_serve.py"),
    ],
)
def test_what_cannot_be_served_is_a_line(words: tuple[str, ...], status: int, told: str) -> None:
    with serve(*words) as process:
        found, said = ended(process)
    assert found == status
    assert told in said
    assert said.count("\n") == 1
    assert "Traceback" not in said


def test_a_batch_ends_in_the_same_way(tmp_path: Path) -> None:
    from crashdrive.batch.ledger import Ledger, open_folder

    Ledger(open_folder(tmp_path)).close()
    with serve(str(tmp_path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        is_at_its_end(process)
