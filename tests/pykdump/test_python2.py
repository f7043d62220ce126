"""Scripts in Python 2."""

from __future__ import annotations

import importlib
import sys
import textwrap
from pathlib import Path

import pytest

from crashdrive.pykdump import python2, python2_modules


def result(source: str, **names: object) -> dict[str, object]:
    """The names that a converted script leaves."""
    text = python2.converted(textwrap.dedent(source).encode(), "x.py")
    assert text is not None
    space: dict[str, object] = {**python2.helpers(), **names}
    exec(python2.compiled(text, "x.py"), space)  # noqa: S102 - what is tested
    return space


def test_statements_of_python_2(capsys: pytest.CaptureFixture[str]) -> None:
    space = result(
        """
        found = {}
        for n in xrange(3):
            found[n] = 10L * n
            print "n = %d" % n,
        print
        if not found.has_key(7) and found.keys() <> []:
            print `found`
        try:
            raise ValueError, "text"
        except ValueError, error:
            caught = str(error)
        mode = 0644
        """
    )
    assert capsys.readouterr().out == "n = 0 n = 1 n = 2 \n{0: 0, 1: 10, 2: 20}\n"
    assert (space["caught"], space["mode"]) == ("text", 0o644)


def test_integers_divide_to_integers() -> None:
    space = result("a = 7 / 2\nb = -7 / 2\nc = 7 / 2.0\nd = 9\nd /= 2\ne = [9]\ne[0] /= 2\nprint a")
    assert [space[name] for name in "abcd"] == [3, -4, 3.5, 4]
    assert space["e"] == [4]


def test_numbers_are_rounded_and_shown_as_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    space = result(
        """
        a = [round(2.5), round(-0.5), round(2.675, 2), round(1250, -2), round(1e300), round(float("inf"))]
        b = [oct(0), oct(493), oct(-8)]
        c = map(oct, [8])
        print round(3)
        """
    )
    assert space["a"] == [3.0, -1.0, 2.67, 1300.0, 1e300, float("inf")]
    assert space["b"] == ["0", "0755", "-010"]
    assert space["c"] == ["010"]
    assert capsys.readouterr().out == "3.0\n"


def test_functions_of_the_scripts_own_stay_so() -> None:
    assert result("def round(x): return 'mine'\na = round(2.5)\nprint a")["a"] == "mine"
    assert result("from operator import neg as oct\na = oct(8)\nprint a")["a"] == -8


def test_a_metaclass_is_one() -> None:
    source = """
        class Meta(type):
            def __new__(kind, name, bases, space):
                space["made"] = 7
                return type.__new__(kind, name, bases, space)
        class A:
            __metaclass__ = Meta
        a = A.made
        print a
        """
    assert result(source)["a"] == 7


@pytest.mark.parametrize(
    "lines",
    [
        "x = [x for x in l]\nprint x",
        "x = [x for x in l]; y = [x for x in l]; x = 1\nprint x",
        "for x in [x for x in l]:\n    print x",
        "y = [x for x in l]\nfor x in l:\n    print x",
        "y = map(lambda x: x + 1, l)\nx = 5; z = map(lambda x: x, l)\nprint x",
        "y = [x for x in l]\nz = [x for x in y if x]\nprint z",
        "y = [x for x in l]\ndef f(x):\n    return x\nprint f(1)",
        "y = set(x for x in l)\nx = 1; y = set(x for x in l)\nprint x",
        "y = [x for x in l]\ntry:\n    pass\nexcept ValueError, x:\n    print x",
        "y = [os for os in l]\nimport os.path\nprint os",
    ],
)
def test_variables_of_comprehensions_that_nothing_reads_are_sure(lines: str) -> None:
    assert python2.converted(f"l = [1, 2]\n{lines}\n".encode(), "x.py") is not None


def test_those_that_asked_for_true_division_have_it() -> None:
    assert result("from __future__ import division\na = 7 / 2\nprint a")["a"] == 3.5


def test_tabs_are_eight_columns() -> None:
    source = "def f(x):\n        y = x\n\treturn '''\n\tkept'''\nprint 1\na = f(0)\n"
    with pytest.raises(SyntaxError):
        compile(source, "x", "exec")
    assert result("if 1:\n        a = 1\n\tb = '''\n\tkept'''\nprint a\n")["b"] == "\n\tkept"
    assert result(source)["a"] == "\n\tkept"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("x = cmp(1, 2)", "cmp"),
        ("[].sort(lambda a, b: a - b)", "sort"),
        ("sorted([], cmp=None)", "cmp="),
        ("'ab'.encode('hex')", "codec hex"),
        ("import string; string.letters", "string.letters"),
        ("class A:\n    def __cmp__(self, other): return 0", "__cmp__"),
        ("f = file('x')", "file"),
        ("sorted([], lambda a, b: a - b)", "sorted"),
        ("digits = filter(str.isdigit, 'a1')", "filter"),
        ("text = hex(1 << 63)[2:-1]", "hex"),
        ("def f(l):\n    x = 1; n = [x for x in l]; return x", "x of a list comprehension"),
    ],
)
def test_what_is_unsure_is_refused_with_its_line(line: str, reason: str) -> None:
    with pytest.raises(python2.UnsureError, match=reason) as caught:
        python2.converted(f"print 1\n\n{line}\n".encode(), "x.py")
    assert caught.value.line in (3, 4)


def test_what_is_no_python_at_all_is_none() -> None:
    assert python2.converted(b"print 1 (\n", "x.py") is None
    assert python2.converted(b"{{{ \n", "x.py") is None


@pytest.mark.parametrize(
    "source",
    [
        "import StringIO\n",
        "from cStringIO import StringIO\n",
    ],
)
def test_scripts_that_only_python_2_can_run_are_told_though_both_can_parse_them(source: str) -> None:
    assert python2.is_only_python_2(source.encode())


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import StringIO\nexcept ImportError:\n    import io as StringIO\n",
        "xrange = range\nfor n in xrange(3):\n    pass\n",
        "class A:\n    def iteritems(self): return []\nA().iteritems()\n",
        "import io\nprint('xrange')\n",
        "def never():\n    import StringIO\n    return xrange(3)\n",
        "print 1\n",
    ],
)
def test_scripts_for_both_pythons_are_left_alone(source: str) -> None:
    assert not python2.is_only_python_2(source.encode())


def test_members_of_lists_that_are_called_next_stay_so() -> None:
    text = python2.converted(b"next = 1\nprint node.next, node.next.prev\n", "x.py")
    assert text is not None
    assert "node.next, node.next.prev" in text
    with pytest.raises(python2.UnsureError, match="next"):
        python2.converted(b"print 1\nx.next()\n", "x.py")


def test_modules_of_the_user_are_converted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old_module.py").write_text("value = 7 / 2\nprint 'seen'\n")
    (tmp_path / "new_module.py").write_text("value = 7 / 2\n")
    (tmp_path / "unsure_module.py").write_text("print 1\nx = cmp(1, 2)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [python2_modules.Finder(), *sys.meta_path])
    old, new = (importlib.import_module(name) for name in ("old_module", "new_module"))
    assert (old.value, new.value) == (3, 3.5)
    with pytest.raises(SyntaxError, match="cmp") as caught:
        importlib.import_module("unsure_module")
    assert (caught.value.filename, caught.value.lineno) == (str(tmp_path / "unsure_module.py"), 2)
    assert not list(tmp_path.rglob("*.pyc"))
    for name in ("old_module", "new_module"):
        del sys.modules[name]


def test_modules_of_crashdrive_are_none_of_the_users() -> None:
    """They would be compiled anew in each run, where crashdrive isn't installed among packages."""
    from crashdrive import pykdump

    finder = python2_modules.Finder()
    assert finder.find_spec("crashdrive.pykdump.numbers", pykdump.__path__) is None
