"""`backtest`: a replay of one revision into a store that nobody else uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sloengine.authoring.backtest.history import History
from sloengine.clock import Clock
from sloengine.definitions import Plan
from sloengine.errors import OperatorError
from sloengine.evaluate import Evaluation
from sloengine.replay import Progress, Replayed, TraceSource, replay_sources


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a revision says about the traces at hand."""

    evaluation: Evaluation
    """At the last event."""
    history: History
    problems: tuple[str, ...]
    """Malformed parts of the input, each with its place."""
    rejected_spans: int


def backtest(
    sources: Sequence[TraceSource],
    plan: Plan,
    into: Path,
    *,
    progress: Callable[[Progress], None] = lambda _: None,
    clock: Clock | None = None,
) -> Backtest:
    """Judge traces by a plan in a new store in the folder `into`, and evaluate at the last event.

    Raises:
        OperatorError: the folder holds something already.
        PermanentError: nothing could be read.
        StoreError: the folder cannot be used.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise OperatorError(
            f"{into}: it holds something already, and a backtest needs a store of its own; "
            "name a new or empty folder"
        )
    return result_of(replay_sources(sources, plan, into, progress=progress, clock=clock))


def result_of(replayed: Replayed) -> Backtest:
    """Return a replay as the result of a backtest."""
    evaluation = replayed.evaluation
    last_ns = evaluation.last_event_ns
    return Backtest(
        evaluation,
        History(replayed.spans, replayed.first_event_ns, None if last_ns is None else last_ns + 1),
        replayed.problems,
        replayed.rejected_spans,
    )
