"""Every metric and attribute that leaves the engine: name, unit, kind and meaning, in one place.

`python -m sloengine.names` prints docs/metrics.md from these tables. Names follow OpenTelemetry's
naming rules (https://opentelemetry.io/docs/specs/semconv/general/naming/); a test holds them to
it. Where the Collector counts the same thing about itself, ours has the Collector's words, and
`Metric.collector` says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, get_args

SERVICE_NAME = "sloengine"
SCOPE_RESULTS = "sloengine"
"""Instrumentation scope of what customers experienced."""
SCOPE_HEALTH = "sloengine.health"
"""Instrumentation scope of how the engine itself is doing."""

Kind = Literal["counter", "up_down_counter", "gauge", "histogram", "exponential_histogram"]
Unit = Literal[
    "1",
    "s",
    "By",
    "{event}",
    "{request}",
    "{span}",
    "{trace}",
    "{transaction}",
    "{data_point}",
    "{evaluation}",
    "{irregularity}",
    "{segment}",
]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Attribute(StrEnum):
    """The key of an attribute; as a plain string it is the name that leaves the engine."""

    TRANSACTION_NAME = "sloengine.transaction.name"
    TRANSACTION_OUTCOME = "sloengine.transaction.outcome"
    ERROR_TYPE = "error.type"
    SLO_NAME = "sloengine.slo.name"
    OBJECTIVE_NAME = "sloengine.slo.objective.name"
    SLO_RESULT = "sloengine.slo.result"
    CORRECTED_FROM = "sloengine.slo.corrected.from"
    CORRECTED_TO = "sloengine.slo.corrected.to"
    BURN_WINDOW = "sloengine.slo.window"
    PROTOCOL = "sloengine.receiver.protocol"
    REQUEST_OUTCOME = "sloengine.receiver.outcome"
    DROP_REASON = "sloengine.processor.drop.reason"
    CLOSE_REASON = "sloengine.processor.close.reason"
    IRREGULARITY = "sloengine.processor.irregularity"
    FACT_CHANGE = "sloengine.store.change"
    CPU_MODE = "cpu.mode"


class Protocol(StrEnum):
    """How a request came in."""

    GRPC = "grpc"
    HTTP = "http"


class RequestOutcome(StrEnum):
    """How a request was answered."""

    SUCCESS = "success"
    REFUSED = "refused"
    FAILURE = "failure"


class DropReason(StrEnum):
    """Why an accepted span was counted in no transaction."""

    LATE_UNVERIFIABLE = "late_unverifiable"
    QUARANTINED = "quarantined"


class CloseReason(StrEnum):
    """Why a trace was judged when it was."""

    COMPLETE = "complete"
    MAX_WAIT = "max_wait"
    MEMORY = "memory"
    SHUTDOWN = "shutdown"


class FactChange(StrEnum):
    """What a commit did to a transaction's facts."""

    NEW = "new"
    CORRECTED = "corrected"
    UNCHANGED = "unchanged"


ATTRIBUTES: dict[Attribute, str] = {
    Attribute.TRANSACTION_NAME: "`metadata.name` of a BusinessTransaction, or `other`.",
    Attribute.TRANSACTION_OUTCOME: (
        "`good`, `slow`, `failed`, `abandoned`, `excluded` or `unknown`."
    ),
    Attribute.ERROR_TYPE: (
        "Why it was bad. On transactions: the reason that the definition gives, only on `slow`, "
        "`failed` and `abandoned` ones. On the engine's own metrics: the kind of error, only on "
        "failures."
    ),
    Attribute.SLO_NAME: "`metadata.name` of an SLO.",
    Attribute.OBJECTIVE_NAME: (
        "`displayName` of an objective; absent where the SLO's objective has none."
    ),
    Attribute.SLO_RESULT: "`good`, `bad`, `excluded` or `unknown`.",
    Attribute.CORRECTED_FROM: ("The result that it had; `none` where the SLO did not count it."),
    Attribute.CORRECTED_TO: "The result that it became, likewise.",
    Attribute.BURN_WINDOW: "The window that the rate is over, as people write it: `1h`, `3d`.",
    Attribute.PROTOCOL: "`grpc` or `http`.",
    Attribute.REQUEST_OUTCOME: (
        "`success`; `refused`: the sender keeps its data and tries again; `failure`: the request "
        "can never be accepted (malformed, too large)."
    ),
    Attribute.DROP_REASON: (
        "`late_unverifiable`: it came after the horizon for a trace that has stored facts; "
        "`quarantined`: its bytes on disk were damaged."
    ),
    Attribute.CLOSE_REASON: (
        "`complete`: all named parents are there; `max_wait`: it waited long enough; `memory`: "
        "it was the longest idle one at the byte budget; `shutdown`."
    ),
    Attribute.IRREGULARITY: (
        "What was odd, for instance a condition that errs, a cycle of parent ids, two definitions "
        "of one priority."
    ),
    Attribute.FACT_CHANGE: "`new`, `corrected` or `unchanged`.",
    Attribute.CPU_MODE: "`user` or `system`.",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `collector` names what the Collector calls the same thing about itself."""

    name: str
    kind: Kind
    unit: Unit
    description: str
    attributes: tuple[Attribute, ...] = ()
    collector: str = ""


_OBJECTIVE = (Attribute.SLO_NAME, Attribute.OBJECTIVE_NAME)

# What customers experienced: from the store, the same after a restart.

TRANSACTION_DURATION = Metric(
    "sloengine.transaction.duration",
    "exponential_histogram",
    "s",
    "Duration of business transactions, by their first verdict.",
    (Attribute.TRANSACTION_NAME, Attribute.TRANSACTION_OUTCOME, Attribute.ERROR_TYPE),
)
SLO_EVENTS = Metric(
    "sloengine.slo.events",
    "counter",
    "{event}",
    "Events of an SLO, by their first verdict.",
    (Attribute.SLO_NAME, Attribute.SLO_RESULT),
)
SLO_EVENTS_CORRECTED = Metric(
    "sloengine.slo.events.corrected",
    "counter",
    "{event}",
    "Events whose result changed after it was counted in `sloengine.slo.events`.",
    (Attribute.SLO_NAME, Attribute.CORRECTED_FROM, Attribute.CORRECTED_TO),
)
SLO_OBJECTIVE = Metric(
    "sloengine.slo.objective",
    "gauge",
    "1",
    "Target share of good events.",
    _OBJECTIVE,
)
SLO_SLI = Metric(
    "sloengine.slo.sli",
    "gauge",
    "1",
    "Share of good events in the SLO's window; absent where there was no event.",
    _OBJECTIVE,
)
SLO_BUDGET_REMAINING = Metric(
    "sloengine.slo.error_budget.remaining",
    "gauge",
    "1",
    "Share of the error budget that is left: 1 is untouched, negative is overspent; absent where "
    "there was no event.",
    _OBJECTIVE,
)
SLO_BURN_RATE = Metric(
    "sloengine.slo.burn_rate",
    "gauge",
    "1",
    "How many times faster than the target allows the budget burns; absent where there was no "
    "event.",
    (*_OBJECTIVE, Attribute.BURN_WINDOW),
)
SLO_COVERAGE = Metric(
    "sloengine.slo.coverage",
    "gauge",
    "1",
    "Share of the minutes of the longest window in which the engine could accept requests.",
)

RESULTS: tuple[Metric, ...] = (
    TRANSACTION_DURATION,
    SLO_EVENTS,
    SLO_EVENTS_CORRECTED,
    SLO_OBJECTIVE,
    SLO_SLI,
    SLO_BUDGET_REMAINING,
    SLO_BURN_RATE,
    SLO_COVERAGE,
)

# The engine's own health: counted since the process started.

RECEIVER_REQUESTS = Metric(
    "sloengine.receiver.requests",
    "counter",
    "{request}",
    "OTLP requests answered.",
    (Attribute.PROTOCOL, Attribute.REQUEST_OUTCOME, Attribute.ERROR_TYPE),
    "otelcol_receiver_requests",
)
RECEIVER_ACTIVE_REQUESTS = Metric(
    "sloengine.receiver.active_requests",
    "up_down_counter",
    "{request}",
    "OTLP requests that wait for their answer.",
    (Attribute.PROTOCOL,),
)
RECEIVER_REQUEST_DURATION = Metric(
    "sloengine.receiver.request.duration",
    "histogram",
    "s",
    "From a request's last byte to its answer, the wait for the disk included.",
    (Attribute.PROTOCOL, Attribute.REQUEST_OUTCOME),
)
RECEIVER_REQUEST_SIZE = Metric(
    "sloengine.receiver.request.body.size",
    "histogram",
    "By",
    "Size of request bodies before decompression.",
    (Attribute.PROTOCOL,),
)
RECEIVER_ACCEPTED = Metric(
    "sloengine.receiver.accepted_spans",
    "counter",
    "{span}",
    "Spans of acknowledged requests: they are durable.",
    (Attribute.PROTOCOL,),
    "otelcol_receiver_accepted_spans",
)
RECEIVER_REFUSED = Metric(
    "sloengine.receiver.refused_spans",
    "counter",
    "{span}",
    "Spans of requests that were well-formed and turned away for now; the sender keeps them.",
    (Attribute.PROTOCOL, Attribute.ERROR_TYPE),
    "otelcol_receiver_refused_spans",
)
RECEIVER_REJECTED = Metric(
    "sloengine.receiver.rejected_spans",
    "counter",
    "{span}",
    "Spans of acknowledged requests that can never be counted (no valid trace or span id); the "
    "sender was told by a partial success.",
    (Attribute.PROTOCOL,),
    "otelcol_receiver_failed_spans",
)
PROCESSOR_APPLIED = Metric(
    "sloengine.processor.applied_spans",
    "counter",
    "{span}",
    "Accepted spans that joined a trace.",
    collector="otelcol_processor_incoming_items",
)
PROCESSOR_DUPLICATE = Metric(
    "sloengine.processor.duplicate_spans",
    "counter",
    "{span}",
    "Accepted spans that were there already (a resend).",
)
PROCESSOR_LATE = Metric(
    "sloengine.processor.late_spans",
    "counter",
    "{span}",
    "Applied spans whose trace was judged before they came: the trace was judged again.",
    collector="otelcol_processor_tail_sampling_sampling_late_span_age",
)
PROCESSOR_DROPPED = Metric(
    "sloengine.processor.dropped_spans",
    "counter",
    "{span}",
    "Accepted spans that were counted nowhere, with the reason.",
    (Attribute.DROP_REASON,),
)
PROCESSOR_CLOSED_TRACES = Metric(
    "sloengine.processor.closed_traces",
    "counter",
    "{trace}",
    "Traces judged.",
    (Attribute.CLOSE_REASON,),
    "otelcol_processor_groupbytrace_traces_released",
)
PROCESSOR_IRREGULARITIES = Metric(
    "sloengine.processor.irregularities",
    "counter",
    "{irregularity}",
    "Things in traces or definitions that did not stop a verdict but deserve a look.",
    (Attribute.IRREGULARITY,),
)
PROCESSOR_PENDING_TRACES = Metric(
    "sloengine.processor.pending_traces",
    "up_down_counter",
    "{trace}",
    "Traces that wait for more spans.",
    collector="otelcol_processor_groupbytrace_num_traces_in_memory",
)
PROCESSOR_PENDING_SPANS = Metric(
    "sloengine.processor.pending_spans",
    "up_down_counter",
    "{span}",
    "Spans of traces that wait for more.",
)
PROCESSOR_PUT_OFF_TRACES = Metric(
    "sloengine.processor.put_off_traces",
    "up_down_counter",
    "{trace}",
    "Of the pending ones: traces that are due, and wait until the rest of them may be read again "
    "from the spool (`processor.reread_share`).",
)
SPOOL_USAGE = Metric(
    "sloengine.spool.usage",
    "up_down_counter",
    "By",
    "Size of the spool on disk.",
    collector="otelcol_exporter_queue_size",
)
SPOOL_LIMIT = Metric(
    "sloengine.spool.limit",
    "up_down_counter",
    "By",
    "Disk budget of the spool.",
    collector="otelcol_exporter_queue_capacity",
)
SPOOL_SEGMENTS = Metric(
    "sloengine.spool.segments", "up_down_counter", "{segment}", "Files of the spool."
)
STORE_COMMIT_DURATION = Metric(
    "sloengine.store.commit.duration",
    "histogram",
    "s",
    "Duration of commits of facts.",
    (Attribute.ERROR_TYPE,),
)
STORE_COMMITTED = Metric(
    "sloengine.store.committed_transactions",
    "counter",
    "{transaction}",
    "Business transactions that commits brought, by what changed.",
    (Attribute.FACT_CHANGE,),
)
STORE_USAGE = Metric("sloengine.store.usage", "up_down_counter", "By", "Size of the database file.")
EVALUATION_DURATION = Metric(
    "sloengine.evaluation.duration",
    "histogram",
    "s",
    "Duration of evaluations of all SLOs.",
    (Attribute.ERROR_TYPE,),
)
EXPORTER_SENT = Metric(
    "sloengine.exporter.sent_metric_points",
    "counter",
    "{data_point}",
    "Data points of results that the backend took.",
    collector="otelcol_exporter_sent_metric_points",
)
EXPORTER_SEND_FAILED = Metric(
    "sloengine.exporter.send_failed_metric_points",
    "counter",
    "{data_point}",
    "Data points of results that did not reach the backend; the next export carries newer ones.",
    collector="otelcol_exporter_send_failed_metric_points",
)
EXPORTER_REPLACED = Metric(
    "sloengine.exporter.replaced_evaluations",
    "counter",
    "{evaluation}",
    "Evaluations that a newer one overtook while the backend was slow.",
    collector="otelcol_exporter_enqueue_failed_metric_points",
)
PROCESS_UPTIME = Metric(
    "process.uptime",
    "gauge",
    "s",
    "Time since the engine started.",
    collector="otelcol_process_uptime",
)
PROCESS_CPU_TIME = Metric(
    "process.cpu.time",
    "counter",
    "s",
    "Processor time that the engine used.",
    (Attribute.CPU_MODE,),
    "otelcol_process_cpu_seconds",
)
PROCESS_MEMORY_USAGE = Metric(
    "process.memory.usage",
    "up_down_counter",
    "By",
    "Physical memory that the engine holds.",
    collector="otelcol_process_memory_rss",
)

HEALTH: tuple[Metric, ...] = (
    RECEIVER_REQUESTS,
    RECEIVER_ACTIVE_REQUESTS,
    RECEIVER_REQUEST_DURATION,
    RECEIVER_REQUEST_SIZE,
    RECEIVER_ACCEPTED,
    RECEIVER_REFUSED,
    RECEIVER_REJECTED,
    PROCESSOR_APPLIED,
    PROCESSOR_DUPLICATE,
    PROCESSOR_LATE,
    PROCESSOR_DROPPED,
    PROCESSOR_CLOSED_TRACES,
    PROCESSOR_IRREGULARITIES,
    PROCESSOR_PENDING_TRACES,
    PROCESSOR_PENDING_SPANS,
    PROCESSOR_PUT_OFF_TRACES,
    SPOOL_USAGE,
    SPOOL_LIMIT,
    SPOOL_SEGMENTS,
    STORE_COMMIT_DURATION,
    STORE_COMMITTED,
    STORE_USAGE,
    EVALUATION_DURATION,
    EXPORTER_SENT,
    EXPORTER_SEND_FAILED,
    EXPORTER_REPLACED,
    PROCESS_UPTIME,
    PROCESS_CPU_TIME,
    PROCESS_MEMORY_USAGE,
)

_INTRODUCTION = """\
# Metrics

<!-- Generated by `make docs` from sloengine/names.py: change the names there. -->

The engine sends OTLP metrics, cumulative, to any OTLP backend. Prometheus shows `.` as `_` and adds
a suffix for the unit and the kind: `sloengine.slo.events` is `sloengine_slo_events_total` there,
`sloengine.slo.sli` is `sloengine_slo_sli_ratio`, and `sloengine.transaction.duration` is the native
histogram `sloengine_transaction_duration_seconds`.

## What customers experienced

Instrumentation scope `sloengine`. These come from the store: their start time is the store's
creation and survives restarts, so a restart is no counter reset and a resend changes nothing.
Counters and the histogram count *first verdicts* and only rise; a later change of a verdict is in
`sloengine.slo.events.corrected`, and in the gauges at once. No data is no point: a gauge that has
nothing to say is absent, never zero.
"""

_HEALTH = """\
## How the engine itself is doing

Instrumentation scope `sloengine.health`. Counted since the process started. The last column is what
the Collector calls the same (or the nearest) thing about itself.
"""


def render_markdown() -> str:
    """docs/metrics.md as a whole: both tables of metrics, and all attributes."""
    parts = [
        _INTRODUCTION,
        _table(
            ["Metric", "Kind", "Unit", "Attributes", "Meaning"],
            [_cells(metric) for metric in RESULTS],
        ),
        _HEALTH,
        _table(
            ["Metric", "Kind", "Unit", "Attributes", "Meaning", "In the Collector"],
            [[*_cells(metric), _code(metric.collector)] for metric in HEALTH],
        ),
        "## Attributes\n",
        _table(
            ["Attribute", "Meaning"],
            [[_code(attribute), meaning] for attribute, meaning in ATTRIBUTES.items()],
        ),
    ]
    return "\n".join(parts)


def _cells(metric: Metric) -> list[str]:
    return [
        _code(metric.name),
        metric.kind.replace("_", " "),
        _code(metric.unit),
        ", ".join(_code(attribute) for attribute in metric.attributes),
        metric.description,
    ]


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    print(render_markdown(), end="")
