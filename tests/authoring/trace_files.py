"""Small files of traces and small sets of definitions, for tests that compare and discover."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sloengine.definitions import Plan, load_definitions

MS = 10**6
START_NS = 1_764_072_000 * 10**9


@dataclass(frozen=True)
class S:
    """A span; `parent` is the place of another one in its trace."""

    service: str
    name: str
    kind: int = 2
    parent: int | None = None
    ms: float = 100
    error: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_traces(file: Path, traces: Sequence[Sequence[S]]) -> Path:
    """Write traces as JSON lines, one a line; trace n has the id n + 1, span k the id k + 1."""
    with file.open("w", encoding="utf-8") as out:
        for number, spans in enumerate(traces):
            resources = [_resource_spans(number, place, span) for place, span in enumerate(spans)]
            out.write(json.dumps({"resourceSpans": resources}) + "\n")
    return file


def _resource_spans(number: int, place: int, span: S) -> object:
    start_ns = START_NS + number * 1000 * MS + place * MS
    return {
        "resource": {"attributes": [_attribute("service.name", span.service)]},
        "scopeSpans": [
            {
                "spans": [
                    {
                        "traceId": f"{number + 1:032x}",
                        "spanId": f"{place + 1:016x}",
                        "parentSpanId": "" if span.parent is None else f"{span.parent + 1:016x}",
                        "name": span.name,
                        "kind": span.kind,
                        "startTimeUnixNano": str(start_ns),
                        "endTimeUnixNano": str(start_ns + int(span.ms * MS)),
                        "status": {"code": 2} if span.error else {},
                        "attributes": [_attribute(*pair) for pair in span.attributes.items()],
                    }
                ]
            }
        ],
    }


def _attribute(key: str, value: str) -> object:
    return {"key": key, "value": {"stringValue": value}}


def plan_of(folder: Path, **files: str) -> Plan:
    """Load definitions written into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_definitions(folder).plan


def checkout(**replaced: str) -> str:
    """A transaction with a promise; pieces of its text can be replaced."""
    pieces = {
        "entry": """['resource.attributes["service.name"] == "shop"']""",
        "rules": "[failed: {entry: span.status.code == STATUS_CODE_ERROR}, slow: {longerThan: 1s}]",
        "target": "99%",
        "window": "28d",
        "more": "",
        **replaced,
    }
    return (
        "apiVersion: sloengine/v1\n"
        "kind: BusinessTransaction\n"
        "metadata: {name: checkout}\n"
        "spec:\n"
        f"  entry: {pieces['entry']}\n"
        f"  outcome: {pieces['rules']}\n"
        f"  promise: {{target: {pieces['target']}, window: {pieces['window']}}}\n"
        f"{pieces['more']}"
    )
