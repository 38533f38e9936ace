"""What each of two plans says of the same traces, transaction by transaction."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from sloengine.authoring.backtest import Backtest, History, backtest
from sloengine.clock import Clock, SystemClock
from sloengine.definitions import Outcome, Plan, SloRule
from sloengine.evaluate import Evaluation, SloEvaluation, evaluate
from sloengine.replay import Progress, TraceSource
from sloengine.store import IGNORED, OTHER, Fact, Store

EXAMPLES = 3
NOT_COUNTED = "not counted"
GOOD, BAD, EXCLUDED, UNKNOWN = "good", "bad", "excluded", "unknown"


@dataclass(slots=True)
class Move:
    """Transactions that change alike, and three of their traces, those with the least ids."""

    count: int = 0
    traces: list[str] = field(default_factory=list)

    def add(self, fact: Fact) -> None:
        """Count one; facts come in order of their traces."""
        self.count += 1
        trace = f"{fact.trace_id:032x}"
        if len(self.traces) < EXAMPLES and trace not in self.traces:
            self.traces.append(trace)


Ending = tuple[str, str, str]
"""(transaction, outcome, reason); all empty where there is no such transaction."""
NOWHERE: Ending = ("", "", "")


@dataclass(frozen=True, slots=True)
class SloImpact:
    """A promise before and after; `None` on the side that does not have it."""

    slo: str
    objective: str
    before: SloEvaluation | None
    after: SloEvaluation | None
    flips: dict[tuple[str, str], Move]
    """By (what it was, what it is): good, bad, excluded, unknown, not counted."""


@dataclass(frozen=True, slots=True)
class Impact:
    """The difference that a change of definitions makes in traces that are at hand."""

    history: History
    """The same for both sides."""
    at_ns: int
    """The instant at which both are evaluated: just after the last event."""
    slos: tuple[SloImpact, ...]
    moves: dict[tuple[Ending, Ending], Move]
    """Transactions that end differently, by how."""
    unchanged: int
    """Transactions that end as before."""
    problems: tuple[str, ...]


def impact_of(
    before: Plan,
    after: Plan,
    sources: Sequence[TraceSource],
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
) -> Impact:
    """Judge the same traces by both plans, each in a store of its own, and compare.

    Raises:
        PermanentError: nothing could be read.
        StoreError: there is no room for the stores.
    """
    clock = clock or SystemClock()
    with tempfile.TemporaryDirectory(prefix="sloengine-diff-") as name, ExitStack() as stack:
        folders = Path(name, "before"), Path(name, "after")
        done = [
            backtest(sources, plan, folder, progress=progress, clock=clock)
            for plan, folder in zip((before, after), folders, strict=True)
        ]
        stores = [
            stack.enter_context(Store.open(folder, clock=clock, read_only=True))
            for folder in folders
        ]
        history = _both(done)
        at_ns = clock.now_ns() if history.end_ns is None else history.end_ns
        evaluations = (
            _evaluate(stores[0], before, at_ns),
            _evaluate(stores[1], after, at_ns),
        )
        comparison = _Comparison(before.slos, after.slos)
        readers = [stack.enter_context(store.reader()) for store in stores]
        for old, new in _pairs(readers[0].each_fact(), readers[1].each_fact()):
            comparison.add(old, new)
    return Impact(
        history=history,
        at_ns=at_ns,
        slos=tuple(_slo_impacts(*evaluations, comparison)),
        moves=comparison.moves,
        unchanged=comparison.unchanged,
        problems=done[0].problems,
    )


def _both(done: Sequence[Backtest]) -> History:
    """One history for both sides: plans see different events, the traces are the same."""
    starts = [one.history.start_ns for one in done if one.history.start_ns is not None]
    ends = [one.history.end_ns for one in done if one.history.end_ns is not None]
    return History(done[0].history.spans, min(starts, default=None), max(ends, default=None))


def _evaluate(store: Store, plan: Plan, at_ns: int) -> Evaluation:
    with store.reader() as reader:
        return evaluate(reader, plan, at_ns=at_ns)


def _pairs(
    before: Iterable[Fact], after: Iterable[Fact]
) -> Iterator[tuple[Fact | None, Fact | None]]:
    """Pair the facts of two stores, each in order of trace."""
    old_traces = groupby(before, key=_trace)
    new_traces = groupby(after, key=_trace)
    old, new = next(old_traces, None), next(new_traces, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            yield from _of_trace(list(old[1]) if old else [], [])
            old = next(old_traces, None)
        elif old is None or new[0] < old[0]:
            yield from _of_trace([], list(new[1]))
            new = next(new_traces, None)
        else:
            yield from _of_trace(list(old[1]), list(new[1]))
            old, new = next(old_traces, None), next(new_traces, None)


def _trace(fact: Fact) -> int:
    return fact.trace_id


def _of_trace(before: list[Fact], after: list[Fact]) -> Iterator[tuple[Fact | None, Fact | None]]:
    """Pair the facts of one trace: the same transaction at the same span, then the same
    transaction wherever it begins now, then whatever begins at the same span.
    """
    keys: tuple[Callable[[Fact], object], ...] = (
        lambda fact: (fact.transaction, fact.entry_span_id, fact.entry_kind),
        lambda fact: fact.transaction,
        lambda fact: (fact.entry_span_id, fact.entry_kind),
    )
    for key in keys:
        left: list[Fact] = []
        for old in before:
            same = next((new for new in after if key(new) == key(old)), None)
            if same is None:
                left.append(old)
            else:
                after.remove(same)
                yield old, same
        before = left
    if _all_unmapped(before) or _all_unmapped(after):
        # What no definition took is taken now, at another span; or the other way round.
        while before and after:
            yield before.pop(0), after.pop(0)
    yield from ((old, None) for old in before)
    yield from ((None, new) for new in after)


def _all_unmapped(facts: Sequence[Fact]) -> bool:
    return all(fact.transaction in (OTHER, IGNORED) for fact in facts)


class _Comparison:
    """Counts what differs, pair by pair."""

    def __init__(self, before: Sequence[SloRule], after: Sequence[SloRule]) -> None:
        self.moves: dict[tuple[Ending, Ending], Move] = {}
        self.flips: dict[str, dict[tuple[str, str], Move]] = {}
        self.unchanged = 0
        self._before = {rule.name: rule for rule in before}
        self._after = {rule.name: rule for rule in after}
        self._by_transaction: dict[str, list[str]] = {}
        for rule in (*before, *after):
            names = self._by_transaction.setdefault(rule.transaction, [])
            if rule.name not in names:
                names.append(rule.name)

    def add(self, old: Fact | None, new: Fact | None) -> None:
        """Take in one transaction as it was and as it is."""
        fact = new or old
        if fact is None:
            return
        endings = _ending(old), _ending(new)
        if endings[0] == endings[1]:
            self.unchanged += 1
        else:
            self.moves.setdefault(endings, Move()).add(fact)
        transactions = dict.fromkeys(one.transaction for one in (old, new) if one is not None)
        for name in dict.fromkeys(
            name for one in transactions for name in self._by_transaction.get(one, ())
        ):
            was = verdict(self._before.get(name), old)
            is_now = verdict(self._after.get(name), new)
            if was != is_now:
                flips = self.flips.setdefault(name, {})
                flips.setdefault((was, is_now), Move()).add(fact)


def _ending(fact: Fact | None) -> Ending:
    return NOWHERE if fact is None else (fact.transaction, fact.outcome, fact.reason)


def verdict(rule: SloRule | None, fact: Fact | None) -> str:
    """Return what a fact is to a promise; the store's SQL says the same of it."""
    if rule is None or fact is None or fact.transaction != rule.transaction:
        return NOT_COUNTED
    if rule.total is not None and not rule.total.evaluate(fact):
        return NOT_COUNTED
    if fact.outcome == Outcome.EXCLUDED:
        return EXCLUDED
    if fact.outcome == Outcome.UNKNOWN:
        return BAD if rule.unknown_is_bad else UNKNOWN
    return GOOD if rule.good.evaluate(fact) else BAD


def _slo_impacts(
    before: Evaluation, after: Evaluation, comparison: _Comparison
) -> Iterator[SloImpact]:
    old, new = _by_name(before), _by_name(after)
    for slo in sorted({*old, *new}):
        was, is_now = old.get(slo, {}), new.get(slo, {})
        flips = comparison.flips.get(slo, {})
        if len(was) == len(is_now) == 1:
            # The one objective, whatever it is called.
            (first,), (second,) = was.values(), is_now.values()
            yield SloImpact(slo, "", first, second, flips)
            continue
        several = max(len(was), len(is_now)) > 1
        for name in sorted({*was, *is_now}):
            shown = name if several else ""
            yield SloImpact(slo, shown, was.get(name), is_now.get(name), flips)


def _by_name(evaluation: Evaluation) -> dict[str, dict[str, SloEvaluation]]:
    found: dict[str, dict[str, SloEvaluation]] = {}
    for one in evaluation.slos:
        found.setdefault(one.slo, {})[one.objective] = one
    return found
