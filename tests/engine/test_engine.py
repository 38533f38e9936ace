"""The whole sidecar, with real listeners, in this process."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import pytest
from engine_kit import (
    CHECKOUT,
    REJECTING,
    config_of,
    eventually,
    request,
    running,
    span,
    write_definitions,
)

from sloengine.answers import report_of_store
from sloengine.clock import SystemClock
from sloengine.engine import Engine
from sloengine.errors import DefinitionsError, OperatorError
from sloengine.questions import socket_of
from sloengine.report import ReportRequest

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def recent(trace: int, *, error: bool = False) -> bytes:
    """A trace that ends now, so that a report of now counts it."""
    now_ns = SystemClock().now_ns()
    one = span(trace, 1, error=error)
    one.start_time_unix_nano, one.end_time_unix_nano = now_ns - 10**9, now_ns
    return request(one)


def export(address: str, payload: bytes) -> bytes:
    """Send one request as it is; the answer's bytes."""
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(EXPORT)
        return call(payload, timeout=20, wait_for_ready=True)


def send(engine: Engine, payload: bytes) -> bytes:
    return export(str(engine.grpc_endpoint), payload)


def counts(directory: Path) -> tuple[int, int]:
    """Good and total of the only SLO, asked as `sloengine report` asks."""
    document = json.loads(report_of_store(directory, ReportRequest(form="json")))
    (slo,) = document["slos"]
    return slo["good"], slo["total"]


def test_a_span_over_grpc_and_one_over_http_reach_the_report(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with running(config) as engine:
        assert send(engine, recent(1)) == b""
        asked = urllib.request.Request(
            f"http://{engine.http_endpoint}/v1/traces",
            data=recent(2, error=True),
            headers={"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status == 200
        assert engine.settle(20)
        assert counts(config.store.directory) == (1, 2)
    assert counts(config.store.directory) == (1, 2)


def test_the_local_socket_is_for_its_owner_only_and_goes_with_the_engine(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    path = socket_of(config.store.directory)
    with running(config):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_a_second_process_is_refused_and_told_who_holds_the_store(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    settings = {
        "receiver.protocols.grpc.endpoint": "127.0.0.1:0",
        "receiver.protocols.http": "null",
        "extensions.health_check": "null",
        "definitions.path": tmp_path / "definitions",
        "store.directory": config.store.directory,
    }
    arguments = [f"--set={key}={value}" for key, value in settings.items()]
    with running(config):
        second = subprocess.run(
            [sys.executable, "-m", "sloengine", "serve", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert second.returncode == 5
    assert str(os.getpid()) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_part_that_cannot_start_leaves_nothing_behind(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with running(config) as engine:
        taken = str(engine.grpc_endpoint)
        other = config_of(
            tmp_path / "other",
            receiver={"protocols": {"grpc": {"endpoint": taken}, "http": None}},
        )
        with pytest.raises(OperatorError, match=r"receiver\.protocols\.grpc\.endpoint"):
            Engine(other).start()
    with running(other):
        pass


def test_a_broken_new_set_of_definitions_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with running(config) as engine:
        write_definitions(tmp_path / "definitions", CHECKOUT.replace("99%", "100%"))
        with pytest.raises(DefinitionsError, match="leaves no error budget"):
            engine.reload()
        send(engine, recent(1))
        assert engine.settle(20)
        assert counts(config.store.directory) == (1, 1)


def test_a_good_new_set_of_definitions_judges_from_then_on(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with running(config) as engine:
        send(engine, recent(1))
        assert engine.settle(20)
        write_definitions(tmp_path / "definitions", REJECTING)
        assert engine.reload()
        assert not engine.reload()
        send(engine, recent(2))
        assert engine.settle(20)
        assert counts(config.store.directory) == (1, 2)


def test_traces_close_by_themselves_after_idle_wait(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with running(config) as engine:
        send(engine, recent(1))
        eventually(lambda: counts(config.store.directory) == (1, 1), "the trace is counted")


def test_a_backend_that_is_down_costs_one_line_and_no_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    exporter = {"otlp": {"endpoint": "127.0.0.1:1", "timeout": "300ms"}}
    config = config_of(tmp_path, exporter=exporter, evaluate={"interval": "100ms"})
    with caplog.at_level(logging.WARNING), running(config) as engine:
        send(engine, recent(1))
        assert engine.settle(20)
        eventually(
            lambda: any("127.0.0.1:1" in line for line in caplog.messages), "the outage is said"
        )
        assert counts(config.store.directory) == (1, 1)
    assert len([line for line in caplog.messages if "127.0.0.1:1" in line]) == 1


def test_a_changed_folder_is_applied_by_itself_and_a_mix_is_marked(tmp_path: Path) -> None:
    watching = {"path": write_definitions(tmp_path / "definitions"), "watch_interval": "50ms"}
    config = config_of(tmp_path, definitions=watching)
    with running(config) as engine:
        send(engine, recent(1))
        assert engine.settle(20)
        before = engine.evaluation().revision
        write_definitions(tmp_path / "definitions", CHECKOUT.replace("99%", "100%"))
        write_definitions(tmp_path / "definitions", REJECTING)
        eventually(lambda: engine.evaluation().revision != before, "the new set is applied")
        send(engine, recent(2))
        assert engine.settle(20)
        uses = engine.evaluation(course=True).definitions
        assert [(use.transaction, use.events) for use in uses] == [("checkout", 1)] * 2
        assert "two definitions judged this window" in report_of_store(
            config.store.directory, ReportRequest()
        )
