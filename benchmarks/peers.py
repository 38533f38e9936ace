"""OpenTelemetry Collectors under the load that the engine gets, in the same run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.end_to_end import GZIP, LARGE, SMALL, Figures, Variant, load_server
from benchmarks.engine_server import WrongCountError
from benchmarks.load import Load, Sender
from benchmarks.processes import ROOT, MeasurementError, Server, free_ports, http_get
from benchmarks.rows import Row

SPAN_METRICS = "Collector span_metrics"
GROUPED = "Collector groupbytrace + span_metrics"

_CALLS = "traces_span_metrics_calls_total"
_BUILD = ROOT / "tests" / "collector" / "collector_build.py"

# Room for as many traces as the load can hold; with the default some would be dropped. It also
# loses what reaches it while its trace is being released: the wait is longer than its backlog.
_GROUPBYTRACE = {"wait_duration": "4s", "num_traces": 2_000_000}


@dataclass(frozen=True, slots=True)
class PeerRun:
    """One Collector pipeline under one way of sending."""

    peer: str
    variant: Variant


RUNS = (
    PeerRun(SPAN_METRICS, LARGE),
    PeerRun(SPAN_METRICS, SMALL),
    PeerRun(SPAN_METRICS, GZIP),
    PeerRun(GROUPED, LARGE),
)


def measure(bench: Bench) -> Iterator[Row]:
    """Measure each run; gives nothing where there is neither Go nor a built Collector."""
    program = find_collector(bench)
    if program is None:
        return
    for number, run in enumerate(RUNS):
        bench.say(f"peer: {run.peer}, {run.variant.name}")
        folder = bench.folder(f"peer-{number}")
        try:
            with (
                Sender(run.variant.shape) as sender,
                CollectorServer(program, folder, grouped=run.peer == GROUPED) as collector,
            ):
                figures = _load(bench, collector, sender, run.variant)
        except MeasurementError as error:
            bench.say(f"peer: no figure, and none to compare with: {error}")
            continue
        name = f"{run.peer}, {run.variant.name}"
        yield Row.of_runs(f"{name}: CPU", figures.per_cpu, "spans/CPU-s")
        yield Row.of_runs(f"{name}: wall", figures.per_wall, "spans/s")
        yield Row(f"{name}: peak memory", figures.peak_mib, "MiB")


def find_collector(bench: Bench) -> Path | None:
    """Return the Collector that the end-to-end tests build, built now if it must be."""
    if not bench.peers:
        return None
    bench.say("peers: looking for the Collector; the first time it is built, in minutes")
    built = subprocess.run(
        [sys.executable, str(_BUILD)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if built.returncode:
        bench.say("peers: none; there is no Collector here and it could not be built")
        return None
    return Path(built.stdout.strip())


class CollectorServer(Server):
    """OTLP/gRPC → (groupbytrace →) span_metrics → Prometheus exporter."""

    def __init__(self, program: Path, folder: Path, *, grouped: bool) -> None:
        grpc_port, health_port, self._prometheus_port = free_ports(3)
        endpoint = f"localhost:{grpc_port}"
        config = folder / "collector.json"
        config.write_text(
            json.dumps(_config(endpoint, health_port, self._prometheus_port, grouped=grouped)),
            encoding="utf-8",
        )
        super().__init__(
            GROUPED if grouped else SPAN_METRICS,
            [str(program), "--config", str(config)],
            endpoint=endpoint,
            health_port=health_port,
            log=folder / "collector.log",
        )

    def counted_spans(self) -> int:
        """Return how many spans its metrics count."""
        text = http_get(self._prometheus_port, "/metrics") or ""
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in text.splitlines()
            if line.startswith((_CALLS + "{", _CALLS + " "))
        )


def _config(
    endpoint: str, health_port: int, prometheus_port: int, *, grouped: bool
) -> Mapping[str, Any]:
    return {
        "extensions": {"health_check": {"endpoint": f"localhost:{health_port}"}},
        "receivers": {
            "otlp": {"protocols": {"grpc": {"endpoint": endpoint, "max_recv_msg_size_mib": 64}}}
        },
        "processors": {"groupbytrace": _GROUPBYTRACE},
        "connectors": {"span_metrics": {"metrics_flush_interval": "1s"}},
        "exporters": {"prometheus": {"endpoint": f"localhost:{prometheus_port}"}},
        "service": {
            "extensions": ["health_check"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["groupbytrace"] if grouped else [],
                    "exporters": ["span_metrics"],
                },
                "metrics": {"receivers": ["span_metrics"], "exporters": ["prometheus"]},
            },
        },
    }


def _load(bench: Bench, collector: CollectorServer, sender: Sender, variant: Variant) -> Figures:
    loads: list[Load] = []

    def check() -> None:
        sent = sum(load.spans for load in loads)
        found = collector.counted_spans()
        if found != sent:
            raise WrongCountError(f"{collector.name} counts {found} spans of {sent}")

    return load_server(bench, collector, sender, variant, sent=loads.append, check=check)
