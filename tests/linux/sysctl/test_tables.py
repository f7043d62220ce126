"""Settings on made-up trees: values by their handlers, loops, holes, functions that nobody knows."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import pytest

from crashdrive.linux.kernel import Kernel
from crashdrive.linux.net.namespaces import Namespaces, NetNamespace
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.linux.sysctl import tables
from tests.kernel.fake_memory import INT, PAGE, UINT, ULONG, FakeMemory, fake_kernel, pointer, record

RB_NODE = record("rb_node", ("color", ULONG), ("rb_right", ULONG), ("rb_left", ULONG))
RB_ROOT = record("rb_root", ("rb_node", ULONG))
TABLE = record(
    "ctl_table",
    ("procname", ULONG),
    ("data", ULONG),
    ("maxlen", INT),
    ("mode", UINT),
    ("proc_handler", ULONG),
)
HEADER = record("ctl_table_header", ("ctl_table", ULONG), ("node", ULONG))
NODE = record("ctl_node", ("node", RB_NODE), ("header", pointer(HEADER)))
DIR = record("ctl_dir", ("header", HEADER), ("root", RB_ROOT))
SET = record("ctl_table_set", ("is_seen", ULONG), ("dir", DIR))
NET = record("net", ("sysctls", SET))
TYPES: dict[str, Any] = {
    "struct ctl_table": TABLE, "struct ctl_node": NODE, "struct ctl_dir": DIR, "struct net": NET,
    "struct ctl_table_header": HEADER,
}  # fmt: skip
FILE, FOLDER, LINK = 0o100000, 0o040000, 0o120000
HANDLERS = {
    name: 0xFFFF_FFFF_8100_0000 + 16 * at
    for at, name in enumerate(
        ("proc_dointvec", "proc_dostring", "ipv4_local_port_range", "odd", "proc_dou8vec_minmax")
    )
}


class Entry(NamedTuple):
    """What a table says of a setting, or (``below``) of a directory."""

    name: str
    handler: str = "proc_dointvec"
    data: bytes = b""
    mode: int = FILE | 0o644
    below: tuple[Any, ...] | None = None


class Image:
    """Trees in memory; ``nodes`` by name, to damage them."""

    def __init__(self, *entries: Entry) -> None:
        self.memory = FakeMemory()
        self.nodes: dict[str, int] = {}
        self.data: dict[str, int] = {}
        self.net = self.memory.allocate(NET.size)
        self.memory.word(self.net + 8 + HEADER.size, self.tree(entries))

    def tree(self, entries: tuple[Entry, ...]) -> int:
        """A tree that leans to the right; its first node."""
        following = 0
        for entry in reversed(entries):
            node, table = self.memory.allocate(NODE.size), self.memory.allocate(TABLE.size)
            header = self.memory.allocate(DIR.size)
            self.memory.word(header, table, node)
            if entry.below is not None:
                self.memory.word(header + HEADER.size, self.tree(entry.below))
            self.memory.word(node, 1, following, 0, header)
            self.memory.word(table, self.text(entry.name), self.variable(entry))
            self.memory.write(table + 16, struct.pack("<iI", len(entry.data), entry.mode))
            self.memory.word(table + 24, HANDLERS[entry.handler] if entry.handler else 0)
            self.nodes[entry.name] = following = node
        return following

    def text(self, name: str) -> int:
        place = self.memory.allocate(tables._LONGEST_NAME)
        self.memory.write(place, name.encode())
        return place

    def variable(self, entry: Entry) -> int:
        if not entry.data:
            return 0
        place = self.data[entry.name] = self.memory.allocate(PAGE, PAGE)
        self.memory.write(place, entry.data)
        return place

    def settings(self) -> tuple[dict[str, str | None], NetSurvey]:
        kernel: Kernel = fake_kernel(self.memory, TYPES, HANDLERS)
        found = (NetNamespace(address=self.net, inum=1, name=None, pid=None, initial=True),)
        survey = NetSurvey(kernel, Namespaces(nets=found), Namespaces(nets=found))
        return {row.name: row.value for row in tables.settings(survey, ())}, survey


def ints(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def folder(name: str, *below: Entry) -> Entry:
    return Entry(name, handler="", mode=FOLDER | 0o555, below=below)


def test_values_by_handler() -> None:
    image = Image(
        folder(
            "net",
            Entry("one", data=ints(-5)),
            Entry("three", data=ints(1, 2, 3)),
            Entry("text", "proc_dostring", b"cubic\0junk"),
            Entry("byte", "proc_dou8vec_minmax", b"\xff"),
            Entry("old", "ipv4_local_port_range", ints(1024, 65535)),
            Entry("new", "ipv4_local_port_range", struct.pack("<I", 65535 << 16 | 1024)),
            folder("eth0.5", Entry("mtu", data=ints(1500))),
            folder("empty"),
            Entry("shortcut", mode=LINK | 0o777),
        )
    )
    values, survey = image.settings()
    assert values == {
        "net.one": "-5", "net.three": "1 2 3", "net.text": "cubic", "net.byte": "255",
        "net.old": "1024 65535", "net.new": "1024 65535", "net.eth0/5.mtu": "1500",
    }  # fmt: skip
    assert survey.complete
    assert not survey.notices


def test_what_is_not_read_is_said() -> None:
    image = Image(
        Entry("computed", "odd", ints(1)),
        Entry("nothing"),
        Entry("huge", data=bytes(tables._MOST_BYTES + 1)),
        Entry("secret", data=ints(1), mode=FILE | 0o200),
    )
    values, survey = image.settings()
    assert values == dict.fromkeys(("computed", "nothing", "huge", "secret"))
    (notice,) = survey.notices
    assert notice.message.endswith("not read: odd (1), proc_dointvec (2)")
    assert not survey.complete


def test_loops_end() -> None:
    image = Image(Entry("a", data=ints(1)), Entry("b", data=ints(2)), Entry("c", data=ints(3)))
    image.memory.word(image.nodes["c"] + 8, image.nodes["a"], image.nodes["b"])
    values, survey = image.settings()
    assert values == {"a": "1", "b": "2", "c": "3"}
    assert [notice.kind for notice in survey.notices] == ["loop"]
    assert not survey.complete


def test_a_node_with_two_ways_to_it_counts_once() -> None:
    image = Image(Entry("a", data=ints(1)), Entry("b", data=ints(2)))
    image.memory.word(image.nodes["a"] + 8, image.nodes["b"], image.nodes["b"])
    values, survey = image.settings()
    assert values == {"a": "1", "b": "2"}
    assert not survey.complete


def test_holes() -> None:
    image = Image(Entry("a", data=ints(1)), Entry("b", data=ints(2)))
    image.memory.hole(image.data["a"])
    values, survey = image.settings()
    assert values == {"a": None, "b": "2"}
    assert not survey.complete


@pytest.mark.parametrize("poison", [0, 0xDEAD_0000_0000_0100])
def test_a_node_without_its_entry(poison: int) -> None:
    image = Image(Entry("a", data=ints(1)), Entry("b", data=ints(2)))
    image.memory.word(image.nodes["b"] + RB_NODE.size, poison)
    values, survey = image.settings()
    assert values == {"a": "1"}
    assert not survey.complete


def test_units() -> None:
    kernel = fake_kernel(FakeMemory())
    forms = tables._FORMS
    assert forms["proc_dointvec_jiffies"](kernel, ints(30 * 250, -250)) == "30 -1"
    assert forms["proc_dointvec_ms_jiffies"](kernel, ints(250)) == "1000"
    assert forms["proc_dointvec_userhz_jiffies"](kernel, ints(250)) == "100"
    assert forms["proc_doulongvec_minmax"](kernel, struct.pack("<2Q", 1, 1 << 63)) == f"1 {1 << 63}"
    assert forms["proc_dobool"](kernel, b"\x01") == "1"
    assert forms["proc_fib_multipath_hash_policy"](kernel, ints(2)) == "2"
