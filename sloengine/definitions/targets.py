"""Targets of objectives: exact ratios between 0 and 1, however they are written."""

from __future__ import annotations

import re
from decimal import Decimal

from sloengine.definitions.source import Source
from sloengine.yamldoc import Node

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,40})?) ?%")
_ZERO = Decimal(0)
_ONE = Decimal(1)
_HUNDRED = Decimal(100)
_UNLIKELY = Decimal("0.5")


def ratio_target(source: Source, node: Node) -> Decimal | None:
    """Return OpenSLO's `target`: a ratio such as 0.995."""
    percent = _PERCENT.fullmatch(node.text)
    if percent:
        source.error(node, f"target {node.text} must be a ratio here; {_cure(percent.group(1))}")
        return None
    value = source.number(node, "target")
    if value is None:
        return None
    if _ONE < value < _HUNDRED:
        source.error(node, f"target {node.text} is not a ratio; {_cure(node.text)}")
        return None
    return _inside(source, node, "target", value, _ONE)


def percent_target(source: Source, node: Node) -> Decimal | None:
    """Return OpenSLO's `targetPercent`, such as 99.5, as a ratio."""
    value = source.number(node, "targetPercent")
    if value is None or _inside(source, node, "targetPercent", value, _HUNDRED) is None:
        return None
    if value <= _ONE:
        message = f"targetPercent {node.text} looks like a ratio"
        source.warning(node, f"{message}; did you mean {_plain(_shift(value, 2))}?")
    return _shift(value, -2)


def promise_target(source: Source, node: Node) -> Decimal | None:
    """Return the target of a promise, `99.5%` or `0.995`, as a ratio."""
    percent = _PERCENT.fullmatch(node.text)
    if percent:
        value = Decimal(percent.group(1))
        if value >= _HUNDRED:
            message = f"target {node.text} leaves no error budget; use a value below 100%"
            source.error(node, message)
            return None
        if _ZERO < value <= _ONE:
            right = _plain(_shift(value, 2))
            message = f"target {node.text} looks like a ratio; did you mean {right}%?"
            source.warning(node, message)
        return _inside(source, node, "target", _shift(value, -2), _ONE)
    number = source.number(node, "target")
    if number is None:
        return None
    if _ONE < number < _HUNDRED:
        right = _plain(_shift(number, -2))
        source.error(node, f"target {node.text} has no percent sign; write {node.text}% or {right}")
        return None
    return _inside(source, node, "target", number, _ONE)


def _inside(source: Source, node: Node, what: str, value: Decimal, end: Decimal) -> Decimal | None:
    if value >= end:
        message = f"{what} {node.text} leaves no error budget; use a value below {end}"
        source.error(node, message)
        return None
    if value <= _ZERO:
        source.error(node, f"{what} {node.text} promises nothing; use a value above 0")
        return None
    if end == _ONE and value < _UNLIKELY and "%" not in node.text:
        right = _plain(_ONE - value)
        message = f"{what} {node.text} allows most to be bad; did you mean {right}?"
        source.warning(node, message)
    return value


def _cure(percent: str) -> str:
    return f"write {_plain(_shift(Decimal(percent), -2))}, or targetPercent: {percent}"


def _shift(value: Decimal, places: int) -> Decimal:
    """Move the decimal point without rounding, whatever the number of digits."""
    sign, digits, exponent = value.as_tuple()
    return Decimal((sign, digits, int(exponent) + places))


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
