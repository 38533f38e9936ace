"""What a span said, in a few words beside a condition."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from sloengine.ottl import Condition, EvaluationError, Field, OpaqueId, Value
from sloengine.ottl.conditions import fields_of
from sloengine.ottl.evaluator import decide
from sloengine.ottl.paths import KINDS
from sloengine.ottl.tree import AllOf, BoolNode
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
        """Return why a condition holds on none of the rows, or what it read on the only one.

        Of several parts that must all hold, those are named that hold nowhere.
        """
        if not condition.fields:
            return "reads nothing of a span"
        parts = condition.root.parts if isinstance(condition.root, AllOf) else ()
        if parts:
            missing = [part for part in parts if not any(self._is_true(part, row) for row in rows)]
            if not missing and len(rows) > 1:
                return "each part holds on some span, all of them on none"
            if missing:
                more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
                place = missing[0].place
                text = condition.text[place.offset : place.offset + place.length]
                said = self._said(fields_of(missing[0]), rows)
                return f"{said}: never {text}{more}" if len(rows) > 1 else f"{said}: not {text}"
        return self._said(condition.fields, rows)

    def _said(self, fields: Sequence[Field], rows: Sequence[SpanRow]) -> str:
        parts = [self._field(field, rows) for field in fields[:_MOST_FIELDS]]
        if len(fields) == 1:
            return parts[0][1]
        more = ", …" if len(fields) > _MOST_FIELDS else ""
        return "; ".join(f"{name} {text}" for name, text in parts) + more

    def _is_true(self, part: BoolNode, row: SpanRow) -> bool:
        values = {field: row.projected[self._slots[field]] for field in fields_of(part)}
        try:
            return decide(part, values)
        except EvaluationError:
            return False

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
