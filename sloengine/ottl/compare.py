"""The six comparison operators, over every pair of types."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.values import Duration, Instant, Operand, Strings, Value

OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

_ORDERED = frozenset({bool, int, float, str, bytes, Duration, Instant})
_NUMBERS = frozenset({int, float})


def compare(left: Operand, symbol: str, right: Operand) -> bool:
    """Return whether `left symbol right` holds.

    Two nils are equal, and so `<=` and `>=` hold between them; empty bytes count as nil. int and
    double compare as doubles; all other pairs of different types are unequal and have no order.
    Ids, lists and maps are equal or not and have no order. Raises `EvaluationError` only between
    two results of `Split`, which the Collector cannot compare.
    """
    left, right = _nil_for_empty_bytes(left), _nil_for_empty_bytes(right)
    if left is None and right is None:
        return symbol in ("==", "<=", ">=")
    kinds = {type(left), type(right)}
    if kinds == _NUMBERS and isinstance(left, int | float) and isinstance(right, int | float):
        return OPERATORS[symbol](float(left), float(right))
    if len(kinds) > 1 or not kinds <= _ORDERED:
        if symbol == "==":
            return _equal(left, right)
        return symbol == "!=" and not _equal(left, right)
    return OPERATORS[symbol](left, right)


def _nil_for_empty_bytes(value: Operand) -> Operand:
    return None if type(value) is bytes and not value else value


def _equal(left: Operand, right: Operand) -> bool:
    """Whether two values without an order are equal: types count at every depth."""
    if isinstance(left, Strings) or isinstance(right, Strings):
        if type(left) is type(right):
            raise EvaluationError("two results of Split cannot be compared; compare their elements")
        return False
    if isinstance(left, list) and isinstance(right, tuple):
        return _equals_made(left, right)
    if isinstance(left, tuple) and isinstance(right, list):
        return _equals_made(right, left)
    return _same(left, right)


def _same(left: Operand, right: Operand) -> bool:
    if isinstance(left, list | tuple):
        return (
            isinstance(right, list | tuple)
            and type(left) is type(right)
            and len(left) == len(right)
            and all(map(_same, left, right))
        )
    if isinstance(left, dict):
        return (
            isinstance(right, dict)
            and left.keys() == right.keys()
            and all(_same(value, right[key]) for key, value in left.items())
        )
    return type(left) is type(right) and left == right


def _equals_made(stored: Sequence[Value], made: Sequence[Operand]) -> bool:
    """Whether a list of attribute values equals one that the expression made.

    A map or a stored list inside a made one equals nothing there: the Collector compares its own
    boxed type with a plain one.
    """
    return len(stored) == len(made) and all(map(_element_equals_made, stored, made))


def _element_equals_made(stored: Value, made: Operand) -> bool:
    if isinstance(stored, list) and isinstance(made, tuple):
        return _equals_made(stored, made)
    return not isinstance(made, list | dict) and _same(stored, made)
