"""`+ - * /` and unary minus, as Go computes them."""

from __future__ import annotations

import math
from typing import TypeGuard

from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.values import INT_MAX, INT_MIN, Duration, Instant, Operand, type_name, wrap_int


def calculate(left: Operand, symbol: str, right: Operand) -> Operand:
    """Return `left symbol right`.

    Integers wrap at 64 bits and their division truncates toward zero; an integer beside a double
    becomes a double. Times and durations know `+` and `-` only. Raises `EvaluationError` for every
    other pair of types and for division by zero, doubles included.
    """
    if isinstance(left, Duration | Instant):
        return _calculate_time(left, symbol, right)
    if type(left) is int and type(right) is int:
        return _calculate_int(left, symbol, right)
    if _is_number(left) and _is_number(right):
        return _calculate_float(float(left), symbol, float(right))
    raise _unsupported(left, symbol, right)


def negate(value: Operand) -> Operand:
    """Return `-value` of an int or a double; `EvaluationError` for anything else."""
    if type(value) is int:
        return wrap_int(-value)
    if type(value) is float:
        return -value
    raise EvaluationError(f"unary minus needs a number, not a {type_name(value)}")


def _is_number(value: Operand) -> TypeGuard[int | float]:
    return type(value) in (int, float)


def _unsupported(left: Operand, symbol: str, right: Operand) -> EvaluationError:
    return EvaluationError(f"{type_name(left)} {symbol} {type_name(right)} cannot be calculated")


def _calculate_int(left: int, symbol: str, right: int) -> int:
    match symbol:
        case "+":
            return wrap_int(left + right)
        case "-":
            return wrap_int(left - right)
        case "*":
            return wrap_int(left * right)
        case _:
            if right == 0:
                raise EvaluationError("division by zero")
            quotient = abs(left) // abs(right)
            return wrap_int(quotient if (left < 0) == (right < 0) else -quotient)


def _calculate_float(left: float, symbol: str, right: float) -> float:
    match symbol:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            if right == 0:
                raise EvaluationError("division by zero")
            return left / right


def _calculate_time(left: Duration | Instant, symbol: str, right: Operand) -> Operand:
    match left, symbol, right:
        case Instant(), "+", Duration():
            return Instant(left.ns + right.ns)
        case Instant(), "-", Duration():
            return Instant(left.ns - right.ns)
        case Instant(), "-", Instant():
            return Duration(min(max(left.ns - right.ns, INT_MIN), INT_MAX))
        case Duration(), "+", Duration():
            return Duration(wrap_int(left.ns + right.ns))
        case Duration(), "+", Instant():
            return Instant(left.ns + right.ns)
        case Duration(), "-", Duration():
            return Duration(wrap_int(left.ns - right.ns))
        case _:
            raise _unsupported(left, symbol, right)


def int_of_float(number: float) -> int:
    """Return a double as a 64-bit integer, toward zero; what does not fit becomes the least."""
    if math.isfinite(number) and INT_MIN <= (whole := int(number)) <= INT_MAX:
        return whole
    return INT_MIN
