"""Names that fit what has been typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from crashdrive.shell.complete import MOST, Names
from crashdrive.shell.history import history_file
from crashdrive.shell.names import Sorted
from crashdrive.shell.talk import Shell


@pytest.fixture
def names(shell: Shell) -> Names:
    shell.obey("tasks = crash.ps()")
    return Names(shell)


def fitting(names: Names, text: str) -> list[str]:
    return [offer.text for offer in names.fitting(text)[1]]


def test_commands_reports_programs_and_python(names: Names) -> None:
    # what TAB says of crash.kernel opens no kernel
    assert "crash.kernel.walk_list" in fitting(names, "x = crash.kernel.walk_l")
    assert "kernel" not in vars(names._shell.crash)
    assert {"struct", "search", "sys"} <= set(fitting(names, "s"))
    assert "epython" in fitting(names, "epy")
    assert {"netstat", "netsummary"} <= set(fitting(names, "nets"))
    assert "tasks" in fitting(names, "task")
    assert "tasks.records" in fitting(names, "x = tasks.rec")
    assert "print" in fitting(names, ">>> pri")
    assert "netstat" in fitting(names, "report nets")
    assert fitting(names, "format js") == ["json", "jsonl"]


def test_options(names: Names) -> None:
    assert {"-a", "-F", "-t"} <= set(fitting(names, "bt -"))
    assert "-at" in fitting(names, "bt -a")
    assert fitting(names, "netstat --lis") == ["--listening"]
    assert "--where" in fitting(names, "netstat -a --wh")
    assert fitting(names, "netstat --format js") == ["json", "jsonl"]


def test_kernels_names(names: Names) -> None:
    assert "init_net" in fitting(names, "sym init_n")
    assert "list_head.next" in fitting(names, "struct list_head.n")
    assert fitting(names, "struct no_such_type.n") == []
    assert len(fitting(names, "sym a")) == MOST


def test_tasks_and_rows(names: Names) -> None:
    shell = names._shell
    shell.obey("ps")
    assert "324" in fitting(names, "bt 32")
    assert "#1" in fitting(names, "#")
    assert {"#2.pid", "#2.ppid", "#2.ps"} <= set(fitting(names, "#2.p"))
    assert "#2.task.struct" in fitting(names, "#2.task.str")
    offers = names.fitting("bt 32")[1]
    assert all(offer.about.isprintable() for offer in offers)


def test_columns_of_the_report_that_was_shown(names: Names) -> None:
    names._shell.obey("netstat -lt")
    assert {"local_address", "local_port"} <= set(fitting(names, "netstat --sort local_"))


def test_paths_and_programs_of_this_host(names: Names) -> None:
    Path("out.txt").touch()
    Path("inner").mkdir()
    Path("inner/deep.txt").touch()
    assert fitting(names, "ps > ou") == ["out.txt"]
    assert fitting(names, "ps > inn") == ["inner/"]
    assert fitting(names, "ps > inner/") == ["inner/deep.txt"]
    assert "grep" in fitting(names, "ps | gre")
    assert "out.txt" in fitting(names, "ps | grep x ou")
    assert fitting(names, "< ou") == ["out.txt"]


def test_names_that_begin_alike_are_found_by_bisection() -> None:
    many = Sorted(f"symbol_{number:06d}" for number in range(150_000))
    assert many.beginning("symbol_00001", 200) == [f"symbol_{number:06d}" for number in range(10, 20)]
    assert len(many.beginning("s", 200)) == 200
    assert many.beginning("zzz", 200) == []


def test_each_dump_has_its_history(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CRASHDRIVE_CACHE", str(tmp_path / "cache"))
    one, other = history_file({"vmcore": "/dumps/a"}), history_file({"vmcore": "/dumps/b"})
    assert one is not None
    assert other is not None
    assert one != other
    assert (one.stat().st_mode & 0o777, one.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    one.write_text("\n# then\n+first\n" + "\n# then\n+a line\n" * 100_000)
    one.chmod(0o644)
    assert history_file({"vmcore": "/dumps/a"}) == one
    assert one.stat().st_size < 1 << 20
    assert one.stat().st_mode & 0o777 == 0o600
    assert one.read_text().startswith("\n# then\n+a line\n")
    other.unlink()
    other.symlink_to(tmp_path / "elsewhere")
    assert history_file({"vmcore": "/dumps/b"}) is None
    monkeypatch.setenv("CRASHDRIVE_CACHE", "off")
    assert history_file({"vmcore": "/dumps/a"}) is None
