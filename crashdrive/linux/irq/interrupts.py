"""Interrupts and their handlers, as /proc/interrupts and /proc/irq have them (kernel/irq/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from crashdrive.kernel.types.model import PointerType
from crashdrive.kernel.types.paths import bare
from crashdrive.linux.survey import Fields, enumerators
from crashdrive.linux.texts import functions, texts
from crashdrive.records import Address, Notice, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from crashdrive.linux.machine import Machine
    from crashdrive.linux.survey import Survey

_DESC, _ACTION = "struct irq_desc", "struct irqaction"
_FIELDS = {
    "number": ("irq_data.irq",),
    "hwirq": ("irq_data.hwirq",),
    "chip": ("irq_data.chip->name",),
    "domain": ("irq_data.domain",),
    "state": ("irq_common_data.state_use_accessors", "irq_data.state_use_accessors"),
    "counters": ("kstat_irqs",),
    "action": ("action",),
    "internal": ("core_internal_state__do_not_mess_with_it",),
    "depth": ("depth",),
    "unhandled": ("irqs_unhandled",),
    # of all CPUs, since 5.2 (1136b0728969)
    "total": ("tot_count",),
    "flow": ("name",),
    "settings": ("status_use_accessors",),
    # a mask of CPUs, of an interrupt that each of them enables by itself
    "enabled": ("percpu_enabled",),
}
_NEEDED = ("number", "counters", "action")
_OF_ACTION = {
    "name": ("name",),
    "handler": ("handler",),
    "thread_fn": ("thread_fn",),
    "pid": ("thread->pid",),
    "next": ("next",),
}
_MASKS = {
    "affinity": ("irq_common_data.affinity", "irq_data.affinity"),
    "effective": ("irq_common_data.effective_affinity",),
}
# kernel/irq/internals.h: IRQS_SPURIOUS_DISABLED
_SPURIOUS = 0x2
# include/linux/irq.h: IRQ_HIDDEN, since 5.10 (83cfac95c018): arm's and arm64's interrupts between CPUs
_HIDDEN = 1 << 20
# the handler of one behind which others are (kernel/irq/chip.c: chained_action)
_CHAINED = "bad_chained_irq"
_STATES = ("IRQD_IRQ_DISABLED", "IRQD_IRQ_MASKED", "IRQD_IRQ_INPROGRESS")
_OF_ALL_CPUS = frozenset({"disabled", "masked"})
_MOST_IRQS, _MOST_ACTIONS = 1 << 20, 1 << 10


class Interrupt(Record, frozen=True):
    """An interrupt that has a handler or was counted.

    ``irq_counts``: how often each CPU took it. ``chip``, ``hwirq`` and ``flow``: as in /proc/interrupts.
    ``irq_names``: of its users; ``handlers``: their functions, as symbols, ``thread_pids`` of those that have
    a thread. ``affinity_cpus``: where it may go, ``effective_cpus``: where it goes. ``irq_state``:
    ``disabled``, ``masked``, ``in progress`` (a handler was running), ``nobody cared`` (the kernel disabled
    it, as no handler took it), joined by commas. ``disable_depth``: how many disables are without their
    enable, None for an interrupt that each CPU enables by itself: such an interrupt is ``disabled`` where no
    CPU has enabled it. ``unhandled``: how many came since the last handled one.
    """

    irq: int
    irq_counts: dict[int, int]
    chip: str | None
    hwirq: int | None
    flow: str | None
    irq_names: tuple[str, ...]
    handlers: tuple[str, ...]
    thread_pids: tuple[int, ...]
    affinity_cpus: tuple[int, ...] | None
    effective_cpus: tuple[int, ...] | None
    irq_state: str | None
    disable_depth: int | None
    unhandled: int | None
    irq_desc: Address


class _Action(NamedTuple):
    name: str | None
    handler: str | None
    pid: int | None


def interrupts(survey: Survey) -> Iterator[Interrupt]:
    """All interrupts by their numbers."""
    kernel = survey.kernel
    places = _descriptors(survey)
    found = survey.addressed(Fields(kernel, _DESC, _FIELDS, _NEEDED), list(places), "interrupts")
    rows = [
        (place, row)
        for place, row in found
        if _is_number(survey, row["number"], places[place], place) and not (row["settings"] or 0) & _HIDDEN
    ]
    names = texts(survey, (row[name] for _, row in rows for name in ("chip", "flow")), "names of interrupts")
    counts = counts_of(survey, [row["counters"] for _, row in rows])
    actions = _actions(survey, [row["action"] for _, row in rows])
    masks = {which: _masks(survey, [place for place, _ in rows], which) for which in _MASKS}
    size, bits = _size_of_possible(kernel), _bits(survey)
    enabled = _cpus_at(survey, [row["enabled"] for _, row in rows], size, "CPUs that enabled each")
    for at, (place, row) in enumerate(rows):
        own, counted = actions[row["action"] or 0], counts[at]
        used = own and all(action.handler != _CHAINED for action in own)
        # as in /proc/interrupts, unused interrupts are left out
        if used or (any(counted.values()) if row["total"] is None else row["total"]):
            shown = [masks[which][at] for which in _MASKS]
            yield _interrupt(place, row, own, counted, _state(row, enabled[at], bits), names, shown)


def _interrupt(
    place: int,
    row: Mapping[str, Any],
    actions: Sequence[_Action],
    counts: dict[int, int],
    state: str | None,
    names: Mapping[int | None, str | None],
    masks: Sequence[tuple[int, ...] | None],
) -> Interrupt:
    return Interrupt(
        irq=row["number"],
        irq_counts=counts,
        chip=names[row["chip"]],
        hwirq=row["hwirq"] if row["domain"] else None,
        flow=names[row["flow"]],
        irq_names=tuple(action.name for action in actions if action.name is not None),
        handlers=tuple(action.handler for action in actions if action.handler is not None),
        thread_pids=tuple(action.pid for action in actions if action.pid is not None),
        affinity_cpus=masks[0],
        effective_cpus=masks[1],
        irq_state=state,
        disable_depth=None if row["enabled"] else row["depth"],
        unhandled=row["unhandled"],
        irq_desc=place,
    )


def _bits(survey: Survey) -> dict[str, int]:
    """Masks of the states that are shown, by name."""
    known = enumerators(survey, _STATES[0])
    return {
        name.removeprefix("IRQD_IRQ_").replace("INPROGRESS", "IN PROGRESS").lower(): known[name]
        for name in _STATES
        if name in known
    }


def _state(row: Mapping[str, Any], enabled: Sequence[int] | None, bits: Mapping[str, int]) -> str | None:
    """The words for an interrupt's state. ``enabled``: the CPUs that enabled it, where each CPU does so by
    itself: the descriptor's bits don't tell that.
    """
    state, internal = row["state"], row["internal"]
    if state is None or (row["enabled"] and enabled is None):
        return None
    words = [name for name, mask in bits.items() if state & mask and not (enabled and name in _OF_ALL_CPUS)]
    if internal is not None and internal & _SPURIOUS:
        words.append("nobody cared")
    return ", ".join(words)


def _is_number(survey: Survey, number: int | None, wanted: int, place: int) -> bool:
    """Whether a descriptor has the number by which it was found; another number is noted."""
    if number is not None and number != wanted:
        message = f"interrupt {wanted}: {place:#x} is no descriptor of it ({number})"
        survey.miss([Notice(kind="node", message=message)])
    return number == wanted


def _descriptors(survey: Survey) -> dict[int, int]:
    """The number of every ``struct irq_desc``: in a maple tree since 6.5, in a radix tree before."""
    kernel = survey.kernel
    if kernel.symbols.has("sparse_irqs"):
        ranges = kernel.walk_maple(kernel.symbols.address("sparse_irqs"))
        survey.walked(ranges, "interrupts")
        return {entry: first for first, _, entry in ranges}
    if kernel.symbols.has("irq_desc_tree"):
        found = kernel.walk_xarray(kernel.symbols.address("irq_desc_tree"))
        survey.walked(found, "interrupts")
        return {entry: number for number, entry in found}
    # a kernel without SPARSE_IRQ has an array
    start, step = kernel.symbols.address("irq_desc"), kernel.sizeof(_DESC)
    count = kernel.read_many("int", [kernel.symbols.address("nr_irqs")], [""]).check()[""][0]
    if not 0 <= count <= _MOST_IRQS:
        survey.miss([Notice(kind="damaged", message=f"{count} interrupts are impossible; not read")])
        return {}
    return {start + step * number: number for number in range(count)}


def counts_of(survey: Survey, pointers: Sequence[int | None]) -> list[dict[int, int]]:
    """Counts by CPU, of each pointer to ``kstat_irqs``; a CPU that is missing has none."""
    kernel, cpus = survey.kernel, survey.kernel.possible_cpus
    # struct irqstat since 6.10
    kind, path = ("struct irqstat", "cnt") if kernel.has_type("struct irqstat") else ("unsigned int", "")
    there = [pointer for pointer in pointers if pointer]
    places = [kernel.per_cpu_address(pointer, cpu) for pointer in there for cpu in cpus]
    values = iter(survey.gaps(kernel.read_many(kind, places, [path]), "counts of interrupts")[path])
    found = []
    for pointer in pointers:
        own = [(cpu, next(values)) for cpu in cpus] if pointer else []
        found.append({cpu: value for cpu, value in own if value is not None})
    return found


def _actions(survey: Survey, firsts: Sequence[int | None]) -> dict[int, list[_Action]]:
    """The handlers of each interrupt by the first one's address; the n-th ones of all interrupts are read
    together.
    """
    kernel, fields = survey.kernel, Fields(survey.kernel, _ACTION, _OF_ACTION, ("name", "handler", "next"))
    known: dict[int, dict[str, Any]] = {}
    level = list(dict.fromkeys(first for first in firsts if first))
    for _ in range(_MOST_ACTIONS):
        if not level:
            break
        known.update(survey.addressed(fields, level, "handlers of interrupts"))
        following = (known[action]["next"] for action in level)
        level = [action for action in dict.fromkeys(following) if action and action not in known]
    names = texts(survey, (row["name"] for row in known.values()), "names of handlers")
    symbols = functions(kernel, (row["thread_fn"] or row["handler"] for row in known.values()))
    found: dict[int, list[_Action]] = {0: []}
    for first in firsts:
        action, seen = first, set[int]()
        own = found.setdefault(first or 0, [])
        while first and action in known and action not in seen:
            seen.add(action)
            row = known[action]
            handler = symbols[row["thread_fn"] or row["handler"]]
            own.append(_Action(names[row["name"]], handler, row["pid"]))
            action = row["next"]
    return found


def _masks(survey: Survey, places: Sequence[int], which: str) -> list[tuple[int, ...] | None]:
    """The CPUs in a mask of each interrupt; None where it is missing, or the kernel has none."""
    kernel = survey.kernel
    path = kernel.first_path(_DESC, _MASKS[which])
    if path is None:
        return [None] * len(places)
    size = kernel.sizeof("struct cpumask")
    if isinstance(bare(kernel.layouts, kernel.place(_DESC, path).type), PointerType):
        # with CPUMASK_OFFSTACK
        pointers = survey.gaps(kernel.read_many(_DESC, places, [path]), "affinities of interrupts")[path]
        return _cpus_at(survey, pointers, _size_of_possible(kernel), "affinities")
    offset = kernel.offset(_DESC, path)
    return _cpus_at(survey, [place + offset for place in places], size, "affinities")


def _size_of_possible(kernel: Machine) -> int:
    """Bytes of a mask that was made for this machine: it has bits for possible CPUs alone."""
    width = kernel.pointer_size
    return -(-(max(kernel.possible_cpus) + 1) // (8 * width)) * width


def _cpus_at(
    survey: Survey, pointers: Sequence[int | None], size: int, what: str
) -> list[tuple[int, ...] | None]:
    """The possible CPUs in each mask; None behind NULL, and where it is missing, which is noted."""
    kernel = survey.kernel
    order = kernel.byte_order
    window, possible = kernel.window(), frozenset(kernel.possible_cpus)
    window.fetch((pointer, size) for pointer in pointers if pointer)
    found: list[tuple[int, ...] | None] = []
    lost = 0
    for pointer in pointers:
        raw = window.bytes(pointer, size) if pointer else None
        lost += raw is None and bool(pointer)
        # a mask of all bits stands for all CPUs
        cpus = None if raw is None else _cpus(raw, kernel.pointer_size, order)
        found.append(None if cpus is None else tuple(cpu for cpu in cpus if cpu in possible))
    if lost:
        survey.miss([Notice(kind="hole", message=f"{what} of {lost} interrupts are not in the dump")])
    return found


def _cpus(raw: bytes, width: int, order: str) -> tuple[int, ...]:
    """The numbers of the bits that are set in an array of words."""
    endian = "little" if order == "little" else "big"
    found: list[int] = []
    for at in range(0, len(raw), width):
        word = int.from_bytes(raw[at : at + width], endian)  # type: ignore[arg-type] # one of the two
        found += [8 * at + bit for bit in range(8 * width) if word >> bit & 1]
    return tuple(found)
