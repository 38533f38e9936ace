"""The same spans give the same facts: any order, any batches, any repetition, any restart."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processor_strategies import SPANS, oracle_of, plans
from processor_support import Span, World

from sloengine.definitions.plan import Plan
from sloengine.processor import Counter, ProcessorSettings
from sloengine.store.facts import Fact

S = 10**9
NOON = 1_800_000_000 * S
Step = tuple[str, object]
Spans = list[tuple[int, Span]]

SPANS_OF_TRACES = st.lists(st.tuples(st.integers(1, 3), SPANS), min_size=1, max_size=14)
ROUTES = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.integers(0, 13), min_size=1, max_size=6)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 60, 120])),
        st.tuples(st.sampled_from(["close", "crash", "crash in commit", "reload"]), st.just(0)),
    ),
    max_size=16,
)
CREDITS = st.lists(st.integers(0, 2), min_size=1, max_size=4)
"""How many traces may be read again, look by look, from the first again after the last."""
MEMORY = st.sampled_from([(0, 2**28), (1, 2**28), (100, 2**28), (100, 9_000), (100, 1)])


def expected(plan: Plan, spans: Spans) -> list[Fact]:
    """What the oracle says when all spans have come at once."""
    return [
        fact
        for trace in sorted({trace for trace, _ in spans})
        for fact in oracle_of(plan, trace, [span for of, span in spans if of == trace]).facts()
    ]


def run(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> tuple[World, dict[str, int]]:
    """Take the route, then send what was not sent, and close everything."""
    recent_traces, memory_bytes = memory
    world = World(plan, ProcessorSettings(recent_traces=recent_traces, memory_bytes=memory_bytes))
    world.credits = cycle(credits_of_looks)
    now_ns = NOON
    ledger = {"received": 0, "duplicates": 0}
    sent: set[int] = set()

    def send(chosen: list[int]) -> None:
        picked = [index for index in chosen if index < len(spans)]
        total, duplicates, _ = world.receive(now_ns, *(spans[index] for index in picked))
        ledger["received"] += total
        ledger["duplicates"] += duplicates
        sent.update(picked)

    def close(*, everything: bool = False) -> None:
        for name, count in world.close(now_ns, everything=everything).counters.items():
            ledger[name] = ledger.get(name, 0) + count

    for step, argument in route:
        if step == "send":
            assert isinstance(argument, list)
            send(argument)
        elif step == "wait":
            assert isinstance(argument, int)
            now_ns += argument * S
            close()
        elif step == "close":
            close(everything=True)
        elif step == "crash":
            world.restart()
        elif step == "crash in commit":
            world.processor.close(now_ns, everything=True)
            world.restart()
        else:
            world.restart(plan)
    send([index for index in range(len(spans)) if index not in sent])
    close(everything=True)
    return world, ledger


def hasty(facts: list[Fact]) -> list[Fact]:
    """Without the one mark that may depend on timing: that of a trace closed for want of memory."""
    return [replace(fact, incomplete=False) for fact in facts]


def check(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> None:
    world, _ = run(plan, spans, route, memory, credits_of_looks)
    facts, wanted = world.facts(), expected(plan, spans)
    if memory[1] < 2**28:
        facts, wanted = hasty(facts), hasty(wanted)
    assert facts == wanted
    assert world.processor.pending_traces == world.processor.pending_spans == 0
    assert world.position == len(world.frames)


@given(plans(), SPANS_OF_TRACES, ROUTES, MEMORY, CREDITS)
@settings(max_examples=150, deadline=None)
def test_facts_depend_on_the_spans_alone(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> None:
    """Sent in any pieces, again and again, closed at any moment, killed before or in a commit,
    however much is put off.
    """
    check(plan, spans, route, memory, credits_of_looks)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(plans(), SPANS_OF_TRACES, ROUTES, MEMORY, CREDITS)
@settings(max_examples=5_000, deadline=None)
def test_facts_depend_on_the_spans_alone_at_length(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> None:
    """The same, for as long as a night allows."""
    check(plan, spans, route, memory, credits_of_looks)


@given(
    plans(),
    SPANS_OF_TRACES,
    ROUTES.map(lambda route: [step for step in route if step[0] in ("send", "wait", "close")]),
    MEMORY,
    CREDITS,
)
@settings(max_examples=60, deadline=None)
def test_every_span_is_accounted_for_once(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> None:
    """Received = applied + duplicates, when nothing is pending and nothing is unverifiable."""
    _, ledger = run(plan, spans, route, memory, credits_of_looks)
    distinct = {(trace, span.span_id, span.kind) for trace, span in spans}
    assert ledger[Counter.APPLIED] == len(distinct)
    duplicates = ledger["duplicates"] + ledger.get(Counter.DUPLICATE, 0)
    assert ledger["received"] == ledger[Counter.APPLIED] + duplicates


@given(
    plans("0000000000aa"),
    plans("0000000000bb"),
    SPANS_OF_TRACES,
    st.lists(st.booleans(), min_size=14, max_size=14),
)
@settings(max_examples=60, deadline=None)
def test_late_spans_after_a_reload_are_judged_by_the_plan_before_it(
    old: Plan, new: Plan, spans: Spans, is_early: list[bool]
) -> None:
    """A trace with stored facts keeps its revision; one without is judged by the new one."""
    early = [span for span, first in zip(spans, is_early, strict=False) if first]
    late = [span for span, first in zip(spans, is_early, strict=False) if not first]
    world = World(old, other_plans=[new])
    world.receive(NOON, *early)
    world.close(NOON + S, everything=True)
    with_facts = set(world.stored)
    world.restart(new)
    world.receive(NOON + 2 * S, *late)
    world.close(NOON + 3 * S, everything=True)
    touched = {trace for trace, _ in late}
    wanted = []
    for trace in sorted({trace for trace, _ in spans}):
        plan = old if trace in with_facts or trace not in touched else new
        wanted += expected(plan, [(of, span) for of, span in spans if of == trace])
    assert world.facts() == wanted
