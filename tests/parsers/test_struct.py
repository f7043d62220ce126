"""``struct``: definitions, contents, members, addresses, followed pointers; agreement of one with another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.declarations import split_declaration
from crashdrive.parsers.grammar.definitions import Member
from crashdrive.parsers.struct import Definition, Structure, Target
from tests.parsers.recorded import each, output, parsed

OLD = """\
struct tcp_sl_timer {
  count = {
    counter = 0x0       \n  },
  period = 0x32,      \n  last = 0x1419e4,  \n  handler = 0xc0164854  <tcp_syn_recv_timer>
}
"""


@pytest.mark.parametrize(
    ("text", "name", "type_"),
    [
        ("int pid", "pid", "int"),
        ("struct list_head *next", "next", "struct list_head *"),
        ("struct vm_area_struct **vm_pprev_share", "vm_pprev_share", "struct vm_area_struct **"),
        ("char comm[16]", "comm", "char [16]"),
        ("unsigned long bits[2][4]", "bits", "unsigned long [2][4]"),
        ("u8 data[]", "data", "u8 []"),
        ("int (*load_binary)(struct linux_binprm *)", "load_binary", "int (*)(struct linux_binprm *)"),
        ("void (*(*f)(int))(void)", "f", "void (*(*)(int))(void)"),
        ("int (*ops[4])(void)", "ops", "int (*[4])(void)"),
        ("char (*p)[16]", "p", "char (*)[16]"),
        ("const char * const *names", "names", "const char * const *"),
        ("volatile long int state", "state", "volatile long int"),
        (
            "ssize_t sys_read(unsigned int, char *, size_t)",
            "sys_read",
            "ssize_t (unsigned int, char *, size_t)",
        ),
        ("int request(void (*)(int))", "request", "int (void (*)(int))"),
        ("void panic(const char *, ...)", "panic", "void (const char *, ...)"),
        ("struct {...} lock", "lock", "struct {...}"),
        ("enum {A, B} state", "state", "enum {A, B}"),
    ],
)
def test_names_within_declarations(text: str, name: str, type_: str) -> None:
    assert split_declaration(text) == (name, type_)


@pytest.mark.parametrize("text", ["", "int", "*", "(*)", "int (*)", "[3]"])
def test_no_declaration(text: str) -> None:
    assert split_declaration(text) is None


def test_old_contents() -> None:
    """Blanks before line ends, two before a symbol: gdb 5 and 6."""
    first, second = parse("struct tcp_sl_timer tcp_slt_array 2", f"{OLD}{OLD}").records
    assert (first.type, first.symbol, first.index, second.index) == ("tcp_sl_timer", "tcp_slt_array", 0, 1)
    assert first.value["period"] == 0x32
    assert second.value["handler"].symbol == "tcp_syn_recv_timer"


def test_address_of_what_was_asked_for() -> None:
    text = "struct list_head {\n  next = 0x0,\n  prev = 0x0\n}\n"
    assert parse("struct list_head c169a000", text).one().address == 0xC169A000
    assert parse("struct list_head 0xc169a000 -x", text).one().address == 0xC169A000
    assert parse("* list_head c169a000", text).one().address == 0xC169A000
    assert parse("list_head c169a000", text).one().address == 0xC169A000
    assert parse("struct list_head -l 8 c169a000", text).one().address is None
    assert parse("struct list_head modules", text).one().symbol == "modules"


def test_per_cpu() -> None:
    block = "[{}]: ffffe8fefe602{}c8\nstruct disk_stats {{\n  ticks = {{1, 2}}\n}}\n"
    text = block.format(0, 6) + "[1]: [OFFLINE]\n" + block.format(2, 7)
    found = parse("struct disk_stats 0x60fdb48026c8:a", text)
    assert [(one.cpu, one.address) for one in found] == [(0, 0xFFFFE8FEFE6026C8), (2, 0xFFFFE8FEFE6027C8)]
    assert [notice.kind for notice in found.warnings] == ["offline"]
    assert found.complete


def test_members_of_several() -> None:
    text = "  flags = 0x8000,\n  virtual = 0xc04b0000\n\n  flags = 0x8001,\n  virtual = 0xc04b1000\n"
    found = parse("page.flags,virtual c101196c 2", text)
    assert [one.value for one in found] == [
        {"flags": 0x8000, "virtual": 0xC04B0000},
        {"flags": 0x8001, "virtual": 0xC04B1000},
    ]


def test_a_member_that_crash_does_not_know() -> None:
    text = "  pid = 0,\nstruct: invalid data structure reference: task_struct.state\n"
    found = parse("struct task_struct.pid,state init_task", text)
    assert found.one().value == {"pid": 0}
    assert not found.complete
    with pytest.raises(ParseError):
        parse("struct task_struct.state init_task", text.split("\n", 1)[1])


def test_a_member_that_was_not_asked_for() -> None:
    with pytest.raises(ParseError):
        parse("struct task_struct.comm init_task", "  pid = 0\n")
    assert not parse("struct task_struct.comm,pid init_task", "  pid = 0\n").complete


def test_followed_pointers() -> None:
    text = (
        "  struct mm_struct *mm = 0x0\n  -> NULL\n"
        '  char *name = 0xc02c05c8\n  -> "raw "quoted" text"\n'
        "  void *stack = 0xffffffff9aa00000\n  -> <.data>\n"
        "  void (*fn)(struct x *) = 0xffffffff81000000\n  -> <do_it>\n"
        "  struct y **pp = 0xffffffff81000010\n  -> <sym> ffff888000000000\n"
        "  struct files_struct *files = 0xffffffff9ab6d080\n  -> <init_files> {\n"
        "       count = {\n         counter = 55\n       }\n     }\n"
        "  struct gone *gone = 0x10\n  -> (not accessible)\n"
        "  struct dark *dark = 0xffffffff81000020\n  -> (struct dark: no debuginfo data)\n"
    )
    value = (
        parse("struct task_struct.mm,name,stack,fn,pp,files,gone,dark ffff888000000000 -p", text).one().value
    )
    assert value["mm"] == Target(type="struct mm_struct *", address=0, reason="NULL")
    assert value["name"].value == 'raw "quoted" text'
    assert value["stack"].symbol == ".data"
    assert (value["fn"].type, value["fn"].symbol) == ("void (*)(struct x *)", "do_it")
    assert (value["pp"].symbol, value["pp"].value) == ("sym", 0xFFFF888000000000)
    assert value["files"].value == {"count": {"counter": 55}}
    assert value["gone"].reason == "not accessible"
    assert value["dark"].reason == "struct dark: no debuginfo data"


def test_nested_definition_with_offsets() -> None:
    text = (
        "struct page {\n   [0] unsigned long flags;\n       union {\n           struct {\n"
        "   [8]             struct list_head lru;\n           };\n"
        "  [12]     } addrs;\n  [52] unsigned int ref : 4;\n}\nSIZE: 64\n"
    )
    page = parse("struct page -o", text).one()
    flags, addrs, ref = page.members
    assert (page.kind, page.name, page.size) == ("struct", "page", 64)
    assert (flags.offset, addrs.offset, addrs.name, addrs.type) == (0, 12, "addrs", "union {...}")
    assert addrs.members[0].members == (Member(name="lru", type="struct list_head", offset=8),)
    assert (ref.name, ref.bits) == ("ref", 4)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "struct page {\n",
        "struct page {\n    int a\n}\nSIZE: 4\n",
        "struct page {\n    int a;\n}\n}\nSIZE: 4\n",
        "struct page {\n    union {\n        int a;\n}\nSIZE: 4\n",
        "struct page {\n    int a;\n}\nSIZE: 4\nmore\n",
        "struct page {\n  a = 1,\n}\n",
        "struct page {\n  a = 1\n",
        'PID: 1  TASK: c169a000  CPU: 0  COMMAND: "init"\n',
        "struct: invalid data structure reference: page\n",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse("struct page", text)


def test_lenient_keeps_what_is_sure() -> None:
    good = "struct list_head {\n  next = 0x0,\n  prev = 0x0\n}\n"
    bad = good.replace("prev = 0x0", "prev = ;")
    found = parse("struct list_head c0000000 3", f"{good}\n{bad}\n{good}", lenient=True)
    assert [one.value for one in found] == [{"next": 0, "prev": 0}] * 2
    assert [notice.kind for notice in found.warnings] == ["unparsed"]
    assert not found.complete


@pytest.mark.parametrize(
    "line", ["task_struct.comm ffff888000000000", "task_struct.comm", "list_head modules"]
)
@pytest.mark.parametrize("text", ["  comm", ', "init"\n', "co\nmm = 1\n", "\tnext = 0x0\n", "x\n"])
def test_a_structures_name_as_command_stays_one_however_its_text_is_damaged(line: str, text: str) -> None:
    with pytest.raises(ParseError, match="nothing that `struct"):
        parse(line, text)
    answer = parse(line, text, lenient=True)
    assert (len(answer), answer.complete) == (0, False)


def test_a_word_that_names_nothing_is_no_structure() -> None:
    with pytest.raises(UsageError):
        parse("nosuchcommand", "anything\n")


def leaves(members: tuple[Member, ...]) -> Iterator[Member]:
    """Members that C reaches by name: those of anonymous structures as their holder's own."""
    for member in members:
        if member.name is None and member.members:
            yield from leaves(member.members)
        else:
            yield member


@each("struct", "struct_*")
def test_members_are_the_lines_that_declare_them(case: Path) -> None:
    command, text = output(case)
    for record in parse(command, text):
        if isinstance(record, Definition):
            declared = re.findall(r"^.*[^}\s];$", text, re.MULTILINE)
            assert sum(1 for member in every(record.members) if not member.members) == len(
                [line for line in declared if not line.lstrip(" []x0123456789abcdef").startswith("}")]
            )


def every(members: tuple[Member, ...]) -> Iterator[Member]:
    for member in members:
        yield member
        yield from every(member.members)


@each("struct", "struct_task_struct_init_task*")
def test_contents_and_definition_have_the_same_members(case: Path) -> None:
    value = parsed(case).one()
    definition = parsed(case.with_name("struct_task_struct.cmd")).one()
    assert isinstance(value, Structure)
    assert isinstance(definition, Definition)
    named = {member.name for member in leaves(definition.members)}
    assert len(named & value.value.keys()) > 100
    # gdb leaves out what lies deeper than a level within anonymous members of a definition
    assert all(name in value.value for name in named if name)


@each("struct", "struct_task_struct_-o_init_task*")
def test_addresses_are_offsets_from_the_first(case: Path) -> None:
    (placed,) = parsed(case).records
    definition = parsed(case.with_name("struct_task_struct_-o.cmd")).one()
    assert isinstance(placed, Definition)
    assert isinstance(definition, Definition)
    start = placed.members[0].address or 0
    offsets = [(member.name, (member.address or 0) - start) for member in placed.members if member.address]
    assert offsets == [
        (member.name, member.offset) for member in definition.members if member.offset is not None
    ]


def test_members_that_a_filter_left_of_a_structure() -> None:
    """A whole structure was asked for; what the user's own filter passed on is read as members."""
    text = "  pid = 1,\n  tgid = 1,\n"
    (found,) = parse("struct task_struct ffff888003a54000 | grep pid", text).records
    assert found.value == {"pid": 1, "tgid": 1}
    with pytest.raises(ParseError):
        parse("struct task_struct ffff888003a54000", text)
