"""The judge equals a brute-force reading of the design on random traces and definitions."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from processor_strategies import TRACES, oracle_of, plans
from processor_support import KEY, TRACE, Span, rows_of, table_of

from sloengine.definitions.plan import Plan
from sloengine.processor import Counter, judge_trace


def check(plan: Plan, spans: list[Span]) -> None:
    oracle = oracle_of(plan, TRACE, spans)
    expected = oracle.facts()
    table = table_of(plan)
    verdict = judge_trace(plan, table, TRACE, rows_of(plan, table, spans), forced=False, key=KEY)
    facts = sorted(verdict.facts, key=lambda fact: (fact.entry_span_id, fact.entry_kind))
    assert facts == expected
    assert verdict.condition_errors == oracle.errors()
    counted = {
        Counter.AMBIGUOUS: oracle.counts["ambiguous"],
        Counter.UNKNOWN_HAVING: oracle.counts["unknown having"],
        Counter.CYCLES_CUT: oracle.counts["cycles"],
        Counter.ORPHANS: len(oracle.orphans),
        Counter.INCOMPLETE: int(bool(oracle.orphans)),
        Counter.CONDITION_ERRORS: oracle.errors().total(),
    }
    assert verdict.counters == {name: count for name, count in counted.items() if count}


@given(plans(), TRACES)
@settings(max_examples=250, deadline=None)
def test_facts_and_counters_equal_the_oracle(plan: Plan, spans: list[Span]) -> None:
    """Whatever the trace and the definitions, facts and counters are what the design says."""
    check(plan, spans)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(plans(), TRACES)
@settings(max_examples=10_000, deadline=None)
def test_facts_and_counters_equal_the_oracle_at_length(plan: Plan, spans: list[Span]) -> None:
    """The same, for as long as a night allows."""
    check(plan, spans)


@given(plans(), TRACES)
@settings(max_examples=60, deadline=None)
def test_the_verdict_depends_on_no_order_and_no_repetition(plan: Plan, spans: list[Span]) -> None:
    """Shuffled and doubled spans give the same facts, in the same order."""
    table = table_of(plan)
    shuffled = spans * 2
    random.Random(len(spans)).shuffle(shuffled)
    verdicts = [
        judge_trace(plan, table, TRACE, rows_of(plan, table, order), forced=False, key=KEY)
        for order in (spans, shuffled, shuffled[::-1])
    ]
    assert verdicts[0] == verdicts[1] == verdicts[2]
