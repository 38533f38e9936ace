"""What leaves the engine is what the store keeps, and a restart of the store changes none of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.resources import Resource

from sloengine.clock import FrozenClock
from sloengine.definitions import Plan, load_definitions
from sloengine.evaluate import evaluate
from sloengine.exporter import build_metrics
from sloengine.store import Fact, FactBatch, Store

CREATED_NS = 1_750_000_000_000_000_000
AT_NS = CREATED_NS + 600 * 10**9

DEFINITIONS = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry:
    - span.name == "checkout"
  outcome:
    - failed: {reason: error, entry: span.status.code == STATUS_CODE_ERROR}
  promise: {target: 90%, window: 1d}
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    folder = tmp_path / "slo-definitions"
    folder.mkdir()
    (folder / "checkout.yaml").write_text(DEFINITIONS, encoding="utf-8")
    return load_definitions(folder).plan


@pytest.fixture
def directory(tmp_path: Path, plan: Plan) -> Path:
    """A store with eight good checkouts, two failed ones, and one that was corrected to good."""
    directory = tmp_path / "store"
    with Store.open(directory, clock=FrozenClock(CREATED_NS)) as store:
        store.register_plan(plan, at_ns=CREATED_NS)
        facts = tuple(fact(plan, number, good=number < 8) for number in range(10))
        store.commit(FactBatch(facts, frozenset(), 1, CREATED_NS + 1))
        corrected = (fact(plan, 9, good=True),)
        store.commit(FactBatch(corrected, frozenset({1_009}), 2, CREATED_NS + 2))
    return directory


def fact(plan: Plan, number: int, *, good: bool) -> Fact:
    end_ns = CREATED_NS + number * 10**9
    return Fact(
        trace_id=1_000 + number,
        entry_span_id=7,
        entry_kind=2,
        transaction="checkout",
        definition=plan.transactions[0].definition,
        revision=plan.revision,
        start_ns=end_ns - 250_000_000,
        end_ns=end_ns,
        outcome="good" if good else "failed",
        reason="" if good else "error",
        incomplete=False,
        customer=None,
        session=None,
        intent=None,
        amount_micros=None,
        currency=None,
    )


def exported(directory: Path, plan: Plan, now_ns: int) -> Any:
    with Store.open(directory, clock=FrozenClock(now_ns)) as store:
        reader = store.reader()
        data = build_metrics(
            evaluate(reader, plan, at_ns=AT_NS),
            reader.export_state(),
            at_ns=AT_NS,
            resource=Resource({"service.instance.id": store.store_id}),
            version="1",
        )
    return encode_metrics(data)


def points(request: Any, name: str) -> Iterator[tuple[list[str], Any]]:
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    for metric in scope.metrics:
        if metric.name == name:
            for point in getattr(metric, metric.WhichOneof("data")).data_points:
                yield [a.value.string_value for a in point.attributes], point


def test_first_verdicts_rise_and_the_gauges_know_the_correction(
    directory: Path, plan: Plan
) -> None:
    request = exported(directory, plan, AT_NS)
    slo = plan.slos[0].name
    events = {tuple(labels): p.as_int for labels, p in points(request, "sloengine.slo.events")}
    assert events == {
        (slo, "good"): 8,
        (slo, "bad"): 2,
        (slo, "excluded"): 0,
        (slo, "unknown"): 0,
    }
    corrected = {
        tuple(labels): p.as_int for labels, p in points(request, "sloengine.slo.events.corrected")
    }
    assert corrected == {(slo, "bad", "good"): 1}
    ((_, sli),) = points(request, "sloengine.slo.sli")
    assert sli.as_double == 0.9
    ((_, remaining),) = points(request, "sloengine.slo.error_budget.remaining")
    assert remaining.as_double == 0
    durations = {
        labels[1]: point for labels, point in points(request, "sloengine.transaction.duration")
    }
    assert {outcome: point.count for outcome, point in durations.items()} == {
        "good": 8,
        "failed": 2,
    }
    assert durations["good"].sum == 2.0
    assert durations["good"].start_time_unix_nano == CREATED_NS
    trace_id = int.from_bytes(durations["failed"].exemplars[0].trace_id, "big")
    assert trace_id in {1_008, 1_009}


def test_a_restart_keeps_every_byte(directory: Path, plan: Plan) -> None:
    """Start times, totals and attributes: the backend sees no reset, and a resend is a repeat."""
    before = exported(directory, plan, AT_NS)
    after = exported(directory, plan, AT_NS + 10**9)
    assert before.SerializeToString() == after.SerializeToString()
