"""``sym``, ``whatis``, ``p``: symbols, types, values of expressions."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crashdrive.errors import ParseError
from crashdrive.parsers import parse
from crashdrive.parsers.grammar.definitions import Definition, Enumerator
from crashdrive.parsers.p import Expression, PerCpuAddress
from crashdrive.parsers.sym import Boundary, Count, Symbol
from crashdrive.parsers.whatis import Declaration, Enumeration, EnumeratorOf, SizedType
from tests.parsers.printed import with_a_line_twice, without_a_line
from tests.parsers.recorded import each, output
from tests.strategies import KERNEL_ADDRESSES, SYMBOLS


@pytest.mark.parametrize(
    ("line", "symbol"),
    [
        ("c0213ae0 (D) jiffies", Symbol(0xC0213AE0, "D", "jiffies")),
        ("c012f660 (t) pipe_read  ", Symbol(0xC012F660, "t", "pipe_read")),
        ("c803235c (?) attach_uart401", Symbol(0xC803235C, "?", "attach_uart401")),
        ("c80336e0 (b) hw_info.508", Symbol(0xC80336E0, "b", "hw_info.508")),
        ("f88878d1 (t) ext3_readdir [ext3]", Symbol(0xF88878D1, "t", "ext3_readdir", module="ext3")),
        ("f88878d1 (t) ext3_readdir+0x11 [ext3] ", Symbol(0xF88878D1, "t", "ext3_readdir", 17, "ext3")),
        (
            "c0109944 (T) system_call+0x34  ../linux-2.2.5/arch/i386/kernel/signal.c: 723",
            Symbol(0xC0109944, "T", "system_call", 52, None, "../linux-2.2.5/arch/i386/kernel/signal.c", 723),
        ),
        (
            "ffffffff82a1b010 (D) __per_cpu_end+-2103545840",
            Symbol(0xFFFFFFFF82A1B010, "D", "__per_cpu_end", -2103545840),
        ),
        ("f8887000 (m) (ext3 module)+0x10", Symbol(0xF8887000, "m", "ext3", 16, "ext3")),
        ("c8032000 MODULE START: uart401", Boundary(0xC8032000, "MODULE START", "uart401")),
        (
            "ffffffffc0451000 MODULE RO_AFTER_INIT END: x",
            Boundary(0xFFFFFFFFC0451000, "MODULE RO_AFTER_INIT END", "x"),
        ),
        ("c8032000 .text: section start", Boundary(0xC8032000, "section start", ".text")),
    ],
)
def test_symbols(line: str, symbol: Symbol | Boundary) -> None:
    assert parse("sym x", f"{line}\n").one() == symbol


def test_symbols_with_their_section() -> None:
    assert parse("sym -s panic", "c0100000 (T) panic [.text]\n").one().section == ".text"
    found = parse("sym -s x", "c0100000 (T) x [ext3] [.text]\n").one()
    assert (found.module, found.section) == ("ext3", ".text")


def test_a_symbol_that_is_not_there() -> None:
    text = "c0100000 (D) jiffies\nsymbol not found: nosuch\npossible alternatives:\n  c0200000 (D) nosuchx\n"
    found = parse("sym jiffies nosuch", text)
    assert [one.name for one in found] == ["jiffies"]
    assert not found.complete
    with pytest.raises(ParseError):
        parse("sym nosuch", text.split("\n", 1)[1])
    assert parse("sym -q nosuch", "(none found)\n").records == ()
    assert parse("sym -Q pipe", "228 found (core_pipe_limit)\n").one() == Count(228, "core_pipe_limit")


@given(
    st.lists(
        st.builds(Symbol, KERNEL_ADDRESSES, st.sampled_from("TtDdBbRr"), SYMBOLS), min_size=1, max_size=20
    ),
    st.randoms(),
)
def test_tables_printed_and_damaged(symbols: list[Symbol], chance: random.Random) -> None:
    text = "".join(f"{one.address:x} ({one.type}) {one.name}\n" for one in symbols)
    assert list(parse("sym -l", text)) == symbols
    damaged = chance.choice([without_a_line, with_a_line_twice])(text, chance)
    if damaged:
        assert set(parse("sym -l", damaged)) <= set(symbols)


@each("sym")
def test_recorded_symbols(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    if found.shape == "symbols":
        assert len(found) == len(re.findall(r"^[0-9a-f]+ [(M]", text, re.MULTILINE))


TYPES = [
    ("typedef int pid_t;\nSIZE: 4\n", Definition(kind="typedef", name="pid_t", type="int", size=4)),
    (
        "typedef short unsigned int kdev_t;\nSIZE: 2  (0x2)\n",
        Definition(kind="typedef", name="kdev_t", type="short unsigned int", size=2),
    ),
    (
        "typedef void (*)(struct work_struct *) work_func_t;\nSIZE: 8\n",
        Definition(kind="typedef", name="work_func_t", type="void (*)(struct work_struct *)", size=8),
    ),
    (
        "enum pid_type {\n  PIDTYPE_PID = 0\n  PIDTYPE_MAX = -4\n};\n",
        Enumeration("pid_type", (Enumerator("PIDTYPE_PID", 0), Enumerator("PIDTYPE_MAX", -4))),
    ),
    ("enum pid_type = 4\n", EnumeratorOf("pid_type", 4)),
    ("enum (unknown) = 1\n", EnumeratorOf(None, 1)),
    ("char [16]\n", Declaration(None, "char [16]")),
    ("volatile unsigned long jiffies;\n", Declaration("jiffies", "volatile unsigned long")),
    ("unsigned long __per_cpu_offset[8192];\n", Declaration("__per_cpu_offset", "unsigned long [8192]")),
    ("void panic(const char *, ...);\n", Declaration("panic", "void (const char *, ...)")),
    ("SIZE  TYPE\n 192  __sk_buff\n", SizedType(192, "__sk_buff")),
]


@pytest.mark.parametrize(("text", "record"), TYPES)
def test_types(text: str, record: object) -> None:
    assert parse("whatis x", text).one() == record


@pytest.mark.parametrize(
    "text", ["", "whatis: cannot resolve: x\nUsage:\n", "enum x {\n  A = 1\n", "typedef x\n", "a\nb\n"]
)
def test_no_types(text: str) -> None:
    with pytest.raises(ParseError):
        parse("whatis x", text)


def test_searches_without_a_find() -> None:
    assert parse("whatis -r 1", "(none found)\n").records == ()


def test_expressions() -> None:
    assert parse("p jiffies", "jiffies = $6 = 166532620\n").one() == Expression(
        name="jiffies", history=6, value=166532620
    )
    assert parse("p 1", "$1 = 1\n").one() == Expression(history=1, value=1)
    array = parse("p v", "v = $9 = \n {{\n    a = 1\n  }, {\n    a = 2\n  }}\n").one()
    assert array.value == [{"a": 1}, {"a": 2}]
    first, second = parse("p cpu:a", "per_cpu(cpu, 0) = $1 = 0\nper_cpu(cpu, 1) = $2 = 1\n").records
    assert (first.cpu, second.cpu, second.value) == (0, 1, 1)
    pointer = parse("p x:0", "&per_cpu(x, 0) = $1 = (void *) 0xffff888000000000\n").one()
    assert (pointer.name, pointer.value.address) == ("x", 0xFFFF888000000000)


def test_addresses_of_per_cpu_data() -> None:
    head = "PER-CPU DATA TYPE:\n  irq_cpustat_t irq_stat;\nPER-CPU ADDRESSES:\n"
    text = f"{head}  [0]: ffff88021e211540\ncpu 1 is OFFLINE\n"
    here, away = parse("p irq_stat", text).records
    assert here == PerCpuAddress(name="irq_stat", type="irq_cpustat_t", cpu=0, address=0xFFFF88021E211540)
    assert (away.cpu, away.address) == (1, None)
    dark = text.replace("irq_cpustat_t irq_stat", "[undetermined type] irq_stat")
    assert parse("p irq_stat", dark)[0].type is None


def test_lenient_expressions() -> None:
    found = parse("p x:a", "per_cpu(x, 0) = $1 = ;\nper_cpu(x, 1) = $2 = 1\n", lenient=True)
    assert [one.cpu for one in found] == [1]
    assert not found.complete


@pytest.mark.parametrize("text", ["", "p: gdb request failed: p x\n", "x = 1\n", "$1 = 1 2\n", "$1 = {\n"])
def test_no_expressions(text: str) -> None:
    with pytest.raises(ParseError):
        parse("p x", text)


@each("p")
def test_recorded_expressions(case: Path) -> None:
    command, text = output(case)
    found = parse(command, text)
    pattern = r"^  \[\d+\]: " if found.shape == "per-cpu" else r"(?:^|= )\$\d+ = "
    assert len(found) == len(re.findall(pattern, text, re.MULTILINE))


def test_two_symbols_in_one_line() -> None:
    files = ("c0100000 (T) one kernel/panic.c: 276", "c0100010 (T) two kernel/sched: core.c: 7")
    for rows in (files, ("c0100000 (T) one", files[1])):
        assert len(parse("sym -n one", "\n".join(rows) + "\n")) == 2
        for join in ("", " "):
            with pytest.raises(ParseError, match="expected a symbol"):
                parse("sym -n one", join.join(rows) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        "core::panicking::assert_failed::<core::option::Option<usize>, usize>",
        "__pfx_<core::time::Duration as core::fmt::Debug>::fmt::fmt_decimal::{closure#1}",
        "<[_]>::align_to_offsets::gcd",
    ],
)
def test_names_of_rust_have_spaces(name: str) -> None:
    text = f"ffffffff81000000 (T) {name}\nffffffff81000005 (t) {name}+5 [red]  /rust/core/fmt.rs: 12\n"
    found = list(parse("sym -l", text).records)
    place = Symbol(0xFFFFFFFF81000005, "t", name, 5, "red", "/rust/core/fmt.rs", 12)
    assert found == [Symbol(0xFFFFFFFF81000000, "T", name), place]
