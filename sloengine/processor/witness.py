"""`Witness`: somebody who watches a verdict being reached, to tell people why.

A witness is told what the judge itself asked and got. It can change nothing, and a trace that is
judged without one costs nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sloengine.definitions.plan import TransactionRule
from sloengine.processor.predicates import Truth
from sloengine.processor.spansets import SpanSets
from sloengine.processor.values import ValueSearch


@dataclass(frozen=True, slots=True)
class Bench:
    """What lies before the judge: one trace, linked, with its condition bits.

    Rows are numbered in preorder, as in `sets.forest`; every row number that a witness is told is
    one of those.
    """

    sets: SpanSets
    candidate: Sequence[bool]
    """Whether some definition's `entry` matches the row."""
    orphans: Sequence[int]
    """Rows whose named parent never arrived and is not excused, ascending."""
    home: int | None
    """The only topmost candidate, which orphans join; None where there is not exactly one."""
    texts: ValueSearch[str]
    """Where keys, currencies and dimensions come from."""
    amounts: ValueSearch[int]


class Witness:
    """Told of every step in order. Each method does nothing until a subclass says what."""

    def opened(self, bench: Bench) -> None:
        """The trace is linked; nothing has been decided."""

    def having(self, entry: int, rule: TransactionRule, truth: Truth) -> None:
        """A definition whose `entry` matches was asked for its `having`; true without one."""

    def took(self, entry: int, holding: Sequence[TransactionRule]) -> None:
        """The first of `holding` takes the candidate; none does where that is empty."""

    def nested(self, entry: int, rule: TransactionRule, above: int) -> None:
        """An entry was dropped: it stands below the entry `above` of its own definition."""

    def outcome(self, entry: int, rule: TransactionRule, number: int, truth: Truth) -> None:
        """Rule `number` of `rule.outcome` was asked; unless false it is the last one."""

    def because(self, entry: int, rule: TransactionRule, number: int, truth: Truth) -> None:
        """Rule `number` of `rule.because` was asked; the first true one is the last."""
