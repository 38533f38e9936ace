"""OpenSLO v1 over business transactions, and the promise that stands for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest
from definition_sets import ENTRY, load, plan_of, slo, transaction

from sloengine.definitions import SloRule

DAY = 86400 * 10**9
SHOP = transaction(f"{ENTRY}\ndimensions:\n  tier: {{from: 'span.attributes[\"tier\"]'}}\n")


@dataclass(frozen=True)
class Fact:
    outcome: str = "good"
    reason: str = ""
    start_ns: int = 0
    end_ns: int = 10**9
    amount_micros: int | None = None
    dimensions: dict[str, str] = field(default_factory=lambda: {"tier": "gold"})


def rule_of(folder: Path, *texts: str) -> SloRule:
    (rule,) = plan_of(folder, SHOP, *texts).slos
    return rule


def test_every_key_reaches_the_plan(tmp_path: Path) -> None:
    text = slo(
        objectives="[{displayName: promise, target: 0.995}, {displayName: hope, target: 0.9990}]",
        extra="  description: Orders go through.\n",
    ).replace("{name: checkout-slo}", "{name: orders, displayName: Orders, annotations: {a: b}}")
    rule = rule_of(tmp_path, text)
    assert (rule.name, rule.display_name, rule.service) == ("orders", "Orders", "shop")
    assert rule.description == "Orders go through."
    assert rule.transaction == "checkout"
    assert (rule.window_ns, rule.window_text) == (28 * DAY, "28d")
    objectives = [(objective.display_name, objective.target) for objective in rule.objectives]
    assert objectives == [("promise", Decimal("0.995")), ("hope", Decimal("0.9990"))]
    assert rule.total is None
    assert not rule.unknown_is_bad
    assert rule.annotations == {"a": "b"}
    assert rule.position == f"{tmp_path}/001.yaml:1"


def test_a_promise_stands_for_an_slo_over_good_transactions(tmp_path: Path) -> None:
    plan = plan_of(
        tmp_path,
        transaction(
            f"description: Paid.\n{ENTRY}\npromise: {{target: 99.5%, window: 28d}}",
            metadata=", displayName: Place an order",
        ),
    )
    (rule,) = plan.slos
    assert rule.name == "checkout-experience"
    assert (rule.display_name, rule.description) == ("Place an order", "Paid.")
    assert rule.good.text == 'transaction.outcome == "good"'
    assert rule.total is None
    assert [objective.target for objective in rule.objectives] == [Decimal("0.995")]
    assert (rule.window_ns, rule.window_text) == (28 * DAY, "28d")


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("99.5%", "0.995"),
        ("99.5 %", "0.995"),
        ("0.995", "0.995"),
        ("99.99999%", "0.9999999"),
        ("90%", "0.9"),
        ("'99.5%'", "0.995"),
    ],
)
def test_a_promise_is_a_percentage_or_a_ratio_and_exact(
    tmp_path: Path, written: str, target: str
) -> None:
    text = transaction(f"{ENTRY}\npromise: {{target: {written}, window: 28d}}")
    (rule,) = plan_of(tmp_path, text).slos
    assert rule.objectives[0].target == Decimal(target)


def test_target_percent_is_an_exact_percentage(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, slo(objectives="[{targetPercent: 99.95}]"))
    assert rule.objectives[0].target == Decimal("0.9995")


@pytest.mark.parametrize(
    ("objectives", "warning"),
    [
        ("[{targetPercent: 0.995}]", "looks like a ratio; did you mean 99.5?"),
        ("[{target: 0.005}]", "allows most to be bad; did you mean 0.995?"),
    ],
)
def test_a_target_that_is_probably_a_slip_is_warned_about(
    tmp_path: Path, objectives: str, warning: str
) -> None:
    (problem,) = load(tmp_path, SHOP, slo(objectives=objectives)).warnings
    assert problem.message.endswith(warning)


def test_a_promise_of_less_than_one_percent_is_warned_about(tmp_path: Path) -> None:
    text = transaction(f"{ENTRY}\npromise: {{target: 0.995%, window: 28d}}")
    (problem,) = load(tmp_path, text).warnings
    assert problem.message == "target 0.995% looks like a ratio; did you mean 99.5%?"


def test_several_objectives_without_names_are_named_by_their_targets(tmp_path: Path) -> None:
    rule = rule_of(tmp_path, slo(objectives="[{target: 0.99}, {target: 0.999}]"))
    assert [objective.display_name for objective in rule.objectives] == ["0.99", "0.999"]


def test_bad_is_the_opposite_of_good(tmp_path: Path) -> None:
    bad = "{transaction: checkout, where: 'transaction.outcome == \"failed\"'}"
    rule = rule_of(tmp_path, slo(key="bad", good=bad))
    assert rule.good.evaluate(Fact("good"))
    assert rule.good.evaluate(Fact("slow"))
    assert not rule.good.evaluate(Fact("failed"))


@pytest.mark.parametrize(
    ("key", "condition"),
    [("good", "transaction.duration < LIMIT"), ("bad", "transaction.duration >= LIMIT")],
)
def test_a_failure_is_never_fast(tmp_path: Path, key: str, condition: str) -> None:
    text = condition.replace("LIMIT", 'Duration("2s")')
    where = f"{{transaction: checkout, where: '{text}'}}"
    rule = rule_of(tmp_path, slo(key=key, good=where))
    quick, late = 10**9, 3 * 10**9
    assert rule.good.evaluate(Fact("good", end_ns=quick))
    assert rule.good.evaluate(Fact("slow", end_ns=quick))
    assert not rule.good.evaluate(Fact("failed", end_ns=quick))
    assert not rule.good.evaluate(Fact("abandoned", end_ns=quick))
    assert not rule.good.evaluate(Fact("good", end_ns=late))


def test_total_may_be_a_part_of_the_transactions(tmp_path: Path) -> None:
    total = '{transaction: checkout, where: \'transaction.dimensions["tier"] == "gold"\'}'
    rule = rule_of(tmp_path, slo(total=total))
    assert rule.total is not None
    assert rule.total.evaluate(Fact())
    assert not rule.total.evaluate(Fact(dimensions={"tier": "none"}))


def test_an_slo_may_count_the_unknown_as_bad(tmp_path: Path) -> None:
    assert rule_of(tmp_path, slo(total="{transaction: checkout, unknown: bad}")).unknown_is_bad


def test_an_indicator_may_be_a_document_of_its_own(tmp_path: Path) -> None:
    inline = slo()
    start, end = inline.index("  indicator:"), inline.index("  timeWindow:")
    body = inline[start:end].split("    spec:\n")[1]
    sli = "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: good-orders}\nspec:\n" + body
    by_reference = inline[:start] + "  indicatorRef: good-orders\n" + inline[end:]
    loaded = load(tmp_path / "ref", SHOP, sli, by_reference)
    (referenced,) = loaded.plan.slos
    written = rule_of(tmp_path / "inline", inline)
    assert referenced.indicator == written.indicator
    assert referenced.good == written.good
    assert loaded.plan.not_evaluated == ()


def test_the_type_may_come_from_a_data_source(tmp_path: Path) -> None:
    source = (
        "apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: traces}\n"
        "spec: {type: sloengine, connectionDetails: {}}\n"
    )
    text = slo().replace("type: sloengine", "metricSourceRef: traces")
    plan = plan_of(tmp_path, SHOP, source, text)
    assert [rule.name for rule in plan.slos] == ["checkout-slo"]


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"name": "other-name"}, True, id="the name is not"),
        pytest.param({"objectives": "[{target: 0.9}]"}, True, id="the target is not"),
        pytest.param({"window": "[{duration: 7d, isRolling: true}]"}, True, id="the window is not"),
        pytest.param(
            {"good": '{transaction: checkout, where: transaction.outcome != "failed"}'},
            False,
            id="good is",
        ),
        pytest.param(
            {"total": "{transaction: checkout, where: 'transaction.reason != \"x\"'}"},
            False,
            id="total is",
        ),
        pytest.param({"total": "{transaction: checkout, unknown: bad}"}, False, id="unknown is"),
    ],
)
def test_an_indicator_is_known_by_what_decides_good_and_total(
    tmp_path: Path, changes: dict[str, str], same: bool
) -> None:
    before = rule_of(tmp_path / "before", slo()).indicator
    after = rule_of(tmp_path / "after", slo(**changes)).indicator
    assert (before == after) is same


def test_an_indicator_survives_a_new_definition_of_its_transaction(tmp_path: Path) -> None:
    changed = SHOP + "  outcome: [{slow: {longerThan: 4s}}]\n"
    (before,) = plan_of(tmp_path / "before", SHOP, slo()).slos
    (after,) = plan_of(tmp_path / "after", changed, slo()).slos
    assert before.indicator == after.indicator


PROMETHEUS = "{metricSource: {type: Prometheus, spec: {query: up}}}"
NOT_EVALUATED = [
    pytest.param(
        slo(
            method="Timeslices",
            objectives="[{target: 0.9, timeSliceTarget: 0.9, timeSliceWindow: 5m}]",
        ),
        'SLO "checkout-slo": budgetingMethod Timeslices is not evaluated by this version',
        id="Timeslices",
    ),
    pytest.param(
        slo(method="RatioTimeslices", objectives="[{target: 0.9, timeSliceWindow: 5m}]"),
        'SLO "checkout-slo": budgetingMethod RatioTimeslices is not evaluated by this version',
        id="RatioTimeslices",
    ),
    pytest.param(
        slo(
            window="[{duration: 1M, calendar: {startTime: 2026-01-01 00:00:00, "
            "timeZone: Europe/Berlin}}]"
        ),
        'SLO "checkout-slo": a calendar timeWindow is not evaluated by this version',
        id="calendar windows",
    ),
    pytest.param(
        slo(
            good="{transaction: checkout, count: intents, where: transaction.duration != nil}",
            total="{transaction: checkout, count: intents}",
        ),
        'SLO "checkout-slo": count: intents is not evaluated by this version',
        id="intents",
    ),
    pytest.param(
        slo(good="{query: up}", total="{query: up}").replace("type: sloengine", "type: Prometheus"),
        'SLO "checkout-slo": not evaluable here: metricSource type "Prometheus"',
        id="another data source",
    ),
    pytest.param(
        """apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-slo}
spec:
  service: shop
  indicator:
    metadata: {name: i}
    spec:
      thresholdMetric:
        metricSource:
          type: sloengine
          spec: {transaction: checkout, value: duration, aggregate: p99}
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{op: lte, value: 4, target: 0.99}]
""",
        'SLO "checkout-slo": thresholdMetric is not evaluated by this version',
        id="thresholdMetric",
    ),
    pytest.param(
        """apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-slo}
spec:
  service: shop
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - target: 0.9
      compositeWeight: 1
      indicator: {spec: {ratioMetric: {rawType: success, raw: PROMETHEUS}}}
""".replace("PROMETHEUS", PROMETHEUS),
        'SLO "checkout-slo": an objective with an indicator of its own is not evaluated by this '
        "version",
        id="composites",
    ),
]


@pytest.mark.parametrize(("text", "line"), NOT_EVALUATED)
def test_what_is_accepted_and_not_evaluated_says_so_in_one_line(
    tmp_path: Path, text: str, line: str
) -> None:
    plan = plan_of(tmp_path, SHOP, text)
    assert plan.slos == ()
    assert plan.not_evaluated == (line,)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param(
            slo(extra="  alertPolicies: [{alertPolicyRef: workbook}]\n"),
            'SLO "checkout-slo": alertPolicies are not evaluated by this version, only the budget',
            id="alert policies",
        ),
        pytest.param(
            slo(total="{transaction: checkout, groupBy: [tier]}"),
            'SLO "checkout-slo": groupBy is not evaluated by this version, only the sum of its '
            "groups",
            id="groups",
        ),
    ],
)
def test_what_is_left_out_of_an_evaluated_slo_says_so_too(
    tmp_path: Path, text: str, line: str
) -> None:
    plan = plan_of(tmp_path, SHOP, text)
    assert [rule.name for rule in plan.slos] == ["checkout-slo"]
    assert plan.not_evaluated == (line,)


OTHER_KINDS = """\
apiVersion: openslo/v1
kind: Service
metadata: {name: shop, displayName: The shop, labels: {team: [a, b]}}
spec: {description: Sells things.}
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prometheus}
spec: {type: Prometheus, connectionDetails: {url: "http://prometheus:9090"}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: on-call}
spec: {target: email, description: Whoever is on call.}
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast-burn}
spec:
  description: The budget goes fast.
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 14.4, lookbackWindow: 1h, alertAfter: 5m}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec:
  description: Wake somebody.
  alertWhenNoData: false
  alertWhenResolved: true
  alertWhenBreaching: true
  conditions: [{conditionRef: fast-burn}]
  notificationTargets:
    - {targetRef: on-call}
    - {kind: AlertNotificationTarget, metadata: {name: chat}, spec: {target: chat}}
---
apiVersion: sloengine/v1
kind: BurnRatePolicy
metadata: {name: quick}
spec:
  windows:
    - {burnRate: 14.4, long: 1h, short: 5m, severity: page}
    - {burnRate: 1, long: 3d, short: 6h, severity: ticket}
  notificationTargets: [{targetRef: on-call}]
---
apiVersion: sloengine/v1
kind: Journey
metadata: {name: buy}
spec:
  correlate: session
  steps:
    - {name: pay, transaction: checkout}
    - {name: again, transaction: checkout, after: [pay], repeat: true, optional: true, within: 10m}
  timeout: 30m
  goal: pay
---
apiVersion: sloengine/v1
kind: BudgetAdjustment
metadata: {name: move}
spec:
  reason: The data centre moved.
  slos: [checkout-slo]
  start: 2026-01-01 00:00:00
  end: 2026-01-01 06:00:00
  timeZone: Europe/Berlin
  where: transaction.outcome == "failed"
---
apiVersion: sloengine/v1
kind: BudgetAdjustment
metadata: {name: maintenance}
spec:
  reason: Monthly maintenance.
  slos: [checkout-slo]
  start: 2026-01-01 02:00:00
  duration: 2h
  rrule: FREQ=MONTHLY;BYDAY=1SU
  timeZone: Europe/Berlin
"""


def test_every_other_kind_is_accepted_and_named_once(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SHOP, slo(), OTHER_KINDS)
    subjects = [
        'AlertCondition "fast-burn"',
        'AlertNotificationTarget "on-call"',
        'AlertPolicy "page"',
        'BurnRatePolicy "quick"',
        'DataSource "prometheus"',
        'Journey "buy"',
        'Service "shop"',
    ]
    assert list(plan.not_evaluated) == [
        f"{subject} is not evaluated by this version" for subject in subjects
    ]
    assert [rule.name for rule in plan.slos] == ["checkout-slo"]
    assert [adjustment.name for adjustment in plan.adjustments] == ["maintenance", "move"]


def test_an_slo_may_be_over_a_journey(tmp_path: Path) -> None:
    text = slo(good="{journey: buy}", total="{journey: buy}")
    plan = plan_of(
        tmp_path,
        SHOP,
        slo(name="checkout-other"),
        OTHER_KINDS.replace("checkout-slo", "checkout-other"),
        text,
    )
    line = 'SLO "checkout-slo": an SLO on a journey is not evaluated by this version'
    assert line in plan.not_evaluated


def test_an_sli_that_nothing_refers_to_is_named(tmp_path: Path) -> None:
    text = slo()
    body = text[text.index("      ratioMetric") : text.index("  timeWindow:")]
    sli = "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: lonely}\nspec:\n" + body
    plan = plan_of(tmp_path, SHOP, sli)
    assert plan.not_evaluated == ('SLI "lonely" is not evaluated: no SLO refers to it',)


def test_an_alert_policy_may_be_referenced_inline_or_ours(tmp_path: Path) -> None:
    inline = (
        "{kind: AlertPolicy, metadata: {name: p}, spec: {conditions: [{kind: AlertCondition, "
        "metadata: {name: c}, spec: {severity: page, condition: {kind: burnrate, op: gt, "
        "threshold: 2, lookbackWindow: 1h}}}], notificationTargets: [{targetRef: on-call}]}}"
    )
    policies = f"  alertPolicies: [{{alertPolicyRef: page}}, {{alertPolicyRef: quick}}, {inline}]\n"
    plan = plan_of(tmp_path, SHOP, slo(extra=policies), OTHER_KINDS)
    assert [rule.name for rule in plan.slos] == ["checkout-slo"]
