"""The tree of a condition on facts: columns compared with what the user wrote."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Text:
    """`outcome`, `reason`, or the dimension `key`; a dimension may be nil."""

    name: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """`duration` in nanoseconds, or `value` in millionths, which may be nil. Whole numbers."""

    name: str


Column = Text | Number


@dataclass(frozen=True, slots=True)
class Verdict:
    """What literals alone decided."""

    holds: bool


@dataclass(frozen=True, slots=True)
class TextTest:
    """An operator between a text and what the user wrote; `None` is nil."""

    column: Text
    symbol: str
    value: str | None


@dataclass(frozen=True, slots=True)
class TextCall:
    """`IsMatch`, `HasPrefix` or `HasSuffix` of a text and what the user wrote."""

    function: str
    column: Text
    argument: str


@dataclass(frozen=True, slots=True)
class TextPair:
    """An operator between two texts of the fact."""

    left: Text
    symbol: str
    right: Text


@dataclass(frozen=True, slots=True)
class NumberTest:
    """An operator between a whole number and an exact limit in the column's own unit."""

    column: Number
    symbol: str
    value: Fraction | None


@dataclass(frozen=True, slots=True)
class OppositeFact:
    """`not`."""

    part: FactNode


@dataclass(frozen=True, slots=True)
class AllFacts:
    """`and`."""

    parts: tuple[FactNode, ...]


@dataclass(frozen=True, slots=True)
class AnyFact:
    """`or`."""

    parts: tuple[FactNode, ...]


FactNode = Verdict | TextTest | TextCall | TextPair | NumberTest | OppositeFact | AllFacts | AnyFact
