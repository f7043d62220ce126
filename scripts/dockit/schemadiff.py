"""What has changed between two JSON schemas of the same thing, and whether it breaks who reads the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

_WORDS = frozenset({"description", "title", "default", "$schema", "version"})
"""What is said to people, and to who writes JSON."""


class Changes(NamedTuple):
    """What changed, a line each."""

    breaking: tuple[str, ...]
    additions: tuple[str, ...]


class _Change(NamedTuple):
    breaks: bool
    what: str


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Changes:
    """What readers of JSON of the old schema have to know of the new one."""
    found = list(dict.fromkeys(_Comparison(old, new).between(old, new, "")))
    return Changes(
        tuple(one.what for one in found if one.breaks), tuple(one.what for one in found if not one.breaks)
    )


def bare(schema: Any) -> Any:
    """A schema without what is said to people."""
    if isinstance(schema, list):
        return [bare(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    # below "properties" and "$defs" keys are names
    return {
        key: {name: bare(part) for name, part in value.items()} if key in _NAMED else bare(value)
        for key, value in schema.items()
        if key not in _WORDS
    }


_PARTS = frozenset({"$defs", "properties", "required", "anyOf", "enum", "items"})
"""What is compared part by part."""
_NAMED = frozenset({"properties", "$defs"})


def without_new_requirements(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The new schema, whose fields that the old one didn't require stay free: old JSON lacks them."""
    known = old.get("$defs", {})
    defs = {name: _freed(known.get(name), part) for name, part in new.get("$defs", {}).items()}
    return {**_freed(old, new), **({"$defs": defs} if defs else {})}


def _freed(old: Any, new: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(old, Mapping) or "required" not in new:
        return dict(new)
    return {**new, "required": [name for name in new["required"] if name in old.get("required", ())]}


class _Comparison:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._defs = old.get("$defs", {}), new.get("$defs", {})
        self._seen: set[tuple[str, str]] = set()

    def between(self, old: Any, new: Any, where: str) -> Iterator[_Change]:
        if "$ref" in old and "$ref" in new:
            pair = old["$ref"], new["$ref"]
            if pair in self._seen:
                return
            self._seen.add(pair)
            names = [one.rsplit("/", 1)[1] for one in pair]
            yield from self.between(self._defs[0][names[0]], self._defs[1][names[1]], where or names[1])
            return
        old, new = (self._followed(0, old), self._followed(1, new)) if where else (old, new)
        if ("anyOf" in old) == ("anyOf" in new):
            for key in sorted((old.keys() | new.keys()) - _WORDS - _PARTS):
                if bare(old.get(key)) != bare(new.get(key)):
                    yield _Change(True, f"{where}: {key} is {new.get(key)!r}, was {old.get(key)!r}")
        yield from self._fields(old, new, where)
        yield from self._values(old, new, where)
        yield from self._members(old, new, where)
        yield from self._items(old, new, where)

    def _followed(self, side: int, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in schema:
            return schema
        found: Mapping[str, Any] = self._defs[side][schema["$ref"].rsplit("/", 1)[1]]
        return found

    def _items(self, old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[_Change]:
        before, after = old.get("items"), new.get("items")
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            members = [one.get("anyOf", [one]) for one in (before, after)]
            yield from self._union(members[0], members[1], f"{where}[]")
        elif before is None and isinstance(after, Mapping):
            yield _Change(False, f"{where}[]: is described")
        elif before != after:
            yield _Change(True, f"{where}[]: changed")

    def _fields(self, old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[_Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            place = f"{where}.{name}".lstrip(".")
            if name not in after:
                yield _Change(True, f"{place}: went")
            else:
                yield from self.between(before[name], after[name], place)
        yield from (
            _Change(False, f"{where}.{name}: is new".lstrip(".")) for name in after if name not in before
        )
        for name in old.get("required", ()):
            if name in after and name not in new.get("required", ()):
                yield _Change(True, f"{where}.{name}: may be absent".lstrip("."))

    @staticmethod
    def _values(old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[_Change]:
        before, after = old.get("enum", ()), new.get("enum", ())
        if bool(before) != bool(after):
            yield _Change(True, f"{where}: values are {after or 'any'}, were {before or 'any'}")
            return
        yield from (_Change(True, f"{where}: {value!r} went") for value in before if value not in after)
        yield from (_Change(False, f"{where}: {value!r} is new") for value in after if value not in before)

    def _members(self, old: Mapping[str, Any], new: Mapping[str, Any], where: str) -> Iterator[_Change]:
        if "anyOf" in old or "anyOf" in new:
            yield from self._union(old.get("anyOf", [old]), new.get("anyOf", [new]), where)

    def _union(self, old: list[Any], new: list[Any], where: str) -> Iterator[_Change]:
        before, after = ({_key(one): one for one in some} for some in (old, new))
        for key, member in before.items():
            if key not in after:
                yield _Change(True, f"{where}: {key} went")
            else:
                yield from self.between(member, after[key], where or key)
        for key in after:
            if key not in before:
                # rows and shapes name themselves; of plain values nobody can tell them apart
                yield _Change(not key.startswith(("shape ", "record ")), f"{where}: {key} is new")


def _key(member: Mapping[str, Any]) -> str:
    """What tells a member of a union from the others."""
    if "$ref" in member:
        return f"record {member['$ref'].rsplit('/', 1)[1]}"
    shape = member.get("properties", {}).get("shape", {}).get("const")
    if shape is not None:
        return f"shape {shape}"
    kept = {key: value for key, value in member.items() if key in {"type", "format", "const"}}
    return msgspec.json.encode(kept, order="sorted").decode()
