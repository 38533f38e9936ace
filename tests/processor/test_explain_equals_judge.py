"""An explanation says what the judge decided, on random traces and definitions; and why, truly."""

from __future__ import annotations

from hypothesis import given, settings
from processor_strategies import TRACES, plans
from processor_support import KEY, TRACE, Span, rows_of, table_of

from sloengine.authoring.explain import Answer, explain, render_json, render_text
from sloengine.definitions import Plan
from sloengine.processor import Judge, Witness, judge_trace
from sloengine.report import TerminalStyle
from sloengine.store import IGNORED, OTHER


@given(plans(), TRACES)
@settings(max_examples=150, deadline=None)
def test_an_explanation_has_the_outcomes_of_the_judge(plan: Plan, spans: list[Span]) -> None:
    """Same transactions, entries, outcomes and reasons; the deciding rule is marked as such."""
    table = table_of(plan)
    rows = rows_of(plan, table, spans)
    verdict = judge_trace(plan, table, TRACE, rows, forced=False, key=KEY)
    explained = explain(plan, table, TRACE, rows, key=KEY)

    mapped = [fact for fact in verdict.facts if fact.transaction not in (OTHER, IGNORED)]
    assert [
        (item.transaction, explained.spans[item.entry].span_id, item.outcome, item.reason)
        for item in explained.transactions
    ] == [(f.transaction, f.entry_span_id, f.outcome, f.reason) for f in mapped]
    assert [
        (item.transaction, explained.spans[item.span].span_id) for item in explained.unmapped
    ] == [(f.transaction, f.entry_span_id) for f in verdict.facts if f not in mapped]
    assert all(fact.incomplete == explained.incomplete for fact in verdict.facts)
    assert {(e.definition, e.condition): e.spans for e in explained.condition_errors} == (
        verdict.condition_errors
    )
    for item in explained.transactions:
        outcomes = [rule for rule in item.rules if rule.label != "because"]
        deciding = [rule for rule in outcomes if rule.decided]
        if deciding:
            (rule,) = deciding
            assert rule.finding.answer in (Answer.YES, Answer.UNKNOWN)
            assert item.outcome == (rule.label if rule.finding.answer is Answer.YES else "unknown")
            place = outcomes.index(rule)
            assert all(earlier.finding.answer is Answer.NO for earlier in outcomes[:place])
            assert all(r.finding.answer is Answer.NOT_ASKED for r in outcomes[place + 1 :])
        else:
            assert item.outcome == "good"
            assert all(rule.finding.answer is Answer.NO for rule in outcomes)


@given(plans(), TRACES)
@settings(max_examples=60, deadline=None)
def test_every_form_of_an_explanation_can_be_printed(plan: Plan, spans: list[Span]) -> None:
    """No trace, however odd, breaks the text or the JSON; ASCII means ASCII."""
    table = table_of(plan)
    explained = explain(plan, table, TRACE, rows_of(plan, table, spans), key=KEY)
    assert f"{TRACE:032x}" in render_text(explained)
    assert render_text(explained, TerminalStyle(width=60, ascii_only=True)).isascii()
    assert f"{TRACE:032x}" in render_json(explained)


@given(plans(), TRACES)
@settings(max_examples=60, deadline=None)
def test_a_witness_changes_nothing(plan: Plan, spans: list[Span]) -> None:
    """Watched or not, the verdict is the same."""
    table = table_of(plan)
    rows = rows_of(plan, table, spans)
    judge = Judge(plan, table, KEY)
    assert judge.judge(TRACE, rows, witness=Witness()) == judge.judge(TRACE, rows)
