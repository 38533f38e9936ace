"""Numbers in an explanation, as people read them."""

from __future__ import annotations

from decimal import Decimal

from sloengine.report.numbers import MINUS, count

_UNITS = (("s", 10**9, 1), ("ms", 10**6, 1), ("µs", 10**3, 0))


def seconds(ns: int) -> str:
    """Return a length of time in one unit: `31.0 s`, `4.2 ms`, `12 µs`, `0 s`."""
    sign, size = (MINUS, -ns) if ns < 0 else ("", ns)
    for unit, factor, digits in _UNITS:
        if size >= factor:
            return f"{sign}{size / factor:,.{digits}f} {unit}"
    return f"{sign}{size} ns" if size else "0 s"


def counted(number: int, noun: str) -> str:
    """Return `1 span`, `2 spans`."""
    return f"{count(number)} {noun}{'s' * (number != 1)}"


def amount(micros: int) -> str:
    """Return millionths as a decimal number with two digits at least: `84.20`."""
    value = Decimal(micros).scaleb(-6).normalize()
    exponent = value.as_tuple().exponent
    digits = max(2, -exponent if isinstance(exponent, int) else 2)
    return f"{value:,.{digits}f}".replace("-", MINUS)
