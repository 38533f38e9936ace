"""Which traces were judged before: a filter for each ten minutes, so that new traces cost little.

Most traces that are judged are new. To look for each of them in the index of every segment would
cost more than everything else together; a filter says "never seen" for a few nanoseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sloengine.spool.index import Hashes

_GENERATION_NS = 600 * 10**9
_BITS_PER_TRACE = 24
_FEWEST = 1 << 16
_MOST = 1 << 24
"""Traces in one generation; more begin another."""
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)
# Odd numbers that spread every bit upwards; the first is 2⁶⁴ / golden ratio.
BITS_OF_FIRST, BITS_OF_LAST = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
THIRD_PLACE, FOURTH_PLACE = np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0xFF51AFD7ED558CCD)
_PAIR = np.uint64(0xFFF)


def _pairs_of_bits() -> Hashes:
    """Words with the two bits that 12 bits of a hash choose."""
    choices = np.arange(4096, dtype=np.uint64)
    one = np.uint64(1)
    pairs: Hashes = (one << (choices & np.uint64(63))) | (one << (choices >> np.uint64(6)))
    return pairs


_PAIRS = _pairs_of_bits()


def _bits(hashes: Hashes, factor: np.uint64, shift: int) -> Hashes:
    """Return words with the four bits that 24 bits of each product choose, from `shift` on."""
    mixed = hashes * factor
    bits: Hashes = _PAIRS[(mixed >> np.uint64(shift + 12)) & _PAIR]
    bits |= _PAIRS[(mixed >> np.uint64(shift)) & _PAIR]
    return bits


_LOOKS: tuple[tuple[Callable[[Hashes], Hashes], Callable[[Hashes], Hashes]], ...] = (
    (lambda hashes: hashes >> _HALF, lambda hashes: _bits(hashes, BITS_OF_FIRST, 40)),
    (lambda hashes: hashes & _LOW_HALF, lambda hashes: _bits(hashes, BITS_OF_FIRST, 16)),
    (
        lambda hashes: (hashes * THIRD_PLACE) >> _HALF,
        lambda hashes: _bits(hashes, BITS_OF_LAST, 40),
    ),
    (
        lambda hashes: (hashes * FOURTH_PLACE) >> _HALF,
        lambda hashes: _bits(hashes, BITS_OF_LAST, 16),
    ),
)
"""The words of a hash, one after another: a place as a fraction of 2³², and the bits there."""


class TraceFilter:
    """A set of hashes in which some may be found that were never added, and none is missed.

    A Bloom filter of 64-bit words (Putze, Sanders and Singler, "Cache-, Hash- and Space-Efficient
    Bloom Filters", 2007): a hash sets up to four bits in each of four words, so a look touches four
    places in memory at most, and mostly one. Filled to its capacity it is wrong about once in
    50,000: whoever is found costs a query.
    """

    def __init__(self, capacity: int, begun_ns: int) -> None:
        self.capacity = capacity
        self.begun_ns = self.last_ns = begun_ns
        self.entries = 0
        self.words: Hashes = np.zeros(capacity * _BITS_PER_TRACE // 64, dtype=np.uint64)

    def add(self, hashes: Hashes) -> None:
        """Add hashes; those that are there already count against the capacity again."""
        for place, bits in _LOOKS:
            np.bitwise_or.at(self.words, self._places(place(hashes)), bits(hashes))
        self.entries += len(hashes)

    def mark(self, hashes: Hashes, found: npt.NDArray[np.bool_]) -> None:
        """Set `found` for the hashes that are perhaps in the set; leave it for the others."""
        rows = np.arange(len(hashes))
        for place, bits in _LOOKS:
            left = hashes[rows]
            wanted = bits(left)
            rows = rows[(self.words[self._places(place(left))] & wanted) == wanted]
        found[rows] = True

    def _places(self, fractions: Hashes) -> Hashes:
        places: Hashes = (fractions * np.uint64(len(self.words))) >> _HALF
        return places


FilterMaker = Callable[[int, int], TraceFilter]
"""Makes an empty filter: capacity, and when it begins."""


class JudgedTraces:
    """The traces judged inside a horizon, by the time of their verdicts; ten minutes at a time.

    About 3 bytes a trace. The first generation is small, and each one that fills up before its time
    is followed by one of twice its size. Safe between threads.
    """

    def __init__(self, *, horizon_ns: int | None) -> None:
        self.make_filter: FilterMaker = TraceFilter
        """What makes the next generation."""
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
            for generation in self._generations:
                if generation.last_ns >= since_ns:
                    generation.mark(hashes, result)
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
        generation = self.make_filter(min(max(capacity, _FEWEST), _MOST), at_ns)
        if self._horizon_ns is not None:
            # Ten minutes more than needed: a clock that is set back must not lose any.
            oldest_ns = at_ns - self._horizon_ns - _GENERATION_NS
            self._generations = [one for one in self._generations if one.last_ns >= oldest_ns]
        self._generations.append(generation)
        return generation
