"""The spans of one trace, as the judge sees them and as people want to see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sloengine.definitions import Plan
from sloengine.otlp import ReferenceDecoder
from sloengine.ottl import ConditionTable, Field
from sloengine.processor import SpanKey, SpanRow
from sloengine.processor.rows import BatchRows, beats

_STATUS = Field("span.status.code")
_STATUS_NAMES = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True, slots=True)
class CollectedTrace:
    """The distinct spans of one trace."""

    rows: Mapping[SpanKey, SpanRow]
    """As the judge wants them; of conflicting copies, the one that wins."""
    statuses: Mapping[SpanKey, str]
    """`UNSET`, `OK` or `ERROR`."""
    copies: int
    """Spans that came again."""


def collect_trace(
    plan: Plan, table: ConditionTable, payloads: Iterable[bytes], trace_id: int
) -> CollectedTrace:
    """Take the spans of one trace out of requests, in which others may stand too.

    Raises:
        PermanentError: a payload is no OTLP request.
    """
    decoder = ReferenceDecoder(plan.fields, table, plan.captures)
    # Statuses are read beside the plan's own fields: among them they would decide which of two
    # conflicting copies wins.
    beside = ReferenceDecoder([_STATUS], ConditionTable([], []), [])
    rows: dict[SpanKey, SpanRow] = {}
    statuses: dict[SpanKey, str] = {}
    copies = 0
    for payload in payloads:
        batch = BatchRows(decoder.decode(payload).batch)
        shown = beside.decode(payload).batch
        for index in batch.rows_of(trace_id):
            row = batch.row(index)
            holder = rows.get(row.key)
            copies += holder is not None
            if holder is None or beats(row, holder):
                rows[row.key] = row
                statuses[row.key] = _status(shown.projected(index)[0])
    return CollectedTrace(rows, statuses, copies)


def _status(code: object) -> str:
    known = isinstance(code, int) and 0 <= code < len(_STATUS_NAMES)
    return _STATUS_NAMES[code] if known and isinstance(code, int) else str(code)
