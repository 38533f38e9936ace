"""When traces close, and what late spans change: the plain processor's own tests, on the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from processor_support import World
from test_frame_order import (
    test_a_trace_rests_on_its_oldest_frame_and_waits_from_the_last_arrival,
    test_a_trace_that_is_not_whole_waits_from_the_first_arrival,
    test_a_trace_that_was_judged_rests_on_the_oldest_frame_of_all,
)
from test_processor_waiting import (
    test_a_batch_of_another_plan_is_refused,
    test_a_clock_that_goes_back_closes_nothing_early_and_loses_nothing,
    test_a_closed_trace_that_is_replayed_in_part_is_read_whole,
    test_a_frame_may_be_added_again,
    test_a_history_that_cannot_be_read_loses_nothing,
    test_a_late_conflicting_duplicate_corrects_only_if_it_wins,
    test_a_late_span_is_judged_by_the_revision_that_closed_the_trace,
    test_a_late_span_of_a_forgotten_revision_is_unverifiable,
    test_a_late_span_of_a_forgotten_trace_has_it_read_again,
    test_a_late_span_reopens_a_recent_trace_and_judges_it_whole,
    test_a_missing_parent_that_arrives_makes_the_trace_whole,
    test_a_trace_closed_early_is_corrected_by_its_late_spans,
    test_a_trace_that_never_rests_closes_at_max_wait,
    test_a_trace_whose_parent_is_missing_waits_for_max_wait,
    test_a_whole_trace_closes_after_idle_wait,
    test_an_excused_parent_is_not_waited_for,
    test_beyond_the_horizon_a_trace_without_stored_facts_applies_as_new,
    test_beyond_the_horizon_stored_facts_are_left_as_they_are,
    test_discarded_traces_are_pending_no_more,
    test_erring_conditions_of_a_judged_span_are_not_counted_again,
    test_everything_closes_at_the_end_of_input,
    test_memory_of_closed_traces_is_bounded_by_number,
    test_replayed_traces_are_compared_with_what_is_stored,
    test_stored_facts_whose_frames_are_gone_are_left_as_they_are,
    test_the_safe_position_is_the_oldest_frame_a_pending_trace_needs,
)

from sloengine.processor.kernel import KernelProcessor

pytestmark = pytest.mark.usefixtures("compiled_kernels")

__all__ = [
    "test_a_batch_of_another_plan_is_refused",
    "test_a_clock_that_goes_back_closes_nothing_early_and_loses_nothing",
    "test_a_closed_trace_that_is_replayed_in_part_is_read_whole",
    "test_a_frame_may_be_added_again",
    "test_a_history_that_cannot_be_read_loses_nothing",
    "test_a_late_conflicting_duplicate_corrects_only_if_it_wins",
    "test_a_late_span_is_judged_by_the_revision_that_closed_the_trace",
    "test_a_late_span_of_a_forgotten_revision_is_unverifiable",
    "test_a_late_span_of_a_forgotten_trace_has_it_read_again",
    "test_a_late_span_reopens_a_recent_trace_and_judges_it_whole",
    "test_a_missing_parent_that_arrives_makes_the_trace_whole",
    "test_a_trace_closed_early_is_corrected_by_its_late_spans",
    "test_a_trace_rests_on_its_oldest_frame_and_waits_from_the_last_arrival",
    "test_a_trace_that_is_not_whole_waits_from_the_first_arrival",
    "test_a_trace_that_never_rests_closes_at_max_wait",
    "test_a_trace_that_was_judged_rests_on_the_oldest_frame_of_all",
    "test_a_trace_whose_parent_is_missing_waits_for_max_wait",
    "test_a_whole_trace_closes_after_idle_wait",
    "test_an_excused_parent_is_not_waited_for",
    "test_beyond_the_horizon_a_trace_without_stored_facts_applies_as_new",
    "test_beyond_the_horizon_stored_facts_are_left_as_they_are",
    "test_discarded_traces_are_pending_no_more",
    "test_erring_conditions_of_a_judged_span_are_not_counted_again",
    "test_everything_closes_at_the_end_of_input",
    "test_memory_of_closed_traces_is_bounded_by_number",
    "test_replayed_traces_are_compared_with_what_is_stored",
    "test_stored_facts_whose_frames_are_gone_are_left_as_they_are",
    "test_the_safe_position_is_the_oldest_frame_a_pending_trace_needs",
]


@pytest.fixture(scope="module", autouse=True)
def on_the_kernel() -> Iterator[None]:
    """Every world of this module runs the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "make", KernelProcessor)
        yield
