"""After a request was walked over: classes and vectors that were decided outside are entered."""

from __future__ import annotations

from sloengine.jit import entry
from sloengine.otlp.kernel.combos import combo_of, learn_combo
from sloengine.otlp.kernel.layout import (
    CLASS_BYTES,
    COMBO_VECTOR,
    CONSTANT_RECORD,
    MISS_ENTRY,
    MISS_RECORD,
    MISS_RECORDS,
    MISSES,
    NEW_COMBO_ROWS,
    NEW_COMBOS,
    PENDING,
    PENDING_CLASSES,
    PENDING_ROWS,
    VALUE_CLASS,
    VECTOR,
)
from sloengine.otlp.kernel.memory import load_i32, load_i64, store_i32, store_i64
from sloengine.otlp.kernel.tables import keep_constant

_NEW_COMBO_RECORD = 16


@entry
def teach(st: int, constants: int, count: int) -> int:
    """Enter constants; return how many found room."""
    for index in range(count):
        record = constants + index * CONSTANT_RECORD
        number, kind = load_i64(record), load_i64(record + 8)
        if not keep_constant(st, number, kind, load_i64(record + 16), load_i64(record + 24)):
            return index
    return count


@entry
def enter_classes(st: int, classes: int) -> int:
    """Enter the classes (int32) of all misses; return how many combinations are new.

    For those, `NEW_COMBO_ROWS` has the number of the pending row and the address of the entry.
    """
    records = load_i64(st + MISS_RECORDS)
    for index in range(load_i64(st + MISSES)):
        known = load_i64(records + index * MISS_RECORD + MISS_ENTRY)
        if known != 0:
            store_i64(known + VALUE_CLASS, load_i32(classes + index * 4))
    size = load_i64(st + CLASS_BYTES)
    vectors = load_i64(st + VECTOR)
    new = 0
    for pending in range(load_i64(st + PENDING)):
        row = load_i64(st + PENDING_CLASSES) + pending * size
        at = load_i64(load_i64(st + PENDING_ROWS) + pending * 8)
        for offset in range(0, size, 4):
            waiting = load_i32(row + offset)
            if waiting < 0:
                store_i32(row + offset, load_i32(classes + (-1 - waiting) * 4))
        combo = combo_of(st, row)
        if combo != 0:
            store_i32(vectors + at * 4, load_i64(combo + COMBO_VECTOR))
            continue
        record = load_i64(st + NEW_COMBO_ROWS) + new * _NEW_COMBO_RECORD
        store_i64(record, pending)
        store_i64(record + 8, learn_combo(st, row, -1 - new))
        store_i32(vectors + at * 4, -1 - new)
        new += 1
    store_i64(st + NEW_COMBOS, new)
    return new


@entry
def enter_vectors(st: int, decided: int) -> int:
    """Enter the vectors (int32) of all new combinations; return how many rows waited for one."""
    vectors = load_i64(st + VECTOR)
    for new in range(load_i64(st + NEW_COMBOS)):
        combo = load_i64(load_i64(st + NEW_COMBO_ROWS) + new * _NEW_COMBO_RECORD + 8)
        if combo != 0:
            store_i64(combo + COMBO_VECTOR, load_i32(decided + new * 4))
    rows = 0
    for pending in range(load_i64(st + PENDING)):
        at = vectors + load_i64(load_i64(st + PENDING_ROWS) + pending * 8) * 4
        waiting = load_i32(at)
        if waiting < 0:
            store_i32(at, load_i32(decided + (-1 - waiting) * 4))
            rows += 1
    return rows
