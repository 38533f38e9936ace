"""`StoreReader`: every number that people see comes from one of the statements below."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import duckdb

from sloengine.definitions.plan import SloRule
from sloengine.ottl import FactCondition
from sloengine.store.columns import CONTENT, IDENTITY, LOW_64
from sloengine.store.database import query, stream, transaction
from sloengine.store.facts import OTHER, OTHER_SERVICE, OTHER_SPAN, Fact
from sloengine.store.left_out import LEFT_OUT_COUNTS, left_out_sql
from sloengine.store.parts import parts_sql
from sloengine.store.retention import MERGED_DURATIONS
from sloengine.store.room import Room
from sloengine.store.rows import (
    Correction,
    Counts,
    CountWindow,
    CourseStep,
    DefinitionCount,
    DurationHistogram,
    Exemplar,
    ExportState,
    LeftOut,
    OtherName,
    PartCount,
    ReasonCount,
    TrafficCount,
)
from sloengine.store.slots import MINUTE_NS, floor_to
from sloengine.store.verdicts import RESULT_NAMES

_WINDOWS = """
    SELECT unnest($indicators::VARCHAR[]) AS indicator, unnest($starts::BIGINT[]) AS start_ns,
        unnest($ends::BIGINT[]) AS end_ns
"""

# Purpose: counts of many windows in one pass.
# Parameters: indicators, starts, ends: lists of equal length, one entry for each window.
# Columns: indicator, start_ns, end_ns, good, total, excluded, unknown, corrected; windows
# without any row are left out.
WINDOW_COUNTS = f"""
WITH windows AS ({_WINDOWS})
SELECT w.indicator, w.start_ns, w.end_ns, sum(c.good)::BIGINT, sum(c.total)::BIGINT,
    sum(c.excluded)::BIGINT, sum(c.unknown)::BIGINT, sum(c.corrected)::BIGINT
FROM windows AS w
JOIN all_sli_counts AS c
    ON c.indicator = w.indicator AND c.slot_ns >= w.start_ns AND c.slot_ns < w.end_ns
GROUP BY w.indicator, w.start_ns, w.end_ns
"""

# Purpose: why events of many windows were bad.
# Parameters: as WINDOW_COUNTS.
# Columns: indicator, start_ns, end_ns, outcome, reason, events; most first within a window.
BAD_REASONS = f"""
WITH windows AS ({_WINDOWS})
SELECT w.indicator, w.start_ns, w.end_ns, r.outcome, r.reason, sum(r.events)::BIGINT AS bad
FROM windows AS w
JOIN all_sli_reasons AS r
    ON r.indicator = w.indicator AND r.slot_ns >= w.start_ns AND r.slot_ns < w.end_ns
GROUP BY w.indicator, w.start_ns, w.end_ns, r.outcome, r.reason
HAVING bad > 0
ORDER BY w.indicator, w.start_ns, w.end_ns, bad DESC, r.outcome, r.reason
"""

# Purpose: the course of many windows in steps of equal length.
# Parameters: as WINDOW_COUNTS, and steps: the length of a step of each window, in nanoseconds.
# Columns: indicator, start_ns, end_ns, step (0 for the first), good, total; in ascending order.
COURSE = """
WITH windows AS (
    SELECT unnest($indicators::VARCHAR[]) AS indicator, unnest($starts::BIGINT[]) AS start_ns,
        unnest($ends::BIGINT[]) AS end_ns, unnest($steps::BIGINT[]) AS step_ns
)
SELECT w.indicator, w.start_ns, w.end_ns, (c.slot_ns - w.start_ns) // w.step_ns AS step,
    sum(c.good)::BIGINT, sum(c.total)::BIGINT
FROM windows AS w
JOIN all_sli_counts AS c
    ON c.indicator = w.indicator AND c.slot_ns >= w.start_ns AND c.slot_ns < w.end_ns
GROUP BY w.indicator, w.start_ns, w.end_ns, step
ORDER BY w.indicator, w.start_ns, w.end_ns, step
"""

# Purpose: which transactions the traffic of a window was, `other` and `ignored` included.
# Parameters: start_ns, end_ns. Columns: transaction, outcome, events.
TRAFFIC = """
SELECT transaction, outcome, sum(events)::BIGINT AS facts FROM all_traffic_counts
WHERE slot_ns >= $start_ns AND slot_ns < $end_ns
GROUP BY transaction, outcome HAVING facts > 0
ORDER BY transaction, outcome
"""

# Purpose: the commonest unmapped spans of a window, as far back as facts are kept.
# Parameters: other, service_key, span_key: names from facts.py; start_ns, end_ns, most.
# Columns: service, span, events; most first.
OTHER_NAMES = """
SELECT coalesce(dimensions[$service_key], '') AS service,
    coalesce(dimensions[$span_key], '') AS span, count(*) AS facts
FROM transactions
WHERE transaction = $other AND end_ns >= $start_ns AND end_ns < $end_ns
GROUP BY service, span
ORDER BY facts DESC, service, span LIMIT $most
"""

# Purpose: which definitions judged what is counted in a window.
# Parameters: start_ns, end_ns. Columns: transaction, definition, the minutes of the first and the
# last (folding must not move them), events.
DEFINITIONS = f"""
SELECT transaction, definition, min(slot_ns - slot_ns % {MINUTE_NS}) AS first_ns,
    max(slot_ns - slot_ns % {MINUTE_NS}), sum(events)::BIGINT AS facts
FROM all_traffic_counts
WHERE definition <> '' AND slot_ns >= $start_ns AND slot_ns < $end_ns
GROUP BY transaction, definition HAVING facts > 0 ORDER BY transaction, first_ns, definition
"""

# Purpose: since when an indicator has counts. Parameter: indicators.
# Columns: indicator, the minute of its first event (folding must not move it).
FIRST_EVENTS = f"""
SELECT indicator, min(slot_ns - slot_ns % {MINUTE_NS}) FROM all_sli_counts
WHERE indicator IN (SELECT unnest($indicators::VARCHAR[]))
GROUP BY indicator
"""

# Purpose: in how many minutes of a window the engine ran.
# Parameters: start_ns (of a minute), end_ns. Column: minutes.
COVERED_MINUTES = """
SELECT count(*) FROM coverage WHERE minute_ns >= $start_ns AND minute_ns < $end_ns
"""

# Purpose: the engine's own counters. Columns: name, value.
COUNTERS = "SELECT name, sum(value)::BIGINT FROM all_engine_counters GROUP BY name ORDER BY name"

# Purpose: the latest end of any stored fact. Column: end_ns, NULL where there is none.
LAST_EVENT = "SELECT max(end_ns) FROM transactions"

# Purpose: the first event of all. Columns: first_ns.
FIRST_EVENT = "SELECT min(end_ns) FROM transactions"

# Purpose: stored facts that were replaced or removed, by when that was.
# Parameters: start_ns, end_ns. Columns: those of the table.
CORRECTIONS = """
SELECT * FROM corrections WHERE at_ns >= $start_ns AND at_ns < $end_ns
ORDER BY at_ns, trace_hi, trace_lo, entry_span_id, entry_kind
"""

# Purpose: first verdicts for export. Columns: slo, result, events.
EXPORT_VERDICTS = """
SELECT slo, result, sum(events)::BIGINT FROM all_export_verdicts
GROUP BY slo, result ORDER BY slo, result
"""

# Purpose: changed verdicts for export. Columns: slo, before, after, events.
EXPORT_CORRECTIONS = """
SELECT slo, before, after, sum(events)::BIGINT FROM export_corrections
GROUP BY slo, before, after ORDER BY slo, before, after
"""

# Purpose: durations for export. Columns: those of export_durations.
EXPORT_DURATIONS = f"SELECT * FROM ({MERGED_DURATIONS}) ORDER BY transaction, outcome, reason"

# Purpose: histogram buckets for export. Columns: transaction, outcome, reason, bucket, events.
EXPORT_BUCKETS = """
SELECT transaction, outcome, reason, bucket, sum(events)::BIGINT FROM all_export_buckets
GROUP BY transaction, outcome, reason, bucket ORDER BY transaction, outcome, reason, bucket
"""

# Purpose: every stored fact, in order of identity. Columns: identity and content.
FACTS = f"""
SELECT {", ".join(IDENTITY + CONTENT)} FROM transactions ORDER BY {", ".join(IDENTITY)}
"""

# Purpose: the stored facts of one trace, in order of identity. Parameters: trace_hi, trace_lo.
# Columns: identity and content.
TRACE_FACTS = f"""
SELECT {", ".join(IDENTITY + CONTENT)} FROM transactions
WHERE trace_hi = $trace_hi::UBIGINT AND trace_lo = $trace_lo::UBIGINT
ORDER BY {", ".join(IDENTITY)}
"""


class StoreReader:
    """Reads the store through a cursor of its own, beside the writer and other readers.

    Each method is one statement and sees one state of the store; `consistent()` makes several see
    the same. One thread at a time. Close it, or use it in `with`.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, room: Room | None) -> None:
        self._cursor = cursor
        self._room = room
        if room is not None:
            room.enter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the cursor back. Closing twice does nothing."""
        self._cursor.close()
        room, self._room = self._room, None
        if room is not None:
            room.leave()

    @contextmanager
    def consistent(self) -> Iterator[None]:
        """Let every method called in the block see the store as it is now. Must not be nested."""
        with transaction(self._cursor):
            yield

    def window_counts(self, windows: Collection[CountWindow]) -> dict[CountWindow, Counts]:
        """Return the counts of each window, zeros where it holds nothing; one statement for all."""
        asked = set(windows)
        counts = dict.fromkeys(asked, Counts())
        for indicator, start_ns, end_ns, *sums in self._rows(WINDOW_COUNTS, _lists(asked)):
            counts[CountWindow(indicator, start_ns, end_ns)] = Counts(*sums)
        return counts

    def bad_reasons(
        self, windows: Collection[CountWindow]
    ) -> dict[CountWindow, tuple[ReasonCount, ...]]:
        """Return why the bad events of each window were bad, most first."""
        asked = set(windows)
        reasons: dict[CountWindow, list[ReasonCount]] = {window: [] for window in asked}
        for indicator, start_ns, end_ns, *reason in self._rows(BAD_REASONS, _lists(asked)):
            reasons[CountWindow(indicator, start_ns, end_ns)].append(ReasonCount(*reason))
        return {window: tuple(found) for window, found in reasons.items()}

    def course(
        self, steps_ns: Mapping[CountWindow, int]
    ) -> dict[CountWindow, tuple[CourseStep, ...]]:
        """Return each window cut into steps of the given length, in ascending order."""
        course: dict[CountWindow, list[CourseStep]] = {window: [] for window in steps_ns}
        parameters = {**_lists(steps_ns), "steps": list(steps_ns.values())}
        for indicator, start_ns, end_ns, step, good, total in self._rows(COURSE, parameters):
            window = CountWindow(indicator, start_ns, end_ns)
            at_ns = start_ns + step * steps_ns[window]
            course[window].append(CourseStep(at_ns, good, total))
        return {window: tuple(found) for window, found in course.items()}

    def traffic(self, start_ns: int, end_ns: int) -> tuple[TrafficCount, ...]:
        """Return how many facts each transaction has, by outcome, in slots of the window."""
        rows = self._rows(TRAFFIC, {"start_ns": start_ns, "end_ns": end_ns})
        return tuple(TrafficCount(*row) for row in rows)

    def other_names(self, start_ns: int, end_ns: int, *, most: int) -> tuple[OtherName, ...]:
        """Return the commonest unmapped spans. Reaches back only as far as facts are kept."""
        rows = self._rows(
            OTHER_NAMES,
            {
                "other": OTHER,
                "service_key": OTHER_SERVICE,
                "span_key": OTHER_SPAN,
                "start_ns": start_ns,
                "end_ns": end_ns,
                "most": most,
            },
        )
        return tuple(OtherName(*row) for row in rows)

    def left_out(
        self,
        rule: SloRule,
        window: CountWindow,
        periods: Sequence[tuple[int, int, int]],
        conditions: Sequence[FactCondition | None],
    ) -> tuple[LeftOut, ...]:
        """Return the counted events of a window that adjustments leave out, from stored facts.

        `periods` are (from, until, number of the adjustment); `conditions` has one entry for each
        adjustment. Every event is in one row at most.
        """
        sql, parameters = left_out_sql(rule, conditions)
        asked = [*parameters, window.start_ns, window.end_ns, *_columns(periods)]
        return tuple(LeftOut(*row) for row in query(self._cursor, sql, asked))

    def left_out_counts(
        self, window: CountWindow, periods: Sequence[tuple[int, int, int]]
    ) -> tuple[LeftOut, ...]:
        """Return what adjustments without a condition leave out of a window, from counts.

        For windows of which no fact is kept any more. A slot is in the period in which it begins.
        """
        starts, ends, numbers = _columns(periods)
        return tuple(
            LeftOut(*row)
            for row in self._rows(
                LEFT_OUT_COUNTS,
                {
                    "indicator": window.indicator,
                    "start_ns": window.start_ns,
                    "end_ns": window.end_ns,
                    "starts": starts,
                    "ends": ends,
                    "numbers": numbers,
                },
            )
        )

    def parts(
        self,
        rule: SloRule,
        window: CountWindow,
        dimension: str | None,
        periods: Sequence[tuple[int, int, int]],
        conditions: Sequence[FactCondition | None],
    ) -> tuple[PartCount, ...]:
        """Return what a window holds by value of a dimension, and its money, from stored facts.

        A fact without the dimension has the value `__none__`; without a dimension there is one
        part. What adjustments leave out, given as to `left_out`, is not in it.
        """
        sql, parameters = parts_sql(rule, dimension, conditions)
        asked = [*parameters, window.start_ns, window.end_ns, *_columns(periods)]
        return tuple(
            PartCount(value, RESULT_NAMES[code], *rest)
            for value, code, *rest in query(self._cursor, sql, asked)
        )

    def definitions(self, start_ns: int, end_ns: int) -> tuple[DefinitionCount, ...]:
        """Return which definitions judged what is counted in a window, back as far as counts."""
        window = {"start_ns": start_ns, "end_ns": end_ns}
        return tuple(DefinitionCount(*row) for row in self._rows(DEFINITIONS, window))

    def first_events(self, indicators: Collection[str]) -> dict[str, int]:
        """Return the minute of each indicator's first event; without any it is left out."""
        return dict(self._rows(FIRST_EVENTS, {"indicators": sorted(indicators)}))

    def covered_minutes(self, start_ns: int, end_ns: int) -> int:
        """Return in how many of the minutes that the window touches the engine ran."""
        start_ns = floor_to(start_ns, MINUTE_NS)
        rows = self._rows(COVERED_MINUTES, {"start_ns": start_ns, "end_ns": end_ns})
        return int(rows[0][0])

    def counters(self) -> dict[str, int]:
        """Return the engine's own persistent counters by name."""
        return dict(self._rows(COUNTERS))

    def last_event_ns(self) -> int | None:
        """Return the latest end of any stored fact."""
        latest: int | None = self._rows(LAST_EVENT)[0][0]
        return latest

    def first_event_ns(self) -> int | None:
        """Return the earliest end of any stored fact."""
        earliest: int | None = self._rows(FIRST_EVENT)[0][0]
        return earliest

    def folded_until_ns(self) -> int:
        """Return the instant before which counts stand in minutes; 0 where none do."""
        return int(self._rows("SELECT folded_until_ns FROM store")[0][0])

    def facts_since_ns(self) -> int:
        """Return the instant before which facts were dropped; 0 where none were."""
        return int(self._rows("SELECT expired_until_ns FROM store")[0][0])

    def corrections(self, start_ns: int, end_ns: int) -> tuple[Correction, ...]:
        """Return the facts that were replaced or removed in `[start_ns, end_ns)`, oldest first."""
        rows = self._rows(CORRECTIONS, {"start_ns": start_ns, "end_ns": end_ns})
        return tuple(Correction(high << 64 | low, *rest) for high, low, *rest in rows)

    def export_state(self) -> ExportState:
        """Return every cumulative number for export, all of one instant."""
        start_ns = int(self._rows("SELECT created_ns FROM store")[0][0])
        buckets: dict[tuple[str, str, str], dict[int, int]] = {}
        for transaction_name, outcome, reason, bucket, events in self._rows(EXPORT_BUCKETS):
            buckets.setdefault((transaction_name, outcome, reason), {})[bucket] = events
        return ExportState(
            start_ns=start_ns,
            verdicts={(slo, result): n for slo, result, n in self._rows(EXPORT_VERDICTS)},
            corrections={
                (slo, before, after): n for slo, before, after, n in self._rows(EXPORT_CORRECTIONS)
            },
            durations=tuple(
                _histogram(row, buckets.get(row[:3], {})) for row in self._rows(EXPORT_DURATIONS)
            ),
        )

    def facts(self) -> tuple[Fact, ...]:
        """Return every stored fact in order of identity: for small stores and for tests."""
        return tuple(self.each_fact())

    def each_fact(self) -> Iterator[Fact]:
        """Yield every stored fact in order of identity, holding few of them at a time.

        The reader can do nothing else until the last one was taken.
        """
        for high, low, *rest, dimensions in stream(self._cursor, FACTS):
            yield Fact(high << 64 | low, *[*rest, dict(dimensions)])

    def trace_facts(self, trace_id: int) -> tuple[Fact, ...]:
        """Return the stored facts of one trace, in order of identity."""
        words = {"trace_hi": trace_id >> 64, "trace_lo": trace_id & LOW_64}
        return tuple(
            Fact(high << 64 | low, *[*rest, dict(dimensions)])
            for high, low, *rest, dimensions in self._rows(TRACE_FACTS, words)
        )

    def _rows(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        return query(self._cursor, sql, parameters)


def _lists(windows: Collection[CountWindow]) -> dict[str, object]:
    return {
        "indicators": [window.indicator for window in windows],
        "starts": [window.start_ns for window in windows],
        "ends": [window.end_ns for window in windows],
    }


def _columns(periods: Sequence[tuple[int, int, int]]) -> list[list[int]]:
    return [list(column) for column in zip(*periods, strict=True)] or [[], [], []]


def _histogram(row: tuple[Any, ...], buckets: Mapping[int, int]) -> DurationHistogram:
    *numbers, trace_high, trace_low, span_id, value_ns, time_ns = row
    exemplar = Exemplar(trace_high << 64 | trace_low, span_id, value_ns, time_ns)
    return DurationHistogram(*[*numbers, buckets, exemplar])
