"""The kernel and the plain processor are twins: the same batches give the same everything.

SLOENGINE_TWIN_CASES says how many cases are tried here in all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from typing import ClassVar

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from processor_strategies import SPANS, plans
from processor_support import KEY, Frame, Past, Span, World, batch_of
from test_processor_invariance import CREDITS, MEMORY, ROUTES, SPANS_OF_TRACES, check

from sloengine.definitions.plan import Plan
from sloengine.otlp import SpanBatch
from sloengine.processor import (
    Closed,
    Processor,
    ProcessorFactory,
    ProcessorSettings,
    TraceProcessor,
)
from sloengine.processor.kernel import KernelProcessor
from sloengine.store.facts import Fact

_TESTS = 5
CASES = int(os.environ.get("SLOENGINE_TWIN_CASES", "320")) // _TESTS
"""How many cases each test tries."""
S = 10**9
NOON = 1_800_000_000 * S
Step = tuple[str, object]
Spans = list[tuple[int, Span]]
LOOKS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.integers(0, 13), min_size=1, max_size=4)),
        st.tuples(st.just("wait"), st.sampled_from([1, 10, 120])),
        st.tuples(st.just("wait"), st.sampled_from([1, 10, 120])),
        st.tuples(st.just("crash"), st.just(0)),
    ),
    min_size=8,
    max_size=30,
)
"""Many looks at few traces."""

pytestmark = [pytest.mark.usefixtures("compiled_kernels"), pytest.mark.timeout(200 + CASES)]


class PlainWorld(World):
    """A world that runs the plain twin, whatever the others run."""

    make: ClassVar[ProcessorFactory] = Processor


class KernelWorld(World):
    """A world that runs the kernel."""

    make: ClassVar[ProcessorFactory] = KernelProcessor


class Frames(Past):
    """A history that can read frames again, each as heavy as all that may be held."""

    def __init__(self, world: RereadingWorld) -> None:
        super().__init__(world)
        self._frames_of = world

    def batch_at(self, position: int, /) -> SpanBatch:
        return self._frames_of.heavy(self._frames_of.frames[position])


class RereadingWorld(KernelWorld):
    """Keeps the last batch only, and reads all others again."""

    def _new(self) -> TraceProcessor:
        return KernelProcessor(
            self.plan, self.table, settings=self.settings, key=KEY, history=Frames(self)
        )

    def _apply(self, frame: Frame) -> tuple[int, int, int]:
        result = self.processor.add(
            self.heavy(frame), position=frame.position, arrival_ns=frame.arrival_ns
        )
        return result.spans, result.duplicates, result.late

    def heavy(self, frame: Frame) -> SpanBatch:
        return replace(batch_of(self.plan, self.table, frame.spans), held_bytes=2**40)


@pytest.fixture(scope="module")
def on_the_kernel() -> Iterator[None]:
    """Every world runs the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "make", KernelProcessor)
        yield


@pytest.mark.usefixtures("on_the_kernel")
@given(plans(), SPANS_OF_TRACES, ROUTES, MEMORY, CREDITS)
@settings(max_examples=CASES, deadline=None)
def test_facts_depend_on_the_spans_alone(
    plan: Plan,
    spans: Spans,
    route: list[Step],
    memory: tuple[int, int],
    credits_of_looks: list[int],
) -> None:
    """The oracle's facts, in any pieces, again and again, closed at any moment, killed anywhere,
    however much is put off.
    """
    check(plan, spans, route, memory, credits_of_looks)


def _order(fact: Fact) -> tuple[int, int, int]:
    return fact.trace_id, fact.entry_span_id, fact.entry_kind


def _seen(closed: Closed) -> dict[str, object]:
    """All that a commit takes from a look, in an order of its own."""
    return {
        "facts": sorted(closed.every_fact(), key=_order),
        "recheck": closed.recheck,
        "traces": closed.traces,
        "counters": closed.counters,
        "condition errors": closed.condition_errors,
        "origins": closed.every_origin(),
        "last position": closed.last_position,
    }


class Twins:
    """Worlds that live through the same, the plain one first."""

    def __init__(
        self, plan: Plan, settings: ProcessorSettings, credits_of_looks: list[int] | None = None
    ) -> None:
        self.worlds: tuple[World, ...] = (
            PlainWorld(plan, settings),
            KernelWorld(plan, settings),
            RereadingWorld(plan, settings),
        )
        self.now_ns = NOON
        for world in self.worlds if credits_of_looks else ():
            world.credits = cycle(credits_of_looks or [])

    def send(self, spans: Spans) -> None:
        added = [world.receive(self.now_ns, *spans) for world in self.worlds]
        assert added == added[:1] * len(added)

    def close(self, *, everything: bool = False) -> None:
        for world in self.worlds:
            world.asked.clear()
        closed = [world.close(self.now_ns, everything=everything) for world in self.worlds]
        if any(world.asked != self.worlds[0].asked for world in self.worlds):
            # A kernel that needs a value which it did not keep has to ask about a trace that the
            # plain twin remembers whole; what they know from then on is not the same.
            reject()
        for other in closed[1:]:
            assert _seen(other) == _seen(closed[0])

    def restart(self) -> None:
        for world in self.worlds:
            world.restart()

    def compare(self) -> None:
        plain, *kernels = [
            (
                world.processor.pending_ids(),
                world.processor.pending_traces,
                world.processor.pending_spans,
                world.processor.put_off_traces,
                world.position,
                world.facts(),
            )
            for world in self.worlds
        ]
        assert kernels == [plain] * len(kernels)

    def go(self, spans: Spans, route: list[Step]) -> None:
        for step, argument in route:
            if step == "send":
                assert isinstance(argument, list)
                self.send([spans[index] for index in argument if index < len(spans)])
            elif step == "wait":
                assert isinstance(argument, int)
                self.now_ns += argument * S
                self.close()
            elif step == "close":
                self.close(everything=True)
            else:
                self.restart()
            self.compare()
        self.send(spans)
        self.close(everything=True)
        self.compare()


def told_apart(spans: Spans) -> Spans:
    """Spans of which two that agree in identity, parent and times are one."""
    first: dict[tuple[int, ...], Span] = {}
    return [
        (
            trace,
            first.setdefault((trace, s.span_id, s.kind, s.parent_id, s.start_ns, s.end_ns), s),
        )
        for trace, s in spans
    ]


@given(plans(), SPANS_OF_TRACES.map(told_apart), ROUTES, st.sampled_from([0, 1000]))
@settings(max_examples=CASES, deadline=None)
def test_every_look_sees_the_same(
    plan: Plan, spans: Spans, route: list[Step], recent_traces: int
) -> None:
    """Facts, corrections, counters, positions and what is pending, at every step."""
    Twins(plan, ProcessorSettings(recent_traces=recent_traces)).go(spans, route)


@given(plans(), SPANS_OF_TRACES.map(told_apart), LOOKS, CREDITS, st.booleans())
@settings(max_examples=CASES, deadline=None)
def test_the_same_traces_are_put_off_and_judged_later(
    plan: Plan, spans: Spans, route: list[Step], credits_of_looks: list[int], suspects_all: bool
) -> None:
    """Look by look, where every trace that was judged must be read again, and few may be."""
    twins = Twins(plan, ProcessorSettings(recent_traces=0), credits_of_looks)
    for world in twins.worlds:
        world.suspects_all = suspects_all
    twins.go(spans, route)


@given(
    plans(),
    SPANS_OF_TRACES,
    ROUTES.map(lambda route: [step for step in route if step[0] in ("send", "wait")]),
)
@settings(max_examples=CASES, deadline=None)
def test_conflicts_are_settled_alike(plan: Plan, spans: Spans, route: list[Step]) -> None:
    """Whatever two rows of one span say, while it is pending."""
    twins = Twins(plan, ProcessorSettings(idle_wait_ns=10**18, max_wait_ns=10**18))
    twins.go(spans, route)


@st.composite
def trees(draw: st.DrawFn) -> Spans:
    """Whole traces of distinct ids, in which all is as it should be but for a missing parent."""
    spans: Spans = []
    for trace in range(1, draw(st.integers(1, 3)) + 1):
        size = draw(st.integers(1, 40))
        for number in range(1, size + 1):
            above = draw(st.integers(0, number - 1))
            span = draw(SPANS)
            spans.append((trace, replace(span, span_id=number, parent_id=above)))
        if draw(st.booleans()):
            lost = draw(st.integers(0, len(spans) - 1))
            spans[lost] = (spans[lost][0], replace(spans[lost][1], parent_id=10**6))
    return draw(st.permutations(spans))


@given(plans(), trees(), ROUTES)
@settings(max_examples=CASES, deadline=None)
def test_trees_are_judged_alike(plan: Plan, spans: Spans, route: list[Step]) -> None:
    """Deep and wide, nested entries, several definitions, orphans: what the kernel decides."""
    Twins(plan, ProcessorSettings()).go(spans, route)
