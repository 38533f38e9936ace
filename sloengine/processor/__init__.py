"""Spans become traces, and traces become business transactions.

In: a `SpanBatch` for each frame of the spool, in any order and any number of times.
Out: `Closed`: the facts of the traces that are complete, and what was noticed on the way.

Guaranteed: no span is dropped, only judged early at the byte budget; the same spans give the same
facts whatever their order, batching and repetition; a span that comes late has its trace judged
again by the revision that judged it first; nothing is lost when the history cannot be read. What a
trace means is in `judge.py`, a pure function; when a trace is judged is in `processor.py`.
"""

from sloengine.processor.counters import Counter
from sloengine.processor.history import (
    AskedTraces,
    EarlierTrace,
    FrameHistory,
    HistoryFrame,
    NoHistory,
    PendingSpans,
    TraceHistory,
)
from sloengine.processor.interface import ProcessorFactory, TraceProcessor
from sloengine.processor.judge import Judge, Verdict, judge_trace
from sloengine.processor.loop import Committed, ProcessLoop
from sloengine.processor.processor import AddResult, Processor, ProcessorSettings
from sloengine.processor.reread_budget import RereadBudget
from sloengine.processor.rows import SpanKey, SpanRow
from sloengine.processor.spool_history import SpoolHistory
from sloengine.processor.verdicts import Closed
from sloengine.processor.witness import Bench, Witness

__all__ = [
    "AddResult",
    "AskedTraces",
    "Bench",
    "Closed",
    "Committed",
    "Counter",
    "EarlierTrace",
    "FrameHistory",
    "HistoryFrame",
    "Judge",
    "NoHistory",
    "PendingSpans",
    "ProcessLoop",
    "Processor",
    "ProcessorFactory",
    "ProcessorSettings",
    "RereadBudget",
    "SpanKey",
    "SpanRow",
    "SpoolHistory",
    "TraceHistory",
    "TraceProcessor",
    "Verdict",
    "Witness",
    "judge_trace",
]
