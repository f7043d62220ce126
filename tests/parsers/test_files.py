"""``files`` and ``fuser``: hostile paths and names; recorded outputs counted in another way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.files import Dentry, InodePages, OpenFile, TaskFiles
from crashdrive.parsers.fuser import FileUser
from tests.parsers.recorded import each, output, parsed

TASK = 'PID: 720    TASK: c67f2000  CPU: 1   COMMAND: "innd"\n'
OTHER = 'PID: 1      TASK: c67f3000  CPU: 0   COMMAND: "init"\n'
ROOT = "ROOT: /    CWD: /var/spool/news\n"
TITLES = " FD    FILE     DENTRY    INODE    TYPE  PATH\n"
ROW = "  0  c6b9c740  c7cc45a0  c7c939e0  CHR   /dev/null\n"
USERS = " PID    TASK    COMM            USAGE\n"


def test_a_row_without_path_and_one_without_inode() -> None:
    rows = "  3  c74182c0  c6ede260  c6da3d40  PIPE\n  4  c74182c0  00000000     ?      ?     ?\n"
    files = parse("files 720", TASK + ROOT + TITLES + rows).one().files
    assert files[0] == OpenFile(fd=3, file=0xC74182C0, dentry=0xC6EDE260, inode=0xC6DA3D40, type="PIPE")
    assert files[1] == OpenFile(fd=4, file=0xC74182C0, dentry=0)


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        (ROOT + "No open files\n", True),
        ("No open files\n", True),
        (ROOT, False),
        (ROOT + TITLES, False),
        ("", False),
    ],
)
def test_a_task_without_files_says_so_or_is_marked(text: str, complete: bool) -> None:  # noqa: FBT001 - a table's columns
    answer = parse("files 720", TASK + text)
    assert (answer.one().files, answer.complete) == ((), complete)


def test_a_path_with_a_newline_is_put_together_and_marked() -> None:
    answer = parse("files 720", TASK + ROOT + TITLES + ROW.rstrip("\n") + "\nof it\n")
    assert answer.one().files[0].path == "/dev/null\nof it"
    assert [notice.kind for notice in answer.warnings] == ["newline"]
    assert not answer.complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        ROOT + TITLES + ROW,
        TASK + ROOT + TITLES + ROW + ROW,
        TASK + ROOT + TITLES + ROW + OTHER + ROOT,
        TASK + ROOT + ROW,
        TASK + "ROOT: /    CWD: /a    CWD: /b\n",
        TASK + ROOT + TITLES + ROW.replace("c7cc45a0", ""),
        TASK + ROOT + TITLES + "oops c6b9c740  c7cc45a0\n",
        TASK + ROOT + TITLES.replace("INODE", "INO"),
        "files: invalid task or pid value: 720\n",
    ],
)
def test_text_that_is_no_answer(text: str) -> None:
    with pytest.raises(ParseError):
        parse("files 720", text)


def test_without_a_task_there_is_one_block() -> None:
    assert len(parse("files", TASK + ROOT)) == 1
    with pytest.raises(ParseError, match="wasn't asked for"):
        parse("files", TASK + ROOT + OTHER + ROOT)


def test_a_reference_that_is_nowhere() -> None:
    assert [notice.kind for notice in parse("files -R x 720", "").warnings] == ["empty"]


def test_a_negative_dentry() -> None:
    text = " DENTRY    INODE    SUPERBLK  TYPE  PATH\nf745fd60  0  f73a3e00  N/A  /gone\n"
    wanted = Dentry(dentry=0xF745FD60, inode=0, superblk=0xF73A3E00, path="/gone")
    assert parse("files -d f745fd60", text).one() == wanted


def test_pages_that_are_not_listed_mark_the_answer() -> None:
    text = " INODE    NRPAGES\nf59b90fc        6\n\n"
    answer = parse("files -p f59b90fc", text)
    assert (answer.one(), answer.complete) == (InodePages(inode=0xF59B90FC, nrpages=6, pages=()), False)


PAGES = " INODE    NRPAGES\nf59b90fc        2\n\n  PAGE    PHYSICAL   MAPPING    INDEX CNT FLAGS\n"
PAGE = "ca3353e0  39a9f000  f59b91ac        0  2 82c referenced,uptodate\n"


def test_pages_of_an_inode() -> None:
    answer = parse("files -p f59b90fc", PAGES + PAGE + PAGE.replace("ca33", "ca34"))
    assert ([page.page for page in answer.one().pages], answer.complete) == ([0xCA3353E0, 0xCA3453E0], True)
    with pytest.raises(ParseError, match="expected a row of pages of an inode: PAGE PHYSICAL"):
        parse("files -p f59b90fc", f"{PAGES}{PAGE}nonsense\n")
    lenient = parse("files -p f59b90fc", f"{PAGES}nonsense\n{PAGE}", lenient=True)
    assert [notice.kind for notice in lenient.warnings] == ["unparsed", "partial"]
    with pytest.raises(ParseError, match="more than one inode"):
        parse("files -p f59b90fc", PAGES.replace("2\n", "2\nf59b90fd        2\n") + PAGE)
    assert not parse("files -p f59b90fc", PAGES.replace("f59", "x59") + PAGE, lenient=True).records


def user_row(comm: str, usage: str) -> str:
    """As crash's show_fuser() prints it: 16 bytes from the quote on, cut."""
    name = f'"{comm}"'
    return f"{720:>5}  c67f2000  {name[:15] + ' ' if len(name) > 15 else name:<16} {usage}\n"


@pytest.mark.parametrize(
    ("comm", "shown", "cut"),
    [
        ("innd", "innd", False),
        ("pool_workqueue_", "pool_workqueue", True),
        ('x"    root cwd ', 'x"    root cwd', True),
        ('a" fd', 'a" fd', False),
        (r"\n\x41", r"\n\x41", False),
        ("[bold]", "[bold]", False),
    ],
)
def test_a_name_cannot_add_a_use(comm: str, shown: str, cut: bool) -> None:  # noqa: FBT001 - a table's columns
    user = parse("fuser /dev/null", USERS + user_row(comm, "fd ")).one()
    assert (user.comm, user.comm_cut, user.usage, user.file) == (shown, cut, ("fd",), "/dev/null")


def test_bytes_of_a_name_are_counted_as_crash_does() -> None:
    shown = r"\xff\xe4bc"  # four bytes: two of them are no UTF-8
    row = f'  720  c67f2000  "{shown}"{" " * 10} mmap \n'
    assert parse("fuser /x", USERS + row).one().comm == shown


def test_each_file_has_its_own_table() -> None:
    text = f"No users of /a found\n{USERS}{user_row('innd', 'cwd fd ')}"
    answer = parse("fuser /a /b", text)
    assert [(user.file, user.usage) for user in answer] == [("/b", ("cwd", "fd"))]


@pytest.mark.parametrize(
    "text",
    ["", USERS + "  720  c67f2000  innd   fd\n", user_row("innd", "fd "), USERS + user_row("innd", "")],
)
def test_text_without_users(text: str) -> None:
    with pytest.raises(ParseError):
        parse("fuser /x", text)


@each("files", "files*pid")
def test_each_descriptor_is_a_row(case: Path) -> None:
    _, text = output(case)
    tasks = [task for task in parsed(case) if isinstance(task, TaskFiles)]
    rows = re.findall(r"^ *\d+ [0-9a-f]{8,16} ", text, re.MULTILINE)
    assert sum(len(task.files) for task in tasks) == len(rows)
    paths = [file.path.split("\n")[0] for task in tasks for file in task.files if file.path]
    assert all(path in text for path in paths)


@each("files", "files_-c_pid")
def test_both_tables_of_files_agree(case: Path) -> None:
    beside = case.with_name("files_pid.cmd")
    plain = [
        (f.fd, f.inode, f.type, f.path) for t in parsed(beside) if isinstance(t, TaskFiles) for f in t.files
    ]
    cached = [
        (f.fd, f.inode, f.type, f.path) for t in parsed(case) if isinstance(t, TaskFiles) for f in t.files
    ]
    assert plain == cached


@each("fuser")
def test_users_are_counted(case: Path) -> None:
    _, text = output(case)
    users = [user for user in parsed(case) if isinstance(user, FileUser)]
    assert len(users) == len(re.findall(r"^ *\d+ +[0-9a-f]{16} ", text, re.MULTILINE))
