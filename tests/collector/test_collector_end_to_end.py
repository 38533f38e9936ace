"""SDK to Collector to engine to Collector to Prometheus: the counts are those of what was sent."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_build import build_collector
from neighbours import Engine, Gateway, Shop, free_ports, trace_backend, values_by, wait_until

pytestmark = [pytest.mark.collector, pytest.mark.slow, pytest.mark.timeout(900)]

DEFINITIONS = """
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout, displayName: Place an order}
spec:
  entry:
    - resource.attributes["service.name"] == "frontend" and span.kind == SPAN_KIND_SERVER
  outcome:
    - excluded: {reason: bot, entry: 'span.attributes["user_agent.synthetic.type"] == "bot"'}
    - failed: {reason: error, entry: span.status.code == STATUS_CODE_ERROR}
    - slow: {longerThan: 1s}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: checkout-experience, displayName: Orders placed well}
spec:
  service: shop
  description: 90% of orders go through within 1 s over a day.
  indicator:
    metadata: {name: checkout-good}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: sloengine
            spec: {transaction: checkout, where: transaction.outcome == "good"}
        total: {metricSource: {type: sloengine, spec: {transaction: checkout}}}
  timeWindow: [{duration: 1d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{displayName: promise, target: 0.9}]
"""


class Truth:
    """Orders with a known end, and how many of each there were."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self.results = Counter({"good": 0, "bad": 0, "excluded": 0, "unknown": 0})
        self.outcomes: Counter[str] = Counter()

    def order(self, count: int) -> None:
        for _ in range(count):
            number = self._shop.orders
            if number % 11 == 3:
                self._shop.order(bot=True, fails=True)
                self._count("excluded", "excluded")
            elif number % 5 == 1:
                self._shop.order(fails=True)
                self._count("bad", "failed")
            elif number % 7 == 2:
                self._shop.order(duration_s=1.5)
                self._count("bad", "slow")
            else:
                self._shop.order(duration_s=0.25)
                self._count("good", "good")

    def _count(self, result: str, outcome: str) -> None:
        self.results[result] += 1
        self.outcomes[outcome] += 1


@pytest.fixture(scope="module")
def otelcol(go: str) -> Path:
    return build_collector()


@pytest.fixture
def stage(otelcol: Path, tmp_path: Path) -> Iterator[tuple[Gateway, Engine]]:
    """The Collector and the engine, each knowing the other's address; neither runs yet."""
    (engine_port,) = free_ports(1)
    with trace_backend() as backend:
        engine_otlp = f"localhost:{engine_port}"
        gateway = Gateway(otelcol, tmp_path, backend=backend.endpoint, sloengine=engine_otlp)
        engine = Engine(
            tmp_path, otlp=engine_otlp, metrics_to=gateway.otlp, definitions=DEFINITIONS
        )
        try:
            yield gateway, engine
        finally:
            engine.stop()
            gateway.stop()


def events(gateway: Gateway) -> dict[str, float]:
    samples = gateway.prometheus()
    return values_by(samples, "sloengine_slo_events_total", "sloengine_slo_result")


def test_prometheus_counts_what_was_sent_though_collector_and_engine_were_restarted(
    stage: tuple[Gateway, Engine],
) -> None:
    gateway, engine = stage
    gateway.start()
    engine.start()
    shop = Shop(gateway.otlp)
    truth = Truth(shop)

    truth.order(60)
    wait_until(lambda: events(gateway) == truth.results, "the first orders are counted")

    # The engine is away: orders wait in the Collector, on disk, and the Collector is killed too.
    assert engine.stop() == 0
    truth.order(60)
    gateway.stop(signal.SIGKILL)
    gateway.start()
    truth.order(20)
    engine.start()
    wait_until(lambda: events(gateway) == truth.results, "orders that waited are counted")

    # The Collector alone is restarted, and forgets what Prometheus would have scraped.
    assert gateway.stop() == 0
    gateway.start()
    truth.order(10)
    wait_until(lambda: events(gateway) == truth.results, "the last orders are counted")
    shop.close()

    # Nothing more comes: what is there after the engine's last export is final.
    assert engine.stop() == 0
    samples = gateway.prometheus()
    assert events(gateway) == truth.results
    assert (
        values_by(
            samples,
            "sloengine_transaction_duration_seconds_count",
            "sloengine_transaction_outcome",
        )
        == truth.outcomes
    )
    total = truth.results["good"] + truth.results["bad"]
    by_slo = "sloengine_slo_name"
    sli = values_by(samples, "sloengine_slo_sli_ratio", by_slo)
    assert sli == {"checkout-experience": truth.results["good"] / total}
    remaining = values_by(samples, "sloengine_slo_error_budget_remaining_ratio", by_slo)
    assert remaining["checkout-experience"] == pytest.approx(
        1 - truth.results["bad"] / (total * 0.1)
    )
    assert values_by(samples, "sloengine_slo_objective_ratio", by_slo) == {
        "checkout-experience": 0.9
    }


def test_the_engines_own_health_is_in_prometheus_too(stage: tuple[Gateway, Engine]) -> None:
    gateway, engine = stage
    gateway.start()
    engine.start()
    shop = Shop(gateway.otlp)
    Truth(shop).order(10)
    shop.close()

    def accepted() -> dict[str, float]:
        return values_by(
            gateway.prometheus(),
            "sloengine_receiver_accepted_spans_total",
            "sloengine_receiver_protocol",
        )

    wait_until(
        lambda: accepted() == {"grpc": 30, "http": 0},
        "the engine says how many spans it accepted, by each way that is open",
    )
