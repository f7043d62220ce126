r"""eBPF: programs, maps and links that are loaded, and the processes that hold them.

\b
Examples:
  crashdrive report bpf vmcore
  crashdrive report bpf --pid 812 vmcore
  crashdrive report bpf --format json vmcore | jq '.tables.programs[]'

held_by_pids: processes with a descriptor. What nobody holds is attached to something (a cgroup, a device, a
tracepoint) or pinned in a bpf filesystem. run_count and run_seconds are counted where the sysctl
kernel.bpf_stats_enabled was on; missed_runs always.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from crashdrive.linux.bpf.holders import holders
from crashdrive.linux.bpf.links import bpf_links
from crashdrive.linux.bpf.maps import bpf_maps
from crashdrive.linux.bpf.programs import bpf_programs
from crashdrive.linux.survey import Survey
from crashdrive.records import Report, Table
from crashdrive.reports.base import Option, judged, report_of

NAME = "bpf"
SUMMARY = "eBPF: programs, maps, links, and who holds them."
BTF = True
OPTIONS = (
    Option(name="pid", flags=("-p", "--pid"), kind="integer", many=True, help="What this process holds."),
)


def report(crash: Any, **asked: Any) -> Report:
    """The objects that are asked for; options by the names in `OPTIONS`."""
    survey = Survey(crash.kernel)
    held = next(iter(survey.attempt("open files", lambda: [holders(survey)])), {})
    pids = {pid for own in held.values() for pid in own}
    survey.require("process with eBPF", map(str, asked["pid"]), map(str, sorted(pids)))
    programs = survey.attempt("programs of eBPF", partial(bpf_programs, survey, held))
    maps = survey.attempt("maps of eBPF", partial(bpf_maps, survey, held))
    links = survey.attempt("links of eBPF", partial(bpf_links, survey, held))
    tables = [
        Table(name="programs", rows=_of(asked, programs), columns=_PROGRAM, title="Programs"),
        Table(name="maps", rows=_of(asked, maps), columns=_MAP, title="Maps"),
        Table(name="links", rows=_of(asked, links), title="Links"),
    ]
    return judged(report_of(NAME, survey, tables), "system")


def _of(asked: dict[str, Any], rows: list[Any]) -> list[Any]:
    wanted = set(asked["pid"])
    return [row for row in rows if not wanted or wanted & set(row.held_by_pids)]


_PROGRAM = (
    "program_id", "program_type", "program_name", "program_tag", "uid", "jited_bytes", "map_ids",
    "attached_function", "run_count", "missed_runs", "held_by_pids",
)  # fmt: skip
_MAP = (
    "map_id", "map_type", "map_name", "key_bytes", "value_bytes", "max_entries", "map_frozen",
    "reference_count", "held_by_pids",
)  # fmt: skip
