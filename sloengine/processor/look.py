"""`Look`: traces that are being closed, some of them for each hold of the lock."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from sloengine.processor.verdicts import Closed
from sloengine.store.facts import FactColumns


class Look(Protocol):
    """The traces that were complete at an instant; what is closed of them so far is for one commit.

    Between two steps spans may be added: a trace that gets one before its turn stays pending, one
    that gets one after it is pending again. No trace is judged twice in a look.
    """

    def go_on(self) -> bool:
        """Judge some more; return whether any are left. The caller holds the lock.

        If the history cannot be read its error is raised: the traces of this step stay as they
        were, and the look is over.
        """
        ...

    def closed(self) -> Closed:
        """Return the verdicts so far. Needs no lock: what it takes time for is done here."""
        ...


class WholeLook:
    """A look that takes one step."""

    def __init__(self, close: Callable[[], Closed]) -> None:
        self._close = close
        self._closed = together([])

    def go_on(self) -> bool:
        """See `Look.go_on`."""
        self._closed = self._close()
        return False

    def closed(self) -> Closed:
        """See `Look.closed`."""
        return self._closed


class SteppedLook:
    """A look of several steps, of which only the last can say which facts there are."""

    def __init__(
        self, steps: Iterator[tuple[Closed, bool]], columns: Callable[[], FactColumns | None]
    ) -> None:
        """`steps` gives verdicts without columns, and whether there are more."""
        self._steps = steps
        self._parts: list[Closed] = []
        self._columns = columns
        self._closed: Closed | None = None

    def go_on(self) -> bool:
        """See `Look.go_on`."""
        part, is_more = next(self._steps)
        self._parts.append(part)
        return is_more

    def closed(self) -> Closed:
        """See `Look.closed`."""
        if self._closed is None:
            self._closed = replace(together(self._parts), columns=self._columns())
        return self._closed


def together(parts: Sequence[Closed]) -> Closed:
    """Return the verdicts over different traces, without columns, as one."""
    counters: Tally[str] = Tally()
    errors: Tally[tuple[str, str]] = Tally()
    origins: dict[int, int] = {}
    for part in parts:
        counters.update(part.counters)
        errors.update(part.condition_errors)
        origins.update(part.origins)
    return Closed(
        facts=tuple(fact for part in parts for fact in part.facts),
        recheck=frozenset().union(*(part.recheck for part in parts)),
        traces=sum(part.traces for part in parts),
        counters=dict(counters),
        condition_errors=dict(errors),
        origins=origins,
        last_position=max((part.last_position for part in parts), default=-1),
    )
