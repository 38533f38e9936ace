"""What a plain scalar means: YAML 1.2's core schema, with exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal

from sloengine.yamldoc.node import Scalar

_LONGEST_NUMBER = 64
_LARGEST_EXPONENT = 308
_CONSTANTS: dict[str, Scalar] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE]([-+]?[0-9]+))?")


class NumberTooLargeError(ValueError):
    """A number that nobody means: too many digits, or an exponent beyond ±308."""


def plain_scalar(text: str) -> Scalar:
    """Return the value of an unquoted scalar.

    Infinity and not-a-number stay text: no definition and no setting can want them.

    Raises:
        NumberTooLargeError: the text is a number that cannot be handled in bounded memory.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(_bounded(text))
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(_bounded(text), 0)
    number = _DECIMAL.fullmatch(text)
    if number:
        exponent = number.group(1)
        if exponent and (len(exponent) > 5 or abs(int(exponent)) > _LARGEST_EXPONENT):
            raise NumberTooLargeError(text)
        return Decimal(_bounded(text))
    return text


def _bounded(text: str) -> str:
    if len(text) > _LONGEST_NUMBER:
        raise NumberTooLargeError(text)
    return text
