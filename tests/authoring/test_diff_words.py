"""What changed between two sets, in words that an approver understands."""

from __future__ import annotations

from pathlib import Path

import pytest
from trace_files import checkout, plan_of

from sloengine.authoring.diff import Change, compare_plans

SERVICE = 'resource.attributes["service.name"]'
ERROR = "failed: {entry: span.status.code == STATUS_CODE_ERROR}"
LIMIT = "slow: {longerThan: 1s}"
WAS_ERROR = "entry: span.status.code == STATUS_CODE_ERROR"
WAS_COUNT = 'trace: count: span.name == "a", at least 3'
IS_EVERY = "ancestor: everySpan: of span.kind == 2 holds span.kind == 3"
SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-fast}
spec:
  service: shop
  indicator:
    metadata: {name: fast}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: sloengine, spec: {transaction: checkout, where: 'WHERE'}}}
        total: {metricSource: {type: sloengine, spec: {transaction: checkout}}}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: OBJECTIVES
"""
GOOD = 'transaction.outcome == "good"'


def slo(good: str = GOOD, objectives: str = "[{target: 0.99}]") -> str:
    return SLO.replace("WHERE", good).replace("OBJECTIVES", objectives)


def compare(tmp_path: Path, before: str, after: str) -> tuple[Change, ...]:
    return compare_plans(
        plan_of(tmp_path / "before", one=before), plan_of(tmp_path / "after", one=after)
    )


def texts(change: Change) -> list[str]:
    return [
        detail.text
        + (f" | {detail.before} | {detail.after}" if detail.before or detail.after else "")
        for detail in change.details
    ]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("99.5%", "99.9%", "a fifth as many failures allowed (5 in 1,000 → 1 in 1,000)"),
        ("99%", "99.5%", "half as many failures allowed (1 in 100 → 5 in 1,000)"),
        ("99.9%", "99%", "ten times as many failures allowed (1 in 1,000 → 1 in 100)"),
        ("98%", "97%", "1.50 times as many failures allowed (2 in 100 → 3 in 100)"),
        ("97%", "98%", "0.66 times as many failures allowed (3 in 100 → 2 in 100)"),
    ],
)
def test_another_target_says_how_many_may_fail(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    (change,) = compare(tmp_path, checkout(target=before), checkout(target=after))
    assert (change.action, change.subject) == ("changed", 'SLO "checkout-experience"')
    (said,) = texts(change)
    assert said.startswith("target ")
    assert said.endswith(words)


RULES = [
    (
        f"[{ERROR}, {LIMIT}]",
        f"[{ERROR}, slow: {{longerThan: 1500ms}}]",
        ["rule 2, slow: longer than 1s → 1.5s, looser"],
    ),
    (
        f"[{ERROR}, {LIMIT}]",
        f"[{LIMIT}, {ERROR}]",
        ["rules in another order, the first that holds decides: slow, failed"],
    ),
    (
        f"[{ERROR}, {LIMIT}]",
        f"[{ERROR}]",
        ["rule removed: slow | longer than 1s | "],
    ),
    (
        f"[{ERROR}]",
        f'[{ERROR}, failed: {{reason: no-order, noSpan: span.name == "order"}}]',
        ['rule added as 2 of 2: failed (no-order) |  | noSpan: span.name == "order"'],
    ),
    (
        f"[{ERROR}]",
        "[failed: {entry: span.kind == SPAN_KIND_SERVER}]",
        [f"rule 1, failed: changed | {WAS_ERROR} | entry: span.kind == SPAN_KIND_SERVER"],
    ),
    (
        f"[{ERROR}]",
        "[abandoned: {entry: span.status.code == STATUS_CODE_ERROR}]",
        [
            f"rule added as 1 of 1: abandoned |  | {WAS_ERROR}",
            f"rule removed: failed | {WAS_ERROR} | ",
        ],
    ),
    (
        '[failed: {trace: {count: {match: span.name == "a", atLeast: 3}}}]',
        "[failed: {ancestor: {everySpan: {of: span.kind == 2, holds: span.kind == 3}}}]",
        [f"rule 1, failed: changed | {WAS_COUNT} | {IS_EVERY}"],
    ),
]


@pytest.mark.parametrize(("before", "after", "words"), RULES)
def test_a_change_of_rules_says_which_and_how(
    tmp_path: Path, before: str, after: str, words: list[str]
) -> None:
    (change,) = compare(tmp_path, checkout(rules=before), checkout(rules=after))
    assert change.subject == 'BusinessTransaction "checkout"'
    assert texts(change) == words


MORE = [
    ("  priority: 5\n", ["priority 0 → 5"]),
    ("  criticality: critical\n", ["criticality medium → critical"]),
    ("  retryWindow: 90s\n", ["retryWindow 5m → 90s"]),
    ("  tolerance: {duration: 60m, customers: 1000}\n", ["tolerance – → 1h, 1,000 customers"]),
    ('  customer: span.attributes["user.id"]\n', ['customer – → span.attributes["user.id"]']),
    (
        "  dimensions: {tier: {from: 'span.attributes[\"tier\"]'}}\n",
        ['dimension tier added, from span.attributes["tier"]'],
    ),
    (
        "  having: {anySpan: 'span.name == \"charge\"'}\n",
        ['having – → anySpan: span.name == "charge"'],
    ),
    (
        "  because: [{payment: {anySpan: 'span.name == \"charge\"'}}]\n",
        ['because added as 1 of 1: payment |  | anySpan: span.name == "charge"'],
    ),
]


@pytest.mark.parametrize(("more", "words"), MORE)
def test_each_other_part_of_a_transaction_is_named(
    tmp_path: Path, more: str, words: list[str]
) -> None:
    (change,) = compare(tmp_path, checkout(), checkout(more=more))
    assert texts(change) == words


def test_an_entry_that_came_one_that_went_and_one_that_changed(tmp_path: Path) -> None:
    one, two = f'{SERVICE} == "shop"', f'{SERVICE} == "kiosk"'
    (added,) = compare(tmp_path / "a", checkout(), checkout(entry=f"['{one}', '{two}']"))
    assert texts(added) == [f"entry added |  | {two}"]
    (changed,) = compare(tmp_path / "b", checkout(), checkout(entry=f"['{two}']"))
    assert texts(changed) == [f"entry changed | {one} | {two}"]


def test_a_transaction_that_came_or_went_brings_or_takes_its_promise(tmp_path: Path) -> None:
    second = checkout().replace("name: checkout", "name: refund")
    changes = compare(tmp_path, checkout(), f"{checkout()}---\n{second}")
    assert [(change.action, change.subject) for change in changes] == [
        ("added", 'SLO "refund-experience"'),
        ("added", 'BusinessTransaction "refund"'),
    ]
    assert texts(changes[0]) == [f"promises 99.0% of refund over 28d, where {GOOD}"]
    back = compare(tmp_path / "back", f"{checkout()}---\n{second}", checkout())
    assert [change.action for change in back] == ["removed", "removed"]


def test_a_promise_that_is_written_out_is_the_same_promise(tmp_path: Path) -> None:
    written = slo().replace("checkout-fast", "checkout-experience")
    without = checkout().replace("  promise: {target: 99%, window: 28d}\n", "")
    assert [
        texts(change) for change in compare(tmp_path, checkout(), f"{without}---{written}")
    ] == [
        [
            "display name checkout → checkout-experience",
            "service checkout → shop",
            "budgetingMethod added: Occurrences",
        ]
    ]


def test_objectives_are_told_apart_by_name(tmp_path: Path) -> None:
    before = slo(objectives="[{displayName: hard, target: 0.99}, {displayName: soft, target: 0.9}]")
    after = slo(objectives="[{displayName: hard, target: 0.995}, {displayName: new, target: 0.8}]")
    (change,) = compare(tmp_path, f"{checkout()}---{before}", f"{checkout()}---{after}")
    half = "half as many failures allowed (1 in 100 → 5 in 1,000)"
    assert texts(change) == [
        "objective removed: soft, 90.0%",
        "objective added: new, 80.0%",
        f"objective hard: target 99.0% → 99.5%: {half}",
    ]


def test_what_is_good_is_shown_before_and_after(tmp_path: Path) -> None:
    fast = 'transaction.outcome != "failed" and transaction.outcome != "slow"'
    (change,) = compare(tmp_path, f"{checkout()}---{slo()}", f"{checkout()}---{slo(fast)}")
    assert texts(change) == [f"what is good changed | {GOOD} | {fast}"]


POLICY = """
apiVersion: sloengine/v1
kind: BurnRatePolicy
metadata: {name: gentle}
spec:
  windows: [{burnRate: RATE, long: 1h, short: 5m, severity: page}]
"""


def test_other_kinds_are_compared_key_by_key(tmp_path: Path) -> None:
    (change,) = compare(
        tmp_path,
        f"{checkout()}---{POLICY.replace('RATE', '10')}",
        f"{checkout()}---{POLICY.replace('RATE', '6')}",
    )
    assert (change.kind, texts(change)) == ("BurnRatePolicy", ["windows[0].burnRate: 10 → 6"])


def test_layout_comments_and_order_change_nothing(tmp_path: Path) -> None:
    second = checkout().replace("name: checkout", "name: refund")
    before = plan_of(tmp_path / "before", one=checkout(), two=second)
    folded = '>-\n    resource.attributes["service.name"]\n    == "shop"'
    entry = checkout(entry=folded)
    after = plan_of(tmp_path / "after", zero=f"# a comment\n{second}---\n{entry}")
    assert compare_plans(before, after) == ()


def test_ignored_traffic_is_named_by_its_conditions(tmp_path: Path) -> None:
    ignore = (
        "apiVersion: sloengine/v1\nkind: Ignore\nmetadata: {name: probes}\n"
        "spec: {entry: ['span.name == \"NAME\"']}\n"
    )
    (change,) = compare(
        tmp_path,
        f"{checkout()}---\n{ignore.replace('NAME', 'ping')}",
        f"{checkout()}---\n{ignore.replace('NAME', 'pong')}",
    )
    assert texts(change) == [
        'counts traffic again | span.name == "ping" | ',
        'ignores traffic |  | span.name == "pong"',
    ]
