"""What a BusinessTransaction says, sentence by sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from definition_sets import ENTRY, errors_of, load, plan_of, transaction

from sloengine.definitions import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Outcome,
    Plan,
    Predicate,
    Scope,
    TransactionRule,
)
from sloengine.ottl import SERVICE_NAME, SPAN_NAME

FULL = """
description: A customer pays for the cart.
criticality: critical
audience: internal
tolerance: {duration: 60m, customers: 1000}
priority: 7
retryWindow: 10m
entry:
  - span.name == "a"
  - span.name == "b"
having: {anySpan: 'span.name == "charge"'}
outcome:
  - excluded: {reason: probe, trace: {anySpan: 'span.name == "bot"'}}
  - failed:   {reason: error, entry: span.status.code == STATUS_CODE_ERROR}
  - failed:   {noSpan: 'span.attributes["order"] != nil'}
  - slow:     {longerThan: 4s}
because:
  - payment:  {anySpan: 'span.name == "pay"'}
  - shipping: {anySpan: 'span.name == "ship"'}
customer: span.attributes["user.id"]
session:  span.attributes["session.id"]
intent:   ['span.attributes["cart"]', 'span.attributes["user.id"]']
value:
  amount: ['span.attributes["amount"]', 'Double(span.attributes["old"])']
  currency: span.attributes["currency"]
dimensions:
  tier:   {from: 'span.attributes["tier"]', limit: 20}
  region: {from: ['resource.attributes["cloud.region"]', 'span.attributes["region"]']}
"""


def rule_of(plan: Plan) -> TransactionRule:
    (rule,) = plan.transactions
    return rule


def predicate(folder: Path, body: str) -> tuple[Plan, Predicate]:
    plan = plan_of(folder, transaction(f"{ENTRY}\noutcome:\n  - failed: {body}\n"))
    return plan, rule_of(plan).outcome[0].when


def test_every_key_reaches_the_plan(tmp_path: Path) -> None:
    metadata = ", displayName: Place an order, annotations: {owner: Retail, step: 3}"
    plan = plan_of(tmp_path, transaction(FULL, metadata=metadata))
    rule = rule_of(plan)

    def texts(indices: tuple[int, ...]) -> list[str]:
        return [plan.captures[index].text for index in indices]

    assert rule.name == "checkout"
    assert rule.display_name == "Place an order"
    assert rule.annotations == {"owner": "Retail", "step": "3"}
    assert rule.description == "A customer pays for the cart."
    assert (rule.criticality, rule.audience, rule.priority) == ("critical", "internal", 7)
    assert rule.tolerance_duration_ns == 3600 * 10**9
    assert rule.tolerance_customers == 1000
    assert rule.retry_window_ns == 600 * 10**9
    entry = [plan.conditions[index].text for index in rule.entry]
    assert entry == ['span.name == "a"', 'span.name == "b"']
    assert isinstance(rule.having, AnySpan)
    outcomes = [(str(outcome.outcome), outcome.reason) for outcome in rule.outcome]
    assert outcomes == [
        ("excluded", "probe"),
        ("failed", "error"),
        ("failed", "failed"),
        ("slow", "slow"),
    ]
    assert [because.reason for because in rule.because] == ["payment", "shipping"]
    assert texts(rule.customer) == ['span.attributes["user.id"]']
    assert texts(rule.session) == ['span.attributes["session.id"]']
    assert texts(rule.intent) == ['span.attributes["cart"]', 'span.attributes["user.id"]']
    assert texts(rule.amount) == ['span.attributes["amount"]', 'Double(span.attributes["old"])']
    assert texts(rule.currency) == ['span.attributes["currency"]']
    dimensions = [(rule.name, texts(rule.captures), rule.limit) for rule in rule.dimensions]
    assert dimensions == [
        ("region", ['resource.attributes["cloud.region"]', 'span.attributes["region"]'], 100),
        ("tier", ['span.attributes["tier"]'], 20),
    ]


def test_everything_but_the_entry_is_optional(tmp_path: Path) -> None:
    rule = rule_of(plan_of(tmp_path, transaction()))
    assert rule == TransactionRule("checkout", "checkout", rule.definition, (0,))
    assert rule.priority == 0
    assert rule.retry_window_ns == 300 * 10**9


def test_the_body_of_a_rule_reads_the_entry_span_alone(tmp_path: Path) -> None:
    plan, when = predicate(tmp_path, "{entry: span.status.code == STATUS_CODE_ERROR}")
    assert isinstance(when, EntrySpan)
    assert plan.conditions[when.condition].text == "span.status.code == STATUS_CODE_ERROR"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{anySpan: 'span.name == \"x\"'}", AnySpan),
        ("{noSpan: 'span.name == \"x\"'}", NoSpan),
        ("{everySpan: {of: 'span.kind == 2', holds: 'span.name == \"x\"'}}", EverySpan),
        ("{count: {match: 'span.name == \"x\"', atMost: 2}}", CountSpans),
    ],
)
@pytest.mark.parametrize(
    ("scope", "wrapped"),
    [
        (Scope.SET, "{}"),
        (Scope.TRACE, "{{trace: {}}}"),
        (Scope.ANCESTORS, "{{ancestor: {}}}"),
    ],
)
def test_each_quantifier_has_each_scope(
    tmp_path: Path, body: str, kind: type, scope: Scope, wrapped: str
) -> None:
    _, when = predicate(tmp_path, wrapped.format(body))
    assert isinstance(when, kind)
    assert isinstance(when, AnySpan | NoSpan | EverySpan | CountSpans)
    assert when.scope is scope


def test_a_count_has_inclusive_bounds_on_either_side(tmp_path: Path) -> None:
    _, when = predicate(tmp_path, "{count: {match: 'span.name == \"x\"', atLeast: 0, atMost: 3}}")
    assert isinstance(when, CountSpans)
    assert (when.at_least, when.at_most) == (0, 3)


def test_longer_than_is_a_limit_in_nanoseconds(tmp_path: Path) -> None:
    _, when = predicate(tmp_path, "{longerThan: 1.5s}")
    assert when == LongerThan(1_500_000_000)


def test_several_keys_in_one_rule_are_anded(tmp_path: Path) -> None:
    _, when = predicate(tmp_path, "{longerThan: 4s, entry: 'span.kind == 2', reason: both}")
    assert isinstance(when, AllOf)
    assert [type(part) for part in when.parts] == [EntrySpan, LongerThan]


def test_all_combines_bodies_at_any_depth(tmp_path: Path) -> None:
    _, when = predicate(
        tmp_path,
        "{all: [{longerThan: 4s}, "
        "{trace: {all: [{anySpan: 'true'}, {noSpan: 'span.kind == 2'}]}}]}",
    )
    assert isinstance(when, AllOf)
    limit, inner = when.parts
    assert limit == LongerThan(4 * 10**9)
    assert isinstance(inner, AllOf)
    assert [type(part) for part in inner.parts] == [AnySpan, NoSpan]
    assert {part.scope for part in inner.parts if isinstance(part, AnySpan | NoSpan)} == {
        Scope.TRACE
    }


@pytest.mark.parametrize("outcome", [str(outcome) for outcome in Outcome])
def test_every_outcome_may_be_written_as_a_rule(tmp_path: Path, outcome: str) -> None:
    plan = plan_of(tmp_path, transaction(f"{ENTRY}\noutcome:\n  - {outcome}: {{longerThan: 4s}}\n"))
    (rule,) = rule_of(plan).outcome
    assert rule.outcome == outcome
    assert rule.reason == ("" if outcome == "good" else outcome)


def test_rules_keep_their_order(tmp_path: Path) -> None:
    outcomes = "\n".join(f"  - failed: {{reason: r{n}, longerThan: {n}s}}" for n in (3, 1, 2))
    rule = rule_of(plan_of(tmp_path, transaction(f"{ENTRY}\noutcome:\n{outcomes}\n")))
    assert [outcome.reason for outcome in rule.outcome] == ["r3", "r1", "r2"]


def test_a_condition_written_twice_has_one_number(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path, transaction(), transaction(name="pay"), transaction(name="see", spec=ENTRY)
    )
    assert len(plan.conditions) == 1
    assert {rule.entry for rule in plan.transactions} == {(0,)}


def test_transactions_stand_in_the_order_of_their_names(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, *(transaction(name=name) for name in ("b", "c", "a")))
    assert [rule.name for rule in plan.transactions] == ["a", "b", "c"]


def test_the_fields_are_all_that_is_read_and_always_name_and_service(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, transaction("entry: span.kind == SPAN_KIND_SERVER"))
    assert SPAN_NAME in plan.fields
    assert SERVICE_NAME in plan.fields
    assert [field.path for field in plan.fields] == [
        "resource.attributes",
        "span.kind",
        "span.name",
    ]
    assert list(plan.fields) == sorted(plan.fields)


def test_captures_are_projected_too(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, transaction(f'{ENTRY}\ncustomer: span.attributes["user.id"]\n'))
    assert ("span.attributes", "user.id") in {(field.path, field.key) for field in plan.fields}


def test_ignore_names_traffic_by_its_entry(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        transaction(),
        "apiVersion: sloengine/v1\nkind: Ignore\nmetadata: {name: probes}\n"
        "spec: {entry: ['span.name == \"GET /health\"', 'span.name == \"GET /ready\"']}\n",
    )
    ((name, entry),) = plan.ignore
    assert name == "probes"
    assert [plan.conditions[index].text for index in entry] == [
        'span.name == "GET /health"',
        'span.name == "GET /ready"',
    ]


def test_a_long_condition_may_be_folded_over_lines(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        transaction('entry: >-\n  span.kind == SPAN_KIND_SERVER\n  and span.name == "x"\n'),
    )
    assert plan.conditions[0].text == 'span.kind == SPAN_KIND_SERVER and span.name == "x"'


def test_a_literal_argument_that_a_function_must_refuse_is_an_error(tmp_path: Path) -> None:
    (message,) = errors_of(tmp_path, transaction('entry: Bool("yes") == true'))
    assert "Bool" in message


def test_identical_entries_without_having_shadow_each_other(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, transaction(name="b"), transaction(name="a")).warnings
    assert '"a" takes every span of this entry first' in warning.message
    assert warning.subject == 'BusinessTransaction "b"'


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(f"{ENTRY}\nhaving: {{longerThan: 1s}}\npriority: 1", id="having"),
        pytest.param('entry: span.name == "other"', id="another entry"),
    ],
)
def test_entries_that_can_differ_are_not_called_shadowed(tmp_path: Path, other: str) -> None:
    assert load(tmp_path, transaction(name="b"), transaction(other, name="a")).warnings == ()


def test_has_prefix_of_an_attribute_that_may_be_missing_is_warned_about(tmp_path: Path) -> None:
    spec = 'entry: span.kind == 2 and HasPrefix(span.attributes["http.route"], "/api")'
    (warning,) = load(tmp_path, transaction(spec)).warnings
    assert warning.position.column == len("  entry: span.kind == 2 and ") + 1
    assert 'HasPrefix fails on spans without span.attributes["http.route"]' in warning.message


@pytest.mark.parametrize(
    "condition",
    [
        'span.attributes["r"] != nil and HasPrefix(span.attributes["r"], "/api")',
        'HasPrefix(span.name, "/api")',
        'IsMatch(span.attributes["r"], "^/api")',
    ],
)
def test_conditions_that_survive_a_missing_attribute_are_not(
    tmp_path: Path, condition: str
) -> None:
    assert load(tmp_path, transaction(f"entry: {condition}")).warnings == ()


def test_an_unknown_function_is_answered_with_those_that_are_known(tmp_path: Path) -> None:
    (message,) = errors_of(tmp_path, transaction('entry: HasPrefx(span.name, "x")'))
    assert "HasPrefx" in message
    assert "did you mean HasPrefix?" in message
    assert "IsMatch" in message
