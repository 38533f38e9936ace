"""Records that the kernels read and write, as others handle them: made, weighed, named."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words


def records_of(rows: npt.NDArray[np.intp], how: int) -> Words:
    """Return records of traces, by row, that are to be judged; `how` is J_HOW."""
    records = np.zeros((len(rows), at.J_WORDS), np.int64)
    records[:, at.J_TRACE] = rows
    records[:, at.J_HOW] = how
    return records


def sizes_of(traces: Words) -> Words:
    """Return what each of the traces weighs in all."""
    rows = at.TRACE_BYTES + at.SPAN_BYTES * traces[:, at.T_COUNT]
    sizes: Words = rows + traces[:, at.T_BYTES] + traces[:, at.T_HELD]
    return sizes


def trace_ids_of(traces: Words) -> list[int]:
    """Return the ids of traces, as numbers of 128 bits."""
    ids = traces[:, [at.T_HI, at.T_LO]].view(np.uint64)
    return [high << 64 | low for high, low in ids.tolist()]


def address_of(array: npt.NDArray[np.int64] | npt.NDArray[np.intp]) -> int:
    """Return where an array begins."""
    return int(array.ctypes.data)


def signed(word: int) -> int:
    """Return 64 bits without a sign as the same bits with one."""
    return word - (1 << 64) if word >> 63 else word
