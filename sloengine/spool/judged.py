"""Which traces were judged before: a filter for each ten minutes, so that new traces cost little.

Most traces that are judged are new. To look for each of them in the index of every segment would
cost more than everything else together; a filter says "never seen" for a few nanoseconds.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sloengine.spool.index import Hashes

_GENERATION_NS = 600 * 10**9
_BITS_PER_TRACE = 24
_FEWEST = 1 << 16
_MOST = 1 << 24
"""Traces in one generation; more begin another."""
_CHUNK = 1 << 13
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2⁶⁴ / golden ratio: spreads every bit upwards
_PAIR = np.uint64(0xFFF)
_SHIFTS = tuple(map(np.uint64, (52, 40, 28, 16)))


def _pairs_of_bits() -> Hashes:
    """Words with the two bits that 12 bits of a hash choose."""
    choices = np.arange(4096, dtype=np.uint64)
    one = np.uint64(1)
    pairs: Hashes = (one << (choices & np.uint64(63))) | (one << (choices >> np.uint64(6)))
    return pairs


_PAIRS = _pairs_of_bits()


@dataclass(slots=True)
class _Probes:
    """What one look needs of some hashes, whatever the size of a filter."""

    high: Hashes
    low: Hashes
    first: Hashes
    second: Hashes

    @classmethod
    def of(cls, hashes: Hashes) -> _Probes:
        mixed = hashes * _ODD
        bits = [_PAIRS[(mixed >> shift) & _PAIR] for shift in _SHIFTS]
        return cls(hashes >> _HALF, hashes & _LOW_HALF, bits[0] | bits[1], bits[2] | bits[3])


@dataclass(slots=True)
class TraceFilter:
    """A set of hashes in which some may be found that were never added, and none is missed.

    A Bloom filter of 64-bit words (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient
    Bloom Filters", 2007): a hash sets up to four bits in each of two words, so a look touches two
    places in memory, mostly one. Filled to its capacity it is wrong about once in 5,000.
    """

    capacity: int
    begun_ns: int
    last_ns: int
    entries: int = 0
    _words: Hashes = field(init=False)

    def __post_init__(self) -> None:
        self._words = np.zeros(self.capacity * _BITS_PER_TRACE // 64, dtype=np.uint64)

    def add(self, hashes: Hashes) -> None:
        """Add hashes; those that are there already count against the capacity again."""
        probes = _Probes.of(hashes)
        np.bitwise_or.at(self._words, self._places(probes.high), probes.first)
        np.bitwise_or.at(self._words, self._places(probes.low), probes.second)
        self.entries += len(hashes)

    def find(self, probes: _Probes) -> npt.NDArray[np.intp]:
        """Return the rows of the hashes that are perhaps in the set."""
        words = self._words[self._places(probes.high)]
        rows = np.flatnonzero((words & probes.first) == probes.first)
        if len(rows):
            second = probes.second[rows]
            words = self._words[self._places(probes.low[rows])]
            rows = rows[(words & second) == second]
        return rows

    def _places(self, halves: Hashes) -> Hashes:
        places: Hashes = (halves * np.uint64(len(self._words))) >> _HALF
        return places


class JudgedTraces:
    """The traces judged inside a horizon, by the time of their verdicts; ten minutes at a time.

    About 3 bytes a trace. The first generation is small, and each one that fills up before its time
    is followed by one of twice its size. Safe between threads.
    """

    def __init__(self, *, horizon_ns: int | None) -> None:
        self._horizon_ns = horizon_ns
        self._lock = threading.Lock()
        self._generations: list[TraceFilter] = []

    def __len__(self) -> int:
        """The number of generations."""
        return len(self._generations)

    def add(self, hashes: Hashes, at_ns: int) -> None:
        """Note traces that were judged at an instant."""
        with self._lock:
            for first in range(0, len(hashes), _FEWEST):
                group = hashes[first : first + _FEWEST]
                generation = self._current(len(group), at_ns)
                generation.last_ns = max(generation.last_ns, at_ns)
                generation.add(group)

    def perhaps(self, hashes: Hashes, since_ns: int) -> npt.NDArray[np.bool_]:
        """Tell for each trace whether it was perhaps judged at or after an instant.

        False is certain.
        """
        result = np.zeros(len(hashes), dtype=np.bool_)
        with self._lock:
            generations = [one for one in self._generations if one.last_ns >= since_ns]
            for first in range(0, len(hashes) if generations else 0, _CHUNK):
                probes = _Probes.of(hashes[first : first + _CHUNK])
                for generation in generations:
                    result[first + generation.find(probes)] = True
        return result

    def _current(self, more: int, at_ns: int) -> TraceFilter:
        """The generation that takes so many more traces now."""
        last = self._generations[-1] if self._generations else None
        capacity = _FEWEST
        if last is not None:
            is_full = last.entries + more > last.capacity
            if not is_full and at_ns - last.begun_ns < _GENERATION_NS:
                return last
            capacity = 2 * last.capacity if is_full else last.entries * 5 // 4
        generation = TraceFilter(min(max(capacity, _FEWEST), _MOST), at_ns, at_ns)
        if self._horizon_ns is not None:
            # Ten minutes more than needed: a clock that is set back must not lose any.
            oldest_ns = at_ns - self._horizon_ns - _GENERATION_NS
            self._generations = [one for one in self._generations if one.last_ns >= oldest_ns]
        self._generations.append(generation)
        return generation
