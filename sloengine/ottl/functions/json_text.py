"""`ParseJSON`: RFC 8259 text to attribute values."""

from __future__ import annotations

import json
import math
import re
from typing import NoReturn

from sloengine.ottl.problems import EvaluationError
from sloengine.ottl.values import Value

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse_json(target: str) -> Value:
    """Return the map or list that `target` is; all numbers become doubles.

    Raises `EvaluationError` for text that is not JSON, for a bare number, string, bool or null, for
    numbers beyond a double and for nesting beyond what the interpreter can follow.
    """
    try:
        parsed = json.loads(
            target,
            strict=False,
            parse_int=_double,
            parse_float=_double,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError) as exc:
        raise EvaluationError(f"this is no JSON: {exc}") from exc
    if not isinstance(parsed, dict | list):
        raise EvaluationError("ParseJSON needs a JSON object or array")
    return _whole(parsed)


def _double(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise EvaluationError(f"{text[:40]} is too large for a double")
    return number


def _refuse(name: str) -> NoReturn:
    raise EvaluationError(f"{name} is no JSON")


def _whole(value: Value) -> Value:
    """Replace halves of surrogate pairs, which are no characters."""
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case list():
            return [_whole(item) for item in value]
        case dict():
            return {_LONE_SURROGATE.sub("\ufffd", key): _whole(item) for key, item in value.items()}
        case _:
            return value
