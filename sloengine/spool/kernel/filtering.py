"""`KernelFilter`: a `TraceFilter`, bit by bit the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sloengine.jit import entry, inlined
from sloengine.spool.index import Hashes
from sloengine.spool.judged import (
    BITS_OF_FIRST,
    BITS_OF_LAST,
    FOURTH_PLACE,
    THIRD_PLACE,
    TraceFilter,
)

_ONE, _SIX, _TWELVE = np.uint64(1), np.uint64(6), np.uint64(12)
_FIRST, _SECOND, _HALF = np.uint64(40), np.uint64(16), np.uint64(32)
_LOW_HALF, _IN_WORD = np.uint64(0xFFFFFFFF), np.uint64(63)


@inlined
def _bits(mixed: np.uint64, shift: np.uint64) -> np.uint64:
    chosen = mixed >> shift
    bits = _ONE << (chosen & _IN_WORD) | _ONE << ((chosen >> _SIX) & _IN_WORD)
    chosen = chosen >> _TWELVE
    return bits | _ONE << (chosen & _IN_WORD) | _ONE << ((chosen >> _SIX) & _IN_WORD)


@inlined
def _place(fraction: np.uint64, size: np.uint64) -> np.uint64:
    return (fraction * size) >> _HALF


@entry
def _add(words: Hashes, hashes: Hashes) -> None:
    size = np.uint64(len(words))
    for one in hashes:
        first, last = one * BITS_OF_FIRST, one * BITS_OF_LAST
        words[_place(one >> _HALF, size)] |= _bits(first, _FIRST)
        words[_place(one & _LOW_HALF, size)] |= _bits(first, _SECOND)
        words[_place((one * THIRD_PLACE) >> _HALF, size)] |= _bits(last, _FIRST)
        words[_place((one * FOURTH_PLACE) >> _HALF, size)] |= _bits(last, _SECOND)


@inlined
def _has(words: Hashes, place: np.uint64, bits: np.uint64) -> bool:
    return bool((words[place] & bits) == bits)


@entry
def _mark(words: Hashes, hashes: Hashes, found: npt.NDArray[np.bool_]) -> None:
    size = np.uint64(len(words))
    for row in range(len(hashes)):
        one = hashes[row]
        first = one * BITS_OF_FIRST
        if not _has(words, _place(one >> _HALF, size), _bits(first, _FIRST)):
            continue
        if not _has(words, _place(one & _LOW_HALF, size), _bits(first, _SECOND)):
            continue
        last = one * BITS_OF_LAST
        if not _has(words, _place((one * THIRD_PLACE) >> _HALF, size), _bits(last, _FIRST)):
            continue
        if _has(words, _place((one * FOURTH_PLACE) >> _HALF, size), _bits(last, _SECOND)):
            found[row] = True


class KernelFilter(TraceFilter):
    """What `TraceFilter` guarantees, by which it is tested."""

    def add(self, hashes: Hashes) -> None:
        """See `TraceFilter.add`."""
        _add(self.words, hashes)
        self.entries += len(hashes)

    def mark(self, hashes: Hashes, found: npt.NDArray[np.bool_]) -> None:
        """See `TraceFilter.mark`."""
        _mark(self.words, hashes, found)


def warm_up() -> None:
    """Compile the kernels, or load them."""
    hashes = np.zeros(1, np.uint64)
    one = KernelFilter(64, 0)
    one.add(hashes)
    one.mark(hashes, np.zeros(1, np.bool_))
