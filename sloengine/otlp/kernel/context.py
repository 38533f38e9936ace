"""`Context`: the memory that one run of the kernel works in, and the tables that it has learnt."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from sloengine.otlp.kernel import layout as at
from sloengine.otlp.kernel.columns import (
    PLAIN_SOURCES,
    RESOURCE_ATTRIBUTES,
    SCOPE_ATTRIBUTES,
    SPAN_ATTRIBUTES,
    Columns,
    Input,
    Wanted,
    duration_values,
    encoded,
    longest_own,
    value_of,
    values_of,
)
from sloengine.otlp.kernel.requests import decode_request
from sloengine.otlp.kernel.rows import LazyRows
from sloengine.otlp.kernel.schema import schema_table
from sloengine.otlp.kernel.settle import enter_classes, enter_vectors, teach
from sloengine.otlp.kernel.traces import first_rows
from sloengine.ottl import Value

Words = npt.NDArray[np.int64]
Array = npt.NDArray[Any]

_FEW = 16
"""Fewer new strings are not worth taking together."""
_FIRST_TABLE = 1024
_LAST_TABLE = 65536
_ARENA_PER_VALUE = 128
_FIRST_BUFFER = 1024
_SMALLEST_SPAN = 30
"""Bytes on the wire of a span that is not rejected: its tag and size, and two ids."""

_BUFFERS: Mapping[int, tuple[tuple[int, int], ...]] = {
    at.GROUPS: ((at.GROUP_RECORDS, at.GROUP_RECORD),),
    at.CAPTURES: ((at.CAPTURE_RECORDS, at.CAPTURE_RECORD),),
    at.SHARED: ((at.SHARED_RECORDS, at.SHARED_RECORD),),
    at.WHOLE: ((at.WHOLE_VALUES, at.HELD_RECORD),),
    at.MISSES: ((at.MISS_RECORDS, at.MISS_RECORD),),
}
"""Counter (its cap is the next word) to the buffers that it counts, and the bytes of a record."""

_ROW_COLUMNS = (
    (at.TRACE_HI, np.uint64),
    (at.TRACE_LO, np.uint64),
    (at.SPAN_ID, np.uint64),
    (at.PARENT_ID, np.uint64),
    (at.START_NS, np.uint64),
    (at.END_NS, np.uint64),
    (at.KIND, np.uint8),
    (at.VECTOR, np.int32),
    (at.SPAN_AT, np.int32),
    (at.SPAN_SIZE, np.int32),
    (at.GROUP_OF, np.int32),
    (at.FIRST_ROW, np.int32),
)


def _address(array: Array) -> int:
    return int(array.ctypes.data)


def _hash_of_key(first: int, last: int, size: int) -> int:
    """As `tables.key_hash`."""
    word = first ^ (last * 0xC2B2AE3D27D4EB4F) ^ (size * 0x165667B19E3779F9)
    return (word * 0x9E3779B97F4A7C15 & 2**64 - 1) >> 40


class Context:
    """Memory for one request at a time. Not safe to share between threads."""

    def __init__(self, wanted: Wanted, columns: Columns) -> None:
        self._wanted = wanted
        self.columns = columns
        self.clears = 0
        """How often tables were emptied because they were full."""
        self._keep: dict[int, Array] = {}
        self._constants: list[npt.NDArray[np.uint8]] = []
        self.memory_bytes = 0
        """How much memory it has room in."""
        self._state = np.zeros(at.STATE_BYTES // 8, dtype=np.int64)
        self._words_of_state = self._state.data  # much faster than numpy for single words
        self._at = _address(self._state)
        self._absent = [
            columns.class_of(column, wanted.absent_values(column))
            for column in range(len(wanted.groups))
        ]
        self._exact = {
            one.number: one.column
            for one in wanted.inputs
            if one.column >= 0 and one.mode == at.EXACT
        }
        self._taught = self._place_constants()
        self._place_fixed()
        self._place_inputs()
        self._place_buffers()
        self._table_size = _FIRST_TABLE
        while self._table_size < 4 * len(self._taught):
            self._table_size *= 2
        self.clear_tables()

    # Setting up

    def _get(self, word: int) -> int:
        return self._words_of_state[word // 8]

    def _set(self, word: int, value: int) -> None:
        self._words_of_state[word // 8] = value

    def _place(self, word: int, array: Array) -> None:
        """Let a word of the state point to an array, which is kept as long as it does."""
        before = self._keep.get(word)
        self.memory_bytes += array.nbytes - (0 if before is None else before.nbytes)
        self._keep[word] = array
        self._set(word, _address(array))

    def _constant(self, data: bytes) -> int:
        """Return the address of a copy that may be read eight bytes beyond its end."""
        array = np.frombuffer(data + bytes(8), dtype=np.uint8).copy()
        self._constants.append(array)
        return _address(array)

    def _words(self, numbers: Sequence[int] | npt.NDArray[np.int64]) -> int:
        return self._constant(np.array(numbers, dtype=np.int64).tobytes())

    def _place_fixed(self) -> None:
        wanted = self._wanted
        count = len(wanted.groups)
        size = (count + 1) // 2 * 8
        self._set(at.CLASS_BYTES, size)
        for word in (at.ABSENT_ROW, at.RESOURCE_ROW, at.SCOPE_ROW, at.SPAN_ROW):
            self._place(word, np.zeros(size // 4 + 2, dtype=np.int32))
        row = self._keep[at.ABSENT_ROW]
        row[:count] = self._absent
        row[wanted.always_marked] = at.MARK
        self._place(at.SCHEMA, schema_table())
        self._place(at.STACK, np.zeros(at.MAX_NESTING * 2 + 2, dtype=np.int64))
        self._place(at.PLAIN, np.zeros(at.PLAIN_BYTES, dtype=np.uint8))
        self._place(at.MET, np.zeros(at.MET_PLACES, dtype=np.int32))
        self._place(at.SEEN, np.zeros(len(wanted.inputs) + 1, dtype=np.int64))
        self._place(at.KNOWN, np.full(at.KNOWN_PLACES * at.KNOWN_RECORD // 8, -1, dtype=np.int64))
        self._place_marked()

    def _place_marked(self) -> None:
        """What columns that are decided from whole spans are decided from."""
        wanted = self._wanted
        held = np.zeros((len(wanted.inputs) + 1, at.HELD_RECORD // 8), dtype=np.int64)
        self._place(at.HELD, held)
        of_field = {
            one.field: self._get(at.HELD) + one.number * at.HELD_RECORD
            for one in wanted.inputs
            if one.mode == at.MARKING
        }
        for path, word in (
            (SPAN_ATTRIBUTES, at.SPAN_HELD),
            (RESOURCE_ATTRIBUTES, at.RESOURCE_HELD),
            (SCOPE_ATTRIBUTES, at.SCOPE_HELD),
        ):
            places = [place for field, place in of_field.items() if field.path == path]
            self._place(word, np.array([*places, 0], dtype=np.int64))
            self._set(word + 8, len(places))
        marked: list[int] = []
        for column in wanted.marked:
            sources: list[int] = []
            for field in wanted.groups[column].fields:
                if field.has_key:
                    sources += (of_field[field], -1)
                elif field.path in PLAIN_SOURCES:
                    source, kind = PLAIN_SOURCES[field.path]
                    sources += (self._get(at.PLAIN) + source, kind)
            count = len(wanted.groups[column].fields)
            is_whole = len(sources) == 2 * count
            marked += (column, self._words(sources), count if is_whole else 0)
        self._place(at.MARKED, np.array([*marked, 0], dtype=np.int64))
        self._set(at.MARKED_COUNT, len(wanted.marked))

    def _place_inputs(self) -> None:
        inputs = self._wanted.inputs
        records = np.zeros((len(inputs) + 1, at.INPUT_RECORD // 8), dtype=np.int64)
        self._small = np.full((len(inputs) + 1, at.SMALL), at.MARK, dtype=np.int32)
        for wanted in inputs:
            self._fill_input(records[wanted.number], wanted)
        self._place(at.INPUTS, records)
        if self._wanted.duration is not None:
            self._set(at.DURATION, self._input_at(self._wanted.duration))
        for path, keys, plain in (
            (SPAN_ATTRIBUTES, at.SPAN_KEYS, at.SPAN_PLAIN),
            (RESOURCE_ATTRIBUTES, at.RESOURCE_KEYS, at.RESOURCE_PLAIN),
            (SCOPE_ATTRIBUTES, at.SCOPE_KEYS, at.SCOPE_PLAIN),
        ):
            table, mask = self._key_table([one for one in inputs if one.field.path == path])
            self._place(keys, table)
            self._set(keys + 8, mask)
            level = path.partition(".")[0] + "."
            entries = [
                (*PLAIN_SOURCES[one.field.path], self._input_at(one))
                for one in inputs
                if one.field.path.startswith(level)
                and one.field.path in PLAIN_SOURCES
                and one is not self._wanted.duration
            ]
            self._place(plain, np.array([*entries, (0, 0, 0)], dtype=np.int64))
            self._set(plain + 8, len(entries))

    def _input_at(self, wanted: Input) -> int:
        return self._get(at.INPUTS) + wanted.number * at.INPUT_RECORD

    def _fill_input(self, record: Words, wanted: Input) -> None:
        def put(offset: int, value: int) -> None:
            record[offset // 8] = value

        put(at.INPUT_NUMBER, wanted.number)
        put(at.INPUT_COLUMN, wanted.column)
        put(at.INPUT_MODE, wanted.mode)
        put(at.INPUT_CAPTURED, int(wanted.is_captured))
        put(at.INPUT_SMALL, _address(self._small[wanted.number]))
        put(at.INPUT_ABSENT, self._absent[wanted.column] if wanted.column >= 0 else 0)
        cuts = wanted.cuts
        if cuts is None or wanted.mode != at.REDUCED:
            return
        put(at.INPUT_INTS, self._words(cuts.ints))
        put(at.INPUT_INTS_COUNT, len(cuts.ints))
        put(at.INPUT_DOUBLES, self._words(np.array(cuts.doubles, np.float64).view(np.int64)))
        put(at.INPUT_DOUBLES_COUNT, len(cuts.doubles))
        for offset, affixes in (
            (at.INPUT_PREFIXES, cuts.prefixes),
            (at.INPUT_SUFFIXES, cuts.suffixes),
        ):
            is_suffix = offset == at.INPUT_SUFFIXES
            texts = sorted(
                affix.encode()[::-1] if is_suffix else affix.encode() for affix in affixes
            )
            numbers: list[int] = []
            for text, own in zip(texts, longest_own(texts), strict=True):
                numbers += (self._constant(text), len(text), own)
            put(offset, self._words(numbers))
            put(offset + 8, len(texts))

    def _key_table(self, inputs: Sequence[Input]) -> tuple[Words, int]:
        size = 64  # so many are free that a key which nobody wants seldom meets another
        while size < 8 * len(inputs):
            size *= 2
        table = np.zeros((size, at.KEY_RECORD // 8), dtype=np.int64)
        table[:, at.KEY_LENGTH // 8] = -1
        for wanted in inputs:
            if not wanted.field.has_key:
                continue
            key = wanted.field.key.encode()
            first = int.from_bytes(key[:8], "little")
            last = int.from_bytes(key[-8:], "little")
            slot = _hash_of_key(first, last, len(key)) & size - 1
            while table[slot, at.KEY_LENGTH // 8] >= 0:
                slot = slot + 1 & size - 1
            table[slot] = [
                _signed(first),
                _signed(last),
                len(key),
                wanted.number,
                self._constant(key),
            ]
        return table, size - 1

    def _place_buffers(self) -> None:
        for counter in _BUFFERS:
            self._size_buffer(counter, _FIRST_BUFFER)
        self._size_pending(_FIRST_BUFFER)
        self._size_rows(_FIRST_BUFFER)

    def _size_buffer(self, counter: int, count: int) -> None:
        self._set(counter + 8, count)
        for word, size in _BUFFERS[counter]:
            self._place(word, np.empty(count * size // 8, dtype=np.int64))

    def _size_pending(self, count: int) -> None:
        self._set(at.PENDING_CAP, count)
        self._place(at.PENDING_ROWS, np.empty(count, dtype=np.int64))
        words = self._get(at.CLASS_BYTES) // 8
        self._place(at.PENDING_CLASSES, np.empty((count, 2 * words), dtype=np.int32))
        self._place(at.NEW_COMBO_ROWS, np.empty((count, 2), dtype=np.int64))

    def _size_rows(self, count: int) -> None:
        self._set(at.ROWS_CAP, count)
        for word, kind in _ROW_COLUMNS:
            self._place(word, np.empty(count, dtype=kind))

    # Tables

    def _place_constants(self) -> Words:
        """Return a record of each constant that values are compared with."""
        records = []
        for wanted in self._wanted.inputs:
            if wanted.mode != at.REDUCED or wanted.cuts is None:
                continue
            is_id = PLAIN_SOURCES.get(wanted.field.path, (0, 0))[1] == at.ID
            for constant in wanted.cuts.constants:
                kind = at.STRING if isinstance(constant, str) else at.ID if is_id else at.BYTES
                data = encoded(constant)
                records.append((wanted.number, kind, self._constant(data), len(data)))
        return np.array(records, dtype=np.int64).reshape(-1, at.CONSTANT_RECORD // 8)

    def clear_tables(self) -> None:
        """Forget all classes and vectors; the constants are known, but for their classes."""
        self._empty_tables()
        while teach(self._at, _address(self._taught), len(self._taught)) < len(self._taught):
            self._table_size *= 2
            self._empty_tables()

    def _empty_tables(self) -> None:
        size = self._table_size
        self._set(at.SEED, secrets.randbits(63))
        self._place(at.VALUE_SLOTS, np.zeros(2 * size, dtype=np.int64))
        self._set(at.VALUE_MASK, 2 * size - 1)
        self._set(at.VALUES, 0)
        self._set(at.VALUES_CAP, size)
        self._place(at.VALUE_ENTRIES, np.empty(size * at.VALUE_RECORD // 8, dtype=np.int64))
        self._place(at.ARENA, np.empty(size * _ARENA_PER_VALUE, dtype=np.uint8))
        self._set(at.ARENA_USED, 0)
        self._set(at.ARENA_CAP, size * _ARENA_PER_VALUE)
        self._place(at.COMBO_SLOTS, np.zeros(2 * size, dtype=np.int64))
        self._set(at.COMBO_MASK, 2 * size - 1)
        self._set(at.COMBOS, 0)
        self._set(at.COMBOS_CAP, size)
        record = at.COMBO_CLASSES + self._get(at.CLASS_BYTES)
        self._place(at.COMBO_ENTRIES, np.empty(size * record // 8, dtype=np.int64))
        self._set(at.OVERFLOWS, 0)
        self._keep[at.INPUTS][:, at.INPUT_KEPT // 8] = 0
        self._small[:] = at.MARK

    # Running

    def run(self, payload: bytes | memoryview, sizes: Sequence[int] = ()) -> int:
        """Walk over a payload, with larger buffers until they suffice; return the status.

        `sizes` are those of the requests that it is made of, where it is not one.
        """
        while True:
            self._begin(payload, sizes)
            self._ensure_rows(len(payload))
            status = int(decode_request(self._at, self._get(at.PAYLOAD) + len(payload)))
            if status != at.GROW:
                return status
            self._grow()

    def _begin(self, payload: bytes | memoryview, sizes: Sequence[int]) -> None:
        data = np.frombuffer(payload, dtype=np.uint8) if payload else np.zeros(8, dtype=np.uint8)
        self._place(at.PAYLOAD, data)
        begin = self._get(at.PAYLOAD)
        self._set(at.LIMIT, begin + len(payload))
        bounds = accumulate(sizes or (len(payload),), initial=begin)
        self._place(at.BOUNDS, np.array([*bounds][1:], dtype=np.int64))
        for word in (*_BUFFERS, at.ROWS, at.PENDING, at.NEW_COMBOS, at.REJECTED, at.FULL):
            self._set(word, 0)

    def _ensure_rows(self, payload_bytes: int) -> None:
        needed = payload_bytes // _SMALLEST_SPAN + 1
        if needed > self._get(at.ROWS_CAP):
            self._size_rows(needed + needed // 8)

    def _grow(self) -> None:
        """Make room, and forget what was learnt halfway."""
        for counter in _BUFFERS:
            if self._get(counter) >= self._get(counter + 8):
                self._size_buffer(counter, 4 * self._get(counter + 8))
        if self._get(at.PENDING) >= self._get(at.PENDING_CAP):
            self._size_pending(4 * self._get(at.PENDING_CAP))
        self.clear_tables()

    def settle(self, payload: bytes, rows: LazyRows) -> None:
        """Decide what the kernel could not, and enter it into rows and tables."""
        if self._get(at.MISSES) or self._get(at.PENDING):
            new = self._enter_classes(payload, rows)
            if new:
                self._enter_vectors(new)

    def tidy(self) -> None:
        """Between requests: empty tables that had no room, the next ones larger up to a limit."""
        if self._get(at.OVERFLOWS):
            self.clears += 1
            self._table_size = max(self._table_size, min(2 * self._table_size, _LAST_TABLE))
            self.clear_tables()
        self.memory_bytes -= self._keep.pop(at.PAYLOAD).nbytes

    def _enter_classes(self, payload: bytes, rows: LazyRows) -> int:
        misses = self.records(at.MISSES)
        whole = self.records(at.WHOLE)
        classes = np.full(len(misses) + 1, -1, dtype=np.int32)
        if len(misses) >= _FEW:
            self._classify_in_bulk(misses, whole, classes, payload)
        waiting = np.flatnonzero(classes[:-1] < 0)
        for index, miss in zip(waiting.tolist(), misses[waiting].tolist(), strict=True):
            number, kind, a, size, _, group, first = miss
            if kind == at.WHOLE_SPAN:
                column, fields = number, self.columns.groups[number].fields
                if first >= 0:
                    found = whole[first : first + len(fields)].tolist()
                    values = values_of(fields, found, payload)
                else:
                    values = rows.values_at(a, size, group, fields)
            else:
                wanted = self._wanted.inputs[number]
                column = wanted.column
                values = self._values(wanted, kind, a, size, payload)
            classes[index] = self.columns.class_of(column, values)
        return int(enter_classes(self._at, _address(classes)))

    def _classify_in_bulk(
        self, misses: Words, whole: Words, classes: npt.NDArray[np.int32], payload: bytes
    ) -> None:
        """Set the classes of what can be taken together."""
        inputs = misses[:, at.MISS_INPUT // 8]
        is_whole = misses[:, at.MISS_TYPE // 8] == at.WHOLE_SPAN
        first = misses[:, at.MISS_WHOLE // 8]
        for column in self._wanted.marked:
            places = np.flatnonzero(is_whole & (inputs == column) & (first >= 0))
            if len(places) >= _FEW:
                fields = np.arange(len(self._wanted.groups[column].fields))
                values = whole[first[places][:, None] + fields]
                classes[places] = self.columns.classes_in_bulk(column, payload, values)
        found = slice(at.MISS_TYPE // 8, at.MISS_SIZE // 8 + 1)
        for number, column in self._exact.items():
            places = np.flatnonzero(~is_whole & (inputs == number))
            if len(places) >= _FEW:
                values = misses[places, None, found]
                classes[places] = self.columns.classes_in_bulk(column, payload, values)

    def _values(
        self, wanted: Input, kind: int, a: int, size: int, payload: bytes
    ) -> tuple[Value, ...]:
        if wanted is self._wanted.duration:
            return duration_values(a)
        return (value_of(kind, a, size, payload, wanted.field),)

    def _enter_vectors(self, new: int) -> None:
        pending = self._keep[at.NEW_COMBO_ROWS][:new, 0]
        classes = self._keep[at.PENDING_CLASSES][pending][:, : len(self._wanted.groups)]
        distinct, where = np.unique(classes, axis=0, return_inverse=True)
        vectors = np.array([self.columns.vector_of(row) for row in distinct.tolist()], np.int32)
        decided = np.ascontiguousarray(vectors[where.reshape(-1)])
        enter_vectors(self._at, _address(decided))

    # Results

    def take(self, word: int) -> Array:
        """Return a copy of one column of the rows."""
        return self._copied(word, self._get(at.ROWS))

    def first_rows(self) -> npt.NDArray[np.int32]:
        """Return rows in which all traces are met, most of them once."""
        return self._copied(at.FIRST_ROW, first_rows(self._at))

    def _copied(self, word: int, count: int) -> Array:
        column = self._keep[word]
        # Not by numpy's own copy: that lets go of the GIL, and every wait to have it back costs
        # more than the copy where several requests are in work.
        return np.frombuffer(bytearray(column[:count].data), column.dtype)

    def rows_of(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """Return how many rows each of the requests has that the payload was made of."""
        spans = self._keep[at.SPAN_AT][: self._get(at.ROWS)]
        ends = np.searchsorted(spans, [*accumulate(sizes)])
        return tuple(np.diff(ends, prepend=0).tolist())

    def records(self, counter: int) -> Words:
        """Return a copy of the records of one of the buffers, one a row."""
        (word, size) = _BUFFERS[counter][0]
        count = self._get(counter)
        taken = self._keep[word][: count * size // 8].reshape(count, size // 8)
        return taken.copy()

    @property
    def rejected(self) -> tuple[int, int, int]:
        """How many spans were rejected; offset and size of the first."""
        return self._get(at.REJECTED), self._get(at.REJECTED_AT), self._get(at.REJECTED_SIZE)


def _signed(word: int) -> int:
    return word - 2**64 if word >= 2**63 else word
