"""Kernels from debuginfod: a server that says odd things, and Debian's own one, both on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from crashdrive.batch.debuginfod import Debuginfod, urls
from crashdrive.batch.find import find_dumps
from crashdrive.errors import UsageError, VmlinuxError
from tests.dump.test_find import ID, OTHER, vmcore, vmlinux


class Server(BaseHTTPRequestHandler):
    """Has the kernels of ``kernels``, by their build ids."""

    kernels: dict[str, bytes] = {}  # noqa: RUF012 - a test's own
    asked: list[str] = []  # noqa: RUF012 - a test's own

    def do_GET(self) -> None:
        self.asked.append(self.path)
        data = self.kernels.get(self.path.split("/")[2])
        self.send_response(200 if data is not None else 404)
        self.end_headers()
        self.wfile.write(data or b"")

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.kernels, Server.asked = {}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as one:
        thread = threading.Thread(target=one.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{one.server_address[1]}"
        one.shutdown()
        thread.join()


def test_a_kernel_is_fetched_once(server: str, tmp_path: Path) -> None:
    Server.kernels[ID.hex()] = vmlinux(ID)
    for name in ("a", "b"):
        (tmp_path / f"vmcore.{name}").write_bytes(vmcore(ID) + name.encode())
    for _ in range(2):
        fetch = Debuginfod([f"{server}/"], tmp_path / "cache").fetch
        dumps = find_dumps([str(tmp_path / "vmcore.*")], fetch=fetch).dumps
        assert [one.trouble for one in dumps] == [None, None]
    assert {one.vmlinux for one in dumps} == {str(tmp_path / "cache" / ID.hex() / "vmlinux")}
    assert Server.asked == [f"/buildid/{ID.hex()}/debuginfo"]


@pytest.mark.parametrize("data", [b"", b"text", vmlinux(OTHER), vmlinux(ID, debug=False), vmlinux(ID)[:300]])
def test_what_is_no_kernel_of_the_dump_is_told(server: str, tmp_path: Path, data: bytes) -> None:
    Server.kernels[ID.hex()] = data
    with pytest.raises(VmlinuxError, match="no kernel with debug data of this build id"):
        Debuginfod([server], tmp_path).fetch(ID.hex())
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_servers_say_is_told(server: str, tmp_path: Path) -> None:
    (tmp_path / "vmcore").write_bytes(vmcore(ID))
    fetch = Debuginfod(["http://127.0.0.1:1", server], tmp_path / "cache").fetch
    for _ in range(2):
        (one,) = find_dumps([str(tmp_path / "vmcore")], fetch=fetch).dumps
        assert one.trouble_kind == "no-vmlinux"
        assert "Connection refused" in str(one.trouble)
        assert "404 Not Found" in str(one.trouble)
    assert len(Server.asked) == 1
    with pytest.raises(VmlinuxError, match="no build id"):
        Debuginfod([server], tmp_path).fetch("../../etc/passwd")


@pytest.mark.parametrize(("text", "told"), [("", "names no server"), ("file:///etc", "neither http")])
def test_servers_are_named(monkeypatch: pytest.MonkeyPatch, text: str, told: str) -> None:
    monkeypatch.setenv("DEBUGINFOD_URLS", text)
    with pytest.raises(UsageError, match=told):
        urls()
    monkeypatch.setenv("DEBUGINFOD_URLS", "http://a https://b")
    assert urls() == ("http://a", "https://b")


def test_debians_own_server(tmp_path: Path) -> None:
    program, compiler = needed("debuginfod"), needed("gcc")
    kernels = tmp_path / "kernels"
    kernels.mkdir()
    (tmp_path / "k.c").write_text("int main(void) { return 0; }\n")  # libelf wants a whole ELF file
    flags = ["-g", f"-Wl,--build-id=0x{ID.hex()}", "-o", str(kernels / "vmlinux"), str(tmp_path / "k.c")]
    subprocess.run([compiler, *flags], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program, "-p", str(port), "-d", str(tmp_path / "index.sqlite"), "-F", str(kernels)]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(
        command, stdout=log, stderr=log, env=environment
    ) as server:  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_scanned(url)
            assert Debuginfod([url], tmp_path / "cache").fetch(ID.hex()).endswith("vmlinux")
            with pytest.raises(VmlinuxError, match="404"):
                Debuginfod([url], tmp_path / "cache").fetch(OTHER.hex())
        finally:
            server.kill()


def needed(program: str) -> str:
    """A program; skips where it is missing, fails where it is required."""
    path = shutil.which(program)
    if path is None and os.environ.get("CRASHDRIVE_REQUIRE_LAB") == "1":
        pytest.fail(f"{program} is missing: scripts/test installs it")
    if path is None:
        pytest.skip(f"{program} is missing")
    return path


def wait_until_scanned(url: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/buildid/{ID.hex()}/debuginfo", timeout=5):  # noqa: S310 - ours
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail("debuginfod never had the kernel")
