"""The six comparison operators, over every pair of types."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.values import Duration, Instant, Operand, Strings

OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
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

    Two nils are equal, and so `<=` and `>=` hold between them. int and double compare as doubles;
    all other pairs of different types are unequal and have no order. Ids, lists and maps are equal
    or not and have no order. Raises `EvaluationError` only between two results of `Split`, which
    the Collector cannot compare.
    """
    if left is None and right is None:
        return symbol in ("==", "<=", ">=")
    kinds = {type(left), type(right)}
    if kinds == _NUMBERS:
        left, right = _as_float(left), _as_float(right)
    elif len(kinds) > 1 or not kinds <= _ORDERED:
        if symbol == "==":
            return _equal(left, right)
        return symbol == "!=" and not _equal(left, right)
    return OPERATORS[symbol](left, right)


def _as_float(value: Operand) -> float:
    return float(value) if isinstance(value, int) else value  # type: ignore[return-value]


def _equal(left: Operand, right: Operand) -> bool:
    """Whether two values without an order are equal: types count at every depth."""
    if isinstance(left, Strings) or isinstance(right, Strings):
        if type(left) is type(right):
            raise EvaluationError("two results of Split cannot be compared; compare their elements")
        return False
    match left, right:
        case (list(), list()) | (tuple(), tuple()):
            return len(left) == len(right) and all(map(_same, left, right))
        case (tuple(), list()):
            return _equals_made(right, left)
        case (list(), tuple()):
            return _equals_made(left, right)
        case (dict(), dict()):
            return left.keys() == right.keys() and all(
                _same(value, right[key]) for key, value in left.items()
            )
        case _:
            return type(left) is type(right) and left == right


def _same(left: Operand, right: Operand) -> bool:
    return type(left) is type(right) and (
        _equal(left, right) if isinstance(left, list | tuple | dict) else left == right
    )


def _equals_made(stored: list[Operand], made: tuple[Operand, ...]) -> bool:
    """Whether a list of attribute values equals one that the expression made.

    A map or a stored list inside a made one equals nothing there: the Collector compares its own
    boxed type with a plain one.
    """
    if len(stored) != len(made):
        return False
    for kept, built in zip(stored, made, strict=True):
        match kept, built:
            case (list(), tuple()):
                if not _equals_made(kept, built):
                    return False
            case _:
                if isinstance(built, list | dict) or type(kept) is not type(built) or kept != built:
                    return False
    return True
