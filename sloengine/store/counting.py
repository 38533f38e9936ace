"""Counts of one commit: added up over columns here, so that the database gets a few rows of them.

A verdict by an indicator that reads only outcome and reason is decided once for all facts that
have both in common; the others are decided by one statement over the facts that they look at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sloengine.store.columns import buckets_of
from sloengine.store.database import arrow_view, insert, run
from sloengine.store.distinct import distinct
from sloengine.store.kinds import Numbering
from sloengine.store.slots import SLOT_NS
from sloengine.store.verdicts import NO_RESULT, RESULT_NAMES, IndicatorSet, Judged, Result

_Ints = npt.NDArray[np.int64]
_Row = tuple[object, ...]
_CORRECTED = "corrected"
_TEXT, _NUMBER, _ID = pa.string(), pa.int64(), pa.uint64()

# The columns of the tables that a commit adds counts to.
_COUNT_DELTAS = pa.schema(
    {
        "counted": _TEXT,
        "name": _TEXT,
        "definition": _TEXT,
        "slot_ns": _NUMBER,
        "result": _TEXT,
        "outcome": _TEXT,
        "reason": _TEXT,
        "bucket": pa.int16(),
        "events": _NUMBER,
    }
)
_EXPORT_DURATIONS = pa.schema(
    {
        "transaction": _TEXT,
        "outcome": _TEXT,
        "reason": _TEXT,
        "events": _NUMBER,
        "zero_events": _NUMBER,
        "sum_ns": pa.decimal128(38),
        "min_ns": _NUMBER,
        "max_ns": _NUMBER,
        "exemplar_trace_hi": _ID,
        "exemplar_trace_lo": _ID,
        "exemplar_span_id": _ID,
        "exemplar_value_ns": _NUMBER,
        "exemplar_time_ns": _NUMBER,
    }
)
_EXPORT_CORRECTIONS = pa.schema({"slo": _TEXT, "before": _TEXT, "after": _TEXT, "events": _NUMBER})

# Purpose: verdicts of indicators that read more than outcome and reason. Parameters: those of the
# set. Columns: indicator number × 4 + result, number of the group, how many.
_FURTHER = """
SELECT code, place, count(*) FROM (
    SELECT place, unnest({codes}) AS code
    FROM (SELECT *, end_ns - start_ns AS duration FROM arrow_further)
)
WHERE code IS NOT NULL GROUP BY code, place
"""


class _Ended(NamedTuple):
    """What a fact was and how it ended."""

    transaction: str
    definition: str
    outcome: str
    reason: str

    @property
    def exported(self) -> tuple[str, str, str]:
        """Transaction, outcome, reason."""
        return self.transaction, self.outcome, self.reason


@dataclass(frozen=True, slots=True)
class _Groups:
    """The facts of a table by how they ended and by slot."""

    ended: Sequence[_Ended]
    codes: _Ints
    """Which of `ended` each fact is."""
    slots: _Ints
    """Distinct, ascending."""
    places: _Ints
    """Which group each fact is in: number in `ended` × number of slots + number of the slot."""

    def counted(self) -> Iterator[tuple[_Ended, int, int]]:
        """Yield how they ended, the slot and how many, for each group that has any."""
        places, _, counts = distinct(self.places)
        for place, count in zip(places.tolist(), counts.tolist(), strict=True):
            yield *self.of(place), count

    def of(self, place: int) -> tuple[_Ended, int]:
        """Return how the facts of a group ended, and their slot."""
        ended, slot = divmod(place, len(self.slots))
        return self.ended[ended], int(self.slots[slot])


class Tally:
    """What one commit adds to every count. `add` facts, then `write` once."""

    def __init__(self, indicators: IndicatorSet, kinds: Numbering) -> None:
        self._indicators = indicators
        self._kinds = kinds
        self._traffic: Counter[tuple[str, str, int, str]] = Counter()
        self._results: Counter[tuple[int, int, str, str | None, str | None]] = Counter()
        self._verdicts: Counter[tuple[int, Result]] = Counter()
        self._changes: Counter[tuple[int, str, str]] = Counter()
        self._durations: list[_Row] = []
        self._buckets: Counter[tuple[str, str, str, int]] = Counter()

    def add(
        self, cursor: duckdb.DuckDBPyConnection, facts: pa.Table, *, sign: int, first: bool
    ) -> None:
        """Count facts, or take them away where `sign` is -1.

        `facts` is as `fact_table` returns it. `first` are verdicts on transactions that had none:
        only those are exported as verdicts and durations.
        """
        if not facts.num_rows:
            return
        groups = self._group(facts)
        for (transaction, definition, outcome, reason), slot_ns, count in groups.counted():
            self._traffic[transaction, definition, slot_ns, outcome] += sign * count
            for number, result in self._indicators.plain_results(transaction, outcome, reason):
                self._count(number, result, slot_ns, outcome, reason, sign * count, first=first)
        for code, place, count in self._further(cursor, facts, groups):
            number, numbered = divmod(code, len(Result))
            (_, _, outcome, reason), slot_ns = groups.of(place)
            self._count(
                number, Result(numbered), slot_ns, outcome, reason, sign * count, first=first
            )
        if first:
            self._measure(facts, groups)

    def change(self, before: Judged, after: Judged | None) -> None:
        """Note which verdicts differ between a stored fact and what takes its place, if any."""
        was = self._indicators.results(before)
        now = {} if after is None else self._indicators.results(after)
        for number in was.keys() | now.keys():
            old, new = was.get(number), now.get(number)
            if old is new:
                continue
            counted = before if after is None or new is None else after
            slot_ns = counted.end_ns - counted.end_ns % SLOT_NS
            self._results[number, slot_ns, _CORRECTED, None, None] += 1
            self._changes[number, _name(old), _name(new)] += 1

    def write(self, cursor: duckdb.DuckDBPyConnection, counters: Mapping[str, int]) -> None:
        """Insert what was counted, and the engine's own counters; nothing where nothing was."""
        _insert(cursor, "count_deltas", _COUNT_DELTAS, list(self._deltas(counters)))
        _insert(cursor, "export_durations", _EXPORT_DURATIONS, self._durations)
        changes = [
            (slo, before, after, count)
            for (number, before, after), count in self._changes.items()
            for slo in self._slos(number)
        ]
        _insert(cursor, "export_corrections", _EXPORT_CORRECTIONS, changes)

    def _deltas(self, counters: Mapping[str, int]) -> Iterator[_Row]:
        """Yield the rows of `count_deltas`."""
        for (transaction, definition, slot_ns, outcome), count in self._traffic.items():
            if count:
                yield "traffic", transaction, definition, slot_ns, None, outcome, None, None, count
        for (number, slot_ns, result, *why), count in self._results.items():
            if count:
                name = self._indicators.indicators[number]
                yield "indicator", name, None, slot_ns, result, *why, None, count
        for (number, verdict), count in self._verdicts.items():
            for slo in self._slos(number):
                yield "verdict", slo, None, None, RESULT_NAMES[verdict], None, None, None, count
        for (transaction, outcome, reason, bucket), count in self._buckets.items():
            yield "bucket", transaction, None, None, None, outcome, reason, bucket, count
        for name, count in counters.items():
            yield "counter", name, None, None, None, None, None, None, count

    def _count(
        self,
        number: int,
        result: Result,
        slot_ns: int,
        outcome: str,
        reason: str,
        events: int,
        *,
        first: bool,
    ) -> None:
        why = (outcome, reason) if result is Result.BAD else (None, None)
        self._results[number, slot_ns, RESULT_NAMES[result], *why] += events
        if first:
            self._verdicts[number, result] += events

    def _group(self, facts: pa.Table) -> _Groups:
        numbers, kind_places, _ = distinct(facts["kind"].to_numpy())
        ended: dict[_Ended, int] = {}
        codes = np.empty(len(numbers), np.int64)
        for place, number in enumerate(numbers.tolist()):
            kind = self._kinds[number]
            key = _Ended(kind.transaction, kind.definition, kind.outcome, kind.reason)
            codes[place] = ended.setdefault(key, len(ended))
        slots, slot_places, _ = distinct(facts["end_ns"].to_numpy() // SLOT_NS)
        of_fact = codes[kind_places]
        places = of_fact * len(slots) + slot_places
        return _Groups(tuple(ended), of_fact, slots * SLOT_NS, places)

    def _further(
        self, cursor: duckdb.DuckDBPyConnection, facts: pa.Table, groups: _Groups
    ) -> list[tuple[int, int, int]]:
        further = self._indicators.further
        looks = np.array([ended.transaction in further for ended in groups.ended])
        if not looks.any():
            return []
        rows = np.flatnonzero(looks[groups.codes])
        asked = facts.select(["start_ns", "end_ns", "amount_micros", "dimensions"]).take(rows)
        codes = pa.array(groups.codes[rows])
        exported = zip(*(ended.exported for ended in groups.ended), strict=True)
        for name, texts in zip(("transaction", "outcome", "reason"), exported, strict=True):
            asked = asked.append_column(name, pa.array(texts, pa.string()).take(codes))
        asked = asked.append_column("place", pa.array(groups.places[rows]))
        with arrow_view(cursor, "arrow_further", asked):
            sql = _FURTHER.format(codes=self._indicators.further_sql)
            return run(cursor, sql, self._indicators.further_parameters)

    def _measure(self, facts: pa.Table, groups: _Groups) -> None:
        """Add durations: sums, buckets and the fact that ended last, by how they ended."""
        end = facts["end_ns"].to_numpy()
        duration = end - facts["start_ns"].to_numpy()
        positive = np.maximum(duration, 0)
        order = _order(groups.codes, len(groups.ended))
        begins = _begins(groups.codes[order])
        sizes = np.diff(np.append(begins, len(order)))
        sorted_durations = positive[order]
        high = np.add.reduceat(sorted_durations >> 32, begins).tolist()
        low = np.add.reduceat(sorted_durations & 0xFFFF_FFFF, begins).tolist()
        ids = [facts[name].to_numpy() for name in ("trace_hi", "trace_lo", "entry_span_id")]
        last = _greatest(groups.codes, order, [end, *ids, positive])
        columns = (
            sizes.tolist(),
            np.add.reduceat((duration <= 0)[order].astype(np.int64), begins).tolist(),
            [(above << 32) + below for above, below in zip(high, low, strict=True)],
            np.minimum.reduceat(sorted_durations, begins).tolist(),
            np.maximum.reduceat(sorted_durations, begins).tolist(),
            *(part[last].tolist() for part in (*ids, positive, end)),
        )
        codes = groups.codes[order][begins].tolist()
        for code, *numbers in zip(codes, *columns, strict=True):
            self._durations.append((*groups.ended[code].exported, *numbers))
        of_positive = np.flatnonzero(duration > 0)
        buckets = buckets_of(duration[of_positive])
        if not len(buckets):
            return
        lowest = int(buckets.min())
        width = int(buckets.max()) - lowest + 1
        pairs = groups.codes[of_positive] * width + (buckets - lowest)
        found, _, counts = distinct(pairs)
        for pair, count in zip(found.tolist(), counts.tolist(), strict=True):
            code, bucket = divmod(pair, width)
            self._buckets[*groups.ended[code].exported, lowest + bucket] += count

    def _slos(self, number: int) -> Iterator[str]:
        """Yield the SLOs that share an indicator."""
        indicators = self._indicators
        for name, indicator in zip(indicators.slo_names, indicators.slo_indicators, strict=True):
            if indicator == number:
                yield name


def _name(result: Result | None) -> str:
    return NO_RESULT if result is None else RESULT_NAMES[result]


def _insert(
    cursor: duckdb.DuckDBPyConnection, table: str, schema: pa.Schema, rows: Sequence[_Row]
) -> None:
    if not rows:
        return
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    insert(cursor, table, pa.table(columns, schema=schema))


def _order(codes: _Ints, width: int) -> npt.NDArray[np.intp]:
    """Return the rows by code, a number below `width`."""
    # Numbers of 16 bits are sorted without comparing them.
    narrow = codes.astype(np.uint16) if width <= 1 << 16 else codes
    return np.argsort(narrow, kind="stable")


def _begins(ascending: _Ints) -> npt.NDArray[np.intp]:
    """Return where each run of equal numbers begins."""
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))


def _greatest(
    codes: _Ints, order: npt.NDArray[np.intp], parts: Sequence[npt.NDArray[np.generic]]
) -> npt.NDArray[np.intp]:
    """Return one row of each code, in ascending order of code: that with the greatest parts.

    `order` lists the rows by code; the first part decides, then the second, and so on.
    """
    rows = order
    for part in parts:
        begins = _begins(codes[rows])
        sizes = np.diff(np.append(begins, len(rows)))
        best = np.repeat(np.maximum.reduceat(part[rows], begins), sizes)
        rows = rows[part[rows] == best]
    return rows[_begins(codes[rows])]
