"""A server of recorded reports and of a made-up kernel, and a plain client for it."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, cast

import pytest
from sessionkit import folders, replayed, report_folders

from crashdrive import records
from crashdrive.crash import Crash
from crashdrive.errors import ParseError
from crashdrive.kernel.types.model import ArrayType, Member, StructType
from crashdrive.linux.kernel import Kernel
from crashdrive.parsers.mach import Machine
from crashdrive.records import Report, Table
from crashdrive.serve.desk import PATIENCE, Desk
from crashdrive.serve.guard import Guard
from crashdrive.serve.server import Answer, serving
from crashdrive.serve.site import Site
from crashdrive.session.health import Health, HealthWarning
from tests.kernel.fake_memory import BASE, CHAR, INT, LIST_HEAD, FakeMemory, fake_kernel, pointer, record

HOSTILE = "<script>alert(1)</script>\x1b[31m"
MANY = 40_000
ROBOT = record(
    "robot",
    ("number", INT),
    ("name", ArrayType(CHAR, 40)),
    ("owner", pointer("struct robot")),
    ("list", LIST_HEAD),
    ("parts", StructType("struct", "parts", 8, (Member("left", INT, 0), Member("right", INT, 32)))),
    ("title", pointer(CHAR)),
    ("arms", ArrayType(INT, 4)),
)
LIST_AT = 56  # of its members
LOST = BASE + (1 << 20)


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str


class Client:
    """A browser without a page: it keeps the cookie, and says which host it means."""

    def __init__(self, guard: Guard, port: int) -> None:
        self.guard, self.port = guard, port
        self.url = f"http://127.0.0.1:{port}/?token={guard.token}"
        self.cookie = guard.set_cookie().partition(";")[0]

    def ask(self, path: str, method: str = "GET", address: str = "127.0.0.1", **headers: str | None) -> Reply:
        """A request as it is told; a header that is None isn't sent."""
        connection = http.client.HTTPConnection(address, self.port, timeout=60)
        wanted = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie}
        wanted |= {name.replace("_", "-"): value for name, value in headers.items()}  # type: ignore[misc]
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in wanted.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        found = Reply(answer.status, dict(answer.getheaders()), answer.read().decode())
        connection.close()
        return found

    def page(self, path: str) -> Reply:
        """A page below the root, when it is made."""
        for _ in range(600):
            found = self.ask(self.guard.root + path)
            if found.status != 202:
                return found
        raise AssertionError(path)


class Recorded:
    """Reports of recordings, made-up ones, and a made-up kernel: what the pages ask of a Crash."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._open: dict[str, Crash] = {}
        self.identity = {"vmcore": f"/dumps/{HOSTILE}", "host": HOSTILE}
        self.own: dict[str, Callable[[], Report]] = {"netns": many, "softnet": slow}
        self.kernel = made_up()
        warning = HealthWarning(kind="warning", message=HOSTILE, affects=())
        self.health = Health(
            binary="crash", version=None, gdb_version=None, options=(), attempts=(), warnings=(warning,),
            missing=(),
        )  # fmt: skip

    def run_report(self, name: str, **options: Any) -> Report:
        """A report of the first recording that has it."""
        if name in self.own:
            return self.own[name]()
        if name not in self._open:
            folder = (report_folders(name) or folders())[0]
            self._open[name] = self._stack.enter_context(replayed(folder))
        return self._open[name].run_report(name, **options)

    def mach(self, show: str | None = None) -> records.Answer[Any]:
        """A machine with one region, incomplete; the firmware's ranges are something that nobody can read."""
        if show is not None:
            raise ParseError("mach -m", 1, 1, HOSTILE, "a range")
        machine = Machine(hz=250, page_size=4096, bases={"kernel_vmalloc_base": BASE})
        return records.Answer(
            command="mach", shape="machine", complete=False, warnings=(), records=(machine,)
        )


def many() -> Report:
    """A table of 40,000 rows, and one with hostile text."""
    rows = [{"number": at * 7919 % MANY, "name": f"row {at}", "share": at / 3} for at in range(MANY)]
    odd = [{"name": HOSTILE, "javascript": "javascript:alert(1)"}]
    tables = (Table(name="many", rows=rows), Table(name="odd", rows=odd, columns=("name", "javascript")))
    return Report(report="netns", tables=tables, complete=False)


def slow() -> Report:
    """A report that takes longer than a page waits."""
    time.sleep(PATIENCE + 1.5)
    return Report(report="softnet", tables=(Table(name="cpus", rows=[{"cpu": 0}]),))


def made_up() -> Kernel:
    """A robot that owns itself, on a list of its own, named by somebody hostile; its title is missing."""
    memory = FakeMemory()
    robot = (7).to_bytes(4, "little") + HOSTILE.encode().ljust(40, b"\0") + b"\0" * 4
    for value in (BASE, BASE + LIST_AT, BASE + LIST_AT):
        robot += value.to_bytes(8, "little")
    memory.write(BASE, robot + b"\1\0\0\0\2\0\0\0" + LOST.to_bytes(8, "little") + b"\0" * 16)
    parts = StructType("struct", "parts", 8, (Member("left", INT, 0), Member("right", INT, 32)))
    types = {"struct robot": ROBOT, "struct parts": parts}
    return fake_kernel(memory, types, {"robots": BASE})


@contextmanager
def served(answer: Answer) -> Iterator[Client]:
    """A client of a server of these answers."""
    guard = Guard()
    with serving(0, guard, answer) as port:
        yield Client(guard, port)


@contextmanager
def at_desk(recorded: Recorded) -> Iterator[Client]:
    """A client of all pages on it."""
    desk = Desk(cast("Crash", recorded))
    thread = threading.Thread(target=desk.work)
    thread.start()
    try:
        with served(Site(desk).answer) as one:
            yield one
    finally:
        desk.close()
        thread.join(60)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with ExitStack() as stack, at_desk(Recorded(stack)) as one:
        yield one
