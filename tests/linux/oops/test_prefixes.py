"""What loggers and dmesg print in front of a line of the kernel's."""

from __future__ import annotations

import pytest

from crashdrive.linux import oops
from crashdrive.linux.oops.lines import split
from tests.linux.oops.logs import X86

# {n}: seconds, of two digits
PREFIXES = {
    "dmesg -x": "kern  :alert : [   10.{n}0000] ",
    "dmesg iso": "2023-12-13T10:43:{n},123456+01:00 ",
    "dmesg reltime": "[  +0.{n}0000] ",
    "journal iso": "2023-12-13T10:43:{n}+0100 host kernel: ",
    "journal full": "Wed 2023-12-13 10:43:{n} CET host kernel: ",
    "journal monotonic": "[   10.{n}0000] host kernel: ",
    "journal unix": "17024605{n}.123456 host kernel: ",
    "openwrt": "Wed Dec 13 10:43:{n} 2023 kern.alert kernel: [   10.{n}0000] ",
    "busybox": "Jan  1 00:00:{n} (none) kern.alert kernel: [   10.{n}0000] ",
    "german": "Dez 13 10:43:{n} host kernel: ",
    "french": "déc. 13 10:43:{n} host kernel: ",
    "polish": "sty 13 10:43:{n} host kernel: ",
    "russian": "дек 13 10:43:{n} host kernel: ",
    "japanese": "12月 13 10:43:{n} host kernel: ",
    "qemu": "qemu: [   10.{n}0000] ",
    "vmware": "2023-12-13T09:43:{n}.123Z vmx| I125: Guest: [   10.{n}0000] ",
}
BARE = [line.partition("] ")[2] for line in X86.splitlines()]


@pytest.mark.parametrize("name", PREFIXES)
def test_a_prefix_changes_nothing(name: str) -> None:
    text = "".join(f"{PREFIXES[name].format(n=f'{10 + at}')}{line}\n" for at, line in enumerate(BARE))
    wanted = oops.verdict("\n".join(BARE))
    assert wanted.function == "blue_open"
    assert oops.verdict(text) == wanted


def test_the_first_line_of_reltime_has_a_date() -> None:
    rest = "".join(f"[  +0.000012] {line}\n" for line in BARE[1:])
    assert oops.verdict(f"[Dec13 10:43] {BARE[0]}\n{rest}") == oops.verdict("\n".join(BARE))


def test_words_between_two_stamps_are_kept() -> None:
    """A console joined two lines; a heading isn't a logger's name."""
    joined = X86.replace("Call Trace:\n", "Call Trace:")
    assert joined != X86
    assert oops.verdict(joined).function == "blue_open"


@pytest.mark.parametrize("word", ["Backtrace:", "Oops:", "foo: bar:"])
def test_a_word_between_two_stamps_is_no_logger(word: str) -> None:
    lines = [line.text for line in split(f"[    3.290001] {word} [    3.290002] [<c0012345>]", 1)]
    assert lines == [word, "[<c0012345>]"]
