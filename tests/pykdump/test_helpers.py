"""What of PyKdump's API knows no dump."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from crashdrive.pykdump import numbers
from crashdrive.pykdump.faults import CrashError, NullError
from crashdrive.pykdump.layer import generic
from crashdrive.pykdump.layer.readers import nested
from crashdrive.pykdump.layer.system import KernelRev
from crashdrive.pykdump.run import NoRunError, current


def test_numbers_out_of_bytes() -> None:
    assert numbers.mem2long(b"\xff\xff") == 65535
    assert numbers.mem2long(b"\xff\xff", signed=True) == -1
    assert numbers.mem2long(b"\1\0\0\0\2\0\0\0", array=2) == [1, 2]
    assert numbers.mem2long(b"\0\1", order="big") == 1
    for raw, count in ((b"\0" * 3, 0), (b"", 0), (b"\0" * 9, 2)):
        with pytest.raises(CrashError, match="bad size"):
            numbers.mem2long(raw, array=count)


def test_numbers_of_other_machines() -> None:
    assert numbers.signed_long((1 << 64) - 1) == -1
    assert numbers.le32_to_cpu(0x01020304) == 0x01020304
    assert numbers.le32_to_cpu(0x01020304, order="big") == 0x04030201
    assert numbers.le16_to_cpu(0x0102, order="big") == 0x0201
    assert [number for number in range(20) if numbers.is_in_set(number, b"\x05\x80")] == [0, 2, 15]


def test_a_null_is_both_of_its_errors() -> None:
    assert issubclass(NullError, IndexError)
    assert issubclass(NullError, CrashError)
    assert repr(CrashError("x")) == "error('x')"


def test_a_bunch_is_a_dict_with_attributes() -> None:
    bunch = generic.Bunch({"a": 1})
    bunch.b = 2
    assert (bunch["b"], bunch.a, bunch.copy(), str(bunch)) == (
        2,
        1,
        {"a": 1, "b": 2},
        "   a            1\n   b            2",
    )
    with pytest.raises(AttributeError):
        _ = bunch.c


def test_caches_have_none_for_what_they_lack() -> None:
    cache = generic.DataCache()
    cache.tmp.one = 1
    cache.perm.two = 2
    assert (cache.tmp.one, cache.tmp.none, str(cache)) == (1, None, "1 in tmp, 1 in perm")
    cache.cleartmp()
    assert (cache.tmp.one, cache.perm.two) == (None, 2)


def test_true_once() -> None:
    twice = generic.TrueOnce(2)
    assert [bool(twice) for _ in range(4)] == [True, True, False, False]


def test_names_of_bits() -> None:
    flags = {"IFF_UP": 1, "IFF_BROADCAST": 2, "IFF_BOTH": 3, "IFF_NONE": 0}
    assert generic.dbits2str(3, flags, 4) == "UP|BROADCAST"
    assert generic.dbits2str(4, flags) == ""


def limited(*, maxel: int = 1) -> int:
    """What has a limit to be patched."""
    return maxel


class Limited:
    """The same as a method."""

    def get(self, *, maxel: int = 1) -> int:
        return maxel


def test_default_keywords_are_patched() -> None:
    module = ModuleType(__name__)
    module.__dict__.update(limited=limited, Limited=Limited)
    generic.patch_default_kw(module, "maxel", 7)
    assert (limited(), Limited().get()) == (7, 7)


def test_a_module_gets_its_attribute() -> None:
    generic.registerModuleAttr("debugOfThisTest", default=3)
    assert sys.modules[__name__].__dict__.pop("debugOfThisTest") == 3


def test_arguments_as_a_line() -> None:
    assert generic.argv2s(["/a/b.py", "x", "y z"]) == ' b.py x "y z" '


def test_versions_are_compared_by_their_numbers() -> None:
    version = KernelRev("6.1.0")
    assert version > "2.6.32"
    assert version <= "6.1.0"
    assert version < "6.12"
    assert not version >= "6.2.9"


def test_arrays_of_several_dimensions() -> None:
    assert nested([1, 2, 3, 4, 5, 6], [3, 2]) == [[1, 2], [3, 4], [5, 6]]
    assert nested(list(range(8)), [2, 2, 2]) == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]
    assert nested([1, 2], [2]) == [1, 2]


def test_no_run_no_api() -> None:
    with pytest.raises(NoRunError, match="crashdrive run"):
        current()
