"""Traces that nobody here wrote: the same facts, whatever the order and the batches.

The folder that SLOENGINE_TRACES names is described by its own README.
"""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from sloengine.clock import SystemClock
from sloengine.definitions import load_definitions
from sloengine.otlp.files import read_requests
from sloengine.replay import replay
from sloengine.store import Fact, Store
from sloengine.wiring import REFERENCE, HotPath, hot_path

pytestmark = [pytest.mark.traces, pytest.mark.slow, pytest.mark.timeout(900)]

EXAMPLES = Path(__file__).resolve().parents[2] / "slo-definitions" / "examples"
SETS = {"nezha-trainticket": "trainticket", "nezha-onlineboutique": "onlineboutique"}


def facts_of(
    file: Path, definitions: Path, store_folder: Path, on: HotPath = REFERENCE
) -> list[Fact]:
    replayed = replay([file], load_definitions(definitions).plan, store_folder, hot_path=on)
    assert replayed.problems == ()
    assert replayed.rejected_spans == 0
    with Store.open(store_folder, clock=SystemClock()) as store, store.reader() as reader:
        return sorted(
            reader.facts(), key=lambda fact: (fact.trace_id, fact.entry_span_id, fact.entry_kind)
        )


def spans_of(file: Path) -> Iterator[tuple[Resource, Span]]:
    for one in read_requests(file):
        message = ExportTraceServiceRequest.FromString(one.payload)
        for resource_spans in message.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    yield resource_spans.resource, span


def shuffle(file: Path, target: Path, seed: int) -> None:
    """Write every span of `file` again, in another order and in batches of any size."""
    dice = random.Random(seed)
    spans = list(spans_of(file))
    dice.shuffle(spans)
    compressor = zstandard.ZstdCompressor()
    with target.open("wb") as stream, compressor.stream_writer(stream) as out:
        while spans:
            message = ExportTraceServiceRequest()
            for _ in range(min(len(spans), dice.choice([1, 7, 512, 8192]))):
                resource, span = spans.pop()
                resource_spans = message.resource_spans.add()
                resource_spans.resource.CopyFrom(resource)
                resource_spans.scope_spans.add().spans.append(span)
            payload = message.SerializeToString()
            out.write(struct.pack(">I", len(payload)) + payload)


@pytest.mark.parametrize("name", sorted(SETS))
def test_shuffled_and_rebatched_traces_give_identical_facts(
    traces_folder: Path, tmp_path: Path, name: str
) -> None:
    file = traces_folder / name / "traces.jsonl.gz"
    definitions = EXAMPLES / SETS[name]
    as_recorded = facts_of(file, definitions, tmp_path / "as-recorded")
    shuffled = tmp_path / "shuffled.bin.zst"
    shuffle(file, shuffled, seed=11)
    assert facts_of(shuffled, definitions, tmp_path / "shuffled") == as_recorded
    kernels = hot_path("auto")
    assert kernels is not REFERENCE
    assert facts_of(file, definitions, tmp_path / "kernels", kernels) == as_recorded
    assert facts_of(shuffled, definitions, tmp_path / "kernels-shuffled", kernels) == as_recorded

    counted = Counter(fact.transaction for fact in as_recorded)
    plan = load_definitions(definitions).plan
    assert set(counted) <= {rule.name for rule in plan.transactions} | {"other", "ignored"}
    labels = json.loads((traces_folder / name / "labels.json").read_text(encoding="utf-8"))
    assert all(counted[rule.name] for rule in plan.transactions)
    assert len(plan.transactions) >= len(labels["transactions"])
