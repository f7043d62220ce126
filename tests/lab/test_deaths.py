"""Deaths: each is whole (truth, module, script), and what is written down as the truth of one."""

import json
import re
from pathlib import Path

import pytest
from labkit import deathmodules, deaths, initramfs, spec, verdict
from labkit.deaths import DEATHS
from labkit.errors import LabError
from labkit.kernels import SERIES
from labkit.spec import Spec

from crashdrive.rules import rule_names

KINDS = """
null paging gpf bug divide invalid-opcode bad-ip double-fault stack list refcount usercopy fortify kasan ubsan
kfence warning softlockup hardlockup rcu hung oom atomic lockdep leak mce nmi watchdog sysrq panic unknown
"""
CONTEXTS = {"process", "irq", "softirq", "timer", "workqueue", "rcu", "nmi"}


def module_text(name: str) -> str:
    return deathmodules.source(f"lab_{name}").read_text()


@pytest.mark.parametrize("name", DEATHS)
def test_a_death_has_a_kind_and_a_context_of_the_verdict(name: str) -> None:
    death = DEATHS[name]
    assert death.kind in KINDS.split()
    assert death.followed is None or death.followed in KINDS.split()
    assert death.context in CONTEXTS
    assert set(death.findings) <= set(rule_names())


def expanded(script: str) -> str:
    """A script with each line that names a lock of its loops once for each lock."""
    locks = re.findall(r"for lock in (.*);", script)
    return script + "".join(script.replace("$lock", lock) for words in locks for lock in words.split())


@pytest.mark.parametrize("name", [name for name in DEATHS if deaths.module(name)])
def test_functions_and_locks_of_the_truth_are_in_the_module_s_source(name: str) -> None:
    death, text = DEATHS[name], module_text(name)
    told = (death.culprit, death.function, *death.alternatives)
    for function in (word for word in told if word and word.startswith("lab_")):
        assert re.search(rf"^static lab_function .*\b{function}\(", text, re.MULTILINE), function
    waiting = (*death.cycle, *death.queue, *death.owners)
    for who in waiting:
        assert re.search(rf"\b{who.lock}\b", text)
        if who.comm.startswith("kworker/"):
            continue
        assert re.search(rf'"[\w-]+ %px {who.lock}\\n"', text)
        script = (initramfs.GUEST / "deaths" / f"{name}.sh").read_text()
        assert re.sub("-[123]$", "-$number", who.comm) in script or who.comm in expanded(script)


def test_each_module_belongs_to_a_death_and_is_named_after_it() -> None:
    sources = {path.stem for path in deathmodules.SOURCES.glob("*.c")}
    assert sources == {module for name in DEATHS if (module := deaths.module(name))}


@pytest.mark.parametrize("name", sorted(path.stem for path in deathmodules.SOURCES.glob("*.c")))
def test_all_names_of_a_module_are_its_own(name: str) -> None:
    """A frame or a lock of one death can't be taken for one of another."""
    text = deathmodules.source(name).read_text()
    assert set(re.findall(r"^static .*?(lab_\w+)(?= ?[\[(=;])", text, re.MULTILINE)) <= {
        word for word in re.findall(r"\w+", text) if word == name or word.startswith(f"{name}_")
    } | {"lab_function"}


def test_each_script_belongs_to_a_death() -> None:
    assert {path.stem for path in (initramfs.GUEST / "deaths").glob("*.sh")} <= set(DEATHS)


def test_a_death_without_a_module_has_a_script() -> None:
    scripts = {path.stem for path in (initramfs.GUEST / "deaths").glob("*.sh")}
    assert {name for name, death in DEATHS.items() if not death.own_module} - {"sysrq"} <= scripts


def test_the_version_of_a_module_follows_its_source() -> None:
    versions = {deathmodules.version(path.stem) for path in deathmodules.SOURCES.glob("*.c")}
    assert len(versions) == len(list(deathmodules.SOURCES.glob("*.c")))


def test_the_set_has_each_death_on_each_kernel() -> None:
    made = {(wanted.kernel, wanted.death) for wanted in spec.EACH_DEATH if wanted.format == "kdump"}
    able = {(kernel, name) for kernel in SERIES for name in DEATHS if DEATHS[name].only in (None, kernel)}
    assert made == {(kernel, name) for kernel, name in able if name != "sysrq"}
    names = [wanted.checked().name for wanted in spec.EACH_DEATH]
    assert len(set(names)) == len(names)


def test_a_guest_that_only_dies_is_small() -> None:
    assert Spec(death="null").megabytes <= 512
    assert Spec(death="null", format="elf").crashkernel == 0


CONSOLE = """LAB 3.6 modules\r
[    4.0] not of the death\r
LAB 5.6 scene\r
[    6.0] led to it\r
LAB 8.6 finish\r
[   10.0] BUG: kernel NULL pointer dereference, address: 0000000000000030\r
[   10.1] CPU: 1 UID: 0 PID: 132 Comm: a victim Kdump: loaded Tainted: G           OE      6.12\r
LAB CAPTURE 2.7 start\r
LAB CAPTURE 4.9 DONE\r
"""


def test_last_words_are_the_kernel_s_from_the_scene_to_the_capture_kernel() -> None:
    lines = verdict.last_words(CONSOLE)
    assert [line[:11] for line in lines] == ["[    6.0] l", "[   10.0] B", "[   10.1] C"]
    assert verdict.panicked(lines) == {"cpu": 1, "pid": 132, "comm": "a victim"}
    other = "[   11.0] CPU: 0 PID: 45 Comm: khungtaskd Not tainted 6.1"
    assert verdict.panicked([*lines, "[   11.0] Kernel panic - not syncing", other]) == {
        "cpu": 0,
        "pid": 45,
        "comm": "khungtaskd",
    }
    assert verdict.panicked([]) is None
    assert verdict.panicked([*lines, "[   11.0] Kernel panic - not syncing"], followed=True) is None


HUNG = """LAB 8.6 finish
[   14.0] INFO: task lab-red:70 blocked for more than 3 seconds.
[   14.1]  lab_deadlock_red_blue+0x2f/0x40 [lab_deadlock]
[   14.2] Kernel panic - not syncing: hung_task: blocked tasks
"""


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("null", "didn't die of null: .*Kernel panic - not syncing: hung_task"),
        ("hungmutex", "elsewhere than in lab_hungmutex_want"),
    ],
)
def test_a_guest_that_died_of_something_else_is_told(name: str, error: str) -> None:
    lines = verdict.last_words(HUNG)
    verdict.confirm("deadlock", lines)
    with pytest.raises(LabError, match=error):
        verdict.confirm(name, lines)


def test_a_part_that_the_compiler_set_apart_is_of_its_function() -> None:
    words = """LAB 8.6 finish
[   14.0] detected buffer overflow in memcpy
[   14.1]  lab_fortify_copy{}+0xc/0xc [lab_fortify]
[   14.2] Kernel panic - not syncing: Fatal exception
"""
    verdict.confirm("fortify", verdict.last_words(words.format(".cold")))
    with pytest.raises(LabError, match="elsewhere"):
        verdict.confirm("fortify", verdict.last_words(words.format("_more")))


def test_the_kernel_s_words_of_each_kind_are_known() -> None:
    for name in DEATHS:
        with pytest.raises(LabError, match=f"didn't die of {name}: no panic"):
            verdict.confirm(name, [])


def test_words_that_the_console_did_not_show_come_from_the_dump_s_log(tmp_path: Path) -> None:
    console = "LAB 8.60 finish\nLAB CAPTURE 2.7 start\n"
    log = """[    8.40] lab: before
[   10.00] Kernel panic - not syncing: NMI: Not continuing
[   10.01] CPU: 0 PID: 70 Comm: victim Tainted: G
[   10.02]  lab_nmi_spin+0x1/0x2 [lab_nmi]
"""
    verdict.write("nmi", tmp_path, console, log)
    truth = json.loads((tmp_path / "death.json").read_text())
    assert truth["words"] == log.splitlines()[1:]
    with pytest.raises(LabError, match="no panic"):
        verdict.write("nmi", tmp_path, console, "")


def guest_with(folder: Path, **people: int) -> Path:
    for comm, pid in people.items():
        process = folder / "proc" / str(pid)
        process.mkdir(parents=True)
        (process / "comm").write_text(comm.replace("_", "-") + "\n")
    return folder


def test_truth_has_the_guest_s_own_pids_and_addresses(tmp_path: Path) -> None:
    guest_with(tmp_path, lab_red=70, lab_blue=71, odd=72)
    (tmp_path / "proc" / "72" / "comm").write_bytes(b"odd\xff\nname\n")
    told = "mutex ffffffffc0001000 lab_deadlock_red\nmutex ffffffffc0002000 lab_deadlock_blue\n"
    (tmp_path / "proc" / "lab").write_text(told)
    verdict.write("deadlock", tmp_path, HUNG, "")
    truth = json.loads((tmp_path / "death.json").read_text())
    assert truth["kind"] == "hung"
    assert truth["module"] == "lab_deadlock"
    assert [who["pid"] for who in truth["cycle"]] == [70, 71]
    assert truth["cycle"][0] == {
        "pid": 70,
        "comm": "lab-red",
        "waits_for": "lab_deadlock_blue",
        "lock_type": "mutex",
        "lock_address": "0xffffffffc0002000",
    }


def test_a_kernel_worker_is_found_by_its_queue(tmp_path: Path) -> None:
    guest_with(tmp_path, lab_flusher=70)
    (tmp_path / "proc" / "9").mkdir()
    (tmp_path / "proc" / "9" / "comm").write_text("kworker/0:0+lab_flushed\n")
    cycle = verdict.truth("flushwork", tmp_path, [])["cycle"]
    assert [(who["pid"], who["comm"]) for who in cycle] == [(70, "lab-flusher"), (9, "kworker/0:0")]


def test_a_culprit_of_the_kernel_has_no_module(tmp_path: Path) -> None:
    assert verdict.truth("slableak", tmp_path, [])["module"] is None
    assert verdict.truth("gone", tmp_path, [])["module"] == "lab_gone"
