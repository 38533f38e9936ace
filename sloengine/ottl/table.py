"""`ConditionTable`: conditions decided once per distinct combination of values, kept as bits."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence

from sloengine.ottl.conditions import Condition
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.tree import Call, Field, Path, walk
from sloengine.ottl.values import OpaqueId, Value

_PARENT = Field("span.parent_span_id")
_AS_THEY_ARE = frozenset({str, int, bytes, type(None)})


class ConditionTable:
    """Decides every condition for a span, and remembers the answer.

    A *vector* is one distinct result: which conditions hold, and which err. Vector ids are dense,
    begin at 0 and never change during the table's life; there are only as many as results differ.
    The memo from values to vectors holds at most `memo_limit` combinations of those fields that
    conditions read, then starts again empty; ids stay. Types are part of a combination: `1`, `1.0`,
    `True` and `"1"` are four.

    Safe to use from several threads.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        conditions: Sequence[Condition],
        *,
        memo_limit: int = 65536,
    ) -> None:
        """Raises `ValueError` where a condition reads a field that is not among `fields`."""
        self.fields = tuple(fields)
        self.conditions = tuple(conditions)
        self.evaluations = 0
        """How many combinations were really evaluated."""
        read = {field for condition in self.conditions for field in condition.fields}
        if missing := sorted(read.difference(self.fields)):
            raise ValueError(f"conditions read {missing[0]}, which the table's fields lack")
        by_root_only = _PARENT in read and not any(map(_reads_parent_itself, self.conditions))
        self._columns = tuple(
            (index, field, by_root_only and field == _PARENT)
            for index, field in enumerate(self.fields)
            if field in read
        )
        self._limit = max(1, memo_limit)
        self._memo: dict[tuple[object, ...], int] = {}
        self._ids: dict[tuple[int, int], int] = {}
        self._bits: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """How many vectors there are."""
        return len(self._bits)

    def vector(self, values: tuple[Value, ...]) -> int:
        """Return the vector id of a span whose `values` stand in the order of `fields`."""
        key = tuple(
            [
                _root_key(values[index])
                if root_only
                else value
                if type(value := values[index]) in _AS_THEY_ARE
                else _typed(value)
                for index, _, root_only in self._columns
            ]
        )
        known = self._memo.get(key)
        return self._decide(key, values) if known is None else known

    def vector_of(self, true_bits: int, error_bits: int) -> int:
        """Return the id of a result that was decided elsewhere: masks of what holds and errs."""
        with self._lock:
            vector = self._ids.setdefault((true_bits, error_bits), len(self._bits))
            if vector == len(self._bits):
                self._bits.append((true_bits, error_bits))
        return vector

    def true_bits(self, vector: int) -> int:
        """Return a mask in which bit `i` is set where condition `i` holds."""
        return self._bits[vector][0]

    def error_bits(self, vector: int) -> int:
        """Return a mask in which bit `i` is set where condition `i` errs."""
        return self._bits[vector][1]

    def _decide(self, key: tuple[object, ...], values: tuple[Value, ...]) -> int:
        present = {field: values[index] for index, field, _ in self._columns}
        true_bits = error_bits = 0
        for number, condition in enumerate(self.conditions):
            try:
                if condition.evaluate(present):
                    true_bits |= 1 << number
            except EvaluationError:
                error_bits |= 1 << number
        vector = self.vector_of(true_bits, error_bits)
        with self._lock:
            self.evaluations += 1
            if len(self._memo) >= self._limit:
                self._memo = {}
            self._memo[key] = vector
        return vector


def _reads_parent_itself(condition: Condition) -> bool:
    """Whether a condition wants more of the parent's id than whether there is one."""
    nodes = list(walk(condition.root))
    paths = sum(isinstance(node, Path) and node.source == _PARENT for node in nodes)
    roots = sum(isinstance(node, Call) and node.name == "IsRootSpan" for node in nodes)
    return paths > roots


def _root_key(parent: Value) -> bool:
    return not (isinstance(parent, bytes) and any(parent))


def _typed(value: Value) -> object:
    """Return a hashable stand-in that is equal only for the same value of the same type."""
    match value:
        case bool():
            return (bool, value)
        case float():
            return (float, struct.pack("<d", value))
        case OpaqueId():
            return (OpaqueId, bytes(value))
        case list():
            return (list, tuple([_typed(item) for item in value]))
        case dict():
            return (dict, tuple([(key, _typed(item)) for key, item in value.items()]))
        case _:
            return value
