"""What a span said, in a few words beside a condition."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from sloengine.ottl import Condition, EvaluationError, Field, OpaqueId, Value
from sloengine.ottl.paths import KINDS
from sloengine.processor import SpanRow

STATUSES = ("UNSET", "OK", "ERROR")
_LONGEST = 48
_MOST_FIELDS = 3
_MOST_VALUES = 3


def shown(field: Field, value: Value) -> str:
    """Return a value as a condition would write it, cut where it is long."""
    if value is None:
        return "nil"
    if isinstance(value, int) and not isinstance(value, bool):
        if field.path == "span.status.code" and 0 <= value < len(STATUSES):
            return STATUSES[value]
        if field.path == "span.kind" and 0 <= value < len(KINDS):
            return KINDS[value]
    if isinstance(value, OpaqueId | bytes):
        text = bytes(value).hex()
    else:
        text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


class Sayings:
    """Sums up what the fields of a condition say on some spans.

    `hidden` fields are those that name customers: of them only is said whether they are there.
    """

    def __init__(self, fields: Sequence[Field], hidden: Collection[Field]) -> None:
        self._slots = {field: slot for slot, field in enumerate(fields)}
        self._hidden = frozenset(hidden)

    def of(self, condition: Condition, rows: Sequence[SpanRow]) -> str:
        """Return what the condition read: `nil on all 8 spans`, `status.code UNSET`."""
        if not condition.fields:
            return "reads nothing of a span"
        parts = [self._field(field, rows) for field in condition.fields[:_MOST_FIELDS]]
        if len(condition.fields) == 1:
            return parts[0][1]
        more = ", …" if len(condition.fields) > _MOST_FIELDS else ""
        return "; ".join(f"{name} {text}" for name, text in parts) + more

    def error(self, condition: Condition, rows: Sequence[SpanRow]) -> str:
        """Return why a condition errs on the first row where it does; empty where it never does."""
        for row in rows:
            values = {field: row.projected[self._slots[field]] for field in condition.fields}
            try:
                condition.evaluate(values)
            except EvaluationError as error:
                return str(error)
        return ""

    def _field(self, field: Field, rows: Sequence[SpanRow]) -> tuple[str, str]:
        slot = self._slots[field]
        name = field.key or field.path
        show: Callable[[Field, Value], str] = _whether if field in self._hidden else shown
        counted = Counter(show(field, row.projected[slot]) for row in rows)
        nil = counted.pop("nil", 0)
        if not rows:
            return name, "no span to look at"
        if nil == len(rows):
            return name, "nil" if nil == 1 else f"nil on all {nil} spans"
        most = counted.most_common(_MOST_VALUES)
        text = ", ".join(value if len(rows) == 1 else f"{value} ×{n}" for value, n in most)
        if len(counted) > _MOST_VALUES:
            text += f", {len(counted) - _MOST_VALUES} other values"
        return name, f"{text}, nil on {nil} of {len(rows)}" if nil else text


def _whether(_field: Field, value: Value) -> str:
    return "nil" if value is None else "(there, not shown)"
