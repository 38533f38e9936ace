"""Machine code for the kernels, before anything depends on their speed."""

from __future__ import annotations

import numpy as np

from sloengine.definitions.plan import Plan
from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable
from sloengine.processor.history import NoHistory
from sloengine.processor.kernel.ending import put_off, spans_of
from sloengine.processor.kernel.processor import KernelProcessor
from sloengine.processor.kernel.records import address_of
from sloengine.processor.processor import ProcessorSettings


def warm_up() -> None:
    """Compile the kernels, or load them: seconds where nothing was kept.

    To be called before anything depends on their speed.
    """
    plan = Plan(
        revision="",
        commit=None,
        fields=tuple(sorted((SERVICE_NAME, SPAN_NAME))),
        conditions=(),
        captures=(),
        transactions=(),
        ignore=(),
        slos=(),
        documents="",
    )
    table = ConditionTable(plan.fields, plan.conditions)
    processor = KernelProcessor(
        plan, table, settings=ProcessorSettings(), key=b"", history=NoHistory()
    )
    one = np.ones(1, np.uint64)
    batch = SpanBatch(
        trace_hi=one,
        trace_lo=one,
        span_id=one,
        parent_id=np.zeros(1, np.uint64),
        kind=np.array([2], np.uint8),
        start_ns=one,
        end_ns=one,
        vector=np.array([table.vector(("", ""))], np.int32),
        capture_row=np.zeros(0, np.int32),
        capture_expression=np.zeros(0, np.int32),
        capture_value=(),
        table=table,
        projected=lambda _: ("", ""),
    )
    processor.add(batch, position=0, arrival_ns=0)
    address, one_word = processor._arena.address, np.empty(1, np.int64)
    spans_of(address, 0, address_of(one_word))
    put_off(address, address_of(one_word), 0)
    processor.close(0)
    processor.close(0, everything=True)
    processor.add(batch, position=1, arrival_ns=1)
    processor.discard([1])
    processor._arena.warm_up()
