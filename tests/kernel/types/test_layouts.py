"""Layouts out of gdb's words: what is asked, how it is read, what is kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from crashdrive.cache.store import Store
from crashdrive.errors import (
    ArgumentError,
    CommandFailedError,
    ParseError,
    UnknownMemberError,
    UnknownTypeError,
)
from crashdrive.kernel.types.layouts import Layouts, layout_key
from crashdrive.kernel.types.model import (
    ArrayType,
    EnumType,
    IncompleteType,
    IntType,
    Member,
    PointerType,
    StructType,
    Type,
    TypedefType,
    TypeRef,
)
from crashdrive.kernel.types.ptype import SizesWantedError, parse_ptype
from crashdrive.session.failure import find_failure
from crashdrive.session.result import CommandResult
from tests.kernel.session_double import SessionDouble

# in the form of gdb 10 (crash 8)
THING = """\
type = struct thing {
/*    0      |     4 */    int first;
/* XXX  4-byte hole  */
/*    8      |    16 */    union {
/*                 8 */        struct {
/*    8      |     4 */            u32 low;
/*   12      |     4 */            const volatile u32 high;

                                   /* total size (bytes):    8 */
                               };
/*                16 */        struct pair {
/*    8      |     8 */            struct pair *next;
/*   16      |     8 */            void (*call)(struct pair *, int);

                                   /* total size (bytes):   16 */
                               } pair;

                               /* total size (bytes):   16 */
                           };
/*   24: 0   |     4 */    unsigned int flag : 1;
/*   24: 1   |     4 */    unsigned int kind : 6;
/* XXX  1-bit hole   */
/*   25: 0   |     1 */    unsigned char small : 3;
/* XXX  5-bit padding  */
/* XXX  2-byte hole  */
/*   28      |     4 */    enum {ONE = 1, TWO, BIG = 0x} state;
"""
THING = (
    THING.replace("BIG = 0x", "MINUS = -7, SIX")
    + """\
/*   32      |    48 */    struct {
/*    0      |     8 */        long a;
/*    8      |     4 */        union {
/*                 4 */            int b;
/*                 2 */            short c;

                                   /* total size (bytes):    4 */
                               };
                           } pairs[3];
/*   80      |     0 */    struct empty {
        <no data fields>

                               /* total size (bytes):    0 */
                           } nothing;
/*   80      |    16 */    u8 bytes[2][8];
/*   96      |     0 */    struct pair tail[];

                           /* total size (bytes):   96 */
                         } **
"""
)
# and of gdb 16 (crash 9)
FLEXIBLE = """\
type = struct flexible {
/*      0      |       8 */    void **obj;
/* XXX  4-byte hole      */
/*     16      |       0 */    struct {
/*      0      |       2 */        u16 index;
/*      2      |       2 */        u16 dist;
                               } near[];

                               /* total size (bytes):   16 */
                             } **
"""
TEXTS = {
    "gdb ptype/o struct thing **": THING,
    "gdb ptype/o struct flexible **": FLEXIBLE,
    "gdb p sizeof(((struct flexible *)0)->near[0])": "$1 = 4\n",
    "gdb ptype/o u8 **": "type = unsigned char **\n",
    "gdb ptype/o u16 **": "type = unsigned short **\n",
    "gdb ptype/o u32 **": "type = unsigned int **\n",
    "gdb ptype/o callback_t **": "type = void (***)(struct pair *)\n",
    "gdb ptype/o enum color **": "type = enum color {RED, GREEN = 4, BLUE} **\n",
    "gdb p sizeof(enum color)": "$2 = 4\n",
    "gdb ptype/o color_t **": "type = enum color {RED, GREEN = 4, BLUE} **\n",
    "gdb p sizeof(color_t)": "$2 = 4\n",
    "gdb ptype/o struct hidden **": "type = struct hidden {\n    <incomplete type>\n} **\n",
    "gdb ptype/o struct wrong **": THING,
    "gdb ptype/o struct odd **": "type = struct odd {\n  what is this\n} **\n",
    "gdb ptype/o struct deadly **": "type = struct deadly {   <segmentation violation in gdb>\n\n",
    "gdb ptype/o struct named **": (
        "type = struct named {\n/*    0      |    16 */    char name[16];\n"
        "\n                           /* total size (bytes):   16 */\n                         } **\n"
    ),
    "gdb p (typeof(((struct task_struct *)0)->comm[0]))-1": "$3 = 255 '\\377'\n",
    "gdb ptype A_NUM": "type = enum : unsigned char {A_NUM, A_INMSGS, A_OUT = 7, A_LAST}\n",
    "gdb p (char)-1": "$4 = -1 '\\377'\n",
    "mod": (
        "     MODULE       NAME    BASE   SIZE  OBJECT FILE\n"
        "ffffffffc05a7340  dm   ffffffffc05a0000  4096  (not loaded)\n"
    ),
}


class Gdb(SessionDouble):
    """Answers from a table; what isn't in it is refused, as gdb does of types that it doesn't know."""

    def __init__(self, texts: Mapping[str, str] = TEXTS) -> None:
        super().__init__()
        self.texts = texts
        self.rounds: list[list[str]] = []

    def run(self, command: str, *, timeout: float | None = None) -> CommandResult:  # noqa: ARG002 - as Runner
        text = self.texts.get(command, f"gdb: gdb request failed: {command.removeprefix('gdb ')}\n")
        failure = find_failure(command, text)
        return CommandResult(command=command, raw=text.encode(), elapsed=0.0, failure=failure)

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:  # noqa: ARG002
        self.rounds.append(list(commands))
        return [self.run(command) for command in commands]


@pytest.fixture
def layouts() -> Layouts:
    return Layouts(Gdb())


def test_a_structure_with_all_that_c_has(layouts: Layouts) -> None:
    kind = layouts.type("struct thing")
    assert isinstance(kind, StructType)
    places = {name: (place, member.bit_size) for name, member, place in kind.leaves()}
    assert places == {
        "first": (0, None),
        "low": (64, None),
        "high": (96, None),
        "pair": (64, None),
        "flag": (192, 1),
        "kind": (193, 6),
        "small": (200, 3),
        "state": (224, None),
        "pairs": (256, None),
        "nothing": (640, None),
        "bytes": (640, None),
        "tail": (768, None),
    }
    assert (kind.size, kind.kind, kind.name) == (96, "struct", "thing")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(kind), type=Type) == kind


@pytest.mark.parametrize(
    ("path", "offset"),
    [("first", 0), ("pair.next", 8), ("pair.call", 16), ("high", 12), ("flag", 24), ("small", 25),
     ("pairs", 32), ("pairs[2].a", 64), ("pairs[1].c", 56), ("bytes[1][3]", 91),
     ("tail[7].call", 96 + 7 * 16 + 8)],
)  # fmt: skip
def test_offsets_by_path(path: str, offset: int) -> None:
    pair = (
        "type = struct pair {\n/*    0      |     8 */    struct pair *next;\n/*    8      |     8 */    "
        "void (*call)(struct pair *, int);\n\n   /* total size (bytes):   16 */\n  } **\n"
    )
    layouts = Layouts(Gdb({**TEXTS, "gdb ptype/o struct pair **": pair}))
    assert layouts.offset("struct thing", path) == offset


def test_members_come_with_their_whole_type(layouts: Layouts) -> None:
    u32 = TypedefType("u32", IntType("unsigned int", 4, signed=False))
    assert layouts.member("struct thing", "low") == Member("low", u32, 64)
    u8 = TypedefType("u8", IntType("unsigned char", 1, False, "char"))
    assert layouts.member("struct thing", "bytes").type == ArrayType(ArrayType(u8, 8), 2)
    assert layouts.member("struct thing", "bytes[1][2]").type == u8
    assert layouts.member("struct thing", "kind").bit_size == 6
    state = layouts.member("struct thing", "state").type
    assert state == EnumType(None, 4, True, (("ONE", 1), ("TWO", 2), ("MINUS", -7), ("SIX", -6)))
    assert layouts.member("struct thing", "pair.next").type == PointerType(TypeRef("struct pair"), 8)
    assert layouts.member("struct thing", "").type == layouts.type("struct thing")


@pytest.mark.parametrize(
    ("path", "words"),
    [("secnd", "no member 'secnd'"), ("frst", "near: first"), ("first.x", "int has no members"),
     ("pair.nxt", "near: next"),
     ("first[1]", "no array"), ("bytes[2]", "no element"),
     ("bytes[1][8]", "no element"), (".first", "no path"),
     ("pair..next", "no path"), ("pair.next.call", "through a pointer: call lies outside"),
     ("pair.next.", "no path"), ("pair.next->", "no path"), ("first b", "no path"), ("[1]", "no array"),
     ("first;ls", "no path"), ("pair.", "no path")],
)  # fmt: skip
def test_members_that_are_none(layouts: Layouts, path: str, words: str) -> None:
    with pytest.raises(UnknownMemberError, match=words):
        layouts.member("struct thing", path)
    assert not layouts.has_member("struct thing", path)


def test_the_size_that_gdb_leaves_out_is_asked_for(layouts: Layouts) -> None:
    near = layouts.member("struct flexible", "near").type
    assert isinstance(near, ArrayType)
    assert isinstance(near.element, StructType)
    assert near.element.size == 4
    assert layouts.offset("struct flexible", "near[3].dist") == 16 + 3 * 4 + 2


def test_enumerations_have_their_size_and_all_values(layouts: Layouts) -> None:
    assert layouts.enumerators("enum color") == {"RED": 0, "GREEN": 4, "BLUE": 5}
    assert layouts.enumerators("color_t") == layouts.enumerators("enum color")
    assert layouts.sizeof("enum color") == 4
    with pytest.raises(UnknownTypeError, match="no enumeration"):
        layouts.enumerators("u32")


def test_sizes(layouts: Layouts) -> None:
    assert layouts.sizeof("struct thing") == 96
    assert layouts.sizeof("callback_t") == 8
    assert layouts.sizeof("unsigned long") == 8
    assert layouts.sizeof("struct thing *") == 8
    assert layouts.sizeof("u32 [5]") == 20
    for name in ("void", "struct hidden", "int (void)"):
        with pytest.raises(UnknownTypeError, match="no size"):
            layouts.sizeof(name)


def test_incomplete_types_say_so(layouts: Layouts) -> None:
    assert layouts.type("struct hidden") == IncompleteType("struct", "hidden")
    assert not layouts.has_member("struct hidden", "x")


def test_near_names_of_an_unknown_type_are_looked_for_once(
    layouts: Layouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Readers ask for a type that a kernel may lack in each row."""
    asked: list[str] = []

    def hint(name: str, _names: object) -> str:
        asked.append(name)
        return "; near: x"

    monkeypatch.setattr("crashdrive.kernel.types.layouts.hint", hint)
    for _ in range(3):
        with pytest.raises(UnknownTypeError, match="; near: x"):
            layouts.type("struct thin")
    assert asked == ["struct thin"]


def test_unknown_types(layouts: Layouts) -> None:
    layouts.type("struct thing")
    with pytest.raises(UnknownTypeError, match="near: struct thing"):
        layouts.type("struct thin")
    assert not layouts.has_member("struct nothing_like_it", "x")
    queries = layouts.queries
    assert not layouts.has_member("struct nothing_like_it", "x")
    assert layouts.queries == queries  # asked once


@pytest.mark.parametrize(
    "name",
    [
        "",
        "struct x | ls",
        "struct x > f",
        "x;y",
        "struct thing x",
        "struct",
        "a\nb",
        "struct x**y",
        "x" * 300,
    ],
)
def test_names_that_cannot_be_types_are_not_sent(name: str) -> None:
    gdb = Gdb()
    with pytest.raises(UnknownTypeError):
        Layouts(gdb).type(name)
    assert gdb.rounds == []


def test_several_types_are_one_round_trip() -> None:
    gdb = Gdb()
    Layouts(gdb).types(["struct thing", "u32", "u8", "struct hidden", "unsigned long", "struct thing *"])
    assert [len(commands) for commands in gdb.rounds] == [4]


def test_char_follows_the_kernel_and_not_gdb(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    layouts = Layouts(Gdb(), store, "k")
    name = layouts.resolve(layouts.member("struct named", "name").type)
    assert isinstance(name, ArrayType)
    assert name.element == IntType("char", 1, False, "char")
    assert layouts.type("char") == name.element
    later = Layouts(Gdb({}), store, "k")
    assert later.type("char") == name.element
    assert later.queries == 0
    older = Layouts(Gdb({"gdb p (char)-1": TEXTS["gdb p (char)-1"]}))
    assert older.type("char") == IntType("char", 1, True, "char")
    radix_16 = {"gdb p (char)-1": "$3 = 0xff\n", "gdb p/d (char)-1": "$4 = -1\n"}
    assert Layouts(Gdb(radix_16)).type("char") == older.type("char")


def test_types_are_kept_by_kernel(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    first = Layouts(Gdb(), store, "k")
    kind = first.type("struct thing")
    again = Layouts(Gdb({}), store, "k")
    assert again.type("struct thing") == kind
    assert again.queries == 0
    with pytest.raises(UnknownTypeError):
        Layouts(Gdb({}), store, "other").type("struct thing")


def test_that_there_is_no_such_type_is_kept_too(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    assert not Layouts(Gdb(), store, "k").has_member("struct absent", "x")
    again = Layouts(Gdb(), store, "k")
    assert not again.has_member("struct absent", "x")
    assert again.queries == 0
    loaded = TEXTS["mod"].replace("(not loaded)", "/lib/modules/dm.ko.debug")
    absent = (
        "type = struct absent {\n/*    0      |     4 */    int x;\n /* total size:    4 bytes */\n } **\n"
    )
    module = Gdb({**TEXTS, "mod": loaded, "gdb ptype/o struct absent **": absent})
    assert Layouts(module, store, "k").has_member("struct absent", "x")
    assert not Layouts(Gdb(), store, "k").has_member("struct absent", "x")


def test_types_seen_with_module_data_loaded_are_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    loaded = TEXTS["mod"].replace("(not loaded)", "/lib/modules/dm.ko.debug")
    Layouts(Gdb({**TEXTS, "mod": loaded}), store, "k").type("struct thing")
    assert store.names("type", "k") == []


def test_a_kept_type_of_another_name_is_not_believed(tmp_path: Path) -> None:
    store = Store(tmp_path / "c")
    Layouts(Gdb(), store, "k").type("struct thing")
    store.put("type", "k", "struct thing", {"t": "nonsense"}, version=1)
    assert Layouts(Gdb(), store, "k").sizeof("struct thing") == 96


@pytest.mark.parametrize("name", ["struct wrong", "struct odd"])
def test_text_that_is_something_else_is_an_error(layouts: Layouts, name: str) -> None:
    with pytest.raises(ParseError):
        layouts.type(name)


def test_a_gdb_that_crashed_is_no_unknown_type(layouts: Layouts) -> None:
    with pytest.raises(CommandFailedError):
        layouts.type("struct deadly")


class Breaking(Gdb):
    """A gdb that refuses all that follows its fall, until the batch ends."""

    def run_many(self, commands: Sequence[str], *, timeout: float | None = None) -> list[CommandResult]:
        results = super().run_many(commands, timeout=timeout)
        fallen = [r.failure is not None and r.failure.kind == "gdb-crashed" for r in results]
        after = fallen.index(True) + 1 if True in fallen else len(results)
        return results[:after] + [Gdb({}).run(command) for command in commands[after:]]


def test_types_beside_one_that_breaks_gdb_are_not_lost(tmp_path: Path) -> None:
    store, gdb = Store(tmp_path / "c"), Breaking()
    layouts = Layouts(gdb, store, "k")
    layouts.prefetch(["struct odd", "u8", "struct deadly", "struct thing", "struct wrong", "u32"])
    asked = layouts.queries
    assert layouts.sizeof("struct thing") == 96
    assert (layouts.sizeof("u8"), layouts.sizeof("u32")) == (1, 4)
    for name, error in (
        ("struct odd", ParseError),
        ("struct deadly", CommandFailedError),
        ("struct wrong", ParseError),
    ):
        for _ in range(2):
            with pytest.raises(error):
                layouts.type(name)
    assert layouts.queries == asked  # the one that breaks gdb isn't asked again
    assert store.names("type", "k") == ["struct thing", "u32", "u8"]
    assert store.names("no-type", "k") == []


def test_types_of_variables_are_kept_by_kernel(tmp_path: Path) -> None:
    texts = {
        **TEXTS,
        "whatis things": "struct thing things[2];\n",
        "whatis color": "color_t color;\n",
        "whatis maps": "const struct {...} maps[16];\n",
        "gdb ptype/o &maps": (
            "type = const struct {\n/*    0      |     4 */    int mask;\n/* XXX  4-byte hole      */\n"
            "/*    8      |     8 */    const char *str;\n\n              /* total size (bytes):   16 */\n"
            "                             } (*)[16]\n"
        ),
        "whatis mode": "enum {...} mode;\n",
        "gdb ptype/o &mode": "type = enum {OFF, ON} *\n",
        "gdb p sizeof(mode)": "$7 = 4\n",
        "whatis bare": "whatis: cannot resolve: bare\nUsage:\n",
    }
    store = Store(tmp_path / "c")
    first = Layouts(Gdb(texts), store, "k")
    assert first.variable("things") == ArrayType(TypeRef("struct thing"), 2)
    assert isinstance(first.variable("color"), EnumType)
    maps = first.variable("maps")
    assert isinstance(maps, ArrayType)
    assert isinstance(maps.element, StructType)
    assert (maps.count, maps.element.size, maps.element.name) == (16, 16, None)
    assert first.variable("mode") == EnumType(None, 4, False, (("OFF", 0), ("ON", 1)))
    queries = first.queries
    first.variable("things")
    assert first.queries == queries
    with pytest.raises(UnknownTypeError, match="no type of bare"):
        first.variable("bare")
    with pytest.raises(ArgumentError):
        first.variable("things | ls")
    again = Layouts(Gdb({}), store, "k")
    assert again.variable("things") == first.variable("things")
    for name in ("color", "maps", "mode"):
        assert again.variable(name) == first.variable(name)
    assert again.queries == 0
    with pytest.raises(UnknownTypeError):
        Layouts(Gdb({}), store, "other").variable("things")
    loaded = TEXTS["mod"].replace("(not loaded)", "/lib/modules/dm.ko.debug")
    Layouts(Gdb({**texts, "mod": loaded}), store, "modules").variable("things")
    assert store.names("variable", "modules") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("/*   12      |     4 */", "/*  112      |     4 */"),
        lambda text: text.replace("/* total size (bytes):   96 */", ""),
        lambda text: text.replace("|     4 */    int first", "|     8 */    int first"),
        lambda text: text.replace("int first;", "int first"),
        lambda text: text + "more\n",
        lambda text: text.replace("} **", "} *"),
        lambda text: text.replace("ONE = 1", "ONE = x"),
        lambda text: "\x1b[2m" + text,
        lambda _text: "",
    ],
)
def test_damaged_text_is_an_error(damage: object) -> None:
    assert callable(damage)
    with pytest.raises(ParseError):
        parse_ptype("gdb ptype/o struct thing **", damage(THING))


def test_missing_sizes_are_named() -> None:
    with pytest.raises(SizesWantedError) as error:
        parse_ptype("gdb ptype/o struct flexible **", FLEXIBLE)
    assert error.value.paths == ("near[0]",)


def test_keys() -> None:
    assert layout_key("abc") == "abc"
    assert layout_key("abc", [("dm", "1"), ("xfs", "2")]) == layout_key("abc", [("xfs", "2"), ("dm", "1")])
    assert layout_key("abc", [("dm", "1")]) != layout_key("abc", [("dm", "2")]) != layout_key("abc")


def test_the_enumeration_of_a_constant(tmp_path: Path) -> None:
    store = Store(tmp_path)
    known = {"A_NUM": 0, "A_INMSGS": 1, "A_OUT": 7, "A_LAST": 8}
    assert Layouts(Gdb(), store, "k").enumeration_of("A_NUM") == known
    assert Layouts(Gdb({}), store, "k").enumeration_of("A_NUM") == known
    with pytest.raises(UnknownTypeError, match="no constant B_NUM"):
        Layouts(Gdb()).enumeration_of("B_NUM")


def test_an_error_tells_the_line_and_what_was_expected() -> None:
    with pytest.raises(ParseError, match="TYPE NAME;") as caught:
        parse_ptype("gdb ptype/o struct thing **", THING.replace("u32 low;", "u32 low"))
    assert caught.value.line == 6
    with pytest.raises(ParseError, match="outside of its structure") as caught:
        parse_ptype("gdb ptype/o struct thing **", THING.replace("/*   12      |", "/*  112      |"))
    assert caught.value.line == 7


def test_what_isnt_whole_is_no_type() -> None:
    """What a parser takes for noise, and marks, is an error here: a type must be complete."""
    for line in ("...\n", "WARNING: something\n"):
        with pytest.raises(ParseError):
            parse_ptype("gdb ptype/o struct thing **", THING.replace("/* XXX  4-byte hole  */\n", line, 1))


def test_types_that_are_cached_need_no_grammar() -> None:
    program = "import sys, crashdrive.kernel.types.layouts; sys.exit('pyparsing' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
