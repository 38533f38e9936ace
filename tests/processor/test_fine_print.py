"""One truth, at least, for each item of the design's fine print."""

from __future__ import annotations

import itertools
import math

import pytest
from processor_support import (
    CLIENT,
    CONSUMER,
    INTERNAL,
    PRODUCER,
    SERVER,
    UNSPECIFIED,
    Span,
    endings,
    judge,
    plan_of,
    rows_of,
    rule,
    table_of,
)

from sloengine.definitions.plan import (
    AnySpan,
    BecauseRule,
    CountSpans,
    DimensionRule,
    EntrySpan,
    LongerThan,
    NoSpan,
    Outcome,
    OutcomeRule,
    Scope,
)
from sloengine.ottl import Value
from sloengine.processor import Counter
from sloengine.processor.links import Forest, build_forest
from sloengine.processor.rows import SpanRow, beats, value_order
from sloengine.processor.values import AMOUNT_LIMIT, amount_micros, keyed_hash

A, B, BAD, MORE = range(4)
NAMES = "a b bad more"


def forest_of(*spans: Span) -> Forest:
    plan = plan_of()
    return build_forest(rows_of(plan, table_of(plan), spans).values())


def links_of(*spans: Span) -> dict[tuple[int, int], tuple[int, int] | None]:
    """The parent of each span, both as (span id, kind)."""
    forest = forest_of(*spans)
    return {
        row.key: forest.rows[parent].key if parent >= 0 else None
        for row, parent in zip(forest.rows, forest.parent, strict=True)
    }


# 1. Missing parents


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param((Span(1, 99, "a"),), id="the child is a candidate"),
        pytest.param((Span(1, 99), Span(2, 1), Span(3, 2, "a")), id="it is above a candidate"),
        pytest.param((Span(1, 99, "b"),), id="a candidate before having"),
        pytest.param((Span(1, 98, "a"), Span(2, 99, "a")), id="each of two"),
    ],
)
def test_a_missing_parent_is_excused_where_its_child_is_or_is_above_a_candidate(
    spans: tuple[Span, ...],
) -> None:
    """An excused parent leaves every scope complete, so absence can be known."""
    rules = [
        rule("a", entry=(A,), outcome=(OutcomeRule(Outcome.FAILED, "", NoSpan(BAD, Scope.TRACE)),)),
        rule("b", entry=(B,), having=AnySpan(BAD, Scope.SET)),
    ]
    verdict = judge(plan_of(rules, conditions=NAMES), *spans)
    assert verdict.counters == {}
    assert all(fact.outcome == "failed" and not fact.incomplete for fact in verdict.facts)


@pytest.mark.parametrize("scope", Scope)
def test_any_other_missing_parent_makes_every_scope_of_every_transaction_incomplete(
    scope: Scope,
) -> None:
    """The entry's ancestors too, and transactions far from the orphan."""
    rules = [
        rule(name, entry=(entry,), outcome=(OutcomeRule(Outcome.FAILED, "", NoSpan(BAD, scope)),))
        for name, entry in [("a", A), ("b", B)]
    ]
    spans = (Span(1, 0, "a"), Span(2, 1, "b"), Span(3, 99))
    assert endings(judge(plan_of(rules, conditions=NAMES), *spans)) == [
        ("a", 1, "unknown", "incomplete"),
        ("b", 2, "unknown", "incomplete"),
    ]


# 2. Unknown having, because, reasons


def test_an_unknown_having_does_not_hold_and_is_counted() -> None:
    """The next definition takes the span."""
    rules = [rule("a", priority=1, having=NoSpan(BAD, Scope.SET)), rule("b")]
    verdict = judge(plan_of(rules, conditions=NAMES), Span(1, 0, "a"), Span(2, 99))
    assert endings(verdict) == [("b", 1, "good", "")]
    assert verdict.counters[Counter.UNKNOWN_HAVING] == 1


def test_a_because_that_cannot_be_known_is_passed_over() -> None:
    """The first that certainly holds replaces the rule's reason."""
    because = (
        BecauseRule("lost", NoSpan(B, Scope.SET)),
        BecauseRule("seen", AnySpan(MORE, Scope.SET)),
    )
    found = rule(
        "a",
        outcome=(OutcomeRule(Outcome.FAILED, "error", EntrySpan(BAD)),),
        because=because,
    )
    plan = plan_of([found], conditions=NAMES)
    torn = Span(2, 99)
    assert endings(judge(plan, Span(1, 0, "a bad more"), torn)) == [("a", 1, "failed", "seen")]
    assert endings(judge(plan, Span(1, 0, "a bad"), torn)) == [("a", 1, "failed", "error")]
    assert endings(judge(plan, Span(1, 0, "a bad more"))) == [("a", 1, "failed", "lost")]


def test_a_rule_without_a_reason_has_the_outcomes_name() -> None:
    """`failed` because it failed."""
    found = rule("a", outcome=(OutcomeRule(Outcome.FAILED, "", EntrySpan(A)),))
    verdict = judge(plan_of([found], conditions=NAMES), Span(1, 0, "a"))
    assert endings(verdict) == [("a", 1, "failed", "failed")]


# 3. Shared ids


def test_spans_that_share_an_id_hang_in_one_chain() -> None:
    """Client, producer, unspecified, internal, server, consumer; children hang under the last."""
    order = [CLIENT, PRODUCER, UNSPECIFIED, INTERNAL, SERVER, CONSUMER]
    shared = [Span(5, 1, kind=kind) for kind in reversed(order)]
    links = links_of(Span(1), *shared, Span(6, 5))
    assert links[5, CLIENT] == (1, INTERNAL)
    for upper, lower in itertools.pairwise(order):
        assert links[5, lower] == (5, upper)
    assert links[6, INTERNAL] == (5, CONSUMER)


def test_the_first_of_a_chain_keeps_the_parent_that_it_names() -> None:
    """What the others name does not matter: no link to it, and it is not missed."""
    links = links_of(Span(1), Span(2), Span(5, 1, kind=CLIENT), Span(5, 2, kind=SERVER))
    assert links[5, CLIENT] == (1, INTERNAL)
    assert links[5, SERVER] == (5, CLIENT)
    assert forest_of(Span(5, 0, kind=CLIENT), Span(5, 99, kind=SERVER)).unparented == ()


def test_identity_includes_the_kind() -> None:
    """Client and server with one id are two spans, and may be two entries."""
    found = rule(
        "a", outcome=(OutcomeRule(Outcome.FAILED, "", CountSpans(A, 2, None, Scope.TRACE)),)
    )
    plan = plan_of([found], conditions=NAMES)
    (fact,) = judge(plan, Span(5, 0, "a", kind=SERVER), Span(5, 0, "a", kind=CLIENT)).facts
    assert (fact.entry_kind, fact.outcome) == (CLIENT, "failed")


# 4. Cycles


@pytest.mark.parametrize(
    ("spans", "root"),
    [
        pytest.param((Span(1, 2, start_ns=7), Span(2, 1, start_ns=6)), 2, id="least start"),
        pytest.param((Span(1, 2), Span(2, 3), Span(3, 1)), 1, id="then least id"),
        pytest.param((Span(4, 4),), 4, id="its own parent"),
    ],
)
def test_a_cycle_is_cut_above_its_least_member(spans: tuple[Span, ...], root: int) -> None:
    """That one is a root."""
    roots = [key[0] for key, parent in links_of(*spans).items() if parent is None]
    assert roots == [root]


def test_a_cycle_through_a_chain_is_cut_above_the_least_kind() -> None:
    """Where start and id are the same too."""
    links = links_of(Span(5, 5, kind=CLIENT), Span(5, 5, kind=SERVER))
    assert links == {(5, SERVER): None, (5, CLIENT): (5, SERVER)}


def test_a_cut_cycle_leaves_a_root_and_no_orphan() -> None:
    """The trace is whole; what hangs on the cycle hangs on it still."""
    plan = plan_of(
        [rule("a", outcome=(OutcomeRule(Outcome.FAILED, "", AnySpan(BAD, Scope.SET)),))],
        conditions=NAMES,
    )
    verdict = judge(plan, Span(1, 3, "a"), Span(2, 1), Span(3, 2), Span(4, 3, "bad"))
    assert endings(verdict) == [("a", 1, "failed", "failed")]
    assert verdict.counters == {Counter.CYCLES_CUT: 1}


# 5. Conflicting duplicates


def row(**parts: object) -> SpanRow:
    span = Span(**{"span_id": 1, "parent_id": 4, "start_ns": 5, "end_ns": 9} | parts)  # type: ignore[arg-type]  # parts are field names of Span
    plan = plan_of(captures=("v",))
    (made,) = rows_of(plan, table_of(plan), [span]).values()
    return made


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        pytest.param({"end_ns": 10}, {"start_ns": 8, "parent_id": 7}, id="end first"),
        pytest.param({"start_ns": 6}, {"parent_id": 7}, id="then start"),
        pytest.param({"parent_id": 5}, {"name": "zzz"}, id="then parent"),
        pytest.param({}, {"parent_id": 0, "name": "zzz"}, id="no parent is least"),
        pytest.param({"service": "z", "name": "a"}, {"name": "z"}, id="resource before span"),
        pytest.param(
            {"values": {"v": 1}, "name": "a"}, {"name": "z"}, id="span.attributes before span.name"
        ),
        pytest.param({"name": "z"}, {"name": "a"}, id="the name at last"),
    ],
)
def test_of_conflicting_duplicates_the_greatest_wins(
    winner: dict[str, object], loser: dict[str, object]
) -> None:
    """By (end, start, parent, projected values by path and key)."""
    assert beats(row(**winner), row(**loser))
    assert not beats(row(**loser), row(**winner))
    assert not beats(row(**winner), row(**winner))


def test_what_the_greatest_row_says_counts_alone() -> None:
    """Its conditions, values and times, in whatever order the rows came."""
    found = rule(
        "a",
        dimensions=(DimensionRule("d", (0,), 20),),
        outcome=(OutcomeRule(Outcome.FAILED, "", AnySpan(BAD, Scope.SET)),),
    )
    plan = plan_of([found], conditions=NAMES, captures=("x",))
    for marks, outcome in (("a", "good"), ("a bad", "failed")):
        greatest = Span(1, 0, marks, end_ns=9, values={"x": "told"})
        least = Span(1, 0, "a bad more", end_ns=8, values={"x": "not told"})
        for rows in ((greatest, least), (least, greatest)):
            (fact,) = judge(plan, *rows).facts
            assert (fact.outcome, fact.dimensions["d"], fact.end_ns) == (outcome, "told", 9)


LADDER: list[Value] = [
    None,
    False,
    True,
    -(2**63),
    0,
    1,
    2**63 - 1,
    -math.inf,
    -0.0,
    0.0,
    1.0,
    math.inf,
    math.nan,
    "",
    "a",
    "é",
    "\U0001f600",
    b"",
    b"a",
    b"b",
    ["YQ=="],
    [1],
    [2],
    {"a": 1},
    {"b": 0},
]


def test_values_of_all_types_have_one_total_order() -> None:
    """Nil < bool < int < double < string < bytes < JSON; NaN and -0.0 have their places."""
    orders = [value_order(value) for value in LADDER]
    assert orders == sorted(orders)
    assert all(low < high for low, high in itertools.pairwise(orders))
    for value in LADDER:
        assert value_order(value) == value_order(value)


def test_values_that_json_writes_alike_are_still_told_apart() -> None:
    """Otherwise the order of arrival would decide between them."""
    assert value_order([b"a"]) != value_order(["YQ=="])
    assert value_order([1]) != value_order([1.0])
    assert value_order([1]) != value_order([True])
    assert value_order({"a": 1, "b": 2}) == value_order({"b": 2, "a": 1})


# 6. Values


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (12, 12_000_000),
        (-3, -3_000_000),
        (0.1, 100_000),
        (2.0**-7 + 0.5e-6 * 0, 7_812),
        (3 * 2.0**-7, 23_438),
        (-(2.0**-7), -7_812),
        (-3 * 2.0**-7, -23_438),
        (1e-9, 0),
        (True, None),
        ("12", None),
        (None, None),
        (b"1", None),
        ([1], None),
        (math.nan, None),
        (math.inf, None),
        (1e300, None),
        (AMOUNT_LIMIT // 10**6, AMOUNT_LIMIT // 10**6 * 10**6),
        (AMOUNT_LIMIT // 10**6 + 1, None),
    ],
)
def test_amounts_round_half_to_even_to_millionths(value: Value, micros: int | None) -> None:
    """From the exact value; what is no finite number, or fits no column, is no amount."""
    assert amount_micros(value) == micros


def test_the_search_goes_on_past_an_amount_that_is_no_finite_number() -> None:
    """And past an expression that errs, which is nil on that span."""
    found = rule("a", amount=(0, 1))
    plan = plan_of([found], conditions=NAMES, captures=('Double(span.attributes["x"])', "y"))
    cases: list[tuple[list[dict[str, Value]], int | None]] = [
        ([{"x": "no"}, {"x": "2.5"}], 2_500_000),
        ([{"x": math.inf}, {"x": "2.5"}], 2_500_000),
        ([{"x": math.nan}, {"y": 4}], 4_000_000),
        ([{"x": "no"}, {}], None),
    ]
    for (first, second), expected in cases:
        spans = (Span(1, 0, "a", values=first), Span(2, 1, values=second))
        (fact,) = judge(plan, *spans).facts
        assert fact.amount_micros == expected


def test_keys_and_dimensions_are_text() -> None:
    """503, 503.0 and "503" are one; an empty string is a value."""
    found = rule("a", customer=(0,), dimensions=(DimensionRule("d", (0,), 20),))
    plan = plan_of([found], conditions=NAMES, captures=("x",))
    facts = [
        judge(plan, Span(1, 0, "a", values={"x": value})).facts[0] for value in (503, 503.0, "503")
    ]
    assert {fact.dimensions["d"] for fact in facts} == {"503"}
    assert len({fact.customer for fact in facts}) == 1
    (empty,) = judge(
        plan, Span(1, 0, "a", values={"x": ""}), Span(2, 1, values={"x": "later"})
    ).facts
    assert empty.dimensions == {"d": ""}
    assert empty.customer == keyed_hash("", b"k" * 32)


# 7. `other` and `ignored`


def named(*spans: Span) -> list[tuple[str, int]]:
    plan = plan_of(
        [rule("a", entry=(A,))], conditions=NAMES, ignore=[("health", (MORE,)), ("bots", (BAD,))]
    )
    return [(fact.transaction, fact.entry_span_id) for fact in judge(plan, *spans).facts]


def test_other_leaves_out_spans_above_an_entry() -> None:
    """A proxy above an entry is part of how the customer got there."""
    assert named(Span(1, kind=SERVER), Span(2, 1), Span(3, 2, "a")) == [("a", 3)]


def test_other_leaves_out_orphans_where_the_trace_has_a_transaction() -> None:
    """With their chains, whether they joined a set or not; elsewhere they are other traffic."""
    orphan = (Span(8, 99), Span(9, 8, kind=SERVER))
    assert named(Span(1, 0, "a"), *orphan) == [("a", 1)]
    assert sorted(named(Span(1, 0, "a"), Span(2, 0, "a"), *orphan)) == [("a", 1), ("a", 2)]
    assert named(*orphan) == [("other", 9)]


def test_ignore_relabels_other_and_never_takes_a_span_from_a_transaction() -> None:
    """By any of its entry conditions, on the span itself."""
    assert named(Span(1, 0, "more", kind=SERVER)) == [("ignored", 1)]
    assert named(Span(1, 0, "bad", kind=SERVER)) == [("ignored", 1)]
    assert named(Span(1, 0, "a more bad", kind=SERVER)) == [("a", 1)]
    assert named(Span(1, 0, kind=SERVER), Span(2, 1, "more", kind=SERVER)) == [("other", 1)]
    assert named(Span(1, 0, "more")) == []


def test_an_ignored_fact_says_so() -> None:
    """Counted, promised to nobody."""
    plan = plan_of(conditions=NAMES, ignore=[("health", (MORE,))])
    (fact,) = judge(plan, Span(1, 0, "more", kind=SERVER, name="GET /healthz")).facts
    assert (fact.outcome, fact.reason) == ("unknown", "ignored")
    assert fact.dimensions == {"service.name": "shop", "span.name": "GET /healthz"}


# 8. Durations


def test_a_negative_duration_is_not_longer_than_anything() -> None:
    """Clocks may disagree."""
    for limit in (0, -100):
        found = rule("a", outcome=(OutcomeRule(Outcome.SLOW, "", LongerThan(limit)),))
        plan = plan_of([found], conditions=NAMES)
        (fact,) = judge(plan, Span(1, 0, "a", start_ns=9, end_ns=5)).facts
        assert fact.outcome == "good"


# 10. Errors


def test_erring_conditions_are_counted_once_per_definition_condition_and_span() -> None:
    """However many rules of the definition read it, and in however many sets the span is."""
    when = AnySpan(BAD, Scope.SET)
    double = (OutcomeRule(Outcome.FAILED, "", when), OutcomeRule(Outcome.SLOW, "", when))
    rules = [
        rule("a", entry=(A,), having=NoSpan(BAD, Scope.TRACE), outcome=double),
        rule("b", entry=(B,), because=(BecauseRule("x", when),)),
        rule("c", entry=(MORE,)),
    ]
    plan = plan_of(rules, conditions=NAMES, ignore=[("health", (BAD,))])
    spans = (Span(1, 0, "a bad?"), Span(2, 1, "b bad?"), Span(2, 1, "b bad?"), Span(3, 2, "more?"))
    verdict = judge(plan, *spans)
    bad, more = plan.conditions[BAD].text, plan.conditions[MORE].text
    assert verdict.condition_errors == {
        ("a", bad): 2,
        ("b", bad): 2,
        ("health", bad): 2,
        ("c", more): 1,
    }
    assert verdict.counters[Counter.CONDITION_ERRORS] == 7


# Depth


def test_a_chain_of_a_hundred_thousand_spans_is_judged() -> None:
    """Every span is a candidate, every other span another definition's; nothing recurses."""
    rules = [
        rule(
            name,
            entry=(entry,),
            having=AnySpan(BAD, Scope.SET),
            outcome=(OutcomeRule(Outcome.FAILED, "", AnySpan(B, Scope.ANCESTORS)),),
            customer=(0,),
        )
        for name, entry in [("a", A), ("b", B)]
    ]
    plan = plan_of(rules, conditions=NAMES, captures=("x",))
    depth = 100_000
    spans = [Span(i, i - 1, "a" if i % 2 else "b") for i in range(1, depth)]
    verdict = judge(plan, *spans, Span(depth, depth - 1, "bad", values={"x": 1}))
    assert endings(verdict) == [("a", 1, "good", ""), ("b", 2, "good", "")]
    assert verdict.facts[0].customer == verdict.facts[1].customer == keyed_hash("1", b"k" * 32)
