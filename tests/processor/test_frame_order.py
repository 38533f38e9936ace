"""Frames may come in any order: what is known of a trace does not depend on it."""

from __future__ import annotations

from itertools import permutations

from processor_support import Span, World, batch_of, plan_of, rule

S = 10**9
NOON = 1_800_000_000 * S
TRACE = 7


def new_world() -> World:
    return World(plan_of([rule(entry=(0,))], conditions="a"))


def add(world: World, position: int, *, parent_id: int = 0, marks: str = "a") -> None:
    """Add a frame that has one span, and came so many seconds after noon as its position is."""
    spans = [(TRACE, Span(position, parent_id, marks))]
    batch = batch_of(world.plan, world.table, spans)
    world.processor.add(batch, position=position, arrival_ns=NOON + position * S)


def test_a_trace_rests_on_its_oldest_frame_and_waits_from_the_last_arrival() -> None:
    for order in permutations(range(1, 5)):
        world = new_world()
        for position in order:
            add(world, position)
        assert world.processor.safe_position(9) == 1
        assert world.processor.close(NOON + 14 * S - 1).traces == 0
        closed = world.processor.close(NOON + 14 * S)
        assert closed.every_origin() == {TRACE: 1}
        assert (closed.traces, closed.last_position) == (1, 4)


def test_a_trace_that_is_not_whole_waits_from_the_first_arrival() -> None:
    for order in permutations(range(1, 5)):
        world = new_world()
        for position in order:
            add(world, position, parent_id=99, marks="")
        for seconds in (14, 120):
            assert world.processor.close(NOON + seconds * S).traces == 0
        assert world.processor.close(NOON + 121 * S).traces == 1


def test_a_trace_that_was_judged_rests_on_the_oldest_frame_of_all() -> None:
    for order in permutations((1, 3)):
        world = new_world()
        add(world, 2)
        assert world.processor.close(NOON, everything=True).every_origin() == {TRACE: 2}
        for position in (4, *order):
            add(world, position)
        assert world.processor.safe_position(9) == 1
        assert world.processor.close(NOON, everything=True).every_origin() == {TRACE: 1}
