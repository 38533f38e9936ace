"""Span sets, the whole trace and ancestors, counted by prefix sums.

Every quantifier is a question of how many spans of a scope have some condition bits and lack
others. One pass over the trace answers it for every entry at once, so nested entries in deep
chains cost no more than flat ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from sloengine.definitions.plan import Scope
from sloengine.processor.links import Forest


class SpanSets:
    """The scopes of every span of one trace, as if each were an entry.

    `bits` holds the conditions that are true on each span. `home` is the only topmost candidate,
    which the orphans' chains join, or None where there is not exactly one.
    """

    def __init__(
        self, forest: Forest, bits: Sequence[int], *, home: int | None, orphans: Sequence[int]
    ) -> None:
        self.forest = forest
        self.complete = not orphans
        """Whether absence can be known: an orphan may belong anywhere, and bring others."""
        self._bits = bits
        self._home = home
        self._orphans = tuple(orphans)
        self._running: dict[tuple[int, int], list[int]] = {}
        self._above: dict[tuple[int, int], list[int]] = {}

    def has(self, span: int, must: int) -> bool:
        """Whether all bits of `must` are set on one span."""
        return self._bits[span] & must == must

    def ranges(self, entry: int) -> list[tuple[int, int]]:
        """The span set of `entry` as half-open, disjoint ranges of rows; the first holds it."""
        own = (entry, self.forest.end[entry])
        if entry != self._home:
            return [own]
        return [own, *((orphan, self.forest.end[orphan]) for orphan in self._orphans)]

    def count(self, scope: Scope, entry: int, must: int, must_not: int = 0) -> int:
        """How many distinct spans of the scope have all bits of `must`, none of `must_not`."""
        if scope is Scope.ANCESTORS:
            return self._counted_above(must, must_not)[entry]
        running = self._counted_before(must, must_not)
        if scope is Scope.TRACE:
            return running[-1]
        return sum(running[stop] - running[start] for start, stop in self.ranges(entry))

    def _counted_before(self, must: int, must_not: int) -> list[int]:
        """For each row, and one past the last: matches in the rows before it."""
        running = self._running.get((must, must_not))
        if running is None:
            hits = (bits & must == must and not bits & must_not for bits in self._bits)
            running = list(accumulate(hits, initial=0))
            self._running[must, must_not] = running
        return running

    def _counted_above(self, must: int, must_not: int) -> list[int]:
        """For each row: matches among its ancestors."""
        above = self._above.get((must, must_not))
        if above is None:
            above = []
            for parent in self.forest.parent:
                if parent < 0:
                    above.append(0)
                else:
                    bits = self._bits[parent]
                    hit = bits & must == must and not bits & must_not
                    above.append(above[parent] + hit)
            self._above[must, must_not] = above
        return above
