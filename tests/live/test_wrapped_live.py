"""crash behind wrapper scripts that give it another name, or stay in front of it: the same answers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from crashdrive.crash import Crash
from crashdrive.session import Session
from tests.live.conftest import crash_binary, dump_file

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

COMMANDS = ["sys", "p jiffies", "p nosuch", "rd 0 1", "nosuch", "ps -l", "rd -x ffffffff 1", "set"]
EXEC = "#!/bin/sh\nexec {own}\n"
STAY = "#!/bin/sh\necho site wrapper\n{own}\n"


def wrapped(folder: Path, binary: Path, text: str) -> str:
    """A script that starts the lab's crash as ``crash``, or as ``crash8`` and stays."""
    name = "crash8" if text == STAY else "crash"
    last = binary.read_text().splitlines()[-1].removeprefix("exec ")
    own = re.sub(r'--argv0 "\$0"', f"--argv0 {name}", last)
    own = own.replace("$root", shlex.quote(str(binary.parent / "root")).strip("'"))
    path = re.search(r'^path="(.*)"$', binary.read_text(), re.MULTILINE)
    assert path is not None
    own = own.replace('"$path"', f'"{path[1].replace("$root", str(binary.parent / "root"))}"')
    script = folder / "wrapper"
    script.write_text(text.format(own=own))
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize("text", [EXEC, STAY], ids=["exec", "stay"])
def test_the_same_answers(tmp_path: Path, text: str) -> None:
    vmcore, binary = dump_file("6.1-elf-sysrq"), crash_binary("8.0.6")
    answers = []
    for crash in (str(binary), wrapped(tmp_path, Path(binary), text)):
        with Session.open(vmcore.with_name("vmlinux"), vmcore, crash=[crash]) as session:
            one = [session.run(command) for command in COMMANDS]
            several = session.run_many(COMMANDS)
            report = Crash(session, keep=False).report("netstat", all=True)
            answers.append(([(done.raw, done.failure) for done in (*one, *several)], report.tables))
    assert answers[0] == answers[1]
