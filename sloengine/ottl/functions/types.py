"""Functions that ask for a type, and those that change it."""

from __future__ import annotations

from dataclasses import replace

from sloengine.ottl.functions.getters import (
    ANY,
    BOOL,
    BOOL_LIKE,
    DOUBLE,
    DOUBLE_LIKE,
    INT,
    INT_LIKE,
    MAP,
    STRING,
    STRING_LIKE,
)
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Getter, Parameter
from sloengine.ottl.values import INT_MAX, INT_MIN, Duration, OpaqueId, Operand


def _is(kind: type, getter: Getter, words: str) -> Function:
    """A test for one type. A literal of another type is refused while parsing."""

    def holds(target: Operand) -> bool:
        return type(target) is kind

    name = f"Is{getter.name.capitalize()}"
    parameter = Parameter("target", replace(ANY, accepts=getter.convert))
    return Function(name, (parameter,), holds, f"Whether the value is a {words}; nil is not.")


def _is_list(target: Operand) -> bool:
    return isinstance(target, list | tuple)


def _is_empty(target: Operand) -> bool:
    match target:
        case None:
            return True
        case str() | list() | dict():
            return not target
        case OpaqueId():
            return not any(target)
        case bytes():
            return not target
        case bool() | int() | float():
            return target == 0
        case Duration():
            return target.ns == 0
        case _:
            return target == ()


def _as_is(target: Operand) -> Operand:
    return target


def _parse_int(target: str, base: int) -> int:
    if not target:
        raise EvaluationError("ParseInt needs a string that is not empty")
    if base != 0 and not 2 <= base <= 36:
        raise EvaluationError(f"base {base} is not between 2 and 36")
    if not target.isascii() or target != target.strip() or (base != 0 and "_" in target):
        raise EvaluationError(f'"{target}" is no number in base {base}')
    digits = target.removeprefix("-") if target.startswith("-") else target.removeprefix("+")
    try:
        number = _unsigned(digits, base)
    except ValueError as exc:
        raise EvaluationError(f'"{target}" is no number in base {base}') from exc
    number = -number if target.startswith("-") else number
    if not INT_MIN <= number <= INT_MAX:
        raise EvaluationError(f"{target} does not fit into 64 bits")
    return number


def _unsigned(digits: str, base: int) -> int:
    """Digits without a sign; base 0 goes by the prefix, where a leading 0 means octal."""
    if not digits[:1].isalnum() or len(digits) > 70:
        raise ValueError(digits)
    if base != 0:
        if base in (2, 8, 16) and digits[1:2] in tuple("xXoObB") and digits[:1] == "0":
            # Python would take a prefix here, Go does not; 0b1 is a number in base 16.
            return int("1" + digits, base) - int("1" + "0" * len(digits), base)
        return int(digits, base)
    if digits[0] == "0" and digits[1:2].isdigit():
        return int("0o" + digits[1:], 0)
    if digits.startswith("0_"):
        return int("0o" + digits[2:], 0)
    return int(digits, 0)


FUNCTIONS = (
    _is(str, STRING, "string"),
    _is(int, INT, "int"),
    _is(bool, BOOL, "bool"),
    _is(float, DOUBLE, "double"),
    _is(dict, MAP, "map"),
    Function(
        "IsList",
        (Parameter("target", ANY),),
        _is_list,
        "Whether the value is a list; nil is not.",
    ),
    Function(
        "IsEmpty",
        (Parameter("value", ANY),),
        _is_empty,
        "Whether the value is nil, empty, zero, false or an id of zeros.",
    ),
    Function(
        "Int",
        (Parameter("target", INT_LIKE),),
        _as_is,
        "The value as an int, toward zero; nil for nil and for a string that is no int; "
        "an error for bytes, lists, maps.",
    ),
    Function(
        "Double",
        (Parameter("target", DOUBLE_LIKE),),
        _as_is,
        "The value as a double; nil for nil; an error for a string that is no number, "
        "for bytes, lists, maps.",
    ),
    Function(
        "String",
        (Parameter("target", STRING_LIKE),),
        _as_is,
        "The value as text: bytes in hexadecimal, lists and maps as JSON; nil for nil; "
        "an error for NaN.",
    ),
    Function(
        "Bool",
        (Parameter("target", BOOL_LIKE),),
        _as_is,
        "The value as a bool: numbers other than 0, `true`, `t`, `1`; nil for nil; an error for "
        "other strings, bytes, lists, maps.",
    ),
    Function(
        "ParseInt",
        (Parameter("target", STRING), Parameter("base", INT)),
        _parse_int,
        "The string read as an int in a base from 2 to 36, or 0 for its prefix; else an error.",
    ),
)
