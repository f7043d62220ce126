"""The command line: exit status, messages, and the commands that build nothing."""

import json
from pathlib import Path

import pytest
from labkit import cli, dumps, spec
from labkit.errors import LabError


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRASHDRIVE_LAB", str(tmp_path))
    return tmp_path


def put_dump(lab: Path, name: str) -> Path:
    folder = lab / "dumps" / name
    folder.mkdir(parents=True)
    facts = {"name": name, "release": "6.1.0-1-cloud-amd64", "connections": 50}
    (folder / "dump.json").write_text(json.dumps(facts))
    return folder


def test_path_of_a_dump_that_is_there(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = put_dump(lab, "mine")
    assert cli.main(["path", "mine"]) == 0
    assert capsys.readouterr().out == f"{folder}\n"


@pytest.mark.usefixtures("lab")
def test_path_of_a_missing_standard_dump_says_how_to_make_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["path", "6.1-elf-big"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "scripts/lab dump --kernel 6.1 --format elf" in captured.err


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("wanted", spec.FULL, ids=lambda wanted: wanted.name)
def test_the_command_in_the_hint_makes_that_dump(wanted: spec.Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[spec.Spec] = []
    monkeypatch.setattr(dumps, "ensure", lambda wanted, **_options: made.append(wanted))
    assert cli.main(wanted.command.split()[1:]) == 0
    assert made[0].name == wanted.name
    for field in ("kernel", "format", "death", "connections", "thash_entries", "also_filtered"):
        assert getattr(made[0], field) == getattr(wanted, field)


def test_list_names_only_complete_dumps(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_dump(lab, "whole")
    (lab / "dumps" / ".half.abcdefgh").mkdir()
    (lab / "dumps" / "empty").mkdir()
    assert cli.main(["list", "--json"]) == 0
    assert [facts["name"] for facts in json.loads(capsys.readouterr().out)] == ["whole"]


def test_clean_deletes_one_dump(lab: Path) -> None:
    folder = put_dump(lab, "mine")
    assert cli.main(["clean", "mine"]) == 0
    assert not folder.exists()


@pytest.mark.usefixtures("lab")
def test_clean_of_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["clean", "nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


@pytest.mark.usefixtures("lab")
def test_status_lists_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["status"]) == 0
    assert "dump 6.1-kdump-sysrq: missing" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["dump", "--format", "zip"], ["clean"], ["nonsense"]])
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2


@pytest.mark.usefixtures("lab")
def test_standard_keeps_going_and_names_what_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ensure(wanted: spec.Spec, **_options: bool) -> Path:
        if wanted.kernel == "6.12":
            raise LabError("no such luck")
        return Path(wanted.name)

    monkeypatch.setattr(dumps, "ensure", ensure)
    assert cli.main(["standard"]) == 1
    captured = capsys.readouterr()
    assert captured.out.split() == ["6.1-elf-sysrq", "6.1-kdump-sysrq"]
    said = captured.err.splitlines()[-1]
    assert said.endswith("not made: 6.12-elf-sysrq, 6.12-kdump-sysrq, 6.12-kdump-holes")
