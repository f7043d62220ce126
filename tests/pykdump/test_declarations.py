"""C declarations in a script's text."""

from __future__ import annotations

import pytest

from crashdrive.pykdump.layer.cdecl import CDefine, CEnum, parseSUDef


def test_constants_of_an_enum_count_on() -> None:
    states = CEnum(
        """
        enum {
          TCP_ESTABLISHED = 1,
          TCP_SYN_SENT,
          TCP_LISTEN = 0x0a,   /* now a valid state */
          TCP_CLOSING,         // the last one
        };
        """
    )
    assert (states.TCP_SYN_SENT, states.TCP_CLOSING) == (2, 11)
    assert states[10] == "TCP_LISTEN"
    assert states.getByName("TCP_LISTEN") == 10
    assert states.getAllNames() == ["TCP_CLOSING", "TCP_ESTABLISHED", "TCP_LISTEN", "TCP_SYN_SENT"]
    assert (len(states), str(states)[:24]) == (4, "[('TCP_ESTABLISHED', 1),")
    with pytest.raises(AttributeError, match="no constant NONE"):
        _ = states.NONE


def test_an_enum_may_have_a_name_and_declare_a_member() -> None:
    assert CEnum("enum aa {ONE, TWO = ONE + 4, THREE} reg_state;").THREE == 5


@pytest.mark.parametrize("text", ["", "int x;", "enum { 1BAD };", "enum { A = __import__('os') };"])
def test_what_is_no_enum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no enum|no name|no constant"):
        CEnum(text)


def test_defines_may_name_each_other() -> None:
    flags = CDefine(
        """
        #define RTF_UP          0x0001          /* route usable */
        #define RTF_MTU         0x0040
        #define RTF_MSS         RTF_MTU         /* Compatibility :-( */
        # define RTF_BIT        (1UL << 10)
        #define RTF_MODE        0644
        """
    )
    assert (flags.RTF_UP, flags["RTF_MSS"], flags.RTF_BIT, flags.RTF_MODE) == (1, 0x40, 1024, 0o644)
    assert flags.value2key(0x40) == "RTF_MSS"
    assert flags.oldvalue2key(0x40) == "RTF_MTU"
    assert flags.value2key(7) is None


def test_a_define_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="OTHER"):
        CDefine("#define ONE OTHER")


def test_a_structure_is_taken_apart() -> None:
    name, members = parseSUDef(
        """
        struct OneTwo {
          unsigned long ul;
          long int ula[2];
          struct net_device *dev; /* first */
          unsigned char **ia3[32][5];
          void (*func1)(int, long);
        };
        """
    )
    assert name == "struct OneTwo"
    assert members == [
        ("unsigned long", "ul"),
        ("long int[2]", "ula"),
        ("struct net_device *", "dev"),
        ("unsigned char **[32][5]", "ia3"),
        ("void (*)()", "func1"),
    ]
