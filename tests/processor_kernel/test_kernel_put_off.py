"""What is put off, and what is not: the plain processor's own tests, on the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from processor_support import SERVER, Frame, Span, World
from test_pending_twin import RereadingWorld
from test_processor_waiting import NOON, S
from test_put_off import (
    PLAN,
    test_a_discarded_trace_is_put_off_no_more,
    test_a_further_span_has_the_trace_wait_once_more_and_is_judged_with_it,
    test_a_further_span_that_was_there_already_loses_nothing,
    test_a_history_that_cannot_be_read_puts_nothing_off_for_good,
    test_a_late_trace_that_is_put_off_stays_as_it_was_and_is_judged_later,
    test_a_long_line_costs_each_look_little,
    test_a_restart_loses_nothing_of_what_is_put_off,
    test_everything_is_read_at_the_end_of_input,
    test_new_traces_are_judged_while_others_are_put_off,
    test_over_the_byte_budget_reading_goes_on_until_the_rest_fits,
    test_the_oldest_come_first,
    test_the_safe_position_waits_for_what_is_put_off,
)

from sloengine.otlp import SpanBatch
from sloengine.processor import ProcessorSettings
from sloengine.processor.kernel import KernelProcessor

pytestmark = pytest.mark.usefixtures("compiled_kernels")

__all__ = [
    "test_a_discarded_trace_is_put_off_no_more",
    "test_a_further_span_has_the_trace_wait_once_more_and_is_judged_with_it",
    "test_a_further_span_that_was_there_already_loses_nothing",
    "test_a_history_that_cannot_be_read_puts_nothing_off_for_good",
    "test_a_late_trace_that_is_put_off_stays_as_it_was_and_is_judged_later",
    "test_a_long_line_costs_each_look_little",
    "test_a_restart_loses_nothing_of_what_is_put_off",
    "test_everything_is_read_at_the_end_of_input",
    "test_new_traces_are_judged_while_others_are_put_off",
    "test_over_the_byte_budget_reading_goes_on_until_the_rest_fits",
    "test_the_oldest_come_first",
    "test_the_safe_position_waits_for_what_is_put_off",
]


@pytest.fixture(scope="module", autouse=True)
def on_the_kernel() -> Iterator[None]:
    """Every world of this module runs the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "make", KernelProcessor)
        yield


class CountingWorld(RereadingWorld):
    """Counts how often the frame of a pending trace is read again."""

    reads = 0

    def heavy(self, frame: Frame) -> SpanBatch:
        self.reads += 1
        return super().heavy(frame)


def test_no_frame_is_read_for_a_trace_that_is_put_off() -> None:
    """Not even for the names in the facts that it would have."""
    world = CountingWorld(PLAN, ProcessorSettings(recent_traces=0))
    traces = range(1, 5)
    for trace in traces:
        world.receive(NOON, (trace, Span(1, 0, "a")))
    world.close(NOON, everything=True)
    for trace in traces:
        world.receive(NOON + 60 * S, (trace, Span(2, 0, kind=SERVER)))
    world.credits = iter([0, 0, 4])
    world.reads = 0
    for second in (70, 71):
        assert world.close(NOON + second * S).traces == 0
    assert world.reads == 0
    assert world.close(NOON + 72 * S).traces == 4
    assert world.reads > 0
