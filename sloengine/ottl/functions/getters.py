"""The types of parameters: what a function takes, and how it takes the rest."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sloengine.ottl.arithmetic import int_of_float
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Getter
from sloengine.ottl.values import (
    INT_MAX,
    INT_MIN,
    Duration,
    Instant,
    Operand,
    Strings,
    Value,
    operand_text,
    type_name,
)


def _expected(what: str, value: Operand) -> EvaluationError:
    return EvaluationError(f"{what} expected, found {type_name(value)}")


def _string(value: Operand) -> str:
    if isinstance(value, str):
        return value
    raise _expected("string", value)


def _int(value: Operand) -> int:
    if type(value) is int:
        return value
    raise _expected("int", value)


def _bool(value: Operand) -> bool:
    if isinstance(value, bool):
        return value
    raise _expected("bool", value)


def _double(value: Operand) -> float:
    if isinstance(value, float):
        return value
    raise _expected("double", value)


def _map(value: Operand) -> dict[str, Value]:
    if isinstance(value, dict):
        return value
    raise _expected("map", value)


def _list(value: Operand) -> list[Value]:
    """A list as attributes hold it; one that the expression made may hold no map and no id."""
    if isinstance(value, list):
        return value
    if isinstance(value, tuple):
        return [_element(item) for item in value]
    raise _expected("list", value)


def _element(value: Operand) -> Value:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case tuple() if not isinstance(value, Strings):
            return [_element(item) for item in value]
        case bytes() if type(value) is bytes:
            return value
        case _:
            raise EvaluationError(f"a {type_name(value)} cannot stand in this list")


def _duration(value: Operand) -> Duration:
    if isinstance(value, Duration):
        return value
    raise _expected("duration", value)


def _time(value: Operand) -> Instant:
    if isinstance(value, Instant):
        return value
    raise _expected("time", value)


def _bool_like(value: Operand) -> bool | None:
    match value:
        case None | bool():
            return value
        case int() | float():
            return value != 0
        case str():
            if value in ("1", "t", "T", "true", "TRUE", "True"):
                return True
            if value in ("0", "f", "F", "false", "FALSE", "False"):
                return False
            raise EvaluationError(f'"{value}" is neither true nor false')
        case _:
            raise EvaluationError(f"a {type_name(value)} is no bool")


# Go's number syntax, for literals of the engine's own grammar.
_DIGITS = r"[0-9](?:_?[0-9])*"
_DOUBLE = re.compile(
    rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII
)
_HEX_DOUBLE = re.compile(
    r"[+-]?0[xX](?:_?[0-9a-fA-F])*\.?(?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?[pP][+-]?[0-9]+", re.ASCII
)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII)
_INT = re.compile(r"[+-]?[0-9]{1,40}", re.ASCII)


def double_of_text(text: str) -> float:
    """Read a double as Go does; raises `EvaluationError` for anything else and for overflow."""
    try:
        if _DOUBLE.fullmatch(text):
            number = float(text.replace("_", ""))
        elif _INFINITE.fullmatch(text) or text.lower() == "nan":
            return float(text)
        elif _HEX_DOUBLE.fullmatch(text):
            number = float.fromhex(text.replace("_", ""))
        else:
            raise EvaluationError(f'"{text}" is no number')
    except (ValueError, OverflowError) as exc:
        raise EvaluationError(f'"{text}" is no number') from exc
    if number in (float("inf"), float("-inf")):
        raise EvaluationError(f'"{text}" is too large for a double')
    return number


def _double_like(value: Operand) -> float | None:
    match value:
        case None:
            return None
        case bool() | int() | float():
            return float(value)
        case str():
            return double_of_text(value)
        case _:
            raise EvaluationError(f"a {type_name(value)} is no number")


def _int_like(value: Operand) -> int | None:
    match value:
        case None:
            return None
        case bool() | int():
            return int(value)
        case float():
            return int_of_float(value)
        case str():
            if not _INT.fullmatch(value) or not INT_MIN <= int(value) <= INT_MAX:
                return None
            return int(value)
        case _:
            raise EvaluationError(f"a {type_name(value)} is no number")


def _any(value: Operand) -> Operand:
    return value


ANY = Getter("any value", _any)
STRING = Getter("string", _string)
STRING_LIKE = Getter("string or what String makes of it", operand_text)
INT = Getter("int", _int)
BOOL = Getter("bool", _bool)
DOUBLE = Getter("double", _double)
MAP = Getter("map", _map)
LIST = Getter("list", _list)
DURATION = Getter("duration", _duration)
TIME = Getter("time", _time)
INT_LIKE = Getter("int or what Int makes of it", _int_like)
DOUBLE_LIKE = Getter("double or what Double makes of it", _double_like)
BOOL_LIKE = Getter("bool or what Bool makes of it", _bool_like)
LITERAL_STRING = replace(STRING, name="a literal string", literal=True)


def list_of(getter: Getter) -> Getter:
    """Return the type of an argument that is written as a list, each item of type `getter`."""
    return Getter(f"list of {getter.name}", _any, items=getter)


def checked(getter: Getter, check: Callable[[Any], object]) -> Getter:
    """Return the same type, whose literals must also pass `check` (it raises where not)."""

    def accepts(value: Operand) -> Any:
        converted = getter.convert(value)
        check(converted)
        return converted

    return replace(getter, accepts=accepts)


def lazy(getter: Getter) -> Getter:
    """Return the same type for a body that fetches the value only when it needs it."""
    return replace(getter, lazy=True)
