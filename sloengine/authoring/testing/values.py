"""Small values of a test file: offsets, exact numbers, instants, ids."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from sloengine.definitions import parse_duration
from sloengine.definitions.source import Source
from sloengine.yamldoc import Node

_FRACTION = re.compile(r"([-+]?\d+)\s*/\s*(\d+)")
_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*%")
_EARLIEST_NS = 0
_LATEST_NS = 2_840_140_800 * 10**9
_GREATEST_ID = 2**64 - 1


def read_offset(source: Source, node: Node, what: str) -> int | None:
    """Return a duration in nanoseconds that may stand after a minus sign."""
    text = source.text(node, what)
    if text is None:
        return None
    if text == "0":
        return 0
    sign = -1 if text.startswith("-") else 1
    try:
        return sign * parse_duration(text.removeprefix("-"))
    except ValueError as error:
        source.error(node, f"{what} {error}")
        return None


def read_exact(source: Source, node: Node, what: str) -> Fraction | None:
    """Return a number exactly as it is written: `9`, `0.5`, `111/118`, `99.5%`.

    A problem is noted and gives `None`, and so does null, which is "no data".
    """
    if node.is_null and node.kind == "scalar":
        return None
    if not isinstance(node.value, bool) and isinstance(node.value, int | Decimal):
        return Fraction(node.value)
    text = node.text.strip()
    if (ratio := _FRACTION.fullmatch(text)) and int(ratio[2]):
        return Fraction(int(ratio[1]), int(ratio[2]))
    if percent := _PERCENT.fullmatch(text):
        return Fraction(percent[1]) / 100
    source.error(
        node, f'{what} "{text}" is not an exact number; write it like 9, 0.5, 111/118 or null'
    )
    return None


def read_instant(source: Source, node: Node, what: str) -> int | None:
    """Return an RFC 3339 instant in nanoseconds since the epoch."""
    text = source.text(node, what)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        source.error(
            node,
            f'{what} "{text}" is not an instant; write it with its zone, like 2026-03-29T00:00:00Z',
        )
        return None
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86400 + since.seconds) * 10**6 + since.microseconds
    if not _EARLIEST_NS <= micros * 1000 <= _LATEST_NS:
        source.error(node, f'{what} "{text}" is not between 1970 and 2059')
        return None
    return micros * 1000


def read_span_id(source: Source, node: Node, what: str) -> tuple[str, int] | None:
    """Return an id as it is written, and the 64 bits that it stands for.

    A whole number is itself; text becomes a hash, so its order means nothing.
    """
    text = source.text(node, what)
    if text is None:
        return None
    number = node.value
    if isinstance(number, bool) or not isinstance(number, int):
        return text, hashed(text, 8)
    if not 0 < number <= _GREATEST_ID:
        source.error(node, f"{what} {text} must be from 1 to {_GREATEST_ID:,}, or text")
        return None
    return text, number


def hashed(text: str, size: int) -> int:
    """Return `size` bytes that stand for a text, never all zero."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=size).digest(), "big") or 1
