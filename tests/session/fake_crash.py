"""A program that behaves at a terminal as crash does, and misbehaves as it is told.

Started as ``crash``: the prompt is the name that it was started by, an input file (``< FILE``) frames what
its commands print while ``silent`` is off, ^C ends a command and the input file, ``eval N`` answers. A
wrapper sets ``FAKE_MODE`` for what happens at the start and ``FAKE_FILES`` for a folder of its own.

It is started a thousand times in a test run, so it doesn't import pathlib or typing.
"""

# ruff: noqa: PTH110, PTH116, PTH119, PTH123
from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

MODE = os.environ.get("FAKE_MODE", "")
# wrapper scripts that start crash, or no crash, by another name
OTHER_NAMES = {"renamed": "crash", "renamed8": "crash8", "shell": "bash"}
NAME = OTHER_NAMES.get(MODE) or os.path.basename(sys.argv[0])
PROMPT = f"{NAME}> ".encode()
FILES = os.environ.get("FAKE_FILES", ".")
MARK = "ffff888000000000"
HOSTILE = b"a\0b \x1b[31mred\x1b[0m \xff\xfe\n\rcrash> \n"


class Interrupted(Exception):  # noqa: N818 - no error
    """^C."""


class Fatal(Exception):  # noqa: N818 - as crash calls it
    """A command that crash leaves with a message."""


class BrokenOff(Exception):  # noqa: N818 - no error
    """A command that crash leaves without a word."""


class State:
    """What commands change."""

    blamed = NAME
    silent = True
    context = "0"
    reading = False
    output = 1


def on_interrupt(_number: int, _frame: object) -> None:
    """SIGINT ends the command."""
    raise Interrupted


def out(data: bytes | str) -> None:
    """To the terminal, at once."""
    view = memoryview(data.encode() if isinstance(data, str) else data)
    while view:
        view = view[os.write(State.output, view) :]


def note(name: str) -> None:
    """Leave a file that tells the test that something happened."""
    with open(f"{FILES}/{name}", "w") as file:
        file.write(str(os.getpid()))


def kill_self(number: int) -> None:
    """Die or stop in the middle of a command."""
    out("half of a li")
    os.kill(os.getpid(), number)
    time.sleep(60)


def forever(words: list[str]) -> None:
    """A command without end: ``spin`` honours ^C, ``spin deaf`` doesn't, ``spin loud`` prints."""
    if "deaf" in words:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    note("spinning")
    while True:
        if "loud" in words:
            out("more and more\n" * 100)
        time.sleep(0.01)


def row_by_row(words: list[str]) -> None:
    """One row, and then nothing for longer than anybody waits."""
    out(" ".join(words[1:]) + "\n")
    forever(words)


def big(words: list[str]) -> None:
    """So many MB, in lines of 64 bytes."""
    chunk = (b"x" * 63 + b"\n") * 1024
    for _ in range(int(words[1]) * 16):
        out(chunk)


def broken(_words: list[str]) -> None:
    """A table that ends early, as from crash 9.0.1 on when a page isn't in the dump."""
    out("first row\n")
    raise BrokenOff


def split_prompt(_words: list[str]) -> None:
    """Output that looks like the prompt's beginning, and pauses inside the prompt (see main)."""
    out(PROMPT[:-1] + b"\n" + PROMPT[:4])
    time.sleep(0.05)
    out(b"\n")


def promptly(_words: list[str]) -> None:
    """The prompt itself inside a line, as ``help -p`` shows it."""
    out(b"prompt: " + PROMPT)
    time.sleep(0.005)
    out("and more\n")


def raw(words: list[str]) -> None:
    """``rd [-p] -r FILE ADDR N``: bytes that tell their address, in chunks of 1500."""
    if MODE == "dies-reading":
        kill_self(signal.SIGSEGV)
    words = [word for word in words if word != "-p"]
    address, size = int(words[3], 16), int(words[4])
    if address >> 12 == 0xBAD:
        raise Fatal(f'rd: page excluded: kernel virtual address: {address:x}  type: "raw dump to file"')
    with open(words[2], "wb") as file:
        file.write(memory(address, size))
    out(f"{size} bytes copied from 0x{address:x} to {words[2]}\n")


def memory(address: int, size: int) -> bytes:
    """What the fake's memory holds."""
    blocks = range(address >> 4, address + size + 15 >> 4)
    data = b"".join(bytes([(block ^ block >> 8) & 0xFF]) * 16 for block in blocks)
    return data[address & 15 :][:size]


def set_(words: list[str]) -> None:
    """``set silent on|off``, ``set PID``, ``set``."""
    if MODE == "dies-at-once":
        kill_self(signal.SIGSEGV)
    if words[1:2] == ["silent"]:
        State.silent = words[2] == "on"
    elif len(words) == 2 and words[1].isdigit():
        if MODE == "forgetful" and os.stat(f"{FILES}/started").st_size > 1:
            raise Fatal(f"set: invalid task or pid value: {words[1]}")
        State.context = words[1]
        out(f"    PID: {words[1]}\n")
    elif len(words) == 1:
        out(f"    PID: {State.context}\n")


def tasks(words: list[str]) -> None:
    """``ps`` and ``ps -l``."""
    if MODE == "minimal":
        raise Fatal(f"{NAME}: ps: command not available in minimal mode")
    known = 1 if MODE == "short-table" else 3
    for number in range(known):
        address = f"ffff88800000{number:04x}"
        if "-l" in words:
            out(f'[  {number}00] [IN]  PID: {number}  TASK: {address}  CPU: 0  COMMAND: "ps: no {number}"\n')
        else:
            out(f"  {number}  0  0  {address}  IN  0.0  0  0  ps: look-alike\n")


def walk(_words: list[str]) -> None:
    """``list``: the leaders of thread groups."""
    if MODE == "odd-walk":
        out("(empty)\n")
    for number in range(3):
        out(f"ffff88800000{number:04x}\n")


def late_interrupt(_words: list[str]) -> None:
    """A command that ends when ^C comes: its prompt and one more."""
    note("spinning")
    try:
        time.sleep(60)
    except Interrupted:
        out(PROMPT)
        time.sleep(0.02)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "eval": lambda words: out(f"hexadecimal: {int(words[1], 0):x}\n    decimal: {int(words[1], 0)}\n"),
    "set": set_,
    "ps": tasks,
    "list": walk,
    "rd": raw,
    "echo": lambda words: out(" ".join(words[1:]) + "\n"),
    "spin": forever,
    "slowly": row_by_row,
    "die": lambda _words: kill_self(signal.SIGKILL),
    "stop": lambda _words: kill_self(signal.SIGSTOP),
    "segv": lambda _words: out("   <segmentation violation in gdb>\n\n"),
    "hostile": lambda _words: out(HOSTILE),
    "prompts": lambda _words: out(f"crash> \n{NAME}>\n>\n"),
    "promptly": promptly,
    "long-line": lambda _words: out(b"y" * 10_000_000 + b"\n"),
    "unended": lambda _words: out("no newline"),
    "big": big,
    "broken": broken,
    "split": split_prompt,
    "late": late_interrupt,
    "child": lambda _words: note_child(),
    "pid": lambda _words: out(f"{os.getpid()}\n"),
    "environment": lambda _words: out("".join(f"{k}={v}\n" for k, v in sorted(os.environ.items()))),
    "arguments": lambda _words: out("".join(f"{word!r}\n" for word in sys.argv[1:])),
    "log": lambda _words: out("[    0.000000] Linux\nbt: failed\nrd: seek error\nsymbol not found: x\n"),
}


def note_child() -> None:
    """A child that holds the terminal open and ignores SIGHUP, as ``!nohup sleep &`` does."""
    if os.fork() == 0:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        note("child")
        time.sleep(60)
        os._exit(0)
    while not os.path.exists(f"{FILES}/child"):
        time.sleep(0.005)


def unknown(words: list[str]) -> None:
    """A command that crash doesn't know."""
    raise Fatal(f"{NAME}: command not found: {words[0]}")


def execute(line: str) -> None:
    """One command line."""
    words = line.split()
    if not words:
        return
    if words[-2:-1] == [">"] and words[-1].endswith("/") and MODE != "shell":
        out(f"{State.blamed}: unable to open {words[-1]}\n")
        return
    State.blamed = NAME
    if words[-2:-1] == [">"] and MODE != "shell":
        words, place = words[:-2], words[-1]
        State.output = os.open(place, os.O_RDWR | os.O_CREAT)  # "w+", as crash opens it
    try:
        if words[0] == "<":
            input_file(words[1])
        else:
            COMMANDS.get(words[0], unknown)(words)
    except Fatal as error:
        out(f"{error}\n")
    except BrokenOff:
        State.blamed = words[0]
    finally:
        if State.output != 1:
            os.close(State.output)
            State.output = 1


def input_file(path: str) -> None:
    """Commands from a file; each behind a prompt unless silent."""
    if State.reading:
        raise Fatal(f"{NAME}: embedded input files not allowed!")
    State.reading = True
    try:
        with open(path) as file:
            text = file.read()
        for line in text.splitlines():
            if not State.silent:
                out(PROMPT + line.encode() + b"\n")
            execute(line)
    finally:
        State.reading = False


def lines() -> NoReturn:
    """Prompt, command, prompt, ... until the terminal closes."""
    data = b""
    while True:
        try:
            out(PROMPT)
            while b"\n" not in data:
                more = os.read(0, 4096)
                if not more:
                    sys.exit(0)
                data += more
            line, _, data = data.partition(b"\n")
            execute(line.decode())
        except Interrupted:
            out("\n")


def start() -> None:
    """What comes before the first prompt."""
    if sys.argv[1:2] == ["-v"]:
        out("\ncrash 8.0.2\nGNU gdb (GDB) 10.2\n")
        sys.exit(0)
    with contextlib.suppress(OSError), open(f"{FILES}/started", "a") as file:
        file.write("x")
    if MODE == "exits":
        out(f"{NAME}: something is wrong\n\n")
        sys.exit(1)
    if MODE == "silent-exit" or (MODE.startswith("needs") and MODE.removeprefix("needs") not in sys.argv):
        sys.exit(1)
    if MODE == "wants-vmlinux" and "/vmlinux" not in sys.argv:
        sys.exit(1)
    if MODE == "no-match":
        out(f"{NAME}: vmlinux and vmcore do not match!\n\nUsage:\n\n  crash [OPTION]...\n")
        sys.exit(1)
    if MODE.startswith("works"):
        until = time.process_time() + (600 if MODE == "works-for-ever" else 0.3)
        while time.process_time() < until:
            pass
    if MODE == "hangs":
        out("WARNING: this will take a while\n")
        time.sleep(600)
    if MODE == "warns":
        out("WARNING: active task ffff88800000 on cpu 0 not found in PID hash\n\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, on_interrupt)
    start()
    lines()
