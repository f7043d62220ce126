"""The server as the official client sees it: in process, over stdio, over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from crashdrive.mcp.desk import Desk
from crashdrive.mcp.server import server
from tests.mcp.test_desk import GOLDEN, Fake

TOOLS = {"overview", "findings", "reports", "report", "command", "memory", "structure", "symbol"}
ASKED = {"options": {"all": True}, "name": "netstat", "where": ["state=LISTEN"], "limit": 2}


def text(result: Any) -> str:
    said: str = result.content[0].text
    return said


def told(result: Any) -> dict[str, Any]:
    assert not result.is_error, result
    found: dict[str, Any] = json.loads(text(result))
    return found


async def is_a_whole_conversation(client: Client) -> None:
    listed = (await client.list_tools()).tools
    assert {tool.name for tool in listed} == TOOLS
    assert all(tool.annotations is not None and tool.annotations.read_only_hint for tool in listed)
    assert all(tool.description for tool in listed)
    first = told(await client.call_tool("report", ASKED))
    assert [row["state"] for row in first["data"]["rows"]] == ["LISTEN", "LISTEN"]
    call = first["next"][0]
    second = told(await client.call_tool(call["tool"], {**call["arguments"], "limit": 2}))
    assert second["page"]["offset"] == 2
    refused = await client.call_tool("command", {"line": "ps | sh"})
    assert refused.is_error
    assert "only commands of crash that print" in text(refused)
    missing = await client.call_tool("report", {"name": "netsat"})
    assert missing.is_error
    assert "near: netstat" in text(missing)


def test_in_process() -> None:
    fake = Fake()

    async def talk() -> None:
        async with Client(server(Desk(fake.open))) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == TOOLS
            assert fake.opened == 0
            found = told(await client.call_tool("overview", {}))
            assert found["data"]["findings"][0]["kind"] == "hung-task"
            too_many = await client.call_tool("report", {"name": "stacks", "limit": 100_000})
            assert too_many.is_error

    anyio.run(talk)


def environment() -> dict[str, str]:
    return {**os.environ, "CRASHDRIVE_CACHE": "off"}


def test_over_stdio() -> None:
    async def talk() -> None:
        how = StdioServerParameters(
            command=sys.executable,
            args=["-m", "crashdrive", "mcp", "--replay", str(GOLDEN)],
            env=environment(),
            cwd=str(Path(__file__).parents[2]),
        )
        async with Client(stdio_client(how)) as client:
            await is_a_whole_conversation(client)

    anyio.run(talk)


def test_what_is_no_dump_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no dump")
    for name, told in (("text", "no dump of a kernel"), ("missing", "No such file")):
        ran = subprocess.run(
            [sys.executable, "-m", "crashdrive", "mcp", str(tmp_path / name)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(),
            cwd=Path(__file__).parents[2], check=False, timeout=120,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout) == (3, "")
        assert told in ran.stderr
        assert ran.stderr.count("\n") == 1


@pytest.fixture
def address() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "crashdrive", "mcp", "--http", str(port), "--replay", str(GOLDEN)],
        env=environment(),
        cwd=Path(__file__).parents[2],
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def test_over_http(address: str) -> None:
    async def talk() -> None:
        async with Client(address) as client:
            await is_a_whole_conversation(client)

    anyio.run(talk)
