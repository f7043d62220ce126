"""Scripts in PyKdump's API, and PyKdump itself, over real dumps in real crashes."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pykdumpkit as kit
import pytest

from crashdrive.crash import Crash, open_dump
from crashdrive.linux.survey import Survey
from crashdrive.pykdump import folders, looks

LAB = kit.CHECKOUT / ".lab"
TARGETS = [("6.1-elf-sysrq", "8.0.2"), ("6.12-elf-sysrq", "9.0.2")]
CHECKOUT = os.environ.get("CRASHDRIVE_PYKDUMP")
pytestmark = pytest.mark.live


class Opened(NamedTuple):
    """A dump in a crash, and in drgn."""

    crash: Crash
    peer: Any
    truth: Path


@pytest.fixture(scope="module", params=TARGETS, ids="-".join)
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """Each dump, opened by both."""
    drgn = pytest.importorskip("drgn")
    name, version = request.param
    dump, binary = LAB / "dumps" / name, LAB / "crash" / version / "crash"
    if not (dump / "vmcore").exists() or not binary.exists():
        pytest.skip(f"{name} or crash {version} is missing: scripts/lab makes it")
    peer = drgn.Program()
    peer.set_core_dump(dump / "vmcore")
    peer.load_debug_info([dump / "vmlinux"])
    with open_dump(dump / "vmlinux", dump / "vmcore", crash=[str(binary)]) as crash:
        yield Opened(crash, peer, dump / "truth")


@pytest.mark.parametrize("name", sorted(kit.FACTS))
def test_drgn_says_the_same(opened: Opened, name: str) -> None:
    status, text = kit.output(opened.crash, kit.SCRIPTS / f"{name}.py")
    assert status in (0, 5)
    assert not kit.disagreements(text, dict(kit.FACTS[name](opened.peer)))


OWN_LAYERS = {
    "lowlevel",
    "read_su",
    "arrays",
    "struct_info",
    "pointers",
    "smart_string",
    "enum_info",
    "hash_lists",
}


@pytest.mark.skipif(CHECKOUT is None, reason="CRASHDRIVE_PYKDUMP names no checkout of PyKdump")
@pytest.mark.parametrize("name", sorted(OWN_LAYERS))
def test_pykdumps_own_layer_prints_the_same(opened: Opened, name: str) -> None:
    script = kit.SCRIPTS / f"{name}.py"
    _, theirs = kit.output(opened.crash, script, str(Path(str(CHECKOUT))))
    _, ours = kit.output(opened.crash, script)
    assert kit.shown(theirs) == kit.shown(ours)


_HANDLER = re.compile(r"\ttype=0x(\w{4}) dev=0x\w+(?: \((\S+)\))? func=(.+)")


def _handlers(crash: Crash, netns: str | None) -> Counter[tuple[str, ...]]:
    """(protocol, device, function) as /proc/net/ptype has them, and how often."""
    survey = Survey(crash.kernel)
    found = filter(None, map(_HANDLER.fullmatch, looks.handlers(crash, survey, netns)))
    rows: Counter[tuple[str, ...]] = Counter(
        ("ALL" if one[1] == "0003" else one[1], one[2] or "", one[3]) for one in found
    )
    assert survey.complete
    return rows


def _ptype(folder: Path) -> Counter[tuple[str, ...]]:
    _, *lines = (folder / "proc/net/ptype").read_text(encoding="utf-8").splitlines()
    return Counter((line[:4].strip(), line[5:13].strip(), line[14:]) for line in lines)


def test_handlers_of_packets_are_those_of_proc_net_ptype(opened: Opened) -> None:
    every = _handlers(opened.crash, None)
    spaces = [path for path in (opened.truth / "netns").iterdir() if (path / "proc/net/ptype").exists()]
    assert spaces
    for name, folder in [("init", opened.truth), *((one.name, one) for one in spaces)]:
        assert _ptype(folder) <= _handlers(opened.crash, name), name
        assert _ptype(folder) <= every
    told = set().union(*(_ptype(one) for one in (opened.truth, *spaces)))
    # /proc has no lists of a device's own for one protocol
    assert {row for row in every if not row[1]} == {row for row in told if not row[1]}


@pytest.mark.parametrize("path", ["/", "/lab", "/proc", "/dev/pts", "/run/netns"])
def test_folders_are_those_of_drgn(opened: Opened, path: str) -> None:
    from drgn.helpers.linux.fs import path_lookup
    from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry

    survey = Survey(opened.crash.kernel)
    dentry = path_lookup(opened.peer, path).dentry
    assert folders.lookup(survey, path) == int(dentry)
    if hasattr(dentry, "d_children"):
        walked = hlist_for_each_entry("struct dentry", dentry.d_children.address_of_(), "d_sib")
    else:
        walked = list_for_each_entry("struct dentry", dentry.d_subdirs.address_of_(), "d_child")
    names = [one.d_name.name.string_().decode() for one in walked if one.d_inode]
    found = list(folders.listing(survey, int(dentry), verbose=0))
    assert [line.split()[-1] for line in found] == (names or [path.rpartition("/")[2]])
    assert survey.complete


_PATHS = """
from pykdump.API import *
from LinuxDump.fs.dcache import pathname2dentry
for path in %r:
    dentry, mount = pathname2dentry(path)
    print(int(dentry), int(mount), get_pathname(dentry, mount))
"""


def test_paths_lead_through_all_mounts_as_in_drgn(opened: Opened, tmp_path: Path) -> None:
    from drgn.helpers.linux.fs import path_lookup

    lines = (opened.truth / "proc/1/mountinfo").read_text().splitlines()
    points = {line.split()[4] for line in lines}
    assert any(line.split()[3] != "/" and line.split()[4] != "/" for line in lines)  # a bind mount
    paths = sorted(point for point in points if "\\" not in point)
    script = tmp_path / "paths.py"
    script.write_text(_PATHS % (paths,))
    status, text = kit.output(opened.crash, script)
    assert status == 0
    for path, line in zip(paths, text.splitlines()[: len(paths)], strict=True):
        there = path_lookup(opened.peer, path)
        assert line == f"{int(there.dentry)} {int(there.mnt)} {path}"
