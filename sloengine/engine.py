"""The engine: every stage in order, and nothing else. Read this first.

```
bytes ─▶ condition bits ─▶ pending traces ─▶ transactions ─▶ facts ─▶ budgets ─▶ metrics, reports
receiver   otlp, ottl        processor         processor      store    evaluate   exporter, report
   └─▶ spool
```

Three loops meet only at durable points: *receive* (listeners call `Pipeline.accept`), *process*
(`Pipeline.process`) and *evaluate* (`Engine._evaluate`).
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from sloengine import __version__, names
from sloengine.answers.running import answer_health, answer_report, answer_trace
from sloengine.clock import Clock, SystemClock
from sloengine.config import EngineConfig
from sloengine.definitions import Plan, load_definitions
from sloengine.errors import SloengineError
from sloengine.evaluate import Evaluation, evaluate
from sloengine.exporter import HealthMetrics, MetricExporter, OutageReport, engine_resource
from sloengine.instrumentation import Instrumentation
from sloengine.memory import keep_freed_memory
from sloengine.names import Protocol
from sloengine.otlp import trace_ids_of
from sloengine.pipeline import SPOOL_FOLDER, Pipeline
from sloengine.questions import socket_of
from sloengine.receiver import Admission, Refusals, serve_grpc, serve_http
from sloengine.server import (
    Endpoint,
    HttpServer,
    Readiness,
    health_app,
    local_app,
    parse_endpoint,
)
from sloengine.spool import Spool
from sloengine.store import Store
from sloengine.wiring import (
    MIB,
    CountedIngest,
    grpc_settings,
    hot_path,
    http_settings,
    otlp_settings,
    processor_settings,
)

_log = logging.getLogger(__name__)

_TICK_S = 0.5
"""How often traces are closed and committed. A commit has a cost of its own; a fact may come this
much later.
"""
_GRACE_S = 10.0
_COVERAGE_NS = 10 * 10**9
_UPKEEP_NS = 60 * 10**9


class Engine:
    """The sidecar: a pipeline with listeners, an evaluation loop and exporters around it."""

    def __init__(self, config: EngineConfig, *, clock: Clock | None = None) -> None:
        self._config = config
        self._clock = clock or SystemClock()
        self._readiness = Readiness(self._clock)
        self._closing = ExitStack()
        self._stopping = threading.Event()
        self._settle = threading.Event()
        self._settled = threading.Event()
        self._reloading = threading.Lock()
        self._refusals = Refusals()
        self._seen: object = None
        self._grpc: Endpoint | None = None
        self._http: Endpoint | None = None

    @property
    def grpc_endpoint(self) -> Endpoint | None:
        """Where OTLP/gRPC is received, once started."""
        return self._grpc

    @property
    def http_endpoint(self) -> Endpoint | None:
        """Where OTLP/HTTP is received, once started."""
        return self._http

    def start(self) -> None:
        """Open everything, replay the spool, then the listeners. Undone whole if a part fails.

        Raises:
            OperatorError: what must be changed, by its name.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        keep_freed_memory()
        config = self._config
        self._seen = self._fingerprint()
        loaded = load_definitions(config.definitions.path)
        for warning in loaded.warnings:
            _log.warning("%s", warning)
        self._store = Store.open(
            config.store.directory,
            clock=self._clock,
            memory_limit=f"{config.store.memory_limit_mib}MiB",
        )
        self._closing.callback(self._store.close)
        self._spool = Spool.open(
            config.store.directory / SPOOL_FOLDER,
            store_id=self._store.store_id,
            clock=self._clock,
            trace_ids_of=trace_ids_of,
            segment_bytes=config.spool.segment_mib * MIB,
            disk_budget=config.spool.disk_budget_mib * MIB,
            sync_interval_s=config.spool.sync_interval / 1e9,
            horizon_ns=config.processor.late_horizon,
            committed=self._store.position or 0,
        )
        self._closing.callback(self._spool.close)
        self._open_exporter()
        self._pipeline = Pipeline(
            loaded.plan,
            store=self._store,
            spool=self._spool,
            clock=self._clock,
            settings=processor_settings(config),
            instrumentation=self._instrumentation,
            hot_path=hot_path(config.service.hot_path),
        )
        self._observe()
        frames = self._pipeline.recover()
        if frames:
            _log.info("read %d requests again that were not judged yet", frames)
        self._closing.callback(self._finish)
        self._run(self._process_loop, "process")
        self._open_local()
        self._open_listeners()
        self._run(self._evaluate_loop, "evaluate")
        if config.definitions.watch_interval > 0:
            self._run(self._watch_loop, "definitions")
        if config.extensions.health_check is not None:
            health = HttpServer(
                health_app(self._readiness),
                parse_endpoint(config.extensions.health_check.endpoint),
                what="health check",
                setting="extensions.health_check.endpoint",
            )
            health.start()
            self._closing.callback(health.stop, 1)
        self._readiness.set_ready()
        _log.info("definitions %s: %s", config.definitions.path, _summary(self._pipeline.plan))

    def _open_exporter(self) -> None:
        """Metrics out, and the instruments by which the engine counts its own health."""
        self._exporter: MetricExporter | None = None
        config = self._config.exporter.otlp
        if config is None:
            self._instrumentation = Instrumentation.disabled()
            return
        settings = otlp_settings(config)
        resource = engine_resource(instance=self._store.store_id, version=__version__)
        outage = OutageReport(settings.endpoint, self._clock)
        health = HealthMetrics(
            settings,
            resource=resource,
            version=__version__,
            clock=self._clock,
            interval_s=self._config.evaluate.interval / 1e9,
            outage=outage,
        )
        self._closing.callback(health.close)
        self._instrumentation = Instrumentation(health.meter)
        self._exporter = MetricExporter(
            settings,
            resource=resource,
            version=__version__,
            clock=self._clock,
            outage=outage,
            instrumentation=self._instrumentation,
        )
        self._closing.callback(self._exporter.close)

    def _observe(self) -> None:
        begun_ns = self._clock.monotonic_ns()
        see = self._instrumentation
        see.observe(names.PROCESSOR_PENDING_TRACES, lambda: self._pipeline.processor.pending_traces)
        see.observe(names.PROCESSOR_PENDING_SPANS, lambda: self._pipeline.processor.pending_spans)
        see.observe(names.PROCESSOR_PUT_OFF_TRACES, lambda: self._pipeline.processor.put_off_traces)
        see.observe(names.SPOOL_USAGE, lambda: self._spool.statistics.bytes)
        see.observe(names.SPOOL_SEGMENTS, lambda: self._spool.statistics.segments)
        see.observe(names.SPOOL_LIMIT, lambda: self._config.spool.disk_budget_mib * MIB)
        see.observe(names.STORE_USAGE, lambda: self._store.size_bytes)
        see.observe_process(lambda: (self._clock.monotonic_ns() - begun_ns) / 1e9)

    def _open_listeners(self) -> None:
        """Receive: the first loop, on the listeners' own threads."""
        config = self._config.receiver

        def counted(protocol: Protocol) -> CountedIngest:
            return CountedIngest(
                self._pipeline, protocol, self._instrumentation, self._clock.monotonic_ns
            )

        admission = Admission(config.max_in_flight_mib * MIB)
        refusals = self._refusals
        if config.protocols.grpc is not None:
            grpc = serve_grpc(
                counted(Protocol.GRPC),
                grpc_settings(config.protocols.grpc),
                admission=admission,
                refusals=refusals,
            )
            self._closing.callback(grpc.stop, _GRACE_S)
            self._grpc = grpc.endpoint
        if config.protocols.http is not None:
            http = serve_http(
                counted(Protocol.HTTP),
                http_settings(config.protocols.http),
                admission=admission,
                refusals=refusals,
            )
            self._closing.callback(http.stop, _GRACE_S)
            self._http = http.endpoint

    def _open_local(self) -> None:
        """Answers for other commands on this machine."""
        server = HttpServer(
            local_app(
                {
                    "report": lambda asked: answer_report(
                        self._store, self._pipeline.plan, asked, self._clock
                    ),
                    "trace": lambda asked: answer_trace(self._store, asked),
                    "health": self._answer_health,
                }
            ),
            Endpoint(path=socket_of(self._config.store.directory)),
            what="local socket",
            setting="store.directory",
        )
        server.start()
        self._closing.callback(server.stop, 1)

    def _process_loop(self) -> None:
        """Process: the second loop."""
        covered_ns = upkeep_ns = self._clock.now_ns()
        while not self._stopping.wait(_TICK_S):
            settling = self._settle.is_set()
            done = self._guarded(lambda: self._pipeline.process(everything=settling))  # noqa: B023  # called at once
            if settling and done:
                self._settle.clear()
                self._settled.set()
            now_ns = self._clock.now_ns()
            if not 0 <= now_ns - covered_ns < _COVERAGE_NS:
                if done:
                    self._guarded(lambda: self._store.record_coverage(covered_ns, now_ns))  # noqa: B023  # called at once
                covered_ns = now_ns
            if not 0 <= now_ns - upkeep_ns < _UPKEEP_NS:
                self._guarded(lambda: self._store.compact(now_ns))  # noqa: B023  # called at once
                self._guarded(lambda: self._store.expire(now_ns))  # noqa: B023  # called at once
                upkeep_ns = now_ns

    def settle(self, timeout_s: float) -> bool:
        """Judge every pending trace as it stands, without further waiting, and commit.

        Return whether that was done within the time.
        """
        self._settled.clear()
        self._settle.set()
        return self._settled.wait(timeout_s)

    def _finish(self) -> None:
        """The last commit and the last export, when nothing comes in any more."""
        self._guarded(self._pipeline.process)
        self._guarded(self._evaluate)

    def _watch_loop(self) -> None:
        """Reload when files of definitions change; a broken set is said once, until it changes."""
        while not self._stopping.wait(self._config.definitions.watch_interval / 1e9):
            if self._seen != self._fingerprint():
                self._guarded(self.reload)

    def _fingerprint(self) -> object:
        path = self._config.definitions.path
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        return [(file, stat.st_mtime_ns, stat.st_size) for file in files if (stat := _stat(file))]

    def _evaluate_loop(self) -> None:
        """Evaluate: the third loop."""
        while not self._stopping.wait(self._config.evaluate.interval / 1e9):
            self._guarded(self._evaluate)

    def _evaluate(self) -> None:
        if self._exporter is None:
            return
        at_ns = self._clock.now_ns()
        begun_ns = self._clock.monotonic_ns()
        with self._store.reader() as reader:
            evaluation = evaluate(reader, self._pipeline.plan, at_ns=at_ns)
            self._exporter.export(evaluation, reader.export_state(), at_ns)
        spent_ns = self._clock.monotonic_ns() - begun_ns
        self._instrumentation.evaluation_duration.record(spent_ns / 1e9)

    def reload(self) -> bool:
        """Read the definitions again; return whether they changed.

        Raises:
            DefinitionsError: the new set has errors; the old one stays.
        """
        with self._reloading:
            # Taken before the files are read: a change while they are is seen the next time.
            self._seen = self._fingerprint()
            loaded = load_definitions(self._config.definitions.path)
            if loaded.plan.revision == self._pipeline.plan.revision:
                _log.info("definitions are unchanged, revision %s", loaded.plan.revision)
                return False
            self._pipeline.reload(loaded.plan)
            _log.info("new definitions: %s", _summary(loaded.plan))
            return True

    def evaluation(self, at_ns: int | None = None, *, course: bool = False) -> Evaluation:
        """Evaluate all objectives at an instant, now if `None`."""
        with self._store.reader() as reader:
            at = self._clock.now_ns() if at_ns is None else at_ns
            return evaluate(reader, self._pipeline.plan, at_ns=at, course=course)

    def _answer_health(self, _asked: Mapping[str, str]) -> str:
        return answer_health(
            self._pipeline.plan,
            self._refusals.counts(),
            spool_stopped=self._spool.statistics.stopped,
            failure=self._pipeline.failure,
            idle_wait_ns=self._config.processor.idle_wait,
            max_wait_ns=self._config.processor.max_wait,
        )

    def stop(self) -> None:
        """Drain: refuse new requests, commit what is complete, send the last metrics, close.

        Traces that are not complete stay in the spool and are judged after the next start.
        """
        self._readiness.set_not_ready()
        self._closing.close()

    def _run(self, loop: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=loop, name=name, daemon=True)
        thread.start()

        def end() -> None:
            self._stopping.set()
            thread.join()

        self._closing.callback(end)

    def _guarded(self, step: Callable[[], object]) -> bool:
        """Do one step of a loop; an error is logged, and must not end what others rely on."""
        try:
            return step() is not False
        except SloengineError as error:
            _log.error("%s", error)
        except Exception:  # noqa: BLE001  # whatever it is, the next step may work
            _log.exception("unexpected error; the loop goes on")
        return False


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None


def _summary(plan: Plan) -> str:
    return f"revision {plan.revision}, {len(plan.transactions)} transactions, {len(plan.slos)} SLOs"
