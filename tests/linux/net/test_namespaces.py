"""Network namespaces by name and by process: what rests on memory that is missing says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from crashdrive.errors import UsageError
from crashdrive.kernel.types.model import ArrayType, Type
from crashdrive.linux.net.namespaces import Namespaces, namespaces
from crashdrive.linux.net.survey import NetSurvey
from crashdrive.reports.net import netns
from tests.kernel.fake_memory import (
    CHAR,
    INT,
    LIST_HEAD,
    PAGE,
    UINT,
    ULONG,
    FakeMemory,
    fake_kernel,
    link_list,
    pointer,
    record,
)

TYPES: dict[str, Type] = {
    "struct net": record(
        "net", ("list", LIST_HEAD), ("dev_base_head", LIST_HEAD), ("ns", record(None, ("inum", UINT)))
    ),
    "struct net_device": record("net_device", ("dev_list", LIST_HEAD), ("name", ArrayType(CHAR, 16))),
    "struct task_struct": record(
        "task_struct",
        ("tasks", LIST_HEAD),
        ("thread_node", LIST_HEAD),
        ("tgid", INT),
        ("comm", ArrayType(CHAR, 16)),
        ("nsproxy", pointer("struct nsproxy")),
    ),
    "struct nsproxy": record(
        "nsproxy", ("mnt_ns", pointer("struct mnt_namespace")), ("net_ns", pointer("struct net"))
    ),
    "struct mnt_namespace": record("mnt_namespace", ("list", LIST_HEAD)),
    "struct mount": record(
        "mount",
        ("mnt_list", LIST_HEAD),
        ("mnt_mountpoint", pointer("struct dentry")),
        (
            "mnt",
            record(
                "vfsmount",
                ("mnt_root", pointer("struct dentry")),
                ("mnt_sb", pointer("struct super_block")),
                ("mnt_flags", INT),
            ),
        ),
    ),
    "struct super_block": record("super_block", ("s_type", pointer("struct file_system_type"))),
    "struct file_system_type": record("file_system_type", ("name", pointer(CHAR))),
    "struct dentry": record(
        "dentry", ("d_name", record("qstr", ("name", pointer(CHAR)))), ("d_inode", pointer("struct inode"))
    ),
    "struct inode": record("inode", ("i_ino", ULONG)),
}


class Machine:
    """Two namespaces, the second mounted as ``red``; two processes. Each thing lies on a page of its own."""

    def __init__(self) -> None:
        self.memory = memory = FakeMemory()
        kernel = fake_kernel(memory, TYPES)
        self.offset = kernel.offset
        self.pages: dict[str, int] = {}
        head = self.page("net_namespace_list")
        nets = [self.page("init_net"), self.page("red_net")]
        link_list(memory, head, nets)
        for net, inum in zip(nets, (1000, 2000), strict=True):
            devices = net + self.offset("struct net", "dev_base_head")
            device = self.page(f"device {inum}")
            link_list(memory, devices, [device])
            memory.write(device + self.offset("struct net_device", "name"), f"eth{inum}".encode())
            memory.int32(net + self.offset("struct net", "ns.inum"), inum)
        mounts = self.page("mounts")
        spaces = [self.page("proxy of init"), self.page("proxy of red")]
        for space, net in zip(spaces, nets, strict=True):
            self.put(space, "struct nsproxy", mnt_ns=mounts, net_ns=net)
        tasks = [
            self.task(0, "swapper", spaces[0]),
            self.task(7, "sh", spaces[1]),
            self.task(9, "top", spaces[1]),
        ]
        link_list(memory, tasks[0], tasks[1:])
        plain, named = self.mount("proc", "proc", 3), self.mount("nsfs", "red", 2000)
        link_list(memory, mounts, [plain, named])
        symbols = {"init_net": nets[0], "net_namespace_list": head, "init_task": tasks[0]}
        self.kernel = fake_kernel(memory, TYPES, symbols)

    def page(self, what: str) -> int:
        self.pages[what] = self.memory.allocate(PAGE, PAGE)
        return self.pages[what]

    def put(self, address: int, kind: str, **members: int) -> int:
        for name, value in members.items():
            self.memory.word(address + self.offset(kind, name.replace("__", ".")), value)
        return address

    def text(self, what: str, text: str) -> int:
        self.memory.write(self.page(what), text.encode() + b"\0")
        return self.pages[what]

    def task(self, pid: int, comm: str, proxy: int) -> int:
        task = self.put(self.page(f"task {pid}"), "struct task_struct", nsproxy=proxy)
        self.memory.int32(task + self.offset("struct task_struct", "tgid"), pid)
        self.memory.write(task + self.offset("struct task_struct", "comm"), comm.encode())
        return task

    def mount(self, kind: str, name: str, inum: int) -> int:
        system = self.put(
            self.page(f"type {kind}"), "struct file_system_type", name=self.text(f"name {kind}", kind)
        )
        block = self.put(self.page(f"super block {kind}"), "struct super_block", s_type=system)
        inode = self.put(self.page(f"inode {name}"), "struct inode", i_ino=inum)
        root = self.put(self.page(f"root {name}"), "struct dentry", d_inode=inode)
        point = self.put(
            self.page(f"point {name}"), "struct dentry", d_name__name=self.text(f"text {name}", name)
        )
        return self.put(
            self.page(f"mount {name}"),
            "struct mount",
            mnt_mountpoint=point,
            mnt__mnt_root=root,
            mnt__mnt_sb=block,
        )


PAGES = sorted(Machine().pages)


def told(found: Namespaces) -> tuple[list[str], dict[int, int]]:
    return [one.label for one in found.nets], found.netns_of


def test_names_and_members() -> None:
    machine = Machine()
    found = namespaces(machine.kernel)
    red = machine.pages["red_net"]
    assert told(found) == (["init", "red"], {7: red, 9: red})
    assert (found.complete, found.process_notices) == (True, ())


@pytest.mark.parametrize("page", PAGES)
def test_without_a_page_they_are_the_same_or_say_so(page: str) -> None:
    whole = Machine()
    labels, members = told(namespaces(whole.kernel))
    machine = Machine()
    machine.memory.hole(machine.pages[page])
    found = namespaces(machine.kernel)
    assert [one.label for one in found.nets] == labels or not found.complete
    assert found.netns_of == members or found.process_notices


@pytest.mark.parametrize("page", PAGES)
def test_the_report_says_it_once(page: str) -> None:
    rows = netns.report(SimpleNamespace(kernel=Machine().kernel)).table("namespaces").rows
    machine = Machine()
    machine.memory.hole(machine.pages[page])
    report = netns.report(SimpleNamespace(kernel=machine.kernel))
    assert list(report.table("namespaces").rows) == list(rows) or not report.complete
    assert len({notice.message for notice in report.warnings}) == len(report.warnings)


@pytest.mark.parametrize("page", ["name nsfs", "text red", "mount red"])
def test_a_name_that_is_lost_is_said_of_names(page: str) -> None:
    machine = Machine()
    machine.memory.hole(machine.pages[page])
    survey = NetSurvey.of(machine.kernel, None)
    assert not survey.complete
    assert all(notice.message.startswith("names of network namespaces: ") for notice in survey.notices)


def test_other_file_systems_lose_no_names() -> None:
    machine = Machine()
    for page in ("inode proc", "text proc"):
        machine.memory.hole(machine.pages[page])
    assert namespaces(machine.kernel).complete


def test_processes_matter_to_those_who_ask_for_one() -> None:
    machine = Machine()
    machine.memory.hole(machine.pages["task 9"])
    assert NetSurvey.of(machine.kernel, None).complete
    assert NetSurvey.of(machine.kernel, "red").complete
    assert not NetSurvey.of(machine.kernel, "pid:7").complete
    with pytest.raises(UsageError, match=r"no network namespace 'pid:9'.*processes of network namespaces: "):
        NetSurvey.of(machine.kernel, "pid:9")
