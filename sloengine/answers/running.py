"""What a running engine answers, from its store, its plan and its health."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from sloengine.clock import Clock
from sloengine.definitions import Plan
from sloengine.errors import OperatorError
from sloengine.evaluate import evaluate
from sloengine.questions import ReportRequest
from sloengine.report import render
from sloengine.store import Store, trace_record


def render_report(store: Store, plan: Plan, request: ReportRequest, clock: Clock) -> str:
    """Evaluate at the instant that is asked for, and render."""
    with store.reader() as reader:
        at_ns = clock.now_ns() if request.at_ns is None else request.at_ns
        if request.at_latest:
            at_ns = (reader.last_event_ns() or at_ns - 1) + 1
        # An objective may be named behind the SLO: SLO/objective.
        slos = None if request.slo is None else [request.slo.partition("/")[0]]
        found = evaluate(reader, plan, at_ns=at_ns, slos=slos, course=True, by=request.by)
        return render(found, request)


def answer_report(store: Store, plan: Plan, asked: Mapping[str, str], clock: Clock) -> str:
    """Answer `report`; `asked` is what `ReportRequest.parameters` writes."""
    return render_report(store, plan, ReportRequest.of_parameters(asked), clock)


def answer_trace(store: Store, asked: Mapping[str, str]) -> str:
    """Answer `trace`: what is stored of one trace, as JSON; `asked["trace"]` is its id in hex."""
    try:
        trace_id = int(asked.get("trace", ""), 16)
    except ValueError as error:
        raise OperatorError(
            f"not a trace id: {asked.get('trace')!r}; write 32 hex digits"
        ) from error
    return trace_record(store, trace_id).to_json()


def answer_health(
    plan: Plan,
    refusals: Mapping[tuple[str, str], int],
    *,
    spool_stopped: str | None,
    failure: str | None,
    idle_wait_ns: int,
    max_wait_ns: int,
) -> str:
    """Answer `health`: how the engine is, as JSON; `refusals` by (transport, reason)."""
    refused: Counter[str] = Counter()
    for (_, reason), number in refusals.items():
        refused[reason] += number
    return json.dumps(
        {
            "documents": plan.documents,
            "commit": plan.commit,
            "refusals": refused,
            "spool_stopped": spool_stopped,
            "failure": failure,
            "idle_wait_ns": idle_wait_ns,
            "max_wait_ns": max_wait_ns,
        }
    )
