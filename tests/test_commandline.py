"""crash's command lines: words, aliases, options, and what each command is like."""

from __future__ import annotations

import pytest

from crashdrive import commandline
from crashdrive.commandline import (
    ALIASES,
    BULK_READ,
    COMMANDS,
    bulk_read,
    command_line,
    is_physical,
    resting_on,
    split_command,
)
from crashdrive.errors import UsageError
from crashdrive.parsers import command_names, parse
from crashdrive.session.lines import check_line
from crashdrive.session.result import CommandResult


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ps -a", ("ps", "-a")),
        ("  dmesg -T", ("log", "-T")),
        ("last", ("ps", "-l")),
        ("*task_struct ffff888003a54000", ("struct", "task_struct", "ffff888003a54000")),
        ("\\ps -a", ("ps", "-a")),
        ('alias x "ps -a"', ("alias", "x", '"ps -a"')),
        ("", ()),
    ],
)
def test_words_are_those_that_crash_goes_by(text: str, words: tuple[str, ...]) -> None:
    line = command_line(text)
    assert line.words == words
    assert line.name == (words[0] if words else "")
    assert line.text == text


def test_options_are_told_from_arguments() -> None:
    line = split_command("rd -8e ffff888003a54100 ffff888003a54000 | wc -l", "8e:")
    assert line.options == {"8": "", "e": "ffff888003a54100"}
    assert line.arguments == ("ffff888003a54000",)
    assert line.has("8")
    assert not line.has("a")
    assert split_command("rd -- -8", "8").arguments == ("-8",)


def test_a_line_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    split = commandline.split_words

    def counting(text: str) -> tuple[str, ...]:
        taken.append(text)
        return split(text)

    monkeypatch.setattr(commandline, "split_words", counting)
    command_line.cache_clear()
    result = CommandResult(command="btop 512a000", raw=b"512a000: 512a\n", elapsed=0.0)
    parse(result.line, result.text)
    parse("btop 512a000", result.text)
    assert taken == ["btop 512a000"]


def test_all_commands_that_have_a_parser_are_known() -> None:
    assert set(command_names()) <= COMMANDS
    assert {words.split()[0] for words in ALIASES.values()} <= COMMANDS


def test_a_commands_own_options_are_told_from_its_arguments() -> None:
    line = split_command("irq -c 1 -s 7")
    assert (line.options, line.arguments) == ({"c": "1", "s": ""}, ("7",))
    assert split_command("rd -o 8 ffff888003a54000").with_options("").arguments[0] == "-o"
    assert split_command("no_command_of_crash -x").arguments == ("-x",)


def test_answers_of_task_commands_rest_on_the_task_table() -> None:
    assert {"ps", "foreach", "bt", "sys"} <= set(resting_on("tasks"))
    assert resting_on("modules") == ("mod", "sym")


@pytest.mark.parametrize(
    ("command", "text", "openly"),
    [
        ("rd -a linux_banner", "Linux version", True),
        ("rd linux_banner", "ffffffff81c001a0:", False),
        ("pte d8e067", "(PRESENT|RW)", True),
        ("pte d8e067", "  PTE   ", False),
        ("rustfilt _RNvC1a1b", "a::b", True),
        ("ps", "", False),
    ],
)
def test_some_texts_have_no_newline_at_their_end(command: str, text: str, openly: bool) -> None:  # noqa: FBT001
    line = command_line(command)
    assert line.with_options().ends_openly(text) is openly


def test_a_backslash_hides_no_command_from_the_session() -> None:
    with pytest.raises(UsageError, match="session's own"):
        check_line("\\set gdb on")
    with pytest.raises(UsageError, match="closing the session"):
        check_line("\\q")


@pytest.mark.parametrize(("option", "physical"), [("-p ", True), ("-u ", False), ("", False)])
def test_bulk_reads_are_known_again(option: str, *, physical: bool) -> None:
    line = bulk_read(option, "/tmp/fifo", 0xFFFF_8880_0000_1000, 4096)
    found = BULK_READ.fullmatch(line)
    assert found is not None
    assert found.groups() == (option, "/tmp/fifo", "ffff888000001000", "4096")
    assert is_physical(line) is physical


@pytest.mark.parametrize(
    "line", ["map -a", "map -f file", "dev -v 0 file", "rd -r file 0 1", "s390dbf -s dir"]
)
def test_what_writes_a_file_does_more_than_print(line: str) -> None:
    """Such an answer isn't kept, as it were not written again."""
    assert not command_line(line).only_prints
    assert command_line(line.split(maxsplit=1)[0]).only_prints
