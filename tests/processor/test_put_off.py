"""Late traces that the history has no time for now: put off, never lost, judged once."""

from __future__ import annotations

from itertools import chain, repeat

import pytest
from processor_support import Span, World, plan_of, rule
from test_processor_waiting import NOON, S, outcomes

from sloengine.definitions.plan import AnySpan, Outcome, OutcomeRule, Scope
from sloengine.processor import Counter, ProcessorSettings

_IS_BAD = OutcomeRule(Outcome.FAILED, "error", AnySpan(1, Scope.TRACE))
PLAN = plan_of([rule("t", entry=(0,), outcome=(_IS_BAD,))], conditions="a bad")
LATE = NOON + 60 * S


def late_world(*traces: int, credits_of_looks: tuple[int, ...], **settings: int) -> World:
    """Traces that were judged good; a late span says of each that it was bad. Nobody remembers
    them; `credits_of_looks` of the late ones may be read, look by look, none after that.
    """
    world = World(PLAN, ProcessorSettings(recent_traces=0, **settings))
    for trace in traces:
        world.receive(NOON, (trace, Span(1, 0, "a")))
    world.close(NOON, everything=True)
    for trace in traces:
        world.receive(LATE, (trace, Span(2, 0, "bad")))
    world.credits = chain(credits_of_looks, repeat(0))
    world.read.clear()
    return world


def test_a_late_trace_that_is_put_off_stays_as_it_was_and_is_judged_later() -> None:
    world = late_world(7, credits_of_looks=(0, 0, 1))
    for seconds in (10, 11):
        closed = world.close(LATE + seconds * S)
        assert (closed.every_fact(), closed.counters, closed.traces) == ((), {}, 0)
        assert (closed.recheck, closed.last_position) == (frozenset(), -1)
        assert world.processor.pending_ids() == {7}
        assert world.processor.put_off_traces == world.processor.pending_spans == 1
        assert outcomes(world) == [(7, "good")]
    closed = world.close(LATE + 12 * S)
    assert closed.counters == {
        Counter.CLOSED_COMPLETE: 1,
        Counter.APPLIED: 1,
        Counter.LATE: 1,
        Counter.REJUDGED: 1,
    }
    assert outcomes(world) == [(7, "failed")]
    assert world.processor.put_off_traces == world.processor.pending_traces == 0


def test_the_oldest_come_first() -> None:
    """By the frame in which the late span came."""
    world = late_world(3, 1, 2, credits_of_looks=(1, 0, 1, 1))
    for second in range(4):
        world.close(LATE + (10 + second) * S)
    assert world.read == [3, 1, 2]


def test_the_safe_position_waits_for_what_is_put_off() -> None:
    world = late_world(7, 8, credits_of_looks=(0, 1, 0, 1))
    positions = []
    for second in range(4):
        world.close(LATE + (10 + second) * S)
        positions.append(world.position)
    assert positions == [2, 3, 3, 4]


def test_a_restart_loses_nothing_of_what_is_put_off() -> None:
    world = late_world(7, 8, credits_of_looks=(1,))
    world.close(LATE + 10 * S)
    assert outcomes(world) == [(7, "failed"), (8, "good")]
    world.restart()
    world.credits = repeat(1)
    world.close(LATE + 20 * S)
    assert outcomes(world) == [(7, "failed"), (8, "failed")]


def test_new_traces_are_judged_while_others_are_put_off() -> None:
    world = late_world(7, credits_of_looks=())
    world.receive(LATE, (9, Span(1, 0, "a")))
    assert world.close(LATE + 10 * S).traces == 1
    assert outcomes(world) == [(7, "good"), (9, "good")]


def test_everything_is_read_at_the_end_of_input() -> None:
    world = late_world(7, 8, 9, credits_of_looks=())
    world.close(LATE + 10 * S)
    closed = world.close(LATE + 11 * S, everything=True)
    assert closed.counters[Counter.CLOSED_END] == 3
    assert outcomes(world) == [(7, "failed"), (8, "failed"), (9, "failed")]
    assert world.processor.put_off_traces == 0


def test_a_further_span_has_the_trace_wait_once_more_and_is_judged_with_it() -> None:
    world = late_world(7, credits_of_looks=(0, 1))
    world.close(LATE + 10 * S)
    world.receive(LATE + 15 * S, (7, Span(3, 1)))
    assert world.processor.put_off_traces == 0
    assert world.close(LATE + 20 * S).traces == 0
    closed = world.close(LATE + 135 * S)
    assert closed.counters[Counter.APPLIED] == 2
    assert outcomes(world) == [(7, "failed")]


def test_a_further_span_that_was_there_already_loses_nothing() -> None:
    world = late_world(7, credits_of_looks=(0, 1))
    world.close(LATE + 10 * S)
    assert world.receive(LATE + 11 * S, (7, Span(2, 0, "bad"))) == (1, 1, 0)
    world.close(LATE + 21 * S)
    assert outcomes(world) == [(7, "failed")]


def test_a_discarded_trace_is_put_off_no_more() -> None:
    world = late_world(7, 8, credits_of_looks=(0,))
    world.close(LATE + 10 * S)
    world.processor.discard([7])
    assert world.processor.put_off_traces == 1
    assert world.processor.pending_ids() == {8}


def test_over_the_byte_budget_reading_goes_on_until_the_rest_fits() -> None:
    """Memory counts for more than what reading costs; nobody is judged in haste for it."""
    traces = range(1, 9)
    world = late_world(*traces, credits_of_looks=(), memory_bytes=3_000)

    def is_over() -> list[bool]:
        return [world.processor.is_over_budget]

    assert is_over() == [True]
    closed = world.close(LATE + 10 * S)
    assert is_over() == [False]
    assert Counter.CLOSED_MEMORY not in closed.counters
    assert world.read == list(traces)[: len(world.read)]
    assert world.processor.put_off_traces == len(traces) - len(world.read) > 0


def test_a_long_line_costs_each_look_little() -> None:
    """Not all of it comes up at each look, and every one of it is judged in the end."""
    traces = range(1, 601)
    world = late_world(*traces, credits_of_looks=(0, 0, 0, 200, 200, 200))
    world.asked.clear()
    for second in range(6):
        world.close(LATE + (10 + second) * S)
    assert [len(asked) for asked in world.asked[1:]] == [256, 256, 256, 400, 200]
    assert outcomes(world) == [(trace, "failed") for trace in traces]


def test_a_history_that_cannot_be_read_puts_nothing_off_for_good() -> None:
    world = late_world(7, 8, credits_of_looks=(0, 2))
    world.close(LATE + 10 * S)
    world.is_readable = False
    for second in (11, 12):
        with pytest.raises(OSError, match="disk is gone"):
            world.close(LATE + second * S)
    world.is_readable = True
    world.close(LATE + 13 * S)
    assert outcomes(world) == [(7, "failed"), (8, "failed")]
