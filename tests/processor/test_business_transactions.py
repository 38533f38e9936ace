"""One truth for each sentence of the design's section on business transactions."""

from __future__ import annotations

from processor_support import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    KEY,
    SERVER,
    Span,
    endings,
    judge,
    plan_of,
    rule,
)

from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    BecauseRule,
    CountSpans,
    DimensionRule,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Outcome,
    OutcomeRule,
    Predicate,
    Scope,
)
from sloengine.processor import Counter

A, B, BAD, MORE = range(4)
NAMES = "a b bad more"
"""Conditions: two kinds of entries, and two things that spans may be."""


def failed(when: Predicate, reason: str = "error") -> OutcomeRule:
    return OutcomeRule(Outcome.FAILED, reason, when)


def outcome_of(when: Predicate, *spans: Span) -> str:
    """How the transaction entered at `a` ends, where `when` means that it failed."""
    plan = plan_of([rule("a", entry=(A,), outcome=(failed(when),))], conditions=NAMES)
    (fact,) = (fact for fact in judge(plan, *spans).facts if fact.transaction == "a")
    return fact.outcome


# Which definition takes a span


def test_a_span_that_matches_any_entry_condition_is_a_candidate() -> None:
    """Entry conditions are OR-ed, and spans that match none become no transaction."""
    plan = plan_of([rule("t", entry=(A, B))], conditions=NAMES)
    verdict = judge(plan, Span(1), Span(2, 1, "a"), Span(3, 1, "b"), Span(4, 1, "bad"))
    assert endings(verdict) == [("t", 2, "good", ""), ("t", 3, "good", "")]


def test_having_is_tested_on_the_candidates_whole_span_set() -> None:
    """`having` tells apart entries that look the same."""
    rules = [
        rule("buy", having=AnySpan(BAD, Scope.SET)),
        rule("look", having=AnySpan(MORE, Scope.SET)),
    ]
    spans = (Span(1, 0, "a"), Span(2, 1), Span(3, 2, "bad"), Span(4, 0, "a"), Span(5, 4, "more"))
    assert endings(judge(plan_of(rules, conditions=NAMES), *spans)) == [
        ("buy", 1, "good", ""),
        ("look", 4, "good", ""),
    ]


def test_the_highest_priority_of_those_that_hold_takes_the_span() -> None:
    """A higher priority whose `having` does not hold gives way."""
    rules = [
        rule("first", priority=2, having=AnySpan(BAD, Scope.SET)),
        rule("second", priority=1),
        rule("third"),
    ]
    plan = plan_of(rules, conditions=NAMES)
    assert endings(judge(plan, Span(1, 0, "a"))) == [("second", 1, "good", "")]
    assert endings(judge(plan, Span(1, 0, "a bad"))) == [("first", 1, "good", "")]


def test_a_tie_goes_to_the_name_and_is_counted_as_ambiguous() -> None:
    """Of two definitions of one priority the first by name takes the span."""
    plan = plan_of([rule("zoo"), rule("ape"), rule("low", priority=-1)], conditions=NAMES)
    verdict = judge(plan, Span(1, 0, "a"))
    assert endings(verdict) == [("ape", 1, "good", "")]
    assert verdict.counters == {Counter.AMBIGUOUS: 1}


def test_no_tie_is_counted_where_priorities_differ() -> None:
    """A clear choice is not ambiguous."""
    plan = plan_of([rule("zoo", priority=1), rule("ape")], conditions=NAMES)
    assert judge(plan, Span(1, 0, "a")).counters == {}


def test_an_entry_below_an_entry_of_the_same_definition_is_dropped() -> None:
    """However deep, and across an entry of another definition."""
    plan = plan_of([rule("a", entry=(A,)), rule("b", entry=(B,))], conditions=NAMES)
    spans = (Span(1, 0, "a"), Span(2, 1), Span(3, 2, "b"), Span(4, 3, "a"), Span(5, 0, "a"))
    assert endings(judge(plan, *spans)) == [
        ("a", 1, "good", ""),
        ("a", 5, "good", ""),
        ("b", 3, "good", ""),
    ]


def test_an_entry_that_another_definition_took_hides_none_of_its_own_name() -> None:
    """Dropping comes after taking: what did not become an entry drops nothing."""
    rules = [rule("a", entry=(A,)), rule("b", entry=(B,), priority=1)]
    spans = (Span(1, 0, "a b"), Span(2, 1, "a"))
    assert endings(judge(plan_of(rules, conditions=NAMES), *spans)) == [
        ("a", 2, "good", ""),
        ("b", 1, "good", ""),
    ]


def test_the_order_of_files_and_documents_never_matters() -> None:
    """Transactions may stand in a plan in any order."""
    rules = [rule("a"), rule("b"), rule("c", priority=1, having=AnySpan(BAD, Scope.SET))]
    plan = plan_of(rules, conditions=NAMES)
    backwards = plan_of(rules[::-1], conditions=NAMES)
    for spans in ((Span(1, 0, "a"),), (Span(1, 0, "a bad"),)):
        assert judge(plan, *spans) == judge(backwards, *spans)


def test_a_late_span_may_change_the_name() -> None:
    """The same entry is another transaction once the span that tells them apart is there."""
    rules = [rule("any"), rule("buy", priority=1, having=AnySpan(BAD, Scope.SET))]
    plan = plan_of(rules, conditions=NAMES)
    assert endings(judge(plan, Span(1, 0, "a"))) == [("any", 1, "good", "")]
    assert endings(judge(plan, Span(1, 0, "a"), Span(2, 1, "bad"))) == [("buy", 1, "good", "")]


# Span set


def test_the_span_set_is_the_entry_and_all_its_descendants() -> None:
    """Neither what stands above or beside the entry, nor another root."""
    anywhere = AnySpan(BAD, Scope.SET)
    spans = (Span(1), Span(2, 1, "a"), Span(3, 2), Span(4, 3), Span(5, 1), Span(6))
    for index, expected in enumerate(["good", "failed", "failed", "failed", "good", "good"]):
        marked = [
            Span(s.span_id, s.parent_id, s.marks + " bad") if i == index else s
            for i, s in enumerate(spans)
        ]
        assert outcome_of(anywhere, *marked) == expected


def test_nested_entries_of_other_definitions_are_included() -> None:
    """One span may serve several transactions."""
    when = (failed(AnySpan(BAD, Scope.SET)),)
    rules = [rule("a", entry=(A,), outcome=when), rule("b", entry=(B,), outcome=when)]
    spans = (Span(1, 0, "a"), Span(2, 1, "b"), Span(3, 2, "bad"))
    assert endings(judge(plan_of(rules, conditions=NAMES), *spans)) == [
        ("a", 1, "failed", "error"),
        ("b", 2, "failed", "error"),
    ]


def test_orphans_join_the_only_topmost_candidate() -> None:
    """An orphan, and what hangs below it, is in the span set of the one topmost candidate."""
    seen = AnySpan(BAD, Scope.SET)
    assert outcome_of(seen, Span(1, 0, "a"), Span(2, 99), Span(3, 2, "bad")) == "failed"


def test_orphans_join_the_only_topmost_candidate_wherever_it_stands() -> None:
    """Below a span that is no candidate, or beside one; whichever of the orphan's chain is bad."""
    seen = AnySpan(BAD, Scope.SET)
    for entry in (Span(2, 1, "a"), Span(2, 0, "a")):
        for bad in range(3):
            marks = ["bad" if place == bad else "" for place in range(3)]
            chain = (Span(7, 99, marks[0]), Span(8, 7, marks[1]), Span(9, 8, marks[2]))
            assert outcome_of(seen, Span(1), entry, *chain) == "failed"
        assert outcome_of(seen, Span(1, 0, "bad"), entry, Span(7, 99)) == "unknown"


def test_orphans_join_no_span_set_where_two_candidates_are_topmost() -> None:
    """Nobody can say whose they are, even if one candidate becomes no transaction."""
    when = (failed(AnySpan(BAD, Scope.SET)),)
    rules = [
        rule("a", entry=(A,), outcome=when),
        rule("b", entry=(B,), having=AnySpan(MORE, Scope.SET)),
    ]
    plan = plan_of(rules, conditions=NAMES)
    spans = (Span(1, 0, "a"), Span(2, 0, "b"), Span(3, 99, "bad"))
    assert endings(judge(plan, *spans)) == [("a", 1, "unknown", "incomplete")]


def test_orphans_do_not_join_a_nested_entry() -> None:
    """They join the topmost candidate's set alone."""
    when = (failed(AnySpan(BAD, Scope.SET)),)
    rules = [rule("a", entry=(A,), outcome=when), rule("b", entry=(B,), outcome=when)]
    spans = (Span(1, 0, "a"), Span(2, 1, "b"), Span(3, 99, "bad"))
    assert endings(judge(plan_of(rules, conditions=NAMES), *spans)) == [
        ("a", 1, "failed", "error"),
        ("b", 2, "unknown", "incomplete"),
    ]


def test_an_orphan_makes_the_traces_transactions_incomplete() -> None:
    """All of them, wherever the orphan belongs."""
    plan = plan_of([rule("a", entry=(A,)), rule("b", entry=(B,))], conditions=NAMES)
    whole = judge(plan, Span(1, 0, "a"), Span(2, 0, "b"), Span(3, 1))
    assert [fact.incomplete for fact in whole.facts] == [False, False]
    torn = judge(plan, Span(1, 0, "a"), Span(2, 0, "b"), Span(3, 99))
    assert [fact.incomplete for fact in torn.facts] == [True, True]
    assert torn.counters == {Counter.ORPHANS: 1, Counter.INCOMPLETE: 1}


def test_cycles_of_parent_ids_are_cut_and_counted() -> None:
    """A trace with two cycles is judged, and says so."""
    plan = plan_of([rule("a", entry=(A,))], conditions=NAMES)
    spans = (Span(1, 2, "a"), Span(2, 1), Span(3, 3), Span(4, 3))
    verdict = judge(plan, *spans)
    assert endings(verdict) == [("a", 1, "good", "")]
    assert verdict.counters == {Counter.CYCLES_CUT: 2}


# Scopes and quantifiers


def test_entry_looks_at_the_entry_span_alone() -> None:
    """What its children are does not matter."""
    assert outcome_of(EntrySpan(BAD), Span(1, 0, "a"), Span(2, 1, "bad")) == "good"
    assert outcome_of(EntrySpan(BAD), Span(1, 0, "a bad"), Span(2, 1)) == "failed"


def test_any_span_and_no_span_are_over_the_span_set_entry_included() -> None:
    """Each is the other's opposite on a complete set."""
    for marks in (("a bad", ""), ("a", "bad"), ("a", "")):
        spans = (Span(1, 0, marks[0]), Span(2, 1, marks[1]))
        has = "bad" in " ".join(marks)
        assert outcome_of(AnySpan(BAD, Scope.SET), *spans) == ("failed" if has else "good")
        assert outcome_of(NoSpan(BAD, Scope.SET), *spans) == ("good" if has else "failed")


def test_every_span_asks_only_those_of_which_it_speaks() -> None:
    """True on an empty set, false at the first of them that lacks the condition."""
    every = EverySpan(of=MORE, holds=BAD, scope=Scope.SET)
    assert outcome_of(every, Span(1, 0, "a"), Span(2, 1)) == "failed"
    assert outcome_of(every, Span(1, 0, "a"), Span(2, 1, "more bad")) == "failed"
    assert outcome_of(every, Span(1, 0, "a more"), Span(2, 1, "more bad")) == "good"


def test_count_has_inclusive_bounds() -> None:
    """`atLeast` and `atMost` hold at the very number."""
    spans = (Span(1, 0, "a bad"), Span(2, 1, "bad"), Span(3, 2))
    for low, high, expected in [
        (2, None, "failed"),
        (3, None, "good"),
        (None, 2, "failed"),
        (None, 1, "good"),
        (2, 2, "failed"),
        (1, 3, "failed"),
        (0, 1, "good"),
    ]:
        assert outcome_of(CountSpans(BAD, low, high, Scope.SET), *spans) == expected


def test_trace_looks_at_the_whole_trace() -> None:
    """Spans above, beside and apart from the entry too."""
    for other in (Span(9, 0, "bad"), Span(9, 2, "bad"), Span(3, 0, "bad")):
        spans = (Span(1, 3), Span(2, 1, "a"), other)
        assert outcome_of(AnySpan(BAD, Scope.TRACE), *spans) == "failed"
        assert outcome_of(NoSpan(BAD, Scope.TRACE), *spans) == "good"
        assert outcome_of(CountSpans(BAD, 1, 1, Scope.TRACE), *spans) == "failed"


def test_ancestor_looks_at_the_entrys_ancestors_alone() -> None:
    """Not at the entry, not at its siblings, not at its children."""
    scope = Scope.ANCESTORS
    spans = (Span(1), Span(2, 1), Span(3, 2, "a"), Span(4, 3), Span(5, 2))
    for index, above in enumerate([True, True, False, False, False]):
        marked = [
            Span(s.span_id, s.parent_id, s.marks + " bad") if i == index else s
            for i, s in enumerate(spans)
        ]
        assert outcome_of(AnySpan(BAD, scope), *marked) == ("failed" if above else "good")
        assert outcome_of(NoSpan(BAD, scope), *marked) == ("good" if above else "failed")


def test_every_span_over_ancestors_of_a_root_is_true() -> None:
    """An empty scope is no objection."""
    assert outcome_of(EverySpan(A, BAD, Scope.ANCESTORS), Span(1, 0, "a")) == "failed"


def test_all_combines_by_and() -> None:
    """Every part must hold."""
    both = AllOf((EntrySpan(BAD), AnySpan(MORE, Scope.SET)))
    assert outcome_of(both, Span(1, 0, "a bad more")) == "failed"
    assert outcome_of(both, Span(1, 0, "a bad")) == "good"
    assert outcome_of(both, Span(1, 0, "a more")) == "good"


def test_longer_than_reads_the_entrys_own_duration_and_the_limit_is_not_longer() -> None:
    """A slow child does not make a slow transaction."""
    limit = LongerThan(4_000)
    for duration_ns, expected in [(3_999, "good"), (4_000, "good"), (4_001, "failed")]:
        entry = Span(1, 0, "a", start_ns=50, end_ns=50 + duration_ns)
        child = Span(2, 1, start_ns=50, end_ns=90_000)
        assert outcome_of(limit, entry, child) == expected


# Outcomes


def test_the_first_rule_that_holds_decides_and_no_rule_means_good() -> None:
    """Order is the author's."""
    rules = (
        OutcomeRule(Outcome.EXCLUDED, "probe", EntrySpan(B)),
        failed(EntrySpan(BAD)),
        OutcomeRule(Outcome.SLOW, "slow", EntrySpan(MORE)),
    )
    plan = plan_of([rule("a", entry=(A,), outcome=rules)], conditions=NAMES)
    for marks, expected in [
        ("a", ("good", "")),
        ("a more", ("slow", "slow")),
        ("a more bad", ("failed", "error")),
        ("a more bad b", ("excluded", "probe")),
    ]:
        (fact,) = judge(plan, Span(1, 0, marks)).facts
        assert (fact.outcome, fact.reason) == expected


def test_unknown_and_abandoned_may_be_written_as_rules() -> None:
    """With their own reasons."""
    rules = (
        OutcomeRule(Outcome.ABANDONED, "cancelled", EntrySpan(BAD)),
        OutcomeRule(Outcome.UNKNOWN, "", EntrySpan(MORE)),
    )
    plan = plan_of([rule("a", entry=(A,), outcome=rules)], conditions=NAMES)
    assert endings(judge(plan, Span(1, 0, "a bad"))) == [("a", 1, "abandoned", "cancelled")]
    assert endings(judge(plan, Span(1, 0, "a more"))) == [("a", 1, "unknown", "unknown")]


def test_on_an_incomplete_set_presence_can_be_known_and_absence_cannot() -> None:
    """What was seen was seen; what was not seen may be elsewhere."""
    torn = (Span(1, 0, "a"), Span(2, 1, "bad"), Span(3, 99, "more"))
    for scope in (Scope.SET, Scope.TRACE):
        cases: list[tuple[Predicate, str]] = [
            (AnySpan(BAD, scope), "failed"),
            (AnySpan(B, scope), "unknown"),
            (NoSpan(BAD, scope), "good"),
            (NoSpan(B, scope), "unknown"),
            (EverySpan(BAD, MORE, scope), "good"),
            (EverySpan(BAD, BAD, scope), "unknown"),
            (CountSpans(BAD, 1, None, scope), "failed"),
            (CountSpans(BAD, 2, None, scope), "unknown"),
            (CountSpans(BAD, None, 0, scope), "good"),
            (CountSpans(BAD, None, 1, scope), "unknown"),
            (CountSpans(BAD, 1, 1, scope), "unknown"),
            (CountSpans(BAD, 2, 0, scope), "good"),
            (EntrySpan(BAD), "good"),
            (EntrySpan(A), "failed"),
            (LongerThan(0), "failed"),
            (LongerThan(1), "good"),
            (AllOf((NoSpan(B, scope), EntrySpan(BAD))), "good"),
            (AllOf((NoSpan(B, scope), EntrySpan(A))), "unknown"),
        ]
        for when, expected in cases:
            assert outcome_of(when, *torn) == expected, when


def test_the_first_rule_that_can_neither_be_shown_nor_excluded_yields_unknown() -> None:
    """A certain rule before it decides; a certain rule after it does not."""
    unknowable = OutcomeRule(Outcome.SLOW, "lost", NoSpan(B, Scope.SET))
    certain = failed(EntrySpan(A))
    torn = (Span(1, 0, "a"), Span(3, 99))
    for order, expected in [
        ((certain, unknowable), ("failed", "error")),
        ((unknowable, certain), ("unknown", "incomplete")),
    ]:
        plan = plan_of([rule("a", entry=(A,), outcome=order)], conditions=NAMES)
        (fact,) = judge(plan, *torn).facts
        assert (fact.outcome, fact.reason) == expected


def test_a_condition_that_errs_does_not_match_and_is_counted() -> None:
    """Neither for presence nor against absence."""
    plan = plan_of(
        [rule("a", entry=(A,), outcome=(failed(AnySpan(BAD, Scope.SET)),))], conditions=NAMES
    )
    verdict = judge(plan, Span(1, 0, "a"), Span(2, 1, "bad?"))
    assert endings(verdict) == [("a", 1, "good", "")]
    assert verdict.counters == {Counter.CONDITION_ERRORS: 1}
    assert verdict.condition_errors == {("a", plan.conditions[BAD].text): 1}


def test_because_names_the_reason_and_never_decides() -> None:
    """Of a failed or slow one alone; the first that holds."""
    because = (BecauseRule("stock", EntrySpan(MORE)), BecauseRule("payment", EntrySpan(B)))
    rules = (
        failed(EntrySpan(BAD)),
        OutcomeRule(Outcome.SLOW, "slow", LongerThan(10)),
        OutcomeRule(Outcome.EXCLUDED, "probe", LongerThan(5)),
    )
    plan = plan_of([rule("a", entry=(A,), outcome=rules, because=because)], conditions=NAMES)
    for span, expected in [
        (Span(1, 0, "a bad b more"), ("failed", "stock")),
        (Span(1, 0, "a bad b"), ("failed", "payment")),
        (Span(1, 0, "a bad"), ("failed", "error")),
        (Span(1, 0, "a b", end_ns=11), ("slow", "payment")),
        (Span(1, 0, "a b", end_ns=6), ("excluded", "probe")),
        (Span(1, 0, "a b"), ("good", "")),
    ]:
        (fact,) = judge(plan, span).facts
        assert (fact.outcome, fact.reason) == expected


# Values from spans


def dimension_of(captures: tuple[int, ...], *spans: Span) -> str:
    found = rule("a", entry=(A,), dimensions=(DimensionRule("d", captures, 20),))
    (fact,) = judge(plan_of([found], conditions=NAMES, captures=("x", "y")), *spans).facts
    return fact.dimensions["d"]


def test_a_value_is_searched_on_the_entry_then_above_then_in_the_set() -> None:
    """Ancestors nearest first, the set by (start, span id)."""
    family = {
        "entry": Span(3, 2, "a", values={"x": "entry"}),
        "near": Span(2, 1, values={"x": "near"}),
        "far": Span(1, 0, values={"x": "far"}),
        "early": Span(7, 4, start_ns=5, values={"x": "early"}),
        "low": Span(5, 3, start_ns=6, values={"x": "low"}),
        "high": Span(6, 3, start_ns=6, values={"x": "high"}),
    }
    links = [Span(1), Span(2, 1), Span(3, 2, "a"), Span(4, 3, start_ns=9)]
    links += [Span(5, 3, start_ns=6), Span(6, 3, start_ns=6), Span(7, 4, start_ns=5)]
    spans = {span.span_id: span for span in links}
    for name in reversed(family):
        spans[family[name].span_id] = family[name]
        assert dimension_of((0,), *spans.values()) == name
        assert dimension_of((0,), *reversed(spans.values())) == name


def test_a_list_is_tried_in_order_and_each_searches_everywhere() -> None:
    """The second expression is asked only where the first is nil on all spans."""
    entry, child = Span(1, 0, "a", values={"y": "second"}), Span(2, 1, values={"x": "first"})
    assert dimension_of((0, 1), entry, child) == "first"
    assert dimension_of((1, 0), entry, child) == "second"
    assert dimension_of((0, 1), entry) == "second"


def test_values_outside_the_set_and_not_above_are_not_found() -> None:
    """A sibling's value is another's."""
    outside = Span(3, 1, values={"x": "no"})
    assert dimension_of((0,), Span(1), Span(2, 1, "a"), outside) == "__none__"


def test_values_of_joined_orphans_are_in_the_set() -> None:
    """An orphan that joined is searched in its place by (start, span id)."""
    child = Span(2, 1, start_ns=5, values={"x": "child"})
    orphan = Span(3, 99, start_ns=4, values={"x": "orphan"})
    assert dimension_of((0,), Span(1, 0, "a"), child, orphan) == "orphan"


def test_keys_are_stored_only_as_keyed_hashes() -> None:
    """Sixteen bytes, the same for the same text, different under another key."""
    found = rule("a", entry=(A,), customer=(0,), session=(0,), intent=(1,))
    plan = plan_of([found], conditions=NAMES, captures=("x", "y"))
    (fact,) = judge(plan, Span(1, 0, "a", values={"x": "ann", "y": "bob"})).facts
    assert fact.customer is not None
    assert len(fact.customer) == 16
    assert b"ann" not in fact.customer
    assert fact.customer == fact.session != fact.intent
    (nobody,) = judge(plan, Span(1, 0, "a")).facts
    assert (nobody.customer, nobody.session, nobody.intent) == (None, None, None)
    assert len(KEY) == 32


def test_an_amount_has_its_currency() -> None:
    """Millionths, and the text of the currency."""
    found = rule("a", entry=(A,), amount=(0,), currency=(1,))
    plan = plan_of([found], conditions=NAMES, captures=("x", "y"))
    (fact,) = judge(plan, Span(1, 0, "a", values={"x": 12.5, "y": "EUR"})).facts
    assert (fact.amount_micros, fact.currency) == (12_500_000, "EUR")


def test_dimensions_keep_the_raw_value_and_nil_is_none() -> None:
    """Both stand in the fact by their names."""
    dimensions = (DimensionRule("tier", (0,), 20), DimensionRule("region", (1,), 20))
    plan = plan_of(
        [rule("a", entry=(A,), dimensions=dimensions)], conditions=NAMES, captures=("x", "y")
    )
    (fact,) = judge(plan, Span(1, 0, "a", values={"x": "gold"})).facts
    assert fact.dimensions == {"tier": "gold", "region": "__none__"}


# Facts


def test_a_fact_is_known_by_its_entry_and_says_who_judged_it() -> None:
    """Identity, times, definition and revision."""
    plan = plan_of([rule("a", entry=(A,))], conditions=NAMES, revision="abcdefabcdef")
    (fact,) = judge(plan, Span(8, 0, "a", kind=SERVER, start_ns=3, end_ns=9)).facts
    assert (fact.entry_span_id, fact.entry_kind) == (8, SERVER)
    assert (fact.start_ns, fact.end_ns) == (3, 9)
    assert (fact.definition, fact.revision) == ("#a", "abcdefabcdef")


def test_a_trace_closed_before_its_time_is_judged_as_it_stands_and_marked() -> None:
    """Its rules are decided as though no span were missing; the facts say it was hasty."""
    plan = plan_of(
        [rule("a", entry=(A,), outcome=(failed(NoSpan(B, Scope.SET)),))], conditions=NAMES
    )
    hasty = judge(plan, Span(1, 0, "a"), forced=True)
    assert endings(hasty) == [("a", 1, "failed", "error")]
    assert [fact.incomplete for fact in hasty.facts] == [True]
    assert hasty.counters == {Counter.INCOMPLETE: 1}


# `other`


def others(*spans: Span) -> list[int]:
    plan = plan_of(
        [rule("a", entry=(A,)), rule("b", entry=(B,), having=AnySpan(BAD, Scope.SET))],
        conditions=NAMES,
    )
    return [f.entry_span_id for f in judge(plan, *spans).facts if f.transaction == "other"]


def test_customer_traffic_that_no_definition_maps_is_visible_as_other() -> None:
    """SERVER and CONSUMER spans, with the names of span and service."""
    plan = plan_of([rule("a", entry=(A,))], conditions=NAMES)
    span = Span(1, 0, kind=SERVER, name="GET /", service=None)
    (fact,) = judge(plan, span).facts
    assert (fact.transaction, fact.outcome, fact.reason) == ("other", "unknown", "unmapped")
    assert fact.dimensions == {"service.name": "__none__", "span.name": "GET /"}
    assert (fact.definition, fact.customer, fact.amount_micros) == ("", None, None)
    assert others(Span(1, kind=CONSUMER)) == [1]
    assert others(Span(1, kind=CLIENT)) == others(Span(1, kind=INTERNAL)) == []


def test_other_takes_only_the_topmost_of_nested_server_spans() -> None:
    """One request that crosses services is one."""
    spans = (Span(1, kind=SERVER), Span(2, 1, kind=CLIENT), Span(3, 2, kind=SERVER))
    assert others(*spans) == [1]
    assert others(Span(1), Span(2, 1, kind=SERVER), Span(3, 1, kind=CONSUMER)) == [2, 3]


def test_other_takes_no_span_of_a_transactions_set() -> None:
    """Neither the entry nor what is below it; a server beside it is other traffic."""
    spans = (Span(1), Span(2, 1, "a", kind=SERVER), Span(3, 2, kind=SERVER))
    assert others(*spans) == []
    assert others(*spans, Span(4, 1, kind=SERVER)) == [4]


def test_a_candidate_that_no_definition_takes_is_other_traffic() -> None:
    """Its `having` does not hold, so nobody mapped it."""
    assert others(Span(1, 0, "b", kind=SERVER)) == [1]
