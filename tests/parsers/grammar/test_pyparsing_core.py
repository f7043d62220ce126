"""pyparsing's core is imported alone, and pyparsing is whole for everybody who wants more of it."""

from __future__ import annotations

import json
import subprocess
import sys

FIRST = "from crashdrive import parse; parse('ptob 1', '1: 1000\\n')\n"
ASIDE = ("unittest", "pyparsing.helpers", "pyparsing.common", "pyparsing.testing")


def told_by(program: str) -> object:
    """What a Python of its own says at the end, as JSON."""
    wrapped = f"import sys, json\n{program}\nprint(json.dumps(said))"
    done = subprocess.run(
        [sys.executable, "-c", wrapped], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_answer_needs_the_core_alone() -> None:
    program = f"{FIRST}said = [name in sys.modules for name in ('pyparsing.core', *{ASIDE})]"
    assert told_by(program) == [True, False, False, False, False]


def test_who_asks_for_more_gets_all_of_it() -> None:
    names = "sorted(name for name in dir(pyparsing) if name != '_Light')"
    whole = told_by(f"import pyparsing\nsaid = {names}")
    assert told_by(f"{FIRST}import pyparsing\nsaid = {names}") == whole
    program = (
        f"{FIRST}import pyparsing, types\n"
        "element = pyparsing.Word(pyparsing.alphas) + pyparsing.common.integer\n"
        "from pyparsing import *\n"
        "from crashdrive.parsers.grammar import And\n"
        "said = [element.parse_string('a 1').as_list(), type(pyparsing) is types.ModuleType, "
        "And is pyparsing.And is pyparsing.core.And, pyparsing.testing.__name__]"
    )
    assert told_by(program) == [["a", 1], True, True, "pyparsing_test"]


def test_a_name_that_pyparsing_lacks_is_an_attribute_error() -> None:
    program = (
        f"{FIRST}import pyparsing\n"
        "try:\n    pyparsing.nope\nexcept AttributeError as error:\n    said = str(error)"
    )
    assert told_by(program) == "module 'pyparsing' has no attribute 'nope'"


def test_two_threads_that_ask_at_once() -> None:
    program = (
        f"{FIRST}import pyparsing, threading\nstart, said = threading.Barrier(8), []\n"
        "def ask(name):\n    start.wait()\n    said.append(getattr(pyparsing, name).__name__)\n"
        "names = ['Word', 'infix_notation', 'DelimitedList', 'Combine'] * 2\n"
        "threads = [threading.Thread(target=ask, args=(name,)) for name in names]\n"
        "[thread.start() for thread in threads]\n[thread.join(30) for thread in threads]\nsaid.sort()"
    )
    assert told_by(program) == sorted(["Word", "infix_notation", "DelimitedList", "Combine"] * 2)


def test_a_pyparsing_that_is_there_is_taken() -> None:
    program = (
        f"import pyparsing\nbefore = pyparsing\n{FIRST}"
        "said = [sys.modules['pyparsing'] is before, type(before).__name__]"
    )
    assert told_by(program) == [True, "module"]


def test_a_core_that_needs_the_rest_is_imported_with_it() -> None:
    program = (
        "import importlib\nreal = importlib.import_module\n"
        "def fails(name, *more):\n"
        "    if name != 'pyparsing.core':\n        return real(name, *more)\n"
        "    importlib.import_module = real\n    real('pyparsing.util')\n    raise ImportError(name)\n"
        f"importlib.import_module = fails\n{FIRST}"
        "said = [name in sys.modules for name in ('pyparsing.core', 'pyparsing.helpers')]"
    )
    assert told_by(program) == [True, True]
