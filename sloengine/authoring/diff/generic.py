"""Changes of documents whose meaning needs no words of its own: key by key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal

from sloengine.authoring.diff.changes import Detail
from sloengine.report.clean import one_line
from sloengine.yamldoc import Data

_SHORT = 48
_METADATA = ("displayName", "labels", "annotations")


def data_changes(
    before: Data,
    after: Data,
    *,
    without: Collection[str] = (),
    metadata: Collection[str] = _METADATA,
) -> list[Detail]:
    """Return what differs in `metadata` and `spec`, `without` some keys of the spec."""
    details: list[Detail] = []
    for part in ("metadata", "spec"):
        old, new = _member(before, part), _member(after, part)
        for key in dict.fromkeys([*old, *new]):
            wanted = key in metadata if part == "metadata" else key not in without
            if wanted:
                details += _differences(key, old.get(key), new.get(key))
    return details


def _member(data: Data, key: str) -> dict[str, Data]:
    found = data.get(key) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _differences(place: str, before: Data, after: Data) -> Iterator[Detail]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _differences(f"{place}.{key}", before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _list_differences(place, before, after)
    else:
        old, new = _shown(before), _shown(after)
        if before is None:
            yield _said(f"{place} added", "", new)
        elif after is None:
            yield _said(f"{place} removed", old, "")
        else:
            yield _said(place, old, new)


def _list_differences(place: str, before: list[Data], after: list[Data]) -> Iterator[Detail]:
    lost = [item for item in before if item not in after]
    won = [item for item in after if item not in before]
    if not lost and not won:
        yield Detail(f"{place}: in another order")
    elif len(lost) == len(won) and len(before) == len(after):
        for old, new in zip(lost, won, strict=True):
            yield from _differences(f"{place}[{before.index(old)}]", old, new)
    else:
        for item in lost:
            yield _said(f"{place} removed", _shown(item), "")
        for item in won:
            yield _said(f"{place} added", "", _shown(item))


def _said(what: str, old: str, new: str) -> Detail:
    if len(old) <= _SHORT and len(new) <= _SHORT:
        change = " → ".join(text for text in (old, new) if text)
        return Detail(f"{what}: {change}" if change else what)
    return Detail(what, old, new)


def _shown(data: Data) -> str:
    """Data as short text, in the flow style of YAML."""
    if data is None:
        return ""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(_shown(item) for item in data) + "]"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, Decimal):
        return f"{data:f}"
    return one_line(str(data))
