"""Tables and arenas that grow, fade and are emptied: nothing is lost, nothing is found twice."""

from __future__ import annotations

import random

import numpy as np
import pytest
from processor_support import CLIENT, KEY, SERVER, Span, batch_of, plan_of, rule, table_of

from sloengine.definitions.plan import AnySpan, CountSpans, Outcome, OutcomeRule, Scope
from sloengine.processor import NoHistory, Processor, ProcessorSettings, TraceProcessor
from sloengine.processor.kernel import KernelProcessor
from sloengine.processor.kernel import layout as at
from sloengine.store import Fact

pytestmark = pytest.mark.usefixtures("compiled_kernels")

S = 10**9
NOON = 1_800_000_000 * S
A, BAD = range(2)
PLAN = plan_of(
    [
        rule(
            "t",
            entry=(A,),
            outcome=(
                OutcomeRule(Outcome.FAILED, "error", AnySpan(BAD, Scope.SET)),
                OutcomeRule(Outcome.SLOW, "many", CountSpans(A, 2, None, Scope.TRACE)),
            ),
            customer=(0,),
        )
    ],
    conditions="a bad",
    captures=["user"],
)
TABLE = table_of(PLAN)


def kernel(**settings: int) -> KernelProcessor:
    return KernelProcessor(
        PLAN, TABLE, settings=ProcessorSettings(**settings), key=KEY, history=NoHistory()
    )


def plain(**settings: int) -> Processor:
    return Processor(
        PLAN, TABLE, settings=ProcessorSettings(**settings), key=KEY, history=NoHistory()
    )


def feed(
    processors: list[TraceProcessor], spans: list[tuple[int, Span]], size: int, at_ns: int = NOON
) -> None:
    """Add the same batches to all; they agree on what was new."""
    for number, start in enumerate(range(0, len(spans), size)):
        batch = batch_of(PLAN, TABLE, spans[start : start + size])
        added = [one.add(batch, position=number, arrival_ns=at_ns) for one in processors]
        assert added == added[:1] * len(added)


def facts_at_the_end(processor: TraceProcessor, at_ns: int = NOON) -> list[Fact]:
    closed = processor.close(at_ns, everything=True)
    return sorted(closed.every_fact(), key=lambda fact: (fact.trace_id, fact.entry_span_id))


def chain(trace: int, length: int) -> list[tuple[int, Span]]:
    """A trace as deep as it is long; the last span says that all was bad."""
    marks = ["a", *[""] * (length - 2), "bad"]
    return [(trace, Span(n + 1, n, mark)) for n, mark in enumerate(marks)]


def test_traces_of_thousands_of_spans_are_found_and_judged() -> None:
    """Every span once, whatever comes twice, in whatever order."""
    spans = [span for trace in range(1, 4) for span in chain(trace, 3000)]
    spans += random.Random(7).sample(spans, 4000)
    random.Random(8).shuffle(spans)
    both: list[TraceProcessor] = [kernel(), plain()]
    feed(both, spans, 1500)
    assert both[0].pending_spans == both[1].pending_spans == 9000
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]
    assert len(facts[0]) == 3


def chained(one: KernelProcessor, head: int) -> list[int]:
    """The rows of spans in a chain."""
    rows = []
    while head >= 0:
        rows.append(head)
        head = (int(one._arena.spans[head, at.S_META]) >> at.NEXT_AT & at.NEXT_MASK) - 1
    return rows


def test_each_row_of_a_span_is_in_one_trace_or_free_once() -> None:
    one = kernel(recent_traces=5)
    for turn in range(4):
        spans = [
            (turn * 100 + trace, Span(number, 0, "a"))
            for trace in range(1, 21)
            for number in range(1, trace + 1)
        ]
        feed([one], spans, 70)
        one.discard([turn * 100 + 7])
        for _ in range(2):
            arena = one._arena
            stacked = arena._arrays[at.FREE_SPANS][: arena[at.STACKED]].tolist()
            chains = arena._arrays[at.FREE_CHAINS][: arena[at.CHAINS]].tolist()
            free = [*stacked, *(row for head in chains for row in chained(one, head))]
            traces = arena.traces[arena.traces[:, at.T_STATE] & at.STATE != at.FREE]
            heads = (traces[:, at.T_HEAD] & at.LOW) - 1
            held = [row for head in heads.tolist() for row in chained(one, head)]
            assert sorted(free + held) == [*range(arena[at.SPANS_USED])]
            assert len(free) == arena[at.SPANS_FREE_COUNT]
            assert len(held) == traces[:, at.T_COUNT].sum()
            one.close(NOON, everything=True)


def test_rows_of_judged_traces_serve_new_ones() -> None:
    """Memory does not grow with traffic, only with what is pending and remembered at once."""
    one = kernel(recent_traces=50)
    used = []
    for turn in range(30):
        spans = [
            (turn * 1000 + trace, Span(number, number - 1, "a", values={"user": f"u{trace}"}))
            for trace in range(1, 101)
            for number in range(1, 41)
        ]
        feed([one], spans, 4000, NOON + turn)
        assert len(facts_at_the_end(one, NOON + turn)) == 100
        used.append([one._arena[word] for word in (at.SPANS_USED, at.CAPTURES_USED)])
    assert used[-1] == used[2]
    kept = [value for value in one._arena.values if value is not None]
    assert len(kept) == 50 * 40
    assert len(one._shelf.batches) == 0


@pytest.mark.parametrize("size", [1, 7, 5000])
def test_an_index_grows_while_traces_come_and_go(size: int) -> None:
    """Entries move a few at a time; found, repeated and freed meanwhile."""
    draw = random.Random(size)
    small, other = kernel(memory_bytes=1 << 16), plain(memory_bytes=1 << 40)
    small._settings = other._settings  # arenas stay small, but nobody is in haste
    both: list[TraceProcessor] = [small, other]
    for turn in range(4):
        spans = [
            (draw.randrange(1 << 128) if draw.random() < 0.7 else draw.randrange(1, 400), span)
            for span in (Span(draw.randrange(1, 60), 0, "a", SERVER) for _ in range(2500))
        ]
        feed(both, spans, size, NOON + turn * 4 * S)
        assert both[0].pending_ids() == both[1].pending_ids()
        closed = [one.close(NOON + (turn * 4 + 3) * S + 8 * S) for one in both]
        assert closed[0].traces == closed[1].traces
        assert closed[0].counters == closed[1].counters
    assert facts_at_the_end(both[0]) == facts_at_the_end(both[1])


def test_ids_and_instants_use_all_64_bits() -> None:
    """The greatest and the least; they compare without a sign."""
    top = 2**64 - 1
    spans = [
        (2**128 - 1, Span(top, 0, "a", SERVER, start_ns=2**63, end_ns=top)),
        (2**128 - 1, Span(top, 0, "a bad", SERVER, start_ns=0, end_ns=2**63 - 1)),
        (2**128 - 1, Span(2**63, top, "", start_ns=top, end_ns=0)),
        (1 << 127, Span(1 << 63, 0, "a", start_ns=1, end_ns=0)),
    ]
    both: list[TraceProcessor] = [kernel(), plain()]
    feed(both, spans, 1)
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]


def test_a_trace_is_judged_early_when_memory_is_used_up() -> None:
    """The longest idle first, as few as are needed, marked and counted."""
    one = kernel(memory_bytes=5 * (at.TRACE_BYTES + at.SPAN_BYTES + 512))
    for trace in range(1, 9):
        feed([one], [(trace, Span(1, 0, "a"))], 1, NOON + trace)
    feed([one], [(1, Span(2, 1, "bad"))], 1, NOON + 9)
    closed = one.close(NOON + 10)
    assert [fact.trace_id for fact in closed.every_fact()] == [2, 3, 4, 5]
    assert all(fact.incomplete for fact in closed.every_fact())
    assert closed.counters["processor.closed.memory"] == 4
    assert not one.is_over_budget
    assert one.pending_ids() == {1, 6, 7, 8}


def with_one_tag(one: KernelProcessor, tag: int) -> KernelProcessor:
    """Choose the seeds for which all hashes are equal, the worst that chance could do."""
    one._arena._arrays[at.SEEDS][:] = (tag, 0, 0, 0, 0, 0)
    return one


@pytest.mark.parametrize("tag", [0, -1])
def test_traces_are_told_apart_where_all_hashes_are_equal(tag: int) -> None:
    """Even those that have one half of their ids in common, while the index grows and when some
    are taken out.
    """
    traces = [high << 64 | low for high in range(1, 31) for low in range(1, 31)]
    spans = [(trace, Span(number, 0, "a")) for trace in traces for number in (1, 2)]
    random.Random(9).shuffle(spans)
    both: list[TraceProcessor] = [with_one_tag(kernel(recent_traces=0), tag), plain()]
    feed(both, spans[:900], 100)
    assert both[0].pending_ids() == both[1].pending_ids()
    for one in both:
        one.discard(traces[::3])
    feed(both, spans, 100)
    assert both[0].pending_ids() == both[1].pending_ids() == set(traces)
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]
    assert len(facts[0]) == len(spans)


@pytest.mark.parametrize("tag", [0, -1])
def test_spans_of_large_traces_are_told_apart_where_all_hashes_are_equal(tag: int) -> None:
    """By trace, id and kind; while their index grows, and when some are taken out."""
    spans = [
        (trace, Span(number, 0, "a", kind))
        for trace in (1, 2, 3)
        for number in range(1, 101)
        for kind in (SERVER, CLIENT)
    ]
    spans += random.Random(7).sample(spans, 300)
    random.Random(8).shuffle(spans)
    both: list[TraceProcessor] = [with_one_tag(kernel(), tag), plain()]
    for start in (0, 450):
        feed(both, spans[start : start + 450], 50)
        assert both[0].pending_spans == both[1].pending_spans
        for one in both:
            one.discard([2])
    facts = [facts_at_the_end(one) for one in both]
    assert facts[0] == facts[1]
    assert len(facts[0]) == 200  # of those that share an id one is below the other


def test_the_ids_that_collide_in_one_index_do_not_in_the_next() -> None:
    """Seeds differ from processor to processor."""
    seeds = {tuple(kernel()._arena._arrays[at.SEEDS].tolist()) for _ in range(3)}
    assert len(seeds) == 3
    assert np.all(kernel()._arena._arrays[at.SEEDS] != 0)
