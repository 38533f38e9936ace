"""What loads and is probably not meant gets a warning at its place, and nothing else does."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from definition_sets import ENTRY, load, slo, transaction, write
from hypothesis import given
from hypothesis import strategies as st

from sloengine.definitions import load_definitions
from sloengine.definitions.logic import doubts
from sloengine.ottl import Field, parse_condition

SHOP = transaction()


def doubts_of(text: str) -> list[str]:
    condition = parse_condition(text)
    return [doubt.message for doubt in doubts(condition.root, text)]


def warnings_of(folder: Path, *texts: str) -> list[str]:
    return [str(problem) for problem in load(folder, *texts).warnings]


A = 'span.attributes["a"]'


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (f"{A} == 1 and {A} == 2", f"{A} == 1 and {A} == 2 exclude each other"),
        (f'{A} == 1 and span.name == "x" and {A} == "1"', "exclude each other"),
        (f"({A} == 1 and true) and {A} != 1.0", "exclude each other"),
        (f"{A} > 5 and {A} < 5", f"{A} > 5 and {A} < 5 exclude each other"),
        (f"{A} >= 5 and {A} < 5", "exclude each other"),
        (f"5 <= {A} and {A} < 3", f"{A} >= 5 and {A} < 3 exclude each other"),
        (f"{A} == 3 and {A} > 3", "exclude each other"),
        (f"{A} == nil and {A} > 3", "exclude each other"),
        (f"{A} == nil and {A} != nil", "exclude each other"),
        (f"{A} == 1 and not ({A} == 1)", "exclude each other"),
        (f"{A} == true and {A} == false", "exclude each other"),
        (f'String({A}) == "a" and String({A}) == "b"', "exclude each other"),
        (f"not ({A} == 1 and {A} == 2)", "exclude each other"),
        (f"span.flags == 1 or ({A} == 1 and {A} == 2)", "exclude each other"),
        (f"{A} != 1 or {A} != 2", f"{A} != 1 or {A} != 2 always holds; write and"),
        ('span.kind == "SERVER"', "never holds: span.kind is a number; compare it with SPAN_KIND_"),
        ('"SERVER" != span.kind', "always holds: span.kind is a number"),
        ('span.status.code == "ERROR"', "compare it with STATUS_CODE_ERROR"),
        ("span.status.code == 500", "never holds: span.status.code has no such value"),
        ("span.status.code >= 1.5 and span.name == 7", "span.name is text"),
        ('span.kind.string == "SERVER"', "it is one of Unspecified, Internal, Server"),
        ('span.trace_id == "00ff"', "span.trace_id is an id; compare span.trace_id.string"),
    ],
)
def test_what_never_or_always_holds_is_said(condition: str, message: str) -> None:
    (said,) = doubts_of(condition)
    assert message in said


@pytest.mark.parametrize(
    "condition",
    [
        f"{A} == 1 or {A} == 2",
        f"{A} == 1 and {A} == 1.0",
        f"{A} >= 5 and {A} <= 5",
        f"{A} > 3 and {A} < 5",
        f"{A} != 1 and {A} != 2",
        f"{A} != nil and {A} > 3",
        f'{A} == 1 and span.attributes["b"] == 2',
        f'{A} == 1 and resource.attributes["a"] == 2',
        f'{A} == "1" or {A} == 1',
        "span.kind == SPAN_KIND_SERVER and span.status.code != STATUS_CODE_OK",
        'span.kind.string == "Server"',
        'span.name == nil or span.name == ""',
        f"{A} != 1 or {A} != 1.0",
        f'{A}["k"] == 1 and {A}["l"] == 2',
    ],
)
def test_what_may_hold_is_left_alone(condition: str) -> None:
    assert doubts_of(condition) == []


LITERALS = st.sampled_from(["1", "2", "2.0", '"1"', "true", "nil", "1.5"])
TESTS = st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), LITERALS)
FIELD = Field("span.attributes", "a", has_key=True)
SPANS = [None, True, False, 0, 1, 2, 3, 1.0, 1.2, 1.5, 1.7, 2.0, "1", "", "2", b"x"]


@given(st.lists(TESTS, min_size=2, max_size=3))
def test_what_is_said_to_never_hold_holds_for_no_value(tests: list[tuple[str, str]]) -> None:
    condition = " and ".join(f"{A} {symbol} {literal}" for symbol, literal in tests)
    if doubts_of(condition):
        parsed = parse_condition(condition)
        assert not any(parsed.evaluate({FIELD: value}) for value in SPANS)


@given(st.lists(TESTS, min_size=2, max_size=3))
def test_what_is_said_to_always_hold_holds_for_every_value(tests: list[tuple[str, str]]) -> None:
    condition = " or ".join(f"{A} {symbol} {literal}" for symbol, literal in tests)
    if doubts_of(condition):
        parsed = parse_condition(condition)
        assert all(parsed.evaluate({FIELD: value}) for value in SPANS)


def test_a_doubt_stands_at_its_place_in_the_file(tmp_path: Path) -> None:
    spec = f"{ENTRY}\noutcome:\n  - failed:\n      entry: {A} == 1 and {A} == 2"
    (warning,) = load(tmp_path, transaction(spec)).warnings
    assert (warning.position.line, warning.position.column) == (8, 16 + len(f"{A} == 1 and "))
    assert warning.subject == 'BusinessTransaction "checkout"'


TIERED = transaction(f"{ENTRY}\ndimensions:\n  tier: {{from: 'span.attributes[\"t\"]'}}\n")
OUTCOME = "transaction.outcome"
DURATION = "transaction.duration"
TIER = 'transaction.dimensions["tier"]'


@pytest.mark.parametrize(
    ("where", "warning"),
    [
        (f'{OUTCOME} == "good" and {OUTCOME} == "slow"', "exclude each other"),
        (f'{OUTCOME} != "good" or {OUTCOME} != "slow"', "always holds; write and"),
        (f'{TIER} == "gold" and ({TIER} == nil or {OUTCOME} == "good")', None),
        (f'{TIER} == "gold" and {TIER} == nil', f'{TIER} == "gold" and {TIER} == nil exclude'),
        (f'{DURATION} > Duration("4s") and {DURATION} < Duration("4s")', "exclude each other"),
        (f'{DURATION} > Duration("4s") and {DURATION} < Duration("5s")', None),
        (f'{OUTCOME} == "good" or {OUTCOME} == "slow"', None),
    ],
)
def test_conditions_on_facts_are_doubted_too(
    tmp_path: Path, where: str, warning: str | None
) -> None:
    good = f"{{transaction: checkout, where: '{where}'}}"
    said = warnings_of(tmp_path, TIERED, slo(good=good))
    assert len(said) == (warning is not None)
    assert all(str(warning) in line for line in said)


def test_the_query_of_another_system_is_not_looked_into(tmp_path: Path) -> None:
    query = "{transaction: checkout, where: duration < 1 s}"
    foreign = slo(good=query, total=query).replace("type: sloengine", "type: NewRelic")
    assert warnings_of(tmp_path, SHOP, foreign) == []


def test_a_thousand_definitions_load_within_two_seconds_of_one_core(tmp_path: Path) -> None:
    texts = [
        transaction(
            f'entry: {FRONTEND} and span.attributes["http.route"] == "/{number}"\n'
            f"outcome: [{{failed: {{entry: {ERROR}}}}}]\npromise: {{target: 99%, window: 28d}}",
            name=f"t{number}",
        )
        for number in range(1000)
    ]
    folder = write(tmp_path, *texts)
    start = time.process_time()
    plan = load_definitions(folder).plan
    assert time.process_time() - start < 2
    assert len(plan.slos) == 1000


ERROR = "span.status.code == STATUS_CODE_ERROR"
SERVER = "span.kind == SPAN_KIND_SERVER"


@pytest.mark.parametrize(
    "rule",
    [
        f"anySpan: {ERROR}",
        f'noSpan: {ERROR} and span.name == "charge"',
        f"count: {{match: {ERROR}, atLeast: 2}}",
        'everySpan: {of: span.name == "charge", holds: span.status.code != 2}',
        f"trace: {{anySpan: {ERROR}}}",
        f"all: [{{ancestor: {{anySpan: {ERROR}}}}}]",
    ],
)
def test_an_error_of_any_kind_of_span_is_warned_about(tmp_path: Path, rule: str) -> None:
    (warning,) = warnings_of(tmp_path, transaction(f"{ENTRY}\noutcome:\n  - failed: {{{rule}}}"))
    assert "an ERROR of any kind of span" in warning


@pytest.mark.parametrize(
    "rule",
    [
        f"entry: {ERROR}",
        f"anySpan: {ERROR} and {SERVER}",
        f"everySpan: {{of: {SERVER}, holds: span.status.code != 2}}",
        "anySpan: span.status.code == STATUS_CODE_OK",
    ],
)
def test_an_error_of_one_kind_of_span_is_not(tmp_path: Path, rule: str) -> None:
    spec = f"{ENTRY}\noutcome:\n  - failed: {{{rule}}}"
    assert warnings_of(tmp_path, transaction(spec)) == []


FRONTEND = 'resource.attributes["service.name"] == "frontend"'


def test_a_wider_entry_of_a_higher_priority_shadows_a_narrower_one(tmp_path: Path) -> None:
    wide = transaction(f"entry: {FRONTEND}\npriority: 1", name="wide")
    narrow = transaction(f'entry: span.name == "a" and {FRONTEND}', name="narrow")
    (warning,) = warnings_of(tmp_path, wide, narrow)
    assert 'BusinessTransaction "narrow": "wide" takes every span of this entry first' in warning


def test_several_definitions_can_shadow_one_together(tmp_path: Path) -> None:
    first = transaction('entry: span.name == "a"', name="a")
    second = transaction('entry: span.name == "b"', name="b")
    both = transaction('entry: [span.name == "a", span.name == "b"]', name="c")
    (warning,) = warnings_of(tmp_path, first, second, both)
    assert '"a" and "b" take every span of this entry first' in warning


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(f"entry: {FRONTEND}", 'entry: span.name == "a"', id="other entries"),
        pytest.param(
            f"entry: {FRONTEND}",
            f'priority: 1\nentry: {FRONTEND} and span.name == "a"',
            id="the narrower one comes first",
        ),
        pytest.param(
            f"entry: {FRONTEND}\nhaving: {{longerThan: 1s}}", f"entry: {FRONTEND}", id="having"
        ),
        pytest.param(
            'entry: span.name == "a"',
            'entry: [span.name == "a", span.name == "b"]',
            id="one of two",
        ),
    ],
)
def test_entries_that_get_spans_are_not_called_shadowed(
    tmp_path: Path, first: str, second: str
) -> None:
    assert warnings_of(tmp_path, transaction(first, name="a"), transaction(second, name="b")) == []


POLICY = """apiVersion: sloengine/v1
kind: BurnRatePolicy
metadata: {name: soft}
spec: {windows: [{burnRate: RATE, long: 1h, short: 5m, severity: page}]}
"""
CONDITION = """apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec: {severity: page, condition: {op: OP, threshold: 10, lookbackWindow: 1h}}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: ring}
spec: {conditions: [{conditionRef: fast}], notificationTargets: [{spec: {target: phone}}]}
"""


def soft(policy: str) -> str:
    return slo(
        objectives="[{target: 0.9}]", extra=f"  alertPolicies: [{{alertPolicyRef: {policy}}}]\n"
    )


def test_a_burn_rate_above_that_of_a_full_outage_never_alerts(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, SHOP, soft("soft"), POLICY.replace("RATE", "10.5"))
    assert 'target 0.9 can burn at most 10x, so 10.5x of BurnRatePolicy "soft" never' in warning


def test_the_burn_rate_of_a_full_outage_is_never_exceeded_either(tmp_path: Path) -> None:
    assert warnings_of(tmp_path / "at", SHOP, soft("soft"), POLICY.replace("RATE", "10"))
    assert not warnings_of(tmp_path / "below", SHOP, soft("soft"), POLICY.replace("RATE", "9.99"))


@pytest.mark.parametrize(("operator", "warned"), [("gt", True), ("gte", False)])
def test_a_condition_that_is_met_by_reaching_can_be_reached(
    tmp_path: Path, operator: str, warned: bool
) -> None:
    texts = (SHOP, soft("ring"), CONDITION.replace("OP", operator))
    assert bool(warnings_of(tmp_path, *texts)) is warned


def test_a_condition_that_alerts_on_slow_burning_is_warned_about(tmp_path: Path) -> None:
    (warning,) = warnings_of(tmp_path, CONDITION.replace("OP", "lte"))
    assert "op lte alerts while the budget burns slowly" in warning


def test_the_default_policy_cannot_page_for_a_soft_promise(tmp_path: Path) -> None:
    promised = transaction(f"{ENTRY}\npromise: {{target: 90%, window: 28d}}")
    (first,) = warnings_of(tmp_path / "promise", promised)
    (second,) = warnings_of(tmp_path / "slo", SHOP, slo(objectives="[{targetPercent: 90}]"))
    for warning in (first, second):
        assert '14.4x of the policy "workbook", which is the default, never alerts' in warning
    assert not warnings_of(tmp_path / "firm", SHOP, slo(objectives="[{target: 0.99}]"))


def test_an_inline_policy_is_looked_into(tmp_path: Path) -> None:
    inline = (
        "  alertPolicies: [{spec: {notificationTargets: [{spec: {target: phone}}], conditions: "
        "[{spec: {severity: page, condition: {threshold: 20, lookbackWindow: 1h}}}]}}]\n"
    )
    (warning,) = warnings_of(tmp_path, SHOP, slo(objectives="[{target: 0.95}]", extra=inline))
    assert "so 20x of its policy never alerts" in warning


def test_where_services_are_defined_an_unknown_one_is_probably_misspelt(tmp_path: Path) -> None:
    service = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: NAME}\nspec: {}\n"
    (warning,) = warnings_of(tmp_path / "a", SHOP, slo(), service.replace("NAME", "shops"))
    assert 'there is no Service "shop"; did you mean "shops"?' in warning
    assert warnings_of(tmp_path / "b", SHOP, slo(), service.replace("NAME", "shop")) == []
    assert warnings_of(tmp_path / "c", SHOP, slo()) == []
