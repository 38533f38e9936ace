"""Values that a transaction takes from its spans: amounts, keys, dimensions.

A list of expressions is tried in order. Each takes the first usable value on the entry, then on
its ancestors nearest first, then in its span set by (start, span id, kind).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sloengine.ottl import EvaluationError, Value, text_of
from sloengine.processor.rows import SpanRow
from sloengine.processor.spansets import SpanSets

T = TypeVar("T")

MICROS = 1_000_000
AMOUNT_LIMIT = 2**63 - 1
"""The greatest amount in millionths, either sign: what a BIGINT column holds."""


def amount_micros(value: Value) -> int | None:
    """Millionths of an amount, rounded half to even from its exact value; None if it is none.

    Only integers and finite doubles are amounts. One of more than `AMOUNT_LIMIT` millionths is
    not: nine million million of any currency is an error of measurement, and no sum could hold it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * MICROS, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        whole += 1
    return whole if abs(whole) <= AMOUNT_LIMIT else None


def key_text(value: Value) -> str | None:
    """`String(value)`: the text that keys and dimensions are made of; None where it errs."""
    try:
        return text_of(value)
    except EvaluationError:
        return None


def keyed_hash(text: str, key: bytes) -> bytes:
    """A hash of 16 bytes that only the holder of `key` can compute, so ids cannot be guessed.

    BLAKE2b in its keyed mode: a pseudorandom function of the same width as SipHash-128, which the
    design names and Python does not offer; BLAKE2b is in the standard library.
    """
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=16).digest()


@dataclass(slots=True)
class _Found(Generic[T]):
    """Where one expression has usable values, and for each row which of them is next."""

    values: dict[int, T]
    nearest: list[int] = field(default_factory=list)
    """For each row: itself or its nearest ancestor with a value, else -1."""
    earliest: list[int] = field(default_factory=list)
    """For each row: the earliest row with a value among it and its descendants, else -1."""


class ValueSearch(Generic[T]):
    """Searches one trace for values that `read` makes of what was captured.

    Linear in the trace for each expression, however many entries ask.
    """

    def __init__(self, sets: SpanSets, read: Callable[[Value], T | None]) -> None:
        self._sets = sets
        self._read = read
        self._found: dict[int, _Found[T]] = {}

    def first(self, expressions: Sequence[int], entry: int) -> T | None:
        """The value for the transaction that starts at row `entry`, or None."""
        place = self.place(expressions, entry)
        return None if place is None else self._found[place[0]].values[place[1]]

    def place(self, expressions: Sequence[int], entry: int) -> tuple[int, int] | None:
        """Which expression on which row gives `first`, or None."""
        for expression in expressions:
            found = self._find(expression)
            if not found.values:
                continue
            nearest = found.nearest[entry]
            if nearest >= 0:
                return expression, nearest
            inside = [found.earliest[start] for start, _ in self._sets.ranges(entry)]
            there = [row for row in inside if row >= 0]
            if there:
                return expression, min(there, key=self._order)
        return None

    def _order(self, row: int) -> tuple[int, int, int]:
        return _time_order(self._sets.forest.rows[row])

    def _find(self, expression: int) -> _Found[T]:
        found = self._found.get(expression)
        if found is not None:
            return found
        found = self._found[expression] = _Found({})
        forest = self._sets.forest
        for index, row in enumerate(forest.rows):
            for captured, value in row.captures:
                if captured == expression:
                    usable = self._read(value)
                    if usable is not None:
                        found.values[index] = usable
        if not found.values:
            return found
        for index, parent in enumerate(forest.parent):
            above = found.nearest[parent] if parent >= 0 else -1
            found.nearest.append(index if index in found.values else above)
            found.earliest.append(index if index in found.values else -1)
        for index in range(len(forest.rows) - 1, 0, -1):
            parent, mine = forest.parent[index], found.earliest[index]
            if parent < 0 or mine < 0:
                continue
            theirs = found.earliest[parent]
            if theirs < 0 or self._order(mine) < self._order(theirs):
                found.earliest[parent] = mine
        return found


def _time_order(row: SpanRow) -> tuple[int, int, int]:
    return row.start_ns, row.span_id, row.kind
