"""`expand` writes shorthands out, and means the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from definition_sets import ENTRY, slo, transaction, write

from sloengine.definitions import Plan, SloRule, expand, load_definitions
from sloengine.yamldoc import load_documents

ROOT = Path(__file__).parents[2] / "slo-definitions"
REFERENCES = """\
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast}
spec:
  severity: page
  condition: {kind: burnrate, op: gte, threshold: 14.40, lookbackWindow: 1h}
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: page}
spec:
  conditions: [{conditionRef: fast}]
  notificationTargets: [{metadata: {name: desk}, spec: {target: email}}]
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: traces}
spec: {type: sloengine}
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: good-orders}
spec:
  ratioMetric:
    good:
      metricSource:
        metricSourceRef: traces
        spec: {transaction: checkout, where: transaction.outcome == "good"}
    total: {metricSource: {metricSourceRef: traces, spec: {transaction: checkout, unknown: bad}}}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: orders, annotations: {build: 1.10, answer: 'no', octal: '0o17', e: '1e5'}}
spec:
  service: shop
  indicatorRef: good-orders
  timeWindow: [{duration: 28d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.9950}]
  alertPolicies: [{alertPolicyRef: page}, {alertPolicyRef: workbook}]
"""


def rules(plan: Plan) -> list[SloRule]:
    """The SLOs of a plan without their places, which expansion moves."""
    return [replace(rule, position="") for rule in plan.slos]


def reload(folder: Path, text: str) -> Plan:
    return load_definitions(write(folder, text)).plan


def test_a_promise_becomes_the_slo_that_it_stands_for(tmp_path: Path) -> None:
    text = transaction(
        f"description: A customer pays.\n{ENTRY}\npromise: {{target: 99.5%, window: 28d}}",
        metadata=", displayName: Place an order, annotations: {owner: Retail}",
    )
    expanded = expand(write(tmp_path / "set", text))
    assert "promise" not in expanded
    written = load_documents(expanded, "expanded")
    assert [document.data for document in written][1] == {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {
            "name": "checkout-experience",
            "displayName": "Place an order",
            "annotations": {"owner": "Retail"},
        },
        "spec": {
            "service": "checkout",
            "description": "A customer pays.",
            "indicator": {
                "metadata": {"name": "checkout-good"},
                "spec": {
                    "ratioMetric": {
                        "counter": True,
                        "good": {
                            "metricSource": {
                                "type": "sloengine",
                                "spec": {
                                    "transaction": "checkout",
                                    "where": 'transaction.outcome == "good"',
                                },
                            }
                        },
                        "total": {
                            "metricSource": {
                                "type": "sloengine",
                                "spec": {"transaction": "checkout"},
                            }
                        },
                    }
                },
            },
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "budgetingMethod": "Occurrences",
            "objectives": [{"target": load_documents("0.995", "")[0].data}],
        },
    }


def test_references_are_written_out(tmp_path: Path) -> None:
    expanded = expand(write(tmp_path / "set", transaction(), REFERENCES))
    for reference in ("indicatorRef", "conditionRef", "alertPolicyRef: page"):
        assert reference not in expanded
    assert "alertPolicyRef: workbook" in expanded
    assert "type: sloengine" in expanded


def test_what_is_expanded_can_be_loaded_and_promises_the_same(tmp_path: Path) -> None:
    promise = transaction(f"{ENTRY}\npromise: {{target: 99.90%, window: 4w}}")
    folder = write(tmp_path / "set", promise, REFERENCES, slo())
    before = load_definitions(folder).plan
    after = reload(tmp_path / "expanded", expand(folder))
    assert rules(after) == rules(before)
    assert after.transactions == before.transactions
    assert after.conditions == before.conditions
    assert after.not_evaluated == before.not_evaluated


def test_expanding_twice_changes_nothing(tmp_path: Path) -> None:
    once = expand(write(tmp_path / "set", transaction(), REFERENCES))
    assert expand(write(tmp_path / "once", once)) == once


def test_numbers_and_texts_stay_what_they_were(tmp_path: Path) -> None:
    expanded = expand(write(tmp_path / "set", transaction(), REFERENCES))
    assert "target: 0.9950" in expanded
    assert "threshold: 14.40" in expanded
    (rule,) = reload(tmp_path / "expanded", expanded).slos
    assert rule.annotations == {"build": "1.10", "answer": "no", "octal": "0o17", "e": "1e5"}


@pytest.mark.parametrize(
    "name", [".", "examples/first", "examples/trainticket", "examples/onlineboutique"]
)
def test_our_own_sets_mean_the_same_when_expanded(tmp_path: Path, name: str) -> None:
    before = load_definitions(ROOT / name).plan
    after = reload(tmp_path, expand(ROOT / name))
    assert rules(after) == rules(before)
    assert after.transactions == before.transactions
    assert after.ignore == before.ignore
