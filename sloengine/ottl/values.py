"""The values that expressions work on, and their text.

Python's own types stand for the Collector's: `None` is nil, `int` is a signed 64-bit integer, a
`list` is a list of attribute values, a `dict` a map. A `tuple` is a list that the expression itself
made, `Strings` one that `Split` made: the Collector keeps the three apart, and comparisons show it.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sloengine.ottl.problems import EvaluationError


class OpaqueId(bytes):
    """A trace or span id: only `==` and `!=` hold between two of them, and with nothing else."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A length of time, in nanoseconds."""

    ns: int


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A point in time, in nanoseconds since the Unix epoch."""

    ns: int


class Strings(tuple[str, ...]):
    """The list of strings that `Split` returns."""

    __slots__ = ()


Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"] | OpaqueId
"""What a span can hold."""

Operand = Value | Duration | Instant | tuple["Operand", ...]
"""What can stand inside an expression."""

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

_TYPE_NAMES: Mapping[type, str] = {
    type(None): "nil",
    bool: "bool",
    int: "int",
    float: "double",
    str: "string",
    bytes: "bytes",
    OpaqueId: "id",
    list: "list",
    tuple: "list",
    Strings: "list",
    dict: "map",
    Duration: "duration",
    Instant: "time",
}


def type_name(value: Operand) -> str:
    """Return the name of a value's type as messages and documents spell it."""
    return _TYPE_NAMES[type(value)]


def wrap_int(number: int) -> int:
    """Return `number` as signed 64-bit arithmetic leaves it."""
    return (number + 2**63) % 2**64 - 2**63


def float_text(number: float) -> str:
    """Return the shortest text that reads back as `number`, as JSON in Go writes it.

    Exponents only below 1e-6 and from 1e21 on, with at least two digits. Raises `EvaluationError`
    where JSON has no spelling: NaN and the infinities.
    """
    if not math.isfinite(number):
        raise EvaluationError(f"{number} has no text; it is not a finite number")
    return shortest_text(number, plain=1e-6 <= abs(number) < 1e21)


def shortest_text(number: float, *, plain: bool) -> str:
    """Return the shortest text that reads back as a finite `number`; `plain` has no exponent."""
    sign = "-" if math.copysign(1, number) < 0 else ""
    if number == 0:
        return f"{sign}0"
    _, digit_tuple, exponent = Decimal(repr(number)).normalize().as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    if not plain:
        fraction = f".{digits[1:]}" if digits[1:] else ""
        return f"{sign}{digits[0]}{fraction}e{'-' if point < 1 else '+'}{abs(point - 1):02d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[point:]}" if digits[point:] else ""
    return f"{sign}{digits[:point].ljust(point, '0')}{fraction}"


_JSON_ESCAPES = str.maketrans(
    {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
)

# Go has no short escapes for these two; pairs of backslashes are stepped over.
_SHORT_ESCAPE = re.compile(r"\\.")
_LONG_ESCAPES = {r"\b": r"\u0008", r"\f": r"\u000c"}


def json_text(value: Operand) -> str:
    """Return a value as compact JSON: map keys sorted, `<`, `>` and `&` escaped."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return float_text(value)
        case str():
            return _json_string(value)
        case OpaqueId():
            return "[" + ",".join(str(byte) for byte in value) + "]"
        case bytes():
            return f'"{base64.b64encode(value).decode("ascii")}"'
        case Duration():
            return str(value.ns)
        case Instant():
            return f'"{instant_text(value)}"'
        case list() | tuple():
            return "[" + ",".join(json_text(item) for item in value) + "]"
        case dict():
            pairs = (f"{json_text(key)}:{json_text(item)}" for key, item in sorted(value.items()))
            return "{" + ",".join(pairs) + "}"


def _json_string(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False).translate(_JSON_ESCAPES)
    return _SHORT_ESCAPE.sub(lambda found: _LONG_ESCAPES.get(found.group(), found.group()), quoted)


def instant_text(instant: Instant) -> str:
    """Return RFC 3339 text in UTC with as many digits of a second as the instant needs."""
    seconds, nanoseconds = divmod(instant.ns, 10**9)
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def operand_text(value: Operand) -> str | None:
    """Return what the converter `String` makes of any operand; `None` for nil."""
    match value:
        case None:
            return None
        case str():
            return value
        case OpaqueId():
            return json_text(value)
        case bytes():
            return value.hex()
        case _:
            return json_text(value)


def text_of(value: Value) -> str | None:
    """Return a value as text, as the converter `String` does; `None` for nil.

    503, 503.0 and "503" give the same text, an empty string stays one, bytes become hexadecimal
    digits, lists and maps JSON. Raises `EvaluationError` for NaN and the infinities.
    """
    return operand_text(value)
