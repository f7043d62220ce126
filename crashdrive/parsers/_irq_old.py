"""``irq`` on kernels before 2.6.37: labels and values. Source in crash: ``dump_irq()`` (kernel.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from crashdrive.parsers import grammar as g
from crashdrive.records import Address, Bits, Record


class LabelledValue(Record, frozen=True, kw_only=True):
    """A value, and what crash says it is: a symbol or a text."""

    value: Bits
    symbol: str | None = None
    text: str | None = None


class OldIrq(Record, frozen=True, kw_only=True):
    """An interrupt line of a kernel before 2.6.37, as crash's labels name what it has.

    ``handler`` and each of ``actions`` map crash's labels (``typename``, ``startup``, ``flags``, ...) to
    `LabelledValue`.
    """

    irq: int
    status: Bits | None = None
    status_flags: tuple[str, ...] = ()
    handler: Address | None = None
    handler_name: str | None = None
    handler_members: dict[str, LabelledValue] | None = None
    actions: tuple[dict[str, LabelledValue], ...] = ()
    depth: int | None = None


_HEX = r"[0-9a-f]{1,16}"


def old_lines() -> g.ParserElement:
    """Labels and values of each line; a handler's and an action's members stand below it::

        IRQ: 18
     STATUS: 3 (IRQ_INPROGRESS|IRQ_DISABLED)
    HANDLER: c02301e0  <ioapic_level_irq_type>
             typename: c01f9e0c  "IO-APIC-level"
     ACTION: c009c6b0
                flags: 4000000  (SA_SHIRQ)
      DEPTH: 1
    """
    value = rf"({_HEX})(?: +(?:<([^\n]{{0,300}})>|\"([^\n]{{0,300}})\"|\(([A-Z_|]{{1,200}})\)))?"
    member = g.Row(
        rf" *+([a-z_]{{2,20}}): ?{value}", _member, "a member of a handler or an action: NAME: VALUE"
    )
    members = g.Rows(member, until=g.Anything(), least=0)
    handler = g.Row(rf" *+HANDLER: ?{value}", _value, "an interrupt's handler: HANDLER")
    action = g.Row(rf" *+ACTION: ?{value}", _value, "an interrupt's action: ACTION")
    return g.Blocks(
        g.Row(r" *+IRQ: (\d{1,6})(?: \(unused\))?", lambda found: int(found[1]), "an interrupt: IRQ"),
        g.Row(
            rf" *+STATUS: ({_HEX}) *+(?:\(([A-Z_|]{{1,300}})\))?", _status, "an interrupt's status: STATUS"
        ),
        g.block(handler, members, _with_members("handler_members")),
        g.Row(r" *+ACTION: \(none\)", lambda _: {}, "that it has no action: ACTION: (none)"),
        g.block(action, members, _with_members("action")),
        g.Row(
            r" *+DEPTH: (-?\d{1,10})", lambda found: {"depth": int(found[1])}, "an interrupt's depth: DEPTH"
        ),
        make=_old_line,
    )


def _value(found: re.Match[str], first: int = 1) -> LabelledValue:
    value, symbol, text, flags = found.groups()[first - 1 : first + 3]
    return LabelledValue(value=int(value, 16), symbol=symbol, text=text or flags)


def _member(found: re.Match[str]) -> tuple[str, LabelledValue]:
    return found[1], _value(found, 2)


def _status(found: re.Match[str]) -> dict[str, Any]:
    return {"status": int(found[1], 16), "status_flags": tuple(found[2].split("|")) if found[2] else ()}


def _with_members(kind: str) -> Callable[[LabelledValue, tuple[Any, ...]], dict[str, Any] | None]:
    """The fields of a handler's or an action's lines; no member may stand twice."""

    def make(head: LabelledValue, members: tuple[Any, ...]) -> dict[str, Any] | None:
        named = dict(members)
        if len(named) < len(members):
            return None
        if kind == "action":
            return {"action": {"action": head, **named}}
        return {"handler": head.value, "handler_name": head.symbol, "handler_members": named}

    return make


def _old_line(_text: g.Text, _place: int, irq: int, parts: list[dict[str, Any]]) -> OldIrq:
    actions = tuple(part["action"] for part in parts if "action" in part)
    fields = {name: value for part in parts for name, value in part.items() if name != "action"}
    return OldIrq(irq=irq, actions=actions, **fields)
