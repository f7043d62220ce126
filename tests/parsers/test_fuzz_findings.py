"""What scripts/fuzz found: each of these made a parser raise something else than a ParseError."""

from __future__ import annotations

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse

REFUSED = {
    "ps -A": "      PID    PPID  CPU    COMM\n"
    ">     398      -1   0  ffff8c3b1f3d20c0  RU   0.0     1104       48  a\n",
    "help": "*              ,files         mod\n",
    "ps -y FIFO": "      PID    PPID  CPU       TASK        ST  %MEM      VSZ     COMM\n"
    "       21       2   0  ffff8ea5412da100  IN   0.0        0        0  [migration/0]\n",
}
READ = {
    "list -H ffffffff9f7e0130 -s net.ifindex": "ffffffffa00099c0\n  ifindex = 010,\n",
    "dis do_exit": "0xffffffff81000000 <do_exit+07>:\tnop\n",
    "whatis list_head": "struct list_head {\n    struct list_head *next;\n}\nSIZE: 08\n",
}


@pytest.mark.parametrize("command", REFUSED)
def test_damaged_headers_are_refused(command: str) -> None:
    assert not parse(command, REFUSED[command], lenient=True).complete
    with pytest.raises(ParseError):
        parse(command, REFUSED[command])


@pytest.mark.parametrize("command", READ)
def test_numbers_with_leading_zeros(command: str) -> None:
    for lenient in (False, True):
        try:
            parse(command, READ[command], lenient=lenient)
        except ParseError:
            continue
