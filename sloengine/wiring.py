"""What the engine hands to its stages: settings made from configuration, and counting of health."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sloengine.config import EngineConfig, GrpcConfig, HttpConfig, OtlpExporterConfig
from sloengine.config import TlsServerConfig as TlsConfig
from sloengine.errors import RetryError, SloengineError
from sloengine.exporter import OtlpSettings
from sloengine.instrumentation import Count, Instrumentation
from sloengine.names import Attribute, CloseReason, DropReason, FactChange, Protocol, RequestOutcome
from sloengine.otlp import ReferenceDecoder
from sloengine.otlp.kernel import DecoderMaker, kernel_decoders
from sloengine.processor import Committed, Counter, Processor, ProcessorFactory, ProcessorSettings
from sloengine.receiver import (
    Accepted,
    Applied,
    CorsSettings,
    GrpcSettings,
    HttpSettings,
    Ingest,
    Request,
)
from sloengine.server import TlsSettings, parse_endpoint
from sloengine.spool import FilterMaker, TraceFilter

_log = logging.getLogger(__name__)

MIB = 1 << 20


def grpc_settings(config: GrpcConfig) -> GrpcSettings:
    """Return the gRPC listener's settings; raises `ConfigError` for a bad endpoint."""
    return GrpcSettings(
        endpoint=parse_endpoint(config.endpoint),
        max_request_bytes=config.max_recv_msg_size_mib * MIB,
        workers=config.max_workers,
        tls=_tls_settings(config.tls),
    )


def http_settings(config: HttpConfig) -> HttpSettings:
    """Return the HTTP listener's settings; raises `ConfigError` for a bad endpoint."""
    return HttpSettings(
        endpoint=parse_endpoint(config.endpoint),
        max_request_bytes=config.max_request_body_size_mib * MIB,
        cors=CorsSettings(
            allowed_origins=config.cors.allowed_origins,
            allowed_headers=config.cors.allowed_headers,
            max_age_s=config.cors.max_age,
        ),
        tls=_tls_settings(config.tls),
    )


def _tls_settings(config: TlsConfig | None) -> TlsSettings | None:
    if config is None:
        return None
    return TlsSettings(config.cert_file, config.key_file, config.client_ca_file)


def otlp_settings(config: OtlpExporterConfig) -> OtlpSettings:
    """Return the settings of the metrics' way out."""
    return OtlpSettings(
        endpoint=config.endpoint,
        protocol=config.protocol,
        headers=config.headers,
        insecure=config.insecure,
        ca_file=config.ca_file,
        cert_file=config.cert_file,
        key_file=config.key_file,
        compression=config.compression,
        timeout_s=config.timeout / 1e9,
    )


def processor_settings(config: EngineConfig) -> ProcessorSettings:
    """Return how long traces wait, and in how much memory."""
    return ProcessorSettings(
        idle_wait_ns=config.processor.idle_wait,
        max_wait_ns=config.processor.max_wait,
        memory_bytes=config.processor.memory_mib * MIB,
        recent_traces=config.processor.recent_traces,
        late_horizon_ns=config.processor.late_horizon,
        reread_share=config.processor.reread_share,
    )


@dataclass(frozen=True, slots=True)
class HotPath:
    """What touches every span or trace: decoding, collecting spans into traces, remembering which
    traces were judged.
    """

    decoders: DecoderMaker
    processors: ProcessorFactory
    filters: FilterMaker


REFERENCE = HotPath(ReferenceDecoder, Processor, TraceFilter)
"""The plain twins: the same results, for many times the CPU, ready at once."""


def hot_path(wanted: str) -> HotPath:
    """Return the compiled kernels where they are wanted (`auto`) and can run, else the twins.

    Where no machine code was kept, compiling it takes up to a minute, and is said in the log.
    """
    if wanted != "auto":
        return REFERENCE
    _compile_apart()
    return load_kernels()


def load_kernels() -> HotPath:
    """Load the kernels' machine code, or make it; the twins where that cannot be done."""
    decoders = kernel_decoders()
    if decoders is None:
        return REFERENCE
    # Only where numba is there, which the decoders have just shown.
    from sloengine.processor import kernel as processors
    from sloengine.spool import kernel as filters

    processors.warm_up()
    filters.warm_up()
    return HotPath(decoders, processors.KernelProcessor, filters.KernelFilter)


def _compile_apart() -> None:
    """Compile in a process of its own, and once: the memory of the compiler goes with it."""
    try:
        from sloengine.jit import code_folder, has_code
    except ImportError:
        return  # `load_kernels` says why
    if any(code_folder(package) is None for package in _KERNELS):
        _log.warning(
            "compiling the kernels takes about half a minute of CPU at every start: no folder to "
            "keep the machine code in can be written; set NUMBA_CACHE_DIR to one"
        )
        return
    if all(has_code(package) for package in _KERNELS):
        return
    _log.info(
        "compiling the kernels, about half a minute of CPU; the next start finds them in %s",
        ", ".join(str(code_folder(package)) for package in _KERNELS),
    )
    program = "from sloengine.wiring import load_kernels; load_kernels()"
    subprocess.run([sys.executable, "-c", program], check=False)


_KERNELS = tuple(Path(__file__).parent / room / "kernel" for room in ("otlp", "spool", "processor"))
_CLOSE_REASONS = {
    Counter.CLOSED_COMPLETE: CloseReason.COMPLETE,
    Counter.CLOSED_MAX_WAIT: CloseReason.MAX_WAIT,
    Counter.CLOSED_MEMORY: CloseReason.MEMORY,
    Counter.CLOSED_END: CloseReason.SHUTDOWN,
}
_IRREGULARITIES = (
    Counter.INCOMPLETE,
    Counter.ORPHANS,
    Counter.CYCLES_CUT,
    Counter.AMBIGUOUS,
    Counter.UNKNOWN_HAVING,
    Counter.CONDITION_ERRORS,
)


class HealthCounts:
    """Turns what stages report into the engine's own metrics."""

    def __init__(self, instrumentation: Instrumentation) -> None:
        self._to = instrumentation
        self._duplicate_spans = instrumentation.duplicate_spans.of()
        self._late_spans = instrumentation.late_spans.of()

    def applied(self, applied: Applied) -> None:
        """Count a batch that reached the pending traces."""
        self._duplicate_spans.add(applied.duplicates)
        self._late_spans.add(applied.late)

    def committed(self, commit: Committed) -> None:
        """Count what one commit closed and stored."""
        counters = commit.closed.counters
        self._to.applied_spans.add(counters.get(Counter.APPLIED, 0))
        self._duplicate_spans.add(counters.get(Counter.DUPLICATE, 0))
        self._late_spans.add(counters.get(Counter.LATE, 0))
        for counter, reason in _CLOSE_REASONS.items():
            if counter in counters:
                self._to.closed_traces.add(counters[counter], {Attribute.CLOSE_REASON: reason})
        for counter in _IRREGULARITIES:
            if counter in counters:
                kind = counter.removeprefix("processor.")
                self._to.irregularities.add(counters[counter], {Attribute.IRREGULARITY: kind})
        if Counter.LATE_UNVERIFIABLE in counters:
            self._to.dropped_spans.add(
                counters[Counter.LATE_UNVERIFIABLE],
                {Attribute.DROP_REASON: DropReason.LATE_UNVERIFIABLE},
            )
        for change, number in (
            (FactChange.NEW, commit.result.new),
            (FactChange.CORRECTED, commit.result.corrected),
            (FactChange.UNCHANGED, commit.result.unchanged),
        ):
            self._to.committed_transactions.add(number, {Attribute.FACT_CHANGE: change})


@dataclass(frozen=True, slots=True)
class _Answered:
    """Requests of a listener that were answered alike."""

    attributes: Mapping[str, str]
    requests: Count


class CountedIngest:
    """An `Ingest` that counts requests and spans of a listener by how they were answered."""

    def __init__(
        self,
        ingest: Ingest,
        protocol: Protocol,
        instrumentation: Instrumentation,
        monotonic_ns: Callable[[], int],
    ) -> None:
        self._ingest = ingest
        self._to = instrumentation
        self._monotonic_ns = monotonic_ns
        self._protocol: dict[str, str] = {Attribute.PROTOCOL: protocol}
        self._active_requests = instrumentation.active_requests.of(self._protocol)
        self._accepted_spans = instrumentation.accepted_spans.of(self._protocol)
        self._rejected_spans = instrumentation.rejected_spans.of(self._protocol)
        self._answered: dict[tuple[str, str], _Answered] = {}

    def accept(self, request: Request) -> Accepted:
        """Pass the request on; raises what the other raises."""
        begun_ns = self._monotonic_ns()
        outcome = RequestOutcome.FAILURE
        error_type = ""
        self._active_requests.add(1)
        self._to.request_size.record(len(request.stored), self._protocol)
        try:
            accepted = self._ingest.accept(request)
            outcome = RequestOutcome.SUCCESS
        except RetryError as error:
            outcome, error_type = RequestOutcome.REFUSED, type(error).__name__
            raise
        except SloengineError as error:
            error_type = type(error).__name__
            raise
        finally:
            spent_ns = self._monotonic_ns() - begun_ns
            self._active_requests.add(-1)
            answered = self._answered.get((outcome, error_type)) or self._begin(outcome, error_type)
            self._to.request_duration.record(spent_ns / 1e9, answered.attributes)
            answered.requests.add(1)
        self._accepted_spans.add(accepted.spans)
        self._rejected_spans.add(accepted.rejected)
        return accepted

    def _begin(self, outcome: str, error_type: str) -> _Answered:
        """Begin to count requests that are answered in a way that was not met before."""
        attributes = {**self._protocol, Attribute.REQUEST_OUTCOME: outcome}
        named = {**attributes, Attribute.ERROR_TYPE: error_type} if error_type else attributes
        answered = _Answered(attributes, self._to.requests.of(named))
        self._answered[outcome, error_type] = answered
        return answered
