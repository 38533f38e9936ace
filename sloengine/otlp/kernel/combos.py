"""Combinations of classes and their vectors; a table as those of `tables`."""

from __future__ import annotations

import numpy as np

from sloengine.jit import inlined, part
from sloengine.otlp.kernel.layout import (
    CLASS_BYTES,
    COMBO_CLASSES,
    COMBO_ENTRIES,
    COMBO_MASK,
    COMBO_SLOTS,
    COMBO_VECTOR,
    COMBOS,
    COMBOS_CAP,
    MAX_PROBES,
    OVERFLOWS,
    SEED,
    SLOT_RECORD,
)
from sloengine.otlp.kernel.memory import (
    as_signed,
    as_word,
    load_i64,
    load_u32,
    load_u64,
    store_i32,
    store_i64,
    store_u64,
)
from sloengine.otlp.kernel.tables import mixed

_HALF = np.uint64(32)


@inlined
def _two_classes(at: int) -> np.uint64:
    """Load two classes as they were stored: a wider load would wait until both are in the cache."""
    return as_word(load_u32(at) | load_u32(at + 4) << 32)


@inlined
def combo_of(st: int, row: int) -> int:
    """Return the entry of a combination of classes; 0 where it is not known or one waits."""
    size = load_i64(st + CLASS_BYTES)
    word = load_u64(st + SEED)
    signs = np.uint64(0)
    for offset in range(0, size, 8):
        classes = _two_classes(row + offset)
        signs |= classes
        word = mixed(word, classes)
    if signs & np.uint64(0x8000000080000000) != np.uint64(0):
        return 0
    mask = load_i64(st + COMBO_MASK)
    slots = load_i64(st + COMBO_SLOTS)
    entries = load_i64(st + COMBO_ENTRIES)
    tag = as_signed(word >> _HALF)
    slot = as_signed(word) & mask
    for _ in range(MAX_PROBES):
        at = slots + slot * SLOT_RECORD
        index = load_u32(at + 4)
        if index == 0:
            return 0
        if load_u32(at) == tag:
            entry = entries + (index - 1) * (COMBO_CLASSES + size)
            same = True
            for offset in range(0, size, 8):
                if load_u64(entry + COMBO_CLASSES + offset) != _two_classes(row + offset):
                    same = False
            if same:
                return entry
        slot = (slot + 1) & mask
    return 0


@part
def learn_combo(st: int, row: int, vector: int) -> int:
    """Enter a combination that is not known yet; return its entry, 0 where there is no room."""
    size = load_i64(st + CLASS_BYTES)
    count = load_i64(st + COMBOS)
    word = load_u64(st + SEED)
    for offset in range(0, size, 8):
        word = mixed(word, load_u64(row + offset))
    mask = load_i64(st + COMBO_MASK)
    slots = load_i64(st + COMBO_SLOTS)
    slot = as_signed(word) & mask
    if count < load_i64(st + COMBOS_CAP):
        for _ in range(MAX_PROBES):
            at = slots + slot * SLOT_RECORD
            if load_u32(at + 4) == 0:
                entry = load_i64(st + COMBO_ENTRIES) + count * (COMBO_CLASSES + size)
                store_i64(entry + COMBO_VECTOR, vector)
                for offset in range(0, size, 8):
                    store_u64(entry + COMBO_CLASSES + offset, load_u64(row + offset))
                store_i32(at, as_signed(word >> _HALF))
                store_i32(at + 4, count + 1)
                store_i64(st + COMBOS, count + 1)
                return entry
            slot = (slot + 1) & mask
    store_i64(st + OVERFLOWS, load_i64(st + OVERFLOWS) + 1)
    return 0
