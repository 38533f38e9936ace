"""Captured values: evaluated only on rows that hold something that the expression reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from sloengine.otlp.kernel.columns import Wanted
from sloengine.otlp.kernel.rows import LazyRows
from sloengine.otlp.values import any_value
from sloengine.ottl import EvaluationError, Field, Value, ValueExpression
from sloengine.ottl.tree import Path

_STRING = 0x0A
_SHORT = 128


class Captures:
    """The captured expressions of a plan. Immutable.

    An expression is *direct* where it is one attribute as it was sent; *sparse* where it reads
    attributes and is nil where all of them are; *dense* otherwise: it is looked at in every row.
    """

    def __init__(self, expressions: Sequence[ValueExpression], wanted: Wanted) -> None:
        self._expressions = tuple(expressions)
        self._inputs = {one.number: one.field for one in wanted.inputs}
        self._direct: dict[Field, list[int]] = defaultdict(list)
        self._sparse: list[int] = []
        self._dense: list[int] = []
        self._of_nothing = [evaluate(expression, {}) for expression in self._expressions]
        for index, expression in enumerate(self._expressions):
            root = expression.root
            if isinstance(root, Path) and root.source.has_key:
                self._direct[root.source].append(index)
            elif self._of_nothing[index] is None and all(
                field.has_key for field in expression.fields
            ):
                self._sparse.append(index)
            else:
                self._dense.append(index)

    def collect(
        self,
        payload: bytes,
        rows: LazyRows,
        count: int,
        found: npt.NDArray[np.int64],
        shared: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], tuple[Value, ...]]:
        """Return rows, expressions and values, ascending by row, then expression.

        `found` are the noted attributes of spans, `shared` those of what stands above spans.
        """
        out: list[tuple[int, int, Value]] = []
        if not self._expressions:
            return np.zeros(0, np.int32), np.zeros(0, np.int32), ()
        noted: dict[int, dict[Field, Value]] = {}
        for row, number, at, size in found.tolist():
            self._note(out, noted, range(row, row + 1), number, payload[at : at + size])
        for first, stop, number, at, size in shared.tolist():
            self._note(out, noted, range(first, stop), number, payload[at : at + size])
        for row, values in noted.items():
            for index in self._sparse:
                expression = self._expressions[index]
                present = {field: values[field] for field in expression.fields if field in values}
                if present:
                    out.append((row, index, evaluate(expression, present)))
        for index in self._dense:
            self._collect_dense(out, index, rows, count)
        kept = [entry for entry in out if entry[2] is not None]
        kept.sort(key=_place)
        return (
            np.array([entry[0] for entry in kept], dtype=np.int32),
            np.array([entry[1] for entry in kept], dtype=np.int32),
            tuple([entry[2] for entry in kept]),
        )

    def _note(
        self,
        out: list[tuple[int, int, Value]],
        noted: dict[int, dict[Field, Value]],
        rows: range,
        number: int,
        data: bytes,
    ) -> None:
        field = self._inputs[number]
        value = _value(data)
        for index in self._direct.get(field, ()):
            out += [(row, index, value) for row in rows]
        if self._sparse:
            for row in rows:
                noted.setdefault(row, {})[field] = value

    def _collect_dense(
        self, out: list[tuple[int, int, Value]], index: int, rows: LazyRows, count: int
    ) -> None:
        expression = self._expressions[index]
        fields = expression.fields
        for row in range(count if fields or self._of_nothing[index] is not None else 0):
            values = rows.values(row, fields) if fields else ()
            if all(value is None for value in values):
                out.append((row, index, self._of_nothing[index]))
            else:
                present = dict(zip(fields, values, strict=True))
                out.append((row, index, evaluate(expression, present)))


def evaluate(expression: ValueExpression, values: dict[Field, Value]) -> Value:
    """Return the value; nil where the expression errs."""
    try:
        return expression.evaluate(values)
    except EvaluationError:
        return None


def _place(entry: tuple[int, int, Value]) -> tuple[int, int]:
    return entry[0], entry[1]


def _value(data: bytes) -> Value:
    size = len(data) - 2
    if 0 <= size < _SHORT and data[0] == _STRING and data[1] == size:
        return data[2:].decode()
    return any_value(AnyValue.FromString(data))
