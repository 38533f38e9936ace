"""`Format`: the common part of Go's verbs, checked while parsing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from sloengine.ottl.functions.getters import ANY, LITERAL_STRING, list_of
from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.registry import Function, Parameter
from sloengine.ottl.values import OpaqueId, Operand, shortest_text, type_name

_VERB = re.compile(
    r"%(?:(?P<percent>%)|(?P<flags>[-+0]*)(?P<width>[0-9]{0,3})(?:\.(?P<precision>[0-9]{0,2}))?"
    r"(?P<verb>[vsdftx]))?",
    re.ASCII,
)


def _format(layout: str, arguments: list[Operand]) -> str:
    remaining = iter(arguments)
    return _VERB.sub(
        lambda found: "%" if found["percent"] else _one(found, next(remaining)), layout
    )


def _check(layout: str | None, arguments: list[Operand] | None) -> None:
    if layout is None:
        return
    wanted = 0
    for found in _VERB.finditer(layout):
        if not found["percent"] and not found["verb"]:
            place = found.start() + 1
            raise EvaluationError(
                f"the % at character {place} of the layout begins nothing that is supported; "
                "use %v %s %d %f %t %x, with width and precision, or %%"
            )
        if found["precision"] is not None and found["verb"] not in "fs":
            raise EvaluationError(f"a precision needs %f or %s, not %{found['verb']}")
        wanted += not found["percent"]
    if arguments is not None and len(arguments) != wanted:
        raise EvaluationError(f"the layout wants {wanted} values, {len(arguments)} are given")


def _one(found: re.Match[str], value: Operand) -> str:
    flags, verb = found["flags"], found["verb"]
    text = _VERBS[verb](value, found["precision"])
    is_number = type(value) in (int, float)
    if "+" in flags and is_number and not text.startswith("-"):
        text = f"+{text}"
    width = int(found["width"] or 0)
    if "-" in flags:
        return text.ljust(width)
    if "0" not in flags:
        return text.rjust(width)
    return text.zfill(width) if is_number else text.rjust(width, "0")


def _general(value: Operand, _precision: str | None) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
        case float():
            return general_double(value)
        case _:
            raise EvaluationError(f"%v cannot write a {type_name(value)}")


def general_double(number: float) -> str:
    """Return a double as Go's `%v` does: shortest digits, exponents below 1e-4 and from 1e6."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "+Inf" if number > 0 else "-Inf"
    return shortest_text(number, plain=1e-4 <= abs(number) < 1e6)


def _string(value: Operand, precision: str | None) -> str:
    if isinstance(value, OpaqueId) or not isinstance(value, str | bytes):
        raise EvaluationError(f"%s needs a string, not a {type_name(value)}")
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return text if precision is None else text[: int(precision or 0)]


def _decimal(value: Operand, _precision: str | None) -> str:
    if type(value) is not int:
        raise EvaluationError(f"%d needs an int, not a {type_name(value)}")
    return str(value)


def _fixed(value: Operand, precision: str | None) -> str:
    if not isinstance(value, float):
        raise EvaluationError(f"%f needs a double, not a {type_name(value)}")
    return f"{value:.{6 if precision is None else int(precision or 0)}f}"


def _truth(value: Operand, _precision: str | None) -> str:
    if not isinstance(value, bool):
        raise EvaluationError(f"%t needs a bool, not a {type_name(value)}")
    return "true" if value else "false"


def _hexadecimal(value: Operand, _precision: str | None) -> str:
    match value:
        case str():
            return value.encode().hex()
        case bytes() if not isinstance(value, OpaqueId):
            return value.hex()
        case int() if not isinstance(value, bool):
            return f"{value:x}"
        case _:
            raise EvaluationError(f"%x needs an int, a string or bytes, not a {type_name(value)}")


_VERBS: dict[str, Callable[[Operand, str | None], str]] = {
    "v": _general,
    "s": _string,
    "d": _decimal,
    "f": _fixed,
    "t": _truth,
    "x": _hexadecimal,
}

FUNCTIONS = (
    Function(
        "Format",
        (Parameter("format", LITERAL_STRING), Parameter("vals", list_of(ANY))),
        _format,
        "A written layout with %v %s %d %f %t %x filled from a written list; an error for a value "
        "that does not fit its verb.",
        _check,
    ),
)
