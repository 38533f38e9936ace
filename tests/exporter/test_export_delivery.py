"""How metrics reach a backend, and what happens when they do not."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from export_samples import AT_NS, CHECKOUT, START_NS, evaluation, histogram, state
from metric_backends import PROTOCOLS, Backend, Certificate, Protocol, backend_for
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from sloengine import names
from sloengine.clock import FrozenClock
from sloengine.errors import ConfigError
from sloengine.exporter import (
    HealthMetrics,
    MetricExporter,
    OtlpSettings,
    OutageReport,
    engine_resource,
)
from sloengine.instrumentation import Instrumentation
from sloengine.store import DurationHistogram

WAIT_S = 20.0


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    chosen: Protocol = request.param
    return chosen


@pytest.fixture
def backend(protocol: Protocol) -> Iterator[Backend]:
    with backend_for(protocol) as opened:
        yield opened


def exporter_for(settings: OtlpSettings, clock: FrozenClock | None = None) -> MetricExporter:
    return MetricExporter(
        settings,
        resource=engine_resource(instance="store-1", version="1.2.3"),
        version="1.2.3",
        clock=clock or FrozenClock(0),
    )


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("localhost", 0))
        port: int = sock.getsockname()[1]
        return port


def endpoint_of(protocol: Protocol, port: int) -> str:
    return f"localhost:{port}" if protocol == "grpc" else f"http://localhost:{port}"


def good_events(request: Any) -> int:
    (resource,) = request.resource_metrics
    (scope,) = resource.scope_metrics
    (events,) = [m for m in scope.metrics if m.name == "sloengine.slo.events"]
    counts: dict[str, int] = {
        a.value.string_value: p.as_int
        for p in events.sum.data_points
        for a in p.attributes
        if a.key == "sloengine.slo.result"
    }
    return counts["good"]


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_an_evaluation_reaches_the_backend(
    backend: Backend, protocol: Protocol, compression: Any
) -> None:
    settings = OtlpSettings(
        backend.endpoint, protocol, headers={"X-Tenant": "shop"}, compression=compression
    )
    exporter = exporter_for(settings)
    exporter.export(evaluation(CHECKOUT), state(histogram([10**9])), AT_NS)
    assert exporter.flush(WAIT_S)
    exporter.close()
    (request,) = backend.requests
    assert good_events(request) == 990
    assert backend.headers[0]["x-tenant"] == "shop"
    resource = {
        a.key: a.value.string_value for a in request.resource_metrics[0].resource.attributes
    }
    assert resource["service.name"] == "sloengine"
    assert resource["service.instance.id"] == "store-1"
    assert resource["service.version"] == "1.2.3"


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed; install it to make a certificate")
    made = Certificate(tmp_path / "cert.pem", tmp_path / "key.pem")
    subprocess.run(
        [
            *(program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", str(made.key_file), "-out", str(made.cert_file)),
        ],
        check=True,
        capture_output=True,
    )
    return made


def test_a_backend_with_tls_is_trusted_by_its_authority_and_shown_our_certificate(
    protocol: Protocol,
    certificate: Certificate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even where the environment names authorities, which requests would prefer."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", DEFAULT_CA_BUNDLE_PATH)
    with backend_for(protocol, tls=certificate) as backend:
        settings = OtlpSettings(
            backend.endpoint,
            protocol,
            insecure=False,
            ca_file=certificate.cert_file,
            cert_file=certificate.cert_file,
            key_file=certificate.key_file,
        )
        trusting = exporter_for(settings)
        trusting.export(evaluation(CHECKOUT), state(), AT_NS)
        assert trusting.flush(WAIT_S)
        trusting.close()
        assert good_events(backend.requests[0]) == 990

        stranger = exporter_for(
            OtlpSettings(backend.endpoint, protocol, insecure=False, timeout_s=2)
        )
        stranger.export(evaluation(CHECKOUT), state(), AT_NS)
        assert not stranger.flush(WAIT_S)
        stranger.close()
        assert len(backend.requests) == 1
        assert "certificate" in caplog.text.lower()


def test_http_metrics_go_to_the_signals_path_below_a_base_url() -> None:
    with backend_for("http/protobuf") as backend:
        for base in ("", "/", "/api/v1/otlp", "/api/v1/otlp/v1/metrics"):
            exporter = exporter_for(OtlpSettings(backend.endpoint + base, "http/protobuf"))
            exporter.export(evaluation(CHECKOUT), state(), AT_NS)
            assert exporter.flush(WAIT_S)
            exporter.close()
        assert backend.paths == ["/v1/metrics"] * 2 + ["/api/v1/otlp/v1/metrics"] * 2


def test_after_a_restart_the_same_state_is_sent_as_the_same_bytes(
    backend: Backend, protocol: Protocol
) -> None:
    """Two exporters in turn stand for two lives of the engine; the store keeps the start time."""
    for _ in range(2):
        exporter = exporter_for(OtlpSettings(backend.endpoint, protocol))
        exporter.export(evaluation(CHECKOUT), state(histogram([10**9])), AT_NS)
        assert exporter.flush(WAIT_S)
        exporter.close()
    first, second = backend.requests
    assert first.SerializeToString() == second.SerializeToString()
    starts = {
        point.start_time_unix_nano
        for metric in second.resource_metrics[0].scope_metrics[0].metrics
        if metric.HasField("sum")
        for point in metric.sum.data_points
    }
    assert starts == {START_NS}


def test_more_points_than_one_request_may_hold_all_arrive(
    backend: Backend, protocol: Protocol
) -> None:
    many: list[DurationHistogram] = [
        histogram([10**9, 5 * 10**9], transaction=f"t{i}") for i in range(4_500)
    ]
    exporter = exporter_for(OtlpSettings(backend.endpoint, protocol))
    exporter.export(evaluation(CHECKOUT), state(*many), AT_NS)
    assert exporter.flush(WAIT_S)
    exporter.close()
    assert len(backend.requests) > 1
    seen = [
        next(a.value.string_value for a in p.attributes if a.key == "sloengine.transaction.name")
        for request in backend.requests
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "sloengine.transaction.duration"
        for p in metric.exponential_histogram.data_points
    ]
    assert sorted(seen) == sorted(h.transaction for h in many)


def test_a_slow_backend_holds_nothing_up_and_gets_the_newest_next(
    backend: Backend, protocol: Protocol
) -> None:
    exporter = exporter_for(OtlpSettings(backend.endpoint, protocol))
    backend.go_on.clear()
    exporter.export(evaluation(CHECKOUT), state(good=1), AT_NS)
    assert backend.arrived.acquire(timeout=WAIT_S)
    for good in range(2, 50):
        exporter.export(evaluation(CHECKOUT), state(good=good), AT_NS)
    backend.go_on.set()
    assert exporter.flush(WAIT_S)
    exporter.close()
    assert [good_events(request) for request in backend.requests] == [1, 49]


def test_a_backend_that_is_down_is_one_clear_line_and_the_next_export_is_the_retry(
    protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    port = free_port()
    clock = FrozenClock(0)
    endpoint = endpoint_of(protocol, port)
    exporter = exporter_for(OtlpSettings(endpoint, protocol, timeout_s=0.3), clock)
    for _ in range(3):
        exporter.export(evaluation(CHECKOUT), state(), AT_NS)
        assert not exporter.flush(WAIT_S)

    def visible() -> list[logging.LogRecord]:
        return [r for r in caplog.records if r.levelno >= logging.INFO]

    (line,) = visible()
    message = line.getMessage()
    assert line.levelno == logging.WARNING
    assert line.exc_info is None
    cause = "refused" if protocol == "grpc" else "no answer within 0.3 s"
    for part in (endpoint, "exporter.otlp", "nothing is lost", cause):
        assert part in message
    assert "\n" not in message

    clock.advance(301 * 10**9)
    exporter.export(evaluation(CHECKOUT), state(), AT_NS)
    assert not exporter.flush(WAIT_S)
    assert "4 failed in a row" in visible()[-1].getMessage()
    assert len(visible()) == 2

    with backend_for(protocol, port) as backend:
        for _ in range(20):  # gRPC waits a little before it tries a refused address again
            exporter.export(evaluation(CHECKOUT), state(), AT_NS)
            if exporter.flush(WAIT_S):
                break
        assert good_events(backend.requests[-1]) == 990
    assert "again" in visible()[-1].getMessage()
    exporter.close()


def test_closing_sends_what_waits(backend: Backend, protocol: Protocol) -> None:
    exporter = exporter_for(OtlpSettings(backend.endpoint, protocol))
    exporter.export(evaluation(CHECKOUT), state(good=7), AT_NS)
    exporter.close()
    assert [good_events(request) for request in backend.requests] == [7]
    exporter.export(evaluation(CHECKOUT), state(good=8), AT_NS)
    exporter.close()
    assert len(backend.requests) == 1


def test_closing_gives_up_on_a_backend_that_does_not_answer(
    backend: Backend, protocol: Protocol
) -> None:
    exporter = exporter_for(OtlpSettings(backend.endpoint, protocol, timeout_s=60))
    backend.go_on.clear()
    exporter.export(evaluation(CHECKOUT), state(), AT_NS)
    assert backend.arrived.acquire(timeout=WAIT_S)
    closing = threading.Thread(target=exporter.close, args=(0.2,))
    closing.start()
    closing.join(WAIT_S)
    assert not closing.is_alive()


def test_own_health_goes_to_the_same_backend_under_its_own_scope(
    backend: Backend, protocol: Protocol
) -> None:
    health = HealthMetrics(
        OtlpSettings(backend.endpoint, protocol),
        resource=engine_resource(instance="store-1", version="1.2.3"),
        version="1.2.3",
        clock=FrozenClock(0),
        interval_s=3_600,
    )
    Instrumentation(health.meter).late_spans.add(5)
    health.flush(WAIT_S)
    health.close()
    scope = backend.requests[0].resource_metrics[0].scope_metrics[0]
    assert scope.scope.name == names.SCOPE_HEALTH
    (metric,) = scope.metrics
    assert metric.name == "sloengine.processor.late_spans"
    assert metric.sum.data_points[0].as_int == 5


def test_results_and_health_share_one_report_of_an_outage(
    protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FrozenClock(0)
    settings = OtlpSettings(endpoint_of(protocol, free_port()), protocol, timeout_s=0.3)
    outage = OutageReport(settings.endpoint, clock)
    resource = engine_resource(instance="store-1", version="1.2.3")
    health = HealthMetrics(
        settings, resource=resource, version="1", clock=clock, interval_s=3_600, outage=outage
    )
    exporter = MetricExporter(
        settings,
        resource=resource,
        version="1",
        clock=clock,
        outage=outage,
        instrumentation=Instrumentation(health.meter),
    )
    exporter.export(evaluation(CHECKOUT), state(), AT_NS)
    assert not exporter.flush(WAIT_S)
    exporter.close()
    health.close()
    assert len([r for r in caplog.records if "do not reach" in r.getMessage()]) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (OtlpSettings("localhost"), "names no port"),
        (OtlpSettings(":4317"), "names no host"),
        (OtlpSettings("localhost:none"), "exporter.otlp.endpoint 'localhost:none'"),
        (OtlpSettings("unix:///tmp/socket"), "scheme unix is unknown"),
        (OtlpSettings("localhost:4318", "http/protobuf"), "must begin with http:// or https://"),
        (OtlpSettings("http://", "http/protobuf"), "names no host"),
        (
            OtlpSettings("localhost:4317", insecure=False, ca_file=Path("/does/not/exist.pem")),
            "/does/not/exist.pem cannot be read",
        ),
        (
            OtlpSettings("https://localhost", "http/protobuf", ca_file=Path("/does/not/exist")),
            "/does/not/exist cannot be read",
        ),
        (OtlpSettings("localhost:4317", cert_file=Path("c.pem")), "belong together"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_cure(
    settings: OtlpSettings, said: str
) -> None:
    with pytest.raises(ConfigError, match=r"exporter\.otlp") as refused:
        exporter_for(settings)
    assert said in str(refused.value)
    assert ";" in str(refused.value)
