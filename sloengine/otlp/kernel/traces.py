"""Which traces the rows of a request belong to, each told once or little more."""

from __future__ import annotations

from sloengine.jit import entry
from sloengine.otlp.kernel.layout import FIRST_ROW, MET, MET_PLACES, ROWS, SEED, TRACE_HI, TRACE_LO
from sloengine.otlp.kernel.memory import (
    as_signed,
    load_i64,
    load_u32,
    load_u64,
    store_i32,
)
from sloengine.otlp.kernel.tables import mixed


@entry
def first_rows(st: int) -> int:
    """Write rows in which all traces are met, ascending; return how many.

    A trace has a second one where others came between that fell on its place.
    """
    highs, lows = load_i64(st + TRACE_HI), load_i64(st + TRACE_LO)
    seed, places = load_u64(st + SEED), load_i64(st + MET)
    found = load_i64(st + FIRST_ROW)
    count = 0
    before = 0
    for row in range(load_i64(st + ROWS)):
        high, low = load_u64(highs + row * 8), load_u64(lows + row * 8)
        if row > 0 and load_u64(lows + before * 8) == low and load_u64(highs + before * 8) == high:
            continue
        before = row
        word = mixed(mixed(seed, low), high)
        place = places + (as_signed(word) & (MET_PLACES - 1)) * 4
        # Whatever stands there, from this request or an earlier one: the rows tell.
        met = load_u32(place)
        if met < row and load_u64(lows + met * 8) == low and load_u64(highs + met * 8) == high:
            continue
        store_i32(place, row)
        store_i32(found + count * 4, row)
        count += 1
    return count
