"""Typed calls around memory, files and devices: what they send, what they refuse to send."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence

import pytest

from crashdrive.commands.files import files
from crashdrive.commands.fuser import fuser
from crashdrive.commands.ipcs import ipcs
from crashdrive.commands.kmem import kmem
from crashdrive.commands.map import map as map_
from crashdrive.commands.mod import mod
from crashdrive.commands.mount import mount
from crashdrive.commands.net import net
from crashdrive.commands.swap import swap
from crashdrive.commands.vm import vm
from crashdrive.errors import ArgumentError, ParseError
from crashdrive.session.result import CommandResult

KVA = 0xFFFF888003A54000


class Ear:
    """A runner that hears commands and answers nothing."""

    def __init__(self, text: str = "\n") -> None:
        self.heard: list[str] = []
        self.text = text

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:
        self.heard.append(command)
        return CommandResult(command=command, raw=self.text.encode(), elapsed=timeout or 0.0)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        return [self.run(command, timeout=timeout) for command in commands]


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (kmem, "kmem -i"),
        (lambda ear: kmem(ear, "info", also=["nodes", "zones"]), "kmem -i -n -z"),
        (lambda ear: kmem(ear, "caches", cache="kmalloc-8k"), "kmem -s kmalloc-8k"),
        (lambda ear: kmem(ear, "slabs", address=KVA), "kmem -S ffff888003a54000"),
        (lambda ear: kmem(ear, "report", address=KVA), "kmem ffff888003a54000"),
        (mod, "mod"),
        (lambda ear: mod(ear, taints=True), "mod -t"),
        (net, "net"),
        (lambda ear: net(ear, arp=True), "net -a"),
        (lambda ear: net(ear, 1, KVA, sockets=True), "net -s 1 ffff888003a54000"),
        (lambda ear: net(ear, namespace_of=7), "net -n 7"),
        (mount, "mount"),
        (lambda ear: mount(ear, namespace_of=1), "mount -n 1"),
        (lambda ear: files(ear, 1), "files 1"),
        (lambda ear: files(ear, 1, cached_pages=True), "files -c 1"),
        (lambda ear: files(ear, dentry=KVA), "files -d ffff888003a54000"),
        (lambda ear: files(ear, inode=KVA), "files -p ffff888003a54000"),
        (lambda ear: fuser(ear, "/dev/null"), "fuser /dev/null"),
        (lambda ear: fuser(ear, KVA), "fuser ffff888003a54000"),
        (lambda ear: ipcs(ear, "memory-details", namespace_of=1), "ipcs -M -n 1"),
        (map_, "map"),
        (swap, "swap"),
        (lambda ear: vm(ear, 1, pages=True), "vm -p 1"),
        (lambda ear: vm(ear, area=KVA), "vm -P ffff888003a54000"),
        (lambda ear: vm(ear, 1, mm_struct=True), "vm -m 1"),
    ],
)
def test_what_is_sent(call: Callable[[Ear], object], sent: str) -> None:
    ear = Ear()
    # Text without a word in it is an answer for few of them.
    with contextlib.suppress(ParseError):
        call(ear)
    assert ear.heard == [sent]


@pytest.mark.parametrize(
    "call",
    [
        lambda ear: fuser(ear, "/tmp/x | touch pwned"),
        lambda ear: fuser(ear, "relative"),
        lambda ear: fuser(ear, "/a\nb"),
        lambda ear: kmem(ear, "caches", cache="x > y"),
        lambda ear: kmem(ear, "caches", also=["slabs"]),  # type: ignore[call-overload] # that is the test
        lambda ear: kmem(ear, "page", address=KVA, also=["nodes"]),  # type: ignore[call-overload] # so is that
        lambda ear: kmem(ear, "caches", cache="-S"),
        lambda ear: kmem(ear, "report", address=-1),
        lambda ear: net(ear, 1),
        lambda ear: net(ear, arp=True, sockets=True),
        lambda ear: net(ear, -1, sockets=True),
        lambda ear: files(ear, 1, dentry=KVA),
        lambda ear: files(ear, dentry=KVA, inode=KVA),
        lambda ear: vm(ear, pages=True, mm_struct=True),
        lambda ear: mount(ear, namespace_of=1 << 64),
    ],
)
def test_what_never_reaches_crash(call: Callable[[Ear], object]) -> None:
    ear = Ear()
    with pytest.raises(ArgumentError):
        call(ear)
    assert not ear.heard


def test_records_come_back() -> None:
    ear = Ear("NAME     TAINTS\ncrashme  OE\n")
    assert mod(ear, taints=True).one().taints == "OE"
