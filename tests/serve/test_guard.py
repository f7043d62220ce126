"""Who is let in, and what every answer carries."""

from __future__ import annotations

import socket

import pytest

from crashdrive.serve.exchange import Asked, Reply
from crashdrive.serve.guard import Guard
from crashdrive.serve.server import PortError, serving
from tests.serve.conftest import Client, served


def test_the_token_gives_a_cookie_and_only_that_opens(client: Client) -> None:
    root = client.guard.root
    first = client.ask(f"/?token={client.guard.token}", Cookie=None)
    assert (first.status, first.headers["Location"]) == (303, root)
    cookie = first.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert f"Path={root}" in cookie
    assert client.guard.token not in cookie
    assert client.ask(f"{root}reports", Cookie=cookie.partition(";")[0]).status == 200
    for path in ("/", "/reports", f"{root}reports", f"{root}assets/page.css", f"/?token={root}", "/?token="):
        refused = client.ask(path, Cookie=None)
        assert refused.status == 403
        assert root.strip("/") not in refused.text
    for wrong in ("crashdrive=", "crashdrive=x", 'crashdrive="', f"other={client.guard.token}", "\xff=;"):
        assert client.ask(f"{root}reports", Cookie=wrong).status == 403


@pytest.mark.parametrize("other", ["crashdrive=x", 'their="{a, b}"', "a b c", "\xff=1", '"'])
def test_cookies_of_other_servers_shut_nobody_out(client: Client, other: str) -> None:
    """Browsers send cookies of one host to all of its ports; what is in them is up to those servers."""
    for cookies in (f"{other}; {client.cookie}", f"{client.cookie}; {other}"):
        assert client.ask(f"{client.guard.root}reports", Cookie=cookies).status == 200


def test_a_token_of_a_command_line_opens_once(client: Client) -> None:
    once = client.guard.once()
    assert client.ask(f"/?token={once}", Cookie=None).status == 303
    assert client.ask(f"/?token={once}", Cookie=None).status == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1", "127.0.0.1.evil.example:{}", "evil.example:{}", "127.0.0.1:1", "", None],
)
def test_another_hosts_name_is_refused(client: Client, host: str | None) -> None:
    """A name that somebody lets point here (DNS rebinding) is no name of ours, whatever cookie it brings."""
    told = host.format(client.port) if host else host
    assert client.ask(f"{client.guard.root}reports", Host=told).status == 421
    assert client.ask(f"/?token={client.guard.token}", Host=told).status == 421


@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "LOCALHOST:{}", "[::1]:{}"])
def test_our_own_names_are_taken(client: Client, host: str) -> None:
    assert client.ask(f"{client.guard.root}reports", Host=host.format(client.port)).status == 200


def test_pages_of_others_get_nothing(client: Client) -> None:
    path = f"{client.guard.root}reports"
    assert client.ask(path, Sec_Fetch_Site="cross-site").status == 403
    assert client.ask(path, Sec_Fetch_Site="same-site").status == 403
    assert client.ask(path, Origin="http://evil.example").status == 403
    assert client.ask(path, Origin="null").status == 403
    assert (
        client.ask(path, Sec_Fetch_Site="same-origin", Origin=f"http://127.0.0.1:{client.port}").status == 200
    )


@pytest.mark.parametrize("path", ["reports", "nosuch", "assets/page.js", "state?key=x"])
def test_every_answer_carries_the_policy(client: Client, path: str) -> None:
    headers = client.page(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Server"] == "crashdrive"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "NONSENSE"])
def test_only_get_is_taken(client: Client, method: str) -> None:
    refused = client.ask(f"{client.guard.root}reports", method)
    assert refused.status == 405
    assert refused.headers["Allow"] == "GET, HEAD"


def test_head_has_no_body(client: Client) -> None:
    found = client.ask(f"{client.guard.root}reports", "HEAD")
    assert (found.status, found.text) == (200, "")
    assert int(found.headers["Content-Length"]) > 1000


@pytest.mark.parametrize(
    "path",
    [
        "assets/../../../../etc/passwd", "assets/%2e%2e%2f%2e%2e%2fetc/passwd", "assets/..%2fpage.html",
        "assets/", "assets/page.html", "../reports", "%2e%2e/", "assets/page.css/x", "cells", "cells/ps",
        "cells/../ps/tasks", "pages", "__init__", "_x", "report", "report/../../x", "report/_lock_graph",
        "report/base", "report/%00", "task?pid=-1", "task?pid=1e3", "bytes?address=zz", "bytes?address=-1",
        "bytes?address=1ffffffffffffffff", "bytes?address=10&size=0", "bytes?address=10&size=99999999",
        "structure?type=struct%20robot;rm&address=10", "structure?type=robot%0aq&address=10",
        "structure?type=%22%20!id&address=10", "structure?type=int&symbol=!id&cpu=0",
        "structure?type=int&symbol=robots&cpu=77", "structure?type=int&symbol=robots", "find?q=!id",
        "find?q=robot%0a!id", "find?q=", "find?q=nosuch",
        "find?q=" + 500 * "x", "report/skb?address=zz", "report/ps?show=nosuch", "memory/x",
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused_in_words(client: Client, path: str) -> None:
    found = client.page(path)
    assert found.status in (400, 404), found.text
    assert "defect" not in found.text
    assert "root:" not in found.text


def test_malformed_requests_end_the_connection(client: Client) -> None:
    for line in (
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET " + b"x" * 70_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", client.port), 30) as connection:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(4096):
                answer += part
        assert b"Traceback" not in answer
    assert client.page("reports").status == 200


def test_both_addresses_of_this_host_alone() -> None:
    with served(lambda _asked: Reply(b"hello")) as client:
        assert client.ask(client.guard.root, address="127.0.0.1").text == "hello"
        if socket.has_ipv6:
            host = f"[::1]:{client.port}"
            assert client.ask(client.guard.root, address="::1", Host=host).text == "hello"
        for address in {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)}:
            if not str(address).startswith("127.") and address != "::1":
                with pytest.raises(OSError, match=r"refused|unreachable"):
                    client.ask(client.guard.root, address=str(address))


def test_a_port_in_use_is_told_in_a_line() -> None:
    def answer(_asked: Asked) -> Reply:
        return Reply(b"")

    with serving(0, Guard(), answer) as port:
        taken = serving(port, Guard(), answer)
        with pytest.raises(PortError, match=f"port {port} is in use"), taken:
            pass
    with serving(port, Guard(), answer) as again:  # it is free again
        assert again == port
