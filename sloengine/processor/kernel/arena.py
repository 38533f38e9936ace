"""`Arena`: the memory of pending and judged traces, and what the kernels know of it."""

from __future__ import annotations

import mmap
import secrets
import sys
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from sloengine.jit import entry
from sloengine.ottl import Value
from sloengine.processor.kernel import index
from sloengine.processor.kernel import layout as at

Words = npt.NDArray[np.int64]

_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0
_LEAST_ROWS = 1 << 10
_LEAST_PLACES = 1 << 10
_BATCHES = 1 << 10
_USUAL_BYTES = 1 << 22
"""So much of an array is used by anybody: no large pages there."""
_BY_SPAN = (at.OWNERS, at.FREE_SPANS, at.FREE_CHAINS)

_ALL = 1 << 62


@entry
def _move_traces(st: int, limit: int) -> None:
    index.move_traces(st, limit)


@entry
def _move_big(st: int, limit: int) -> None:
    index.move_big(st, limit)


class Arena:
    """Rows of traces, spans and captured values.

    Address space is reserved for the whole budget; memory is used up to the most rows that were
    ever needed at once. Beyond the budget an array moves to a place of double size.
    """

    def __init__(self, memory_bytes: int) -> None:
        self.state = np.zeros(at.STATE_WORDS, np.int64)
        self._arrays: dict[int, Words] = {}
        spans = max(_LEAST_ROWS, memory_bytes // at.SPAN_BYTES)
        traces = max(_LEAST_ROWS, memory_bytes // (at.SPAN_BYTES + at.TRACE_BYTES))
        captures = max(_LEAST_ROWS, memory_bytes // (at.SPAN_BYTES + at.CAPTURE_BYTES))
        self._place(at.SPANS, reserved(spans * at.SPAN_WORDS))
        self._place(at.TIMES, reserved(spans * at.TIMES_WORDS))
        for word in _BY_SPAN:
            self._place(word, reserved(spans))
        self._place(at.TRACES, reserved(traces * at.TRACE_WORDS))
        self._place(at.DUE, reserved(traces))
        self._place(at.FIRST, reserved(traces))
        self._place(at.CAPTURES, reserved(captures * at.CAPTURE_WORDS))
        self._place(at.FREE_CAPTURES, reserved(captures))
        self._place(at.LIVE, np.zeros(_BATCHES, np.int64))
        self._place(at.SEEDS, _seeds())
        for table, mask in ((at.INDEX, at.INDEX_MASK), (at.BIG_INDEX, at.BIG_MASK)):
            self._place(table, np.zeros(_LEAST_PLACES, np.int64))
            self.state[mask] = _LEAST_PLACES - 1
        for word in (at.INDEX_CURSOR, at.BIG_CURSOR, at.TRACES_FREE, at.OLDEST, at.NEWEST):
            self.state[word] = at.NONE
        self.values: list[Value] = []
        """Captured values, by row."""

    @property
    def address(self) -> int:
        """Where the state stands."""
        return int(self.state.ctypes.data)

    def __getitem__(self, word: int) -> int:
        return int(self.state[word])

    @property
    def spans(self) -> Words:
        """The records of spans."""
        return self._arrays[at.SPANS].reshape(-1, at.SPAN_WORDS)

    @property
    def times(self) -> Words:
        """Starts and ends of spans."""
        return self._arrays[at.TIMES].reshape(-1, at.TIMES_WORDS)

    @property
    def traces(self) -> Words:
        """The records of traces that are used or were."""
        return self._arrays[at.TRACES].reshape(-1, at.TRACE_WORDS)[: self[at.TRACES_USED]]

    @property
    def captures(self) -> Words:
        """The records of captured values."""
        return self._arrays[at.CAPTURES].reshape(-1, at.CAPTURE_WORDS)

    @property
    def due(self) -> Words:
        """When each trace is to be looked at."""
        return self._arrays[at.DUE][: self[at.TRACES_USED]]

    @property
    def first(self) -> Words:
        """The oldest frame that each trace needs."""
        return self._arrays[at.FIRST][: self[at.TRACES_USED]]

    @property
    def live(self) -> Words:
        """How many spans need each batch."""
        return self._arrays[at.LIVE]

    def make_room(self, rows: int, captures: int) -> None:
        """See that so many spans, each of a new trace, and so many captured values find room."""
        free = self[at.SPANS_FREE_COUNT]
        spans = self[at.SPANS_USED] + max(0, rows - free)
        if spans > at.MOST_SPANS:
            raise MemoryError("more spans are pending than this machine could hold")
        self._grow((at.SPANS,), at.SPAN_WORDS, spans)
        self._grow((at.TIMES,), at.TIMES_WORDS, spans)
        self._grow(_BY_SPAN, 1, spans)
        traces = self[at.TRACES_USED] + max(0, rows - self[at.TRACES_FREE_COUNT])
        self._grow((at.TRACES,), at.TRACE_WORDS, traces)
        self._grow((at.DUE, at.FIRST), 1, traces)
        free = self[at.CAPTURES_FREE_COUNT]
        needed = self[at.CAPTURES_USED] + max(0, captures - free)
        self._grow((at.CAPTURES,), at.CAPTURE_WORDS, needed)
        self._grow((at.FREE_CAPTURES,), 1, needed)
        if needed > len(self.values):
            self.values.extend([None] * (needed - len(self.values)))
        if 2 * (self[at.INDEX_COUNT] + rows) > self[at.INDEX_MASK]:
            self._grow_index(2 * (self[at.INDEX_COUNT] + rows))

    def make_room_for_batch(self, slot: int) -> None:
        """See that the batch in `slot` can be counted."""
        self._grow((at.LIVE,), 1, slot + 1)

    def warm_up(self) -> None:
        """Compile what is needed only when tables grow faster than they can move."""
        _move_traces(self.address, 0)
        _move_big(self.address, 0)

    def grow_big_index(self) -> None:
        """Begin to move the index of spans to one of double size."""
        if self[at.BIG_CURSOR] >= 0:
            _move_big(self.address, _ALL)
        self._fade(at.BIG_INDEX, at.BIG_MASK, at.BIG_FADING, at.BIG_FADING_SIZE, at.BIG_CURSOR, 1)

    def drop_freed_values(self) -> None:
        """Let go of captured values whose rows are free."""
        free = self[at.CAPTURES_FREE_COUNT]
        for row in self._arrays[at.FREE_CAPTURES][self[at.CAPTURES_CLEAN] : free].tolist():
            self.values[row] = None
        self.state[at.CAPTURES_CLEAN] = free

    def _grow_index(self, wanted: int) -> None:
        if self[at.INDEX_CURSOR] >= 0:
            _move_traces(self.address, _ALL)
        self._fade(at.INDEX, at.INDEX_MASK, at.FADING, at.FADING_SIZE, at.INDEX_CURSOR, wanted)

    def _fade(
        self, table: int, mask: int, fading: int, fading_size: int, cursor: int, wanted: int
    ) -> None:
        old = self._arrays[table]
        size = 2 * len(old)
        while size <= wanted:
            size *= 2
        self._place(fading, old)
        self.state[fading_size] = len(old)
        self._place(table, reserved(size))
        self.state[mask] = size - 1
        self.state[cursor] = 0

    def _grow(self, words: tuple[int, ...], width: int, rows: int) -> None:
        for word in words:
            array = self._arrays[word]
            if rows * width > len(array):
                larger = reserved(2 * rows * width)
                larger[: len(array)] = array
                self._place(word, larger)

    def _place(self, word: int, array: Words) -> None:
        self._arrays[word] = array
        self.state[word] = array.ctypes.data


def reserved(words: int) -> Words:
    """Return zeros that use memory only once they are written."""
    size = max(8, 8 * words)
    options: dict[str, Any] = {}
    if hasattr(mmap, "MAP_PRIVATE") and hasattr(mmap, "MAP_ANONYMOUS"):
        options["flags"] = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
    memory = mmap.mmap(-1, size, **options)
    if size > _USUAL_BYTES and hasattr(mmap, "MADV_HUGEPAGE"):
        # Rows of one trace lie far apart: large pages are few enough to be found at once.
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE, _USUAL_BYTES)
    return np.frombuffer(memory, dtype=np.int64)


def _seeds() -> Words:
    seeds = np.frombuffer(secrets.token_bytes(8 * at.SEED_WORDS), dtype=np.int64).copy()
    seeds[5] |= 1
    return seeds
