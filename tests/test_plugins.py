"""What is found outside of crashdrive, and what is refused."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from crashdrive.errors import PluginError, UsageError
from crashdrive.plugins import blamed, find, load, plugin_folder

Put = Callable[[str, str], Path]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of plugins, and a folder that packages are installed into."""
    folder = tmp_path / "plugins"
    (folder / "reports").mkdir(parents=True, mode=0o755)
    (tmp_path / "site-packages").mkdir()
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(folder))
    monkeypatch.syspath_prepend(str(tmp_path / "site-packages"))
    return folder


@pytest.fixture
def put(root: Path) -> Put:
    def write(name: str, text: str) -> Path:
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        return path

    return write


def install(root: Path, name: str, points: str, site: str = "site-packages") -> None:
    """A package with entry points."""
    folder = root.parent / site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(points)


def anything(_module: object) -> None:
    return None


def test_a_file_is_found_without_running_it(put: Put) -> None:
    path = put("reports/big_modules.py", "raise SystemExit('run')")
    put("reports/_helper.py", "")
    put("reports/.hidden.py", "")
    put("reports/notes.txt", "")
    put("rules/other.py", "")
    found = find("reports")
    assert list(found.plugins) == ["big-modules"]
    assert found.plugins["big-modules"].source == str(path)
    assert found.refused == ()
    assert list(find("rules").plugins) == ["other"]
    assert find("parsers").plugins == {}


def test_it_is_run_once_and_anew_when_it_changes(put: Put) -> None:
    record = "import msgspec\nclass R(msgspec.Struct):\n    x: 'int'\n"
    put("reports/one.py", record + "made = msgspec.json.decode('{\"x\":1}', type=R)")
    first = load(find("reports").plugins["one"], anything)
    assert first.made.x == 1
    assert load(find("reports").plugins["one"], anything) is first
    path = put("reports/one.py", "made = 2")
    assert load(find("reports").plugins["one"], anything).made == 2
    assert not (path.parent / "__pycache__").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nx = nope\n", "line 2: NameError: name 'nope' is not defined"),
        ("def f(:\n", "line 1: SyntaxError: invalid syntax"),
        ("\n\nimport sys; sys.exit('no\\nmore')", "line 3: SystemExit: no more"),
        ("raise ValueError('\\x1b[2J')", "line 1: ValueError: \\x1b[2J"),
        ("\0", "SyntaxError"),
    ],
)
def test_a_broken_one_is_named_in_one_line(put: Put, text: str, said: str) -> None:
    path = put("reports/bad.py", text)
    put("reports/good.py", "fine = True")
    found = find("reports")
    with pytest.raises(PluginError) as error:
        load(found.plugins["bad"], anything)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert load(found.plugins["good"], anything).fine
    assert not [name for name in sys.modules if name.endswith("reports.bad")]


def test_errors_of_crashdrive_keep_their_meaning(put: Put) -> None:
    put("reports/one.py", "")
    plugin = find("reports").plugins["one"]
    with pytest.raises(UsageError), blamed(plugin):
        raise UsageError("what the user gave is wrong")
    with pytest.raises(KeyboardInterrupt), blamed(plugin):
        raise KeyboardInterrupt


def test_names_that_are_taken(root: Path, put: Put) -> None:
    mine = put("reports/mine.py", "")
    own = put("reports/netstat.py", "")
    odd = put("reports/Odd Name.py", "")
    install(root, "acme", "[crashdrive.reports]\nmine = acme.mine\nother = acme.other\nBad! = acme.bad\n")
    found = find("reports", taken=("netstat",))
    assert {name: plugin.source for name, plugin in found.plugins.items()} == {
        "mine": str(mine), "other": "acme 1.0 (acme.other)"
    }  # fmt: skip
    assert list(found.refused) == [
        f"{odd}: refused: a name is made of a-z, 0-9 and -",
        f"{own}: refused: netstat is the name of one of crashdrive's own reports",
        "acme 1.0: refused: Bad!: a name is made of a-z, 0-9 and -",
        f"acme 1.0 (acme.mine): refused: {mine} has the same name",
    ]


def test_a_package_is_imported_when_it_is_loaded(root: Path) -> None:
    (root.parent / "site-packages" / "acme_reports.py").write_text("fine = True")
    install(
        root,
        "acme",
        "[crashdrive.reports]\ngood = acme_reports\ngone = acme_nosuch\n[console_scripts]\nx = y\n",
    )
    found = find("reports")
    assert sorted(found.plugins) == ["gone", "good"]
    assert load(found.plugins["good"], anything).fine
    with pytest.raises(
        PluginError, match=r"^acme 1\.0 \(acme_nosuch\): ModuleNotFoundError: No module named"
    ):
        load(found.plugins["gone"], anything)


@pytest.mark.parametrize("site", ["here", "dump/site-packages"])
def test_nothing_comes_from_the_current_directory(
    root: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(root, "evil", "[crashdrive.reports]\nevil = evil\n", site)
    (root.parent / site / "reports").mkdir()
    (root.parent / site / "reports" / "evil.py").write_text("")
    monkeypatch.chdir(root.parent / site)
    monkeypatch.syspath_prepend(str(root.parent / site))
    monkeypatch.syspath_prepend("")
    assert find("reports").plugins == {}
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", ".")
    found = find("reports")
    assert found == ({}, ("CRASHDRIVE_PLUGINS: .: refused: it is no full path",))


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
@pytest.mark.parametrize("place", ["reports/one.py", "reports", "."])
def test_what_others_may_write_to_is_refused(root: Path, put: Put, place: str, mode: int) -> None:
    put("reports/one.py", "")
    (root / place).chmod(mode)
    found = find("reports")
    assert found.plugins == {}
    (line,) = found.refused
    assert line.startswith(f"{root}/reports{'/one.py' if place.endswith('one.py') else ''}: refused: ")
    assert "chmod go-w" in line
    assert (str(root) + ", which holds it" in line) is (place == ".")


def test_what_belongs_to_another_user_is_refused(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("reports/one.py", "")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    found = find("reports")
    assert found.plugins == {}
    assert "it belongs to another user" in found.refused[0]


def test_a_link_is_judged_by_what_it_leads_to(root: Path, put: Put, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "two.py").write_text("")
    (root / "reports" / "two.py").symlink_to(shared / "two.py")
    (root / "reports" / "gone.py").symlink_to(shared / "gone.py")
    assert list(find("reports").plugins) == ["two"]
    shared.chmod(0o777)
    assert find("reports").plugins == {}
    put("reports/one.py", "")
    assert list(find("reports").plugins) == ["one"]


def test_a_file_that_changed_hands_between_is_not_run(put: Put) -> None:
    path = put("reports/one.py", "")
    plugin = find("reports").plugins["one"]
    path.chmod(0o666)
    with pytest.raises(PluginError, match="others may write to it"):
        load(plugin, anything)


def test_where_the_folder_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CRASHDRIVE_PLUGINS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert plugin_folder() == tmp_path / "crashdrive"
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", "off")
    assert plugin_folder() is None
    assert find("reports").plugins == {}
    monkeypatch.setenv("CRASHDRIVE_PLUGINS", str(tmp_path / "nosuch"))
    assert find("reports").refused == (f"CRASHDRIVE_PLUGINS: {tmp_path}/nosuch: refused: no such folder",)
