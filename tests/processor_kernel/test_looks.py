"""A look in steps judges what a look at once does, whatever comes in between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processor_strategies import plans
from processor_support import KEY, SERVER, Span, batch_of, plan_of, rule, table_of
from test_pending_twin import CASES, KernelWorld, PlainWorld, Twins, told_apart
from test_processor_invariance import ROUTES, SPANS_OF_TRACES, expected

from sloengine.definitions.plan import Plan
from sloengine.processor import AskedTraces, Closed, NoHistory, ProcessorSettings
from sloengine.processor.kernel import KernelProcessor
from sloengine.processor.kernel import processor as module

S = 10**9
NOON = 1_800_000_000 * S
Step = tuple[str, object]
Spans = list[tuple[int, Span]]

pytestmark = [pytest.mark.usefixtures("compiled_kernels"), pytest.mark.timeout(200 + CASES)]


@pytest.fixture(scope="module", autouse=True)
def one_trace_a_step() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_AT_ONCE", 1)
        patch.setattr(module, "_STEPS", 1000)
        yield


class SteppedWorld(KernelWorld):
    """A world that closes in steps."""

    def close(self, now_ns: int, *, everything: bool = False) -> Closed:
        look = self.processor.look(now_ns, everything=everything)
        while look.go_on():
            self.between(now_ns)
        self.between(now_ns)
        closed = look.closed()
        self.commit(closed)
        return closed

    def between(self, now_ns: int) -> None:
        """What happens while the lock is free."""


class BusyWorld(SteppedWorld):
    """A world in which a request comes in after each step, while there are any."""

    requests: list[Spans]

    def between(self, now_ns: int) -> None:
        if self.requests:
            self.receive(now_ns, *self.requests.pop())


class SteppedTwins(Twins):
    """The plain processor beside one that takes steps."""

    def __init__(self, plan: Plan, settings: ProcessorSettings) -> None:
        super().__init__(plan, settings)
        self.worlds = (
            PlainWorld(plan, settings),
            SteppedWorld(plan, settings),
        )


@given(plans(), SPANS_OF_TRACES.map(told_apart), ROUTES, st.sampled_from([0, 1, 1000]))
@settings(max_examples=CASES, deadline=None)
def test_steps_see_what_one_look_sees(
    plan: Plan, spans: Spans, route: list[Step], recent_traces: int
) -> None:
    """Facts, corrections, counters, positions and what is pending, at every look."""
    SteppedTwins(plan, ProcessorSettings(recent_traces=recent_traces)).go(spans, route)


@given(
    plans(),
    SPANS_OF_TRACES,
    st.lists(st.lists(st.integers(0, 13), min_size=1, max_size=4), max_size=8),
    st.lists(st.sampled_from([0, 1, 10, 120]), max_size=4),
    st.sampled_from([0, 1, 1000]),
)
@settings(max_examples=CASES, deadline=None)
def test_what_comes_in_between_is_counted_once(
    plan: Plan,
    spans: Spans,
    chosen: list[list[int]],
    waits: list[int],
    recent_traces: int,
) -> None:
    """New spans and old ones, of traces whose turn was and of those whose turn comes."""
    world = BusyWorld(plan, ProcessorSettings(recent_traces=recent_traces))
    world.requests = []
    world.receive(NOON, *spans[::2])
    world.requests = [[spans[index] for index in some if index < len(spans)] for some in chosen]
    now_ns = NOON
    for wait in waits:
        now_ns += wait * S
        world.close(now_ns)
    world.close(now_ns, everything=True)
    world.requests = []
    world.receive(now_ns, *spans)
    world.close(now_ns, everything=True)
    assert world.facts() == expected(plan, spans)
    assert world.processor.pending_traces == world.processor.pending_spans == 0
    assert world.position == len(world.frames)


PLAN = plan_of([rule("t", entry=(0,), customer=(0,))], conditions="a", captures=["user"])


class FailingOnce(NoHistory):
    """A history that cannot be read the third time."""

    def __init__(self) -> None:
        self.asked = 0

    def perhaps_earlier(self, asked: AskedTraces, /) -> npt.NDArray[np.bool_]:
        self.asked += 1
        if self.asked == 3:
            raise OSError("the disk is gone")
        return super().perhaps_earlier(asked)


def test_what_was_judged_before_an_error_is_there_and_the_rest_is_pending() -> None:
    table = table_of(PLAN)
    processor = KernelProcessor(
        PLAN, table, settings=ProcessorSettings(), key=KEY, history=FailingOnce()
    )
    spans = [(trace, Span(1, 0, "a", SERVER, values={"user": "u"})) for trace in range(1, 6)]
    processor.add(batch_of(PLAN, table, spans), position=0, arrival_ns=NOON)
    look = processor.look(NOON + 10 * S)
    assert look.go_on()
    assert look.go_on()
    with pytest.raises(OSError, match="the disk is gone"):
        look.go_on()
    first = look.closed()
    assert first.traces == len(first.every_fact()) == 2
    assert processor.pending_traces == 3
    rest = processor.close(NOON + 11 * S)
    facts = [*first.every_fact(), *rest.every_fact()]
    assert sorted(fact.trace_id for fact in facts) == [1, 2, 3, 4, 5]
