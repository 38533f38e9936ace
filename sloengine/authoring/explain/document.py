"""An explanation as JSON: the same content as the text, complete, with stable keys."""

from __future__ import annotations

import json
from typing import Any

from sloengine.authoring.explain.model import (
    ExplainedTransaction,
    Explanation,
    Finding,
    Rival,
)

VERSION = 1


def render_json(explanation: Explanation) -> str:
    """Return the explanation as a JSON document; spans are named by their place in `spans`."""
    document = {
        "version": VERSION,
        "traceId": f"{explanation.trace_id:032x}",
        "revision": explanation.revision,
        "commit": explanation.commit,
        "incomplete": explanation.incomplete,
        "orphans": list(explanation.orphans),
        "cyclesCut": explanation.cycles_cut,
        "copies": explanation.copies,
        "transactions": [_transaction(item) for item in explanation.transactions],
        "passedOver": [
            {"span": item.span, "candidates": [_rival(rival) for rival in item.rivals]}
            for item in explanation.passed_over
        ],
        "unmapped": [
            {"span": item.span, "transaction": item.transaction} for item in explanation.unmapped
        ],
        "conditionErrors": [
            {
                "definition": error.definition,
                "condition": error.condition,
                "spans": error.spans,
                "message": error.message,
            }
            for error in explanation.condition_errors
        ],
        "notes": list(explanation.notes),
        "spans": [
            {
                "spanId": f"{span.span_id:016x}",
                "parentSpanId": f"{span.parent_id:016x}" if span.parent_id else None,
                "kind": span.kind,
                "service": span.service,
                "name": span.name,
                "status": span.status or None,
                "startTimeUnixNano": str(span.start_ns),
                "endTimeUnixNano": str(span.end_ns),
                "parent": None if span.parent < 0 else span.parent,
                "entryOf": list(span.entry_of),
                "parentMissing": span.parent_missing,
                "orphan": span.orphan,
            }
            for span in explanation.spans
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _transaction(item: ExplainedTransaction) -> dict[str, Any]:
    return {
        "transaction": item.transaction,
        "definition": item.definition,
        "entry": item.entry,
        "outcome": item.outcome,
        "reason": item.reason,
        "spanSetSize": item.set_size,
        "entryRule": _finding(item.entry_rule),
        "having": None if item.having is None else _finding(item.having),
        "otherCandidates": [_rival(rival) for rival in item.rivals],
        "rules": [
            {
                "rule": rule.label,
                "reason": rule.reason,
                "decided": rule.decided,
                **_finding(rule.finding),
            }
            for rule in item.rules
        ],
        "values": [
            {
                "name": value.name,
                "value": value.text,
                "expression": value.expression,
                "span": value.span,
                "from": value.from_span or None,
            }
            for value in item.values
        ],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "condition": finding.text,
        "answer": finding.answer.value,
        "why": finding.why,
        "spans": list(finding.spans),
        "parts": [_finding(part) for part in finding.parts],
    }


def _rival(rival: Rival) -> dict[str, Any]:
    return {"transaction": rival.transaction, "priority": rival.priority, "why": rival.why}
