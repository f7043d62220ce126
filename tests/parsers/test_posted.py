"""Shapes of output that people posted, and that the grammars once refused: each is written anew here."""

from __future__ import annotations

import pytest

from crashdrive.commandline import split_command
from crashdrive.errors import ParseError, UsageError
from crashdrive.parsers import parse


@pytest.mark.parametrize(
    ("line", "name", "options", "arguments"),
    [
        ("kmem -s|head -3", "kmem", {"s": ""}, ()),
        ("ps|grep -c UN", "ps", {}, ()),
        ("bt 1 |grep TASK", "bt", {}, ("1",)),
        ("ps -m|grep 'a|b'|wc -l", "ps", {"m": ""}, ()),
        ("log!less", "log", {}, ()),
        ("struct page.flags ffffea0000000000>>pages", "struct", {}, ("page.flags", "ffffea0000000000")),
        ("p init_task->comm", "p", {}, ("init_task->comm",)),
        ("p (1|2)", "p", {}, ("(1|2)",)),
        ("search -c 'a > b' \"c|d\"", "search", {"c": ""}, ("'a > b'", '"c|d"')),
    ],
)
def test_the_shell_s_part_needs_no_blanks(
    line: str, name: str, options: dict[str, str], arguments: tuple[str, ...]
) -> None:
    found = split_command(line)
    assert (found.name, found.options, found.arguments) == (name, options, arguments)


def test_slabs_that_crash_cannot_list() -> None:
    text = (
        "CACHE             OBJSIZE  ALLOCATED     TOTAL  SLABS  SSIZE  NAME\n"
        "ffff888001052b00      256         91       128      4     8k  pool_workqueue\n"
        "CPU 0 KMEM_CACHE_CPU:\n"
        "  ffff88801f237010\n"
        "CPU 0 SLAB:\n"
        "  (empty)\n"
        "CPU 0 PARTIAL:\n"
        "  (empty)\n"
        "KMEM_CACHE_NODE   NODE  SLABS  PARTIAL  PER-CPU\n"
        "ffff888001043c40     0      4        2       0\n"
        "NODE 0 PARTIAL:\n"
        "  SLAB              MEMORY            NODE  TOTAL  ALLOCATED  FREE\n"
    )
    said = "kmem: pool_workqueue: invalid partial list slab pointer: ffffea000405ab88\n"
    rest = "NODE 0 FULL:\n  (not tracked)\n"
    answer = parse("kmem -S pool_workqueue", text + said + rest)
    (node,) = answer.one().nodes
    assert (node.partial, node.full_tracked, answer.one().slabs, answer.complete) == (2, False, (), False)
    assert said.strip() in {notice.text for notice in answer.warnings}
    with pytest.raises(ParseError):
        parse("kmem -S pool_workqueue", text + rest)


def test_free_areas_that_somebody_left_out() -> None:
    zone = (
        "ZONE  NAME        SIZE    FREE      MEM_MAP       START_PADDR  START_MAPNR\n"
        "  {number}   {name:8}    4095     800  ffffea0000000040      1000          0\n"
        "AREA    SIZE  FREE_AREA_STRUCT  BLOCKS  PAGES\n"
    )
    text = "NODE\n  0\n" + zone.format(number=0, name="DMA") + "...\n" + zone.format(number=1, name="DMA32")
    answer = parse(
        "kmem -f", f"{text}  0       4k  ffff88801e90d100     800    800\n\nnr_free_pages: 1600  (verified)\n"
    )
    assert not answer.complete
    areas = [len(zone.areas) for zone in answer.records[:2]]
    assert areas == [0, 1]


def test_swapped_pages_whose_device_crash_cannot_name() -> None:
    text = (
        "VIRTUAL     PHYSICAL\n"
        "2000000     (not mapped)\n"
        "\n"
        "PAGE DIRECTORY: ffffff8004356000\n"
        "   PGD: ffffff8004356000 => 180000084355003\n"
        "   PTE: ffffff8014075000 => 4ef02\n"
        "\n"
        "   PTE       OFFSET: 1263\n"
        "vtop: cannot determine swap location\n"
    )
    answer = parse("vtop 2000000", text)
    found = answer.one()
    assert ([step.value for step in found.tables], found.swap, found.offset) == (
        [0x180000084355003, 0x4EF02],
        None,
        None,
    )
    assert not answer.complete


def test_translations_of_which_crash_cannot_read_the_tables() -> None:
    said = 'vtop: seek error: physical address: 3f53f000f000  type: "page table"\n'
    answer = parse("vtop 7f6e40000000", f"VIRTUAL     PHYSICAL\n{said}")
    assert (answer.records, answer.complete) == ((), False)
    assert said.strip() in {notice.text for notice in answer.warnings}


def test_anonymous_members_that_crash_8_0_0_does_not_show() -> None:
    text = (
        "struct page {\n"
        "   [0] unsigned long flags;\n"
        "       union {\n"
        "           struct {...};\n"
        "           union {...};\n"
        "       };\n"
        "  [52] atomic_t _refcount;\n"
        "}\n"
        "SIZE: 64\n"
    )
    answer = parse("struct -o page", text)
    flags, union, count = answer.one().members
    assert [(member.name, member.type, member.members) for member in union.members] == [
        (None, "struct {...}", ()),
        (None, "union {...}", ()),
    ]
    assert (flags.offset, count.offset, answer.complete) == (0, 52, False)


def test_frames_without_a_header() -> None:
    frames = (
        " #9 [ffff80003216fbad] el1_ia at ffff80007862310c\n"
        "#10 [ffff80003216fbdd] readpage_async at ffff800001d9634c [nfs]\n"
    )
    answer = parse("bt -FF", frames)
    (trace,) = answer.records
    assert [(frame.level, frame.function, frame.module) for frame in trace.frames] == [
        (9, "el1_ia", None),
        (10, "readpage_async", "nfs"),
    ]
    assert not answer.complete
    with pytest.raises(ParseError):
        parse("bt", frames + 'PID: 7      TASK: ffff8000411fc180  CPU: 0    COMMAND: "init"\n')


@pytest.mark.parametrize(("name", "size"), [("int", 4), ('"unsigned long"', 8), ("_Bool", 1)])
def test_types_of_c(name: str, size: int) -> None:
    found = parse(f"whatis {name}", f"SIZE: {size}\n").one()
    assert (found.kind, found.name, found.size) == ("base", name.strip('"'), size)


def test_a_structure_that_is_gone_is_no_type_of_c() -> None:
    with pytest.raises(ParseError):
        parse("whatis list_head", "SIZE: 16\n")


def test_what_an_extension_says_itself() -> None:
    text = "Welcome to my extension\n/opt/mine.so: shared object loaded\n"
    answer = parse("extend /opt/mine.so", text)
    assert (answer.one().path, answer.complete) == ("/opt/mine.so", True)
    assert [notice.text for notice in answer.warnings] == ["Welcome to my extension"]
    assert not parse("extend /opt/mine.so /opt/other.so", text).complete


RISCV = (
    "CPU 0:\n"
    "epc : ffffffff80bd0144 ra : ffffffff80088620 sp : ff2000000139bb90\n"
    " gp : ffffffff810dde38 tp : ff60000002269600 t0 : ffffffff8032be5c\n"
    " s8 : 00fffffffde45410 s9 : 0000000000000007 s10: 00aaaaaad1640700\n"
    " s11: 0000000000000001 t3 : ff60000001218f00 t4 : ff60000001218f00\n"
    " t5 : ff60000001218000 t6 : ff2000000139b988\n"
)
MIPS = (
    "CPU 3:\n"
    "    R30: 9800000243bcf200  R31: ffffffff802fff00\n"
    "       LO: ffffffff81210000        HI: ffffffff81210000\n"
    "      EPC: ffffffff802fff84  BADVADDR: ffffffff802bbe9c\n"
    "   STATUS: ffffffff81430000     CAUSE: 9800000243bcf200\n"
)
LOONGARCH = (
    "CPU 0:\n"
    "    R30: 0000000000000000  R31: 0000000000000000\n"
    "    CSR era : 9000000005923878    CSR badv: 9000000000221620\n"
    "    CSR crmd: 000000b0            CSR prmd: 00000004\n"
    "    CSR ecfg: 00071c1c           CSR estat: 00010000\n"
    "    CSR euen: 00000000\n"
)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (RISCV, ["CPU 0", "epc", "gp", "s8", "s11", "t5"]),
        (MIPS, ["CPU 3", "R30", "LO", "EPC", "STATUS"]),
        (LOONGARCH, ["CPU 0", "R30", "CSR era", "CSR crmd", "CSR ecfg", "CSR euen"]),
    ],
)
def test_registers_of_other_machines(text: str, keys: list[str]) -> None:
    assert [entry.key for entry in parse("help -r", text)] == keys


def test_lines_of_registers_that_were_joined() -> None:
    with pytest.raises(ParseError):
        parse("help -r", RISCV.replace("\n gp", " gp"))


def test_registers_of_riscv_in_a_note() -> None:
    text = (
        "                 n_type: 1 (NT_PRSTATUS)\n"
        "                         cutime: 0.000000  cstime: 0.000000\n"
        "                         epc: ffffffff8000a1dc   ra: ffffffff800af958   sp: ff6000001fc501c0\n"
        "                          s8: ff60000000861000   s9: 00007fffc3641694  s10: 00007fffc3641690\n"
        "                         s11: 00005555796ed240   t3: 0000000000010297   t4: ffffffff80c17810\n"
        "                         0000000000000000 0000000000000000\n"
    )
    assert [entry.key for entry in parse("help -n", text)] == ["n_type", "cutime", "epc", "s8", "s11"]


def test_arrays_of_structures_as_gdb_7_prints_them() -> None:
    text = (
        "struct deadline_data {\n"
        "  sort_list = {\n"
        "    {\n"
        "      rb_node = 0x0\n"
        "    }, {\n"
        "      rb_node = 0xffff88042e226d40\n"
        "    }\n"
        "  }, \n"
        "  next_rq = {0x0, 0x0}, \n"
        "  {\n"
        "    batching = 1, \n"
        "    {\n"
        "      starved = 2\n"
        "    }\n"
        "  }\n"
        "}\n"
    )
    assert parse("deadline_data ffff88042e226d00", text).one().value == {
        "sort_list": [{"rb_node": 0}, {"rb_node": 0xFFFF88042E226D40}],
        "next_rq": [0, 0],
        "batching": 1,
        "starved": 2,
    }


def test_a_symbol_s_name_is_a_command() -> None:
    text = "vmlist = $5 = (struct vm_struct *) 0xffff88143fc24680\n"
    answer = parse("vmlist", text)
    assert (answer.command, answer.shape) == ("vmlist", "value")
    assert (answer.one().name, answer.one().history) == ("vmlist", 5)
    array = "softirq_vec = $1 = \n {\n  {\n    action = 0x10\n  }, {\n    action = 0x20\n  }\n }\n"
    assert parse("softirq_vec", array).one().value == [{"action": 16}, {"action": 32}]
    per_cpu = "PER-CPU DATA TYPE:\n  int cpu_number;\nPER-CPU ADDRESSES:\n  [0]: ffff8c3b1de0a0a8\n"
    assert parse("cpu_number", per_cpu).shape == "per-cpu"
    assert parse("pid_t", "typedef int pid_t;\nSIZE: 4\n").one().type == "int"


def test_commands_of_gdb_without_its_name() -> None:
    words = "0xffff88013a17dfe8:\t0x8948ee8948167401\t0x8948fffff3c5e8df\n"
    for command, text, shape in (
        ("x/2xg 0xffff88013a17dfe8", words, "lines"),
        ("info line *0x10", 'Line 12 of "entry_64.S" starts at address 0x10 and ends at 0x14.\n', "lines"),
        ("p/x 17", "$1 = 0x11\n", "value"),
        ("ptype int", "type = int\n", "type"),
    ):
        answer = parse(command, text)
        assert (answer.command, answer.shape, answer.records) == (
            command,
            shape,
            parse(f"gdb {command}", text).records,
        )


def test_what_no_command_of_crash_printed() -> None:
    for command, text in (("hostname", "lab\n"), ("uptime", "up 3 days\n")):
        with pytest.raises(UsageError):
            parse(command, text)
