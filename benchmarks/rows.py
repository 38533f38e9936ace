"""`Row`: one measured figure, with what it is held against."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

_COARSE = 0.1


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure should be: at least `limit`, or at most."""

    limit: float
    at_least: bool
    demanded: bool = False
    """Whether missing it fails the run; others are only shown."""

    def is_met_by(self, value: float) -> bool:
        """Return whether a value is on the right side; the limit itself is."""
        return value >= self.limit if self.at_least else value <= self.limit

    def verdict(self, value: float) -> str:
        """Return met or missed, and by how much of the limit."""
        share = abs(value - self.limit) / self.limit
        digits = 0 if share >= _COARSE else 1
        return f"{'met' if self.is_met_by(value) else 'missed'} by {share:.{digits}%}"


@dataclass(frozen=True, slots=True)
class Peer:
    """The same figure of another program, from the same run."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `value` is the median of the runs, or the mean where not all do the
    same; `lowest` and `highest` are their range.

    `name` is unique in a run of the benchmark and stays the same between runs.
    """

    name: str
    value: float
    unit: str
    peer: Peer | None = None
    bound: Bound | None = None
    lowest: float | None = None
    highest: float | None = None

    @classmethod
    def of_runs(
        cls, name: str, values: Sequence[float], unit: str, bound: Bound | None = None
    ) -> Self:
        """Return the row of several runs of one measurement."""
        return cls(
            name,
            statistics.median(values),
            unit,
            bound=bound,
            lowest=min(values),
            highest=max(values),
        )

    @property
    def fails(self) -> bool:
        """Whether a demanded bound is missed even by the best run: noise only makes runs worse."""
        bound = self.bound
        if bound is None or not bound.demanded:
            return False
        best = self.highest if bound.at_least else self.lowest
        return not bound.is_met_by(self.value if best is None else best)

    def document(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        document = asdict(self)
        if self.bound is not None:
            document["bound"]["met"] = self.bound.is_met_by(self.value)
        return document


def at_least(limit: float) -> Bound:
    """Return a bound from below."""
    return Bound(limit, at_least=True)


def at_most(limit: float, *, demanded: bool = False) -> Bound:
    """Return a bound from above."""
    return Bound(limit, at_least=False, demanded=demanded)
