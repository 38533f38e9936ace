"""The load as requests, and the definitions that judge it."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from benchmarks.load import LoadShape
from benchmarks.traffic import (
    ENDINGS,
    MIXED,
    SPANS_PER_TRACE,
    TRACE_MARK,
    TWO_ENTRIES,
    Template,
    field,
)

DEFINITIONS = Path(__file__).parent / "load-definitions"

_REQUESTS_PER_BLOCK = 2
_ROUND_BYTES = 3
_FAR = ("payment", "shipping")
"""Services whose spans of every second trace come in another request than the rest."""


@dataclass(frozen=True, slots=True)
class Request:
    """One `ExportTraceServiceRequest`, serialised."""

    payload: bytes
    spans: int

    def stamped(self, round_number: int) -> bytes:
        """Return it with the trace ids of a round; no two rounds share a trace."""
        stamp = round_number.to_bytes(_ROUND_BYTES, "big")
        return self.payload.replace(TRACE_MARK, TRACE_MARK[:-_ROUND_BYTES] + stamp)


@dataclass(frozen=True, slots=True)
class Block:
    """Requests that hold whole traces, taken together."""

    requests: tuple[Request, ...]
    facts: Mapping[str, Mapping[str, int]]
    """Its business transactions by name and outcome."""


def make_blocks(shape: LoadShape) -> list[Block]:
    """Make at least as many spans as the shape says, in blocks of equal size."""
    kinds = TWO_ENTRIES if shape.two_entries else MIXED
    start_ns = time.time_ns() - 10 * 10**9
    templates = [[Template(kind, ending, start_ns) for kind in kinds] for ending in ENDINGS]
    traces = max(1, shape.spans_per_request * _REQUESTS_PER_BLOCK // SPANS_PER_TRACE)
    blocks: list[Block] = []
    while len(blocks) * traces * SPANS_PER_TRACE < shape.spans:
        blocks.append(_block(templates, len(blocks) * traces, traces))
    return blocks


def write_definitions(folder: Path) -> int:
    """Copy the load's definitions to a folder; return how many there are."""
    shutil.copytree(DEFINITIONS, folder, dirs_exist_ok=True)
    files = DEFINITIONS.glob("*.yaml")
    return sum(file.read_text(encoding="utf-8").count("kind: ") for file in files)


def _block(templates: Sequence[Sequence[Template]], first: int, traces: int) -> Block:
    by_service: list[dict[str, list[bytes]]] = [{} for _ in range(_REQUESTS_PER_BLOCK)]
    facts: dict[str, Counter[str]] = {}
    for number in range(first, first + traces):
        kind, home = number % len(templates[0]), number % _REQUESTS_PER_BLOCK
        template = templates[number // len(templates[0]) % len(templates)][kind]
        is_split = number // _REQUESTS_PER_BLOCK % 2
        for service, span in template.copy(number):
            away = is_split and service in _FAR
            by_service[(home + away) % _REQUESTS_PER_BLOCK].setdefault(service, []).append(span)
        for name, outcome in template.facts.items():
            facts.setdefault(name, Counter())[outcome] += 1
    return Block(tuple(_request(spans) for spans in by_service), facts)


def _request(by_service: Mapping[str, Sequence[bytes]]) -> Request:
    payload = b"".join(
        field(1, field(1, _resource(service)) + field(2, _scope() + b"".join(spans)))
        for service, spans in by_service.items()
    )
    return Request(payload, sum(map(len, by_service.values())))


def _resource(service: str) -> bytes:
    values = {"service.name": service, "service.namespace": "shop", "host.name": f"{service}-0"}
    return Resource(
        attributes=[
            KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in values.items()
        ]
    ).SerializeToString()


def _scope() -> bytes:
    return field(1, InstrumentationScope(name="benchmark", version="1").SerializeToString())
