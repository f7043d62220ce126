"""Structures that are followed in the browser, against what crash itself prints of them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from crashdrive.crash import Crash
from crashdrive.linux.kernel import Kernel
from crashdrive.linux.opening import open_kernel
from crashdrive.serve.exchange import Asked
from crashdrive.serve.members import members_of
from crashdrive.serve.pages.find import _symbol
from crashdrive.serve.places import is_per_cpu
from tests.live.conftest import Lab

pytestmark = pytest.mark.live
ASKED = Asked("/", (), {})


@pytest.fixture(scope="module")
def served(lab: Lab) -> Kernel:
    return open_kernel(lab.session, None)


@pytest.mark.parametrize("name", ["init_task", "init_net"])
def test_members_are_what_crash_prints(served: Kernel, lab: Lab, name: str) -> None:
    """Every pointer among the outer members, by its name and value."""
    value = served.symbol(name)
    address = value.address_
    printed = lab.session.run(f"{value.type_name_} {address:x}").text
    theirs = dict(re.findall(r"^  (\w+) = (0x[0-9a-f]+)", printed, re.MULTILINE))
    rows = [row for row in members_of(ASKED, served, value).rows if row.depth == 0]
    ours = {row.name: row.value.split()[0] for row in rows if row.value.startswith("0x")}
    assert len(theirs) > 5
    assert {one: ours.get(one) for one in theirs} == theirs


def test_every_link_leads_to_a_page(served: Kernel) -> None:
    """What a pointer of a task points to is shown, or said to be missing; nothing fails."""
    task = served.symbol("init_task")
    links = [link for row in members_of(ASKED, served, task).rows for link in row.links]
    assert any(not link.sure for link in links)
    for link in links[:60]:
        found = re.fullmatch(r"/structure\?type=(.+)&address=([0-9a-f]+)", link.url)
        if found:
            kind = found[1].replace("+", " ").replace("%2A", "*").replace("%5B", "[").replace("%5D", "]")
            members_of(ASKED, served, served.object(kind, int(found[2], 16)))


def test_a_cpus_own_variable(served: Kernel) -> None:
    crash = cast("Crash", SimpleNamespace(kernel=served))
    found: Any = _symbol(crash, "runqueues")
    assert (found.type, found.cpu) == ("struct rq", served.cpus[0])
    assert is_per_cpu(served, served.symbols.address("runqueues"))
    assert not is_per_cpu(served, served.symbols.address("init_task"))
    plain: Any = _symbol(crash, "init_task")
    assert plain.cpu is None
