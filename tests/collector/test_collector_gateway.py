"""A real Collector between an OpenTelemetry SDK, a backend and the place of the engine."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_build import build_collector
from export_samples import AT_NS, CHECKOUT, evaluation, histogram, state
from neighbours import Agent, Gateway, Shop, free_ports, trace_backend, values_by, wait_until

from sloengine.clock import SystemClock
from sloengine.exporter import MetricExporter, OtlpSettings, engine_resource

pytestmark = [pytest.mark.collector, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def otelcol(go: str) -> Path:
    return build_collector()


@pytest.fixture
def gateway(otelcol: Path, tmp_path: Path) -> Iterator[Gateway]:
    backend, sloengine = (f"localhost:{port}" for port in free_ports(2))
    running = Gateway(otelcol, tmp_path, backend=backend, sloengine=sloengine)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def port_of(endpoint: str) -> int:
    return int(endpoint.rsplit(":", 1)[1])


def test_the_gateway_delivers_to_both_what_it_took_while_both_were_down_and_it_was_killed(
    gateway: Gateway,
) -> None:
    shop = Shop(gateway.otlp)
    for _ in range(20):
        shop.order()
    gateway.stop(signal.SIGKILL)
    gateway.start()
    for _ in range(5):
        shop.order()
    shop.close()
    backend_port = port_of(gateway.environment["BACKEND_ENDPOINT"])
    sloengine_port = port_of(gateway.environment["SLOENGINE_ENDPOINT"])
    with trace_backend(backend_port) as backend, trace_backend(sloengine_port) as sloengine:
        wait_until(lambda: set(backend.spans) >= set(shop.sent), "the backend has all")
        wait_until(lambda: set(sloengine.spans) >= set(shop.sent), "sloengine has all")
        assert set(backend.spans) == set(sloengine.spans) == set(shop.sent)


def test_prometheus_shows_what_the_exporter_sent(gateway: Gateway) -> None:
    exporter = MetricExporter(
        OtlpSettings(gateway.otlp),
        resource=engine_resource(instance="store-1", version="1.2.3"),
        version="1.2.3",
        clock=SystemClock(),
    )
    exporter.export(evaluation(CHECKOUT), state(histogram([10**9, 3 * 10**9])), AT_NS)
    assert exporter.flush(10)
    exporter.close()
    samples = gateway.prometheus()
    assert values_by(samples, "sloengine_slo_events_total", "sloengine_slo_result") == {
        "good": 990,
        "bad": 10,
        "excluded": 3,
        "unknown": 2,
    }
    by_slo = "sloengine_slo_name"
    assert values_by(samples, "sloengine_slo_objective_ratio", by_slo) == {"checkout": 0.995}
    assert values_by(samples, "sloengine_slo_sli_ratio", by_slo) == {"checkout": 0.99}
    assert values_by(samples, "sloengine_slo_error_budget_remaining_ratio", by_slo) == {
        "checkout": -1
    }
    assert values_by(
        samples, "sloengine_transaction_duration_seconds_count", "sloengine_transaction_name"
    ) == {"checkout": 2}
    (instance,) = {
        dict(labels)["instance"]
        for (name, labels) in samples
        if name == "sloengine_slo_events_total"
    }
    assert instance == "store-1"


def test_the_agent_sends_every_trace_whole_to_one_gateway_and_shares_them_out(
    otelcol: Path, tmp_path: Path
) -> None:
    with trace_backend() as first, trace_backend() as second:
        agent = Agent(otelcol, tmp_path, gateways=[first.endpoint, second.endpoint])
        agent.start()
        try:
            shop = Shop(agent.otlp)
            for _ in range(30):
                shop.order()
            shop.close()
            wait_until(
                lambda: set(first.spans) | set(second.spans) >= set(shop.sent),
                "all spans are at some gateway",
            )
        finally:
            agent.stop()
    traces = [{trace_id for trace_id, _ in gateway.spans} for gateway in (first, second)]
    assert traces[0]
    assert traces[1]
    assert not traces[0] & traces[1]
