"""When traces close, what is remembered of them, and what late spans change."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from processor_support import KEY, SERVER, Span, World, batch_of, plan_of, rule, table_of

from sloengine.clock import FrozenClock
from sloengine.definitions.plan import AnySpan, Outcome, OutcomeRule, Plan, Scope
from sloengine.processor import (
    Counter,
    Judge,
    NoHistory,
    Processor,
    ProcessorSettings,
    SpanKey,
    SpanRow,
)

S = 10**9
NOON = 1_800_000_000 * S
A, BAD = range(2)


def plan_for(reason: str = "error", revision: str = "0000000000aa") -> Plan:
    when = AnySpan(BAD, Scope.SET)
    found = rule("t", entry=(A,), outcome=(OutcomeRule(Outcome.FAILED, reason, when),))
    return plan_of([found], conditions="a bad", revision=revision)


PLAN = plan_for()


def world_with(**settings: int) -> World:
    return World(PLAN, ProcessorSettings(**settings))


def outcomes(world: World) -> list[tuple[int, str]]:
    return [(fact.trace_id, fact.outcome) for fact in world.facts()]


# Closing


def test_a_whole_trace_closes_after_idle_wait() -> None:
    """Ten seconds after its last span, to the nanosecond; not before."""
    clock, world = FrozenClock(NOON), world_with()
    world.receive(clock.now_ns(), (7, Span(1, 0, "a")))
    clock.advance(9 * S)
    world.receive(clock.now_ns(), (7, Span(2, 1)))
    clock.advance(10 * S - 1)
    assert world.close(clock.now_ns()).traces == 0
    clock.advance(1)
    closed = world.close(clock.now_ns())
    assert (closed.traces, len(closed.every_fact()), closed.last_position) == (1, 1, 1)
    assert closed.counters == {Counter.CLOSED_COMPLETE: 1, Counter.APPLIED: 2}
    assert world.processor.pending_traces == world.processor.pending_spans == 0
    assert world.close(clock.now_ns() + 1000 * S).traces == 0


def test_a_trace_whose_parent_is_missing_waits_for_max_wait() -> None:
    """Two minutes after its first span, however idle."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.receive(NOON + S, (7, Span(3, 2)))
    for seconds in (11, 60, 119):
        assert world.close(NOON + seconds * S).traces == 0
    closed = world.close(NOON + 120 * S)
    assert [fact.incomplete for fact in closed.every_fact()] == [True]
    assert closed.counters[Counter.CLOSED_MAX_WAIT] == 1


def test_a_missing_parent_that_arrives_makes_the_trace_whole() -> None:
    """Then idle_wait counts again, from that span on."""
    world = world_with()
    world.receive(NOON, (7, Span(3, 2)), (7, Span(1, 0, "a")))
    assert world.close(NOON + 30 * S).traces == 0
    world.receive(NOON + 40 * S, (7, Span(2, 1)))
    assert world.close(NOON + 50 * S - 1).traces == 0
    closed = world.close(NOON + 50 * S)
    assert [fact.incomplete for fact in closed.every_fact()] == [False]


def test_an_excused_parent_is_not_waited_for() -> None:
    """A remote caller that sends no spans costs no two minutes."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 99, "a")), (8, Span(1, 99, kind=SERVER)))
    closed = world.close(NOON + 10 * S)
    assert [fact.trace_id for fact in closed.every_fact()] == [7]
    assert world.processor.pending_ids() == {8}


def test_a_trace_that_never_rests_closes_at_max_wait() -> None:
    """A span every second does not keep it open for ever."""
    world = world_with()
    for second in range(121):
        world.receive(NOON + second * S, (7, Span(second + 1, second, "a" if second == 0 else "")))
        assert world.close(NOON + second * S).traces == (second == 120)


def test_everything_closes_at_the_end_of_input() -> None:
    """Whole or not, and without a mark of haste."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")), (8, Span(2, 1, "a")))
    closed = world.close(NOON, everything=True)
    assert [fact.incomplete for fact in closed.every_fact()] == [False, False]
    assert closed.counters == {Counter.CLOSED_END: 2, Counter.APPLIED: 2}


def test_a_clock_that_goes_back_closes_nothing_early_and_loses_nothing() -> None:
    """An hour back, then on."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.receive(NOON - 3600 * S, (7, Span(2, 1)))
    assert world.close(NOON - 3600 * S).traces == 0
    assert world.close(NOON + 10 * S).traces == 1


def test_the_longest_idle_close_early_at_the_byte_budget() -> None:
    """Judged as they stand, marked incomplete, counted; as few as are needed."""
    world = world_with(memory_bytes=6_000)
    for trace in range(1, 9):
        world.receive(NOON + trace, (trace, Span(1, 0, "a")))
    world.receive(NOON + 9, (1, Span(2, 1, "bad")))
    assert world.processor.is_over_budget
    closed = world.close(NOON + 10)
    early = [fact.trace_id for fact in closed.every_fact()]
    assert early == list(range(2, 2 + len(early)))
    assert 0 < len(early) < 7
    assert all(fact.incomplete for fact in closed.every_fact())
    assert closed.counters[Counter.CLOSED_MEMORY] == len(early)
    assert closed.counters[Counter.INCOMPLETE] == len(early)
    assert not world.processor.is_over_budget


def test_a_trace_closed_early_is_corrected_by_its_late_spans() -> None:
    """Nothing is dropped: the mark and the verdict go when the rest has come."""
    world = world_with(memory_bytes=1)
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.close(NOON)
    assert [(f.outcome, f.incomplete) for f in world.facts()] == [("good", True)]
    world.receive(NOON + S, (7, Span(2, 1, "bad")))
    world.close(NOON + S, everything=True)
    assert [(f.outcome, f.incomplete) for f in world.facts()] == [("failed", False)]


# Positions


def test_the_safe_position_is_the_oldest_frame_a_pending_trace_needs() -> None:
    """And the end of what was added where nothing is pending."""
    world = world_with()
    assert world.processor.safe_position(0) == 0
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.receive(NOON, (8, Span(1, 0, "a")))
    world.receive(NOON + 5 * S, (7, Span(2, 1)))
    assert world.processor.safe_position(3) == 0
    world.close(NOON + 10 * S)
    assert world.processor.safe_position(3) == 0
    world.close(NOON + 15 * S)
    assert world.processor.safe_position(3) == 3


def test_a_frame_may_be_added_again() -> None:
    """All its spans are duplicates then, pending or closed."""
    world = world_with()
    frame = ((7, Span(1, 0, "a")), (7, Span(2, 1, "bad")))
    assert world.receive(NOON, *frame) == (2, 0, 0)
    assert world.receive(NOON, *frame) == (2, 2, 0)
    world.close(NOON + 10 * S)
    assert world.receive(NOON + 11 * S, *frame) == (2, 2, 0)
    assert world.processor.pending_traces == 0


def test_a_batch_of_another_plan_is_refused() -> None:
    """Its vectors would mean something else."""
    world = world_with()
    table = table_of(PLAN)
    with pytest.raises(ValueError, match="another plan"):
        world.processor.add(batch_of(PLAN, table, []), position=0, arrival_ns=NOON)


def test_discarded_traces_are_pending_no_more() -> None:
    """Another processor has judged them; unknown ids do no harm."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")), (8, Span(1, 0, "a")))
    world.processor.discard([7, 99])
    assert world.processor.pending_ids() == {8}
    assert world.processor.pending_spans == 1
    assert world.close(NOON + 10 * S).traces == 1


# Late spans


def test_a_late_span_reopens_a_recent_trace_and_judges_it_whole() -> None:
    """Without asking the history; the store is told to compare."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")))
    assert world.close(NOON + 10 * S).recheck == frozenset()
    assert world.receive(NOON + 60 * S, (7, Span(2, 1, "bad"))) == (1, 0, 1)
    assert world.processor.safe_position(2) == 1
    asked = len(world.asked)
    closed = world.close(NOON + 70 * S)
    assert len(world.asked) == asked
    assert closed.recheck == {7}
    assert closed.every_origin() == {7: 0}
    assert closed.counters == {
        Counter.CLOSED_COMPLETE: 1,
        Counter.APPLIED: 1,
        Counter.REJUDGED: 1,
    }
    assert outcomes(world) == [(7, "failed")]


def test_a_late_span_of_a_forgotten_trace_has_it_read_again() -> None:
    """The history gives all spans; those of the first verdict are not counted again."""
    world = world_with(recent_traces=0)
    world.receive(NOON, (7, Span(1, 0, "a")), (7, Span(3, 1)))
    world.close(NOON + 10 * S)
    world.receive(NOON + 60 * S, (7, Span(2, 1, "bad")), (7, Span(3, 1)))
    closed = world.close(NOON + 200 * S)
    assert closed.recheck == {7}
    assert closed.every_origin() == {7: 0}
    assert closed.counters == {
        Counter.CLOSED_MAX_WAIT: 1,
        Counter.APPLIED: 1,
        Counter.DUPLICATE: 1,
        Counter.LATE: 1,
        Counter.REJUDGED: 1,
    }
    assert outcomes(world) == [(7, "failed")]


def test_a_late_conflicting_duplicate_corrects_only_if_it_wins() -> None:
    """The same winner as if both had come at once."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a", end_ns=5)))
    world.close(NOON + 10 * S)
    assert world.receive(NOON + 11 * S, (7, Span(1, 0, "a bad", end_ns=4))) == (1, 1, 0)
    assert world.processor.pending_traces == 0
    assert world.receive(NOON + 12 * S, (7, Span(1, 0, "a bad", end_ns=6))) == (1, 1, 0)
    closed = world.close(NOON + 22 * S)
    assert Counter.APPLIED not in closed.counters
    assert outcomes(world) == [(7, "failed")]


def test_a_late_span_is_judged_by_the_revision_that_closed_the_trace() -> None:
    """Not by the one that runs now, whose spans are decoded otherwise."""
    new = plan_of(
        [rule("other-name", entry=(0,))], conditions="bad a extra", revision="0000000000bb"
    )
    world = World(PLAN, other_plans=[new])
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.close(NOON + 10 * S)
    world.restart(new)
    world.receive(NOON + 60 * S, (7, Span(2, 1, "bad")), (8, Span(1, 0, "bad")))
    world.close(NOON + 200 * S)
    assert [(f.trace_id, f.transaction, f.outcome, f.revision) for f in world.facts()] == [
        (7, "t", "failed", "0000000000aa"),
        (8, "other-name", "good", "0000000000bb"),
    ]
    world.receive(NOON + 210 * S, (7, Span(3, 1)))
    world.close(NOON + 400 * S)
    assert {fact.revision for fact in world.stored[7]} == {"0000000000aa"}


def test_a_late_span_of_a_forgotten_revision_is_unverifiable() -> None:
    """Without its definitions nobody can judge the trace as it was judged."""
    world = World(plan_for(revision="0000000000bb"), other_plans=[PLAN])
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.close(NOON + 10 * S)
    world.restart(PLAN)

    world.knows_plans = False
    world.receive(NOON + 60 * S, (7, Span(2, 1, "bad")))
    closed = world.close(NOON + 200 * S)
    assert closed.counters == {Counter.LATE_UNVERIFIABLE: 1}
    assert outcomes(world) == [(7, "good")]


@pytest.mark.parametrize("recent_traces", [0, 100])
def test_beyond_the_horizon_stored_facts_are_left_as_they_are(recent_traces: int) -> None:
    """The span is counted; memory knows no more than the spool would."""
    world = world_with(recent_traces=recent_traces)
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.close(NOON + 10 * S)
    world.receive(NOON + 3601 * S, (7, Span(2, 1, "bad")), (7, Span(3, 2)))
    closed = world.close(NOON + 4000 * S)
    assert closed.counters == {Counter.LATE_UNVERIFIABLE: 2}
    assert (closed.every_fact(), closed.recheck, closed.traces) == ((), frozenset(), 0)
    assert outcomes(world) == [(7, "good")]
    assert world.processor.safe_position(2) == 2


def test_stored_facts_whose_frames_are_gone_are_left_as_they_are() -> None:
    """The disk budget may end the horizon sooner."""
    world = world_with(recent_traces=0)
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.close(NOON + 10 * S)
    world.kept_from = 1
    world.receive(NOON + 60 * S, (7, Span(2, 1, "bad")))
    assert world.close(NOON + 200 * S).counters == {Counter.LATE_UNVERIFIABLE: 1}
    assert outcomes(world) == [(7, "good")]


def test_beyond_the_horizon_a_trace_without_stored_facts_applies_as_new() -> None:
    """A Collector that catches up after a long outage loses nothing."""
    world = world_with(recent_traces=0)
    world.receive(NOON, (7, Span(2, 1)))
    world.close(NOON + 200 * S)
    assert world.facts() == []
    world.receive(NOON + 4000 * S, (7, Span(1, 0, "a")))
    closed = world.close(NOON + 4200 * S)
    assert closed.recheck == frozenset()
    assert outcomes(world) == [(7, "good")]


def test_memory_of_closed_traces_is_bounded_by_number() -> None:
    """The oldest verdicts are forgotten; their late spans go through the history."""
    world = world_with(recent_traces=2)
    for trace in (1, 2, 3):
        world.receive(NOON, (trace, Span(1, 0, "a")))
        world.close(NOON, everything=True)
    asked = len(world.asked)
    world.receive(NOON + S, *((trace, Span(2, 1, "bad")) for trace in (1, 2, 3)))
    closed = world.close(NOON + S, everything=True)
    assert world.asked[asked:] == [frozenset({1})]
    assert closed.recheck == {1, 2, 3}
    assert outcomes(world) == [(1, "failed"), (2, "failed"), (3, "failed")]


def test_erring_conditions_of_a_judged_span_are_not_counted_again() -> None:
    """Once per span, not once per verdict, nor for each of its conflicting rows."""
    for recent in (0, 100):
        world = world_with(recent_traces=recent)
        world.receive(NOON, (7, Span(1, 0, "a bad?")))
        first = world.close(NOON + 10 * S)
        world.receive(NOON + 60 * S, (7, Span(2, 1, "bad?")))
        second = world.close(NOON + 200 * S)
        text = PLAN.conditions[BAD].text
        assert first.condition_errors == second.condition_errors == {("t", text): 1}
        world.receive(NOON + 300 * S, (7, Span(1, 0, "a bad?", end_ns=9)))
        third = world.close(NOON + 400 * S)
        assert (third.traces, third.condition_errors) == (1, {})


# Crashes


def test_replayed_traces_are_compared_with_what_is_stored() -> None:
    """Their facts may have been committed before the crash."""
    world = world_with()
    world.receive(NOON, (6, Span(1, 0, "a")))
    world.receive(NOON + S, (7, Span(1, 0, "a")))
    world.close(NOON + 10 * S)
    world.receive(NOON + 10 * S, (7, Span(2, 1)))
    world.restart()
    assert world.position == 1
    world.receive(NOON + 12 * S, (8, Span(1, 0, "a")))
    closed = world.close(NOON + 30 * S)
    assert closed.recheck == {7}
    assert outcomes(world) == [(6, "good"), (7, "good"), (8, "good")]


def test_a_closed_trace_that_is_replayed_in_part_is_read_whole() -> None:
    """Its first frame lies before the safe position, its last behind it."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.receive(NOON, (8, Span(2, 1)), (7, Span(2, 1, "bad")))
    world.close(NOON + 10 * S)
    assert (outcomes(world), world.position) == ([(7, "failed")], 1)
    world.restart()
    world.close(NOON + 200 * S)
    assert outcomes(world) == [(7, "failed")]
    assert world.stored[7][0].incomplete is False


def test_a_history_that_cannot_be_read_loses_nothing() -> None:
    """The error reaches the caller, all traces stay pending, and the next look closes them."""
    world = world_with()
    world.receive(NOON, (7, Span(1, 0, "a")))
    world.receive(NOON, (8, Span(2, 1)))
    world.is_readable = False
    for _ in range(2):
        with pytest.raises(OSError, match="disk is gone"):
            world.close(NOON + 10 * S)
    assert world.processor.pending_ids() == {7, 8}
    assert world.processor.safe_position(2) == 0
    world.is_readable = True
    assert [f.trace_id for f in world.close(NOON + 10 * S).every_fact()] == [7]
    assert world.close(NOON + 120 * S).traces == 1


# Cost


def test_one_old_trace_does_not_keep_the_memory_of_all_after_it() -> None:
    """What says which trace is next stays in proportion to the traces that wait."""
    table = table_of(PLAN)
    processor = Processor(PLAN, table, settings=ProcessorSettings(), key=KEY, history=NoHistory())
    processor.add(batch_of(PLAN, table, [(1, Span(2, 1))]), position=0, arrival_ns=NOON)
    for second in range(1, 100):
        spans = [(second * 100 + trace, Span(1, 0, "a")) for trace in range(100)]
        batch = batch_of(PLAN, table, spans)
        processor.add(batch, position=second, arrival_ns=NOON + second * S)
        processor.close(NOON + second * S)
    pending = processor._pending
    assert processor.pending_traces == 1001
    assert len(pending._positions) + len(pending._due) < 8000
    assert processor.safe_position(100) == 0
    assert processor.close(NOON + 120 * S).traces == 1001
    assert processor.safe_position(100) == 100


def test_a_look_at_many_waiting_traces_costs_nothing_where_none_is_due(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wholeness is worked out for due traces alone, and not twice without a new span."""
    looks = 0
    really = Judge.is_whole

    def counted(judge: Judge, spans: Mapping[SpanKey, SpanRow]) -> bool:
        nonlocal looks
        looks += 1
        return really(judge, spans)

    monkeypatch.setattr(Judge, "is_whole", counted)
    table = table_of(PLAN)
    processor = Processor(PLAN, table, settings=ProcessorSettings(), key=KEY, history=NoHistory())
    spans = [(trace, Span(2, 1)) for trace in range(1, 500)]
    processor.add(batch_of(PLAN, table, spans), position=0, arrival_ns=NOON)
    for second in range(120):
        processor.close(NOON + second * S)
        assert looks == (499 if second >= 10 else 0)
    assert processor.close(NOON + 120 * S).traces == 499
