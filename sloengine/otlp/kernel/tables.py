"""The tables of a decoder: wanted keys, and classes of values.

Open addressing without removal, linear probing, never more than half full, hashes seeded. Entries
are compared in full: a hash only says where to look. What finds no room is counted in `OVERFLOWS`
and decided outside, every time.
"""

from __future__ import annotations

import numpy as np

from sloengine.jit import inlined, part
from sloengine.otlp.kernel.layout import (
    AFFIX_RECORD,
    ARENA,
    ARENA_CAP,
    ARENA_USED,
    BOOL,
    DOUBLE,
    FULL,
    INPUT_ABSENT,
    INPUT_DOUBLES,
    INPUT_DOUBLES_COUNT,
    INPUT_INTS,
    INPUT_INTS_COUNT,
    INPUT_KEPT,
    INPUT_MODE,
    INPUT_NUMBER,
    INPUT_PREFIXES,
    INPUT_PREFIXES_COUNT,
    INPUT_SMALL,
    INPUT_SUFFIXES,
    INPUT_SUFFIXES_COUNT,
    INT,
    KEY_BYTES,
    KEY_FIRST,
    KEY_INPUT,
    KEY_LAST,
    KEY_LENGTH,
    KEY_RECORD,
    LIMIT,
    LIST,
    MAP,
    MARK,
    MAX_KEPT,
    MAX_PROBES,
    MAX_VALUE_BYTES,
    MISS_A,
    MISS_ENTRY,
    MISS_GROUP,
    MISS_INPUT,
    MISS_RECORD,
    MISS_RECORDS,
    MISS_SIZE,
    MISS_TYPE,
    MISS_WHOLE,
    MISSES,
    MISSES_CAP,
    NIL,
    OTHER,
    OVERFLOWS,
    PAYLOAD,
    REDUCED,
    SEED,
    SLOT_RECORD,
    SMALL,
    STRING,
    VALUE_A,
    VALUE_CLASS,
    VALUE_ENTRIES,
    VALUE_MASK,
    VALUE_RECORD,
    VALUE_SLOTS,
    VALUE_WHAT,
    VALUES,
    VALUES_CAP,
)
from sloengine.otlp.kernel.memory import (
    as_double,
    as_signed,
    as_word,
    folded,
    load_i32,
    load_i64,
    load_u8,
    load_u32,
    load_u64,
    store_i32,
    store_i64,
    store_u8,
)
from sloengine.otlp.kernel.wire import first_bytes

_M1 = np.uint64(0x9E3779B97F4A7C15)
_M2 = np.uint64(0xC2B2AE3D27D4EB4F)
_M3 = np.uint64(0x165667B19E3779F9)
_HALF = np.uint64(32)


@inlined
def mixed(word: np.uint64, more: np.uint64) -> np.uint64:
    """Stir a word into a hash: every bit of it changes the low ones, which are places in tables."""
    return folded(word ^ more, _M1)


@inlined
def key_hash(first: np.uint64, last: np.uint64, size: int) -> int:
    """Where a key of a level stands, before masking."""
    word = (first ^ (last * _M2) ^ (np.uint64(size) * _M3)) * _M1
    return as_signed(word >> np.uint64(40))


@inlined
def same_bytes(left: int, right: int, size: int, limit: int) -> bool:
    """Whether bytes are equal; `right` may be read eight bytes beyond its size, `left` not."""
    if size < 8:
        return bool(first_bytes(left, size, limit) == first_bytes(right, size, right + 8))
    last = size - 8
    index = 0
    while index < last:
        if load_u64(left + index) != load_u64(right + index):
            return False
        index += 8
    return bool(load_u64(left + last) == load_u64(right + last))


@inlined
def find_key(keys: int, mask: int, at: int, size: int, limit: int) -> int:
    """Return the input that a key is wanted for, -1 where it is not."""
    if size >= 8:
        first = load_u64(at)
        last = load_u64(at + size - 8)
    else:
        first = first_bytes(at, size, limit)
        last = first
    slot = key_hash(first, last, size) & mask
    while True:
        record = keys + slot * KEY_RECORD
        known = load_i64(record + KEY_LENGTH)
        if known < 0:
            return -1
        if (
            known == size
            and load_u64(record + KEY_FIRST) == first
            and load_u64(record + KEY_LAST) == last
            and (size <= 16 or same_bytes(at, load_i64(record + KEY_BYTES), size, limit))
        ):
            return load_i64(record + KEY_INPUT)
        slot = (slot + 1) & mask


@inlined
def _hash_of_bytes(at: int, size: int, limit: int, seed: np.uint64) -> np.uint64:
    if size < 8:
        return mixed(seed, first_bytes(at, size, limit))
    last = at + size - 8
    word = seed
    while at < last:
        word = mixed(word, load_u64(at))
        at += 8
    return mixed(word, load_u64(last))


@part
def add_miss(st: int, number: int, kind: int, a: int, size: int, entry: int, group: int) -> int:
    """Note a value to be decided outside; return the class that stands for it.

    Classes that wait are negative: -1 is the first miss. Where there is no room, `FULL` is set and
    the class means nothing: nothing of this run may be used.
    """
    misses = load_i64(st + MISSES)
    if misses >= load_i64(st + MISSES_CAP):
        store_i64(st + FULL, 1)
        return -1
    record = load_i64(st + MISS_RECORDS) + misses * MISS_RECORD
    store_i64(record + MISS_INPUT, number)
    store_i64(record + MISS_TYPE, kind)
    store_i64(record + MISS_A, a)
    store_i64(record + MISS_SIZE, size)
    store_i64(record + MISS_ENTRY, entry)
    store_i64(record + MISS_GROUP, group)
    store_i64(record + MISS_WHOLE, -1)
    store_i64(st + MISSES, misses + 1)
    return -1 - misses


@part
def _rank_of_int(record: int, number: int) -> int:
    cuts = load_i64(record + INPUT_INTS)
    low = 0
    high = load_i64(record + INPUT_INTS_COUNT)
    while low < high:
        middle = (low + high) >> 1
        if load_i64(cuts + middle * 8) <= number:
            low = middle + 1
        else:
            high = middle
    return low


@part
def _rank_of_double(record: int, bits: int) -> int:
    number = as_double(bits)
    if number != number:  # NaN
        return -1
    cuts = load_i64(record + INPUT_DOUBLES)
    low = 0
    count = load_i64(record + INPUT_DOUBLES_COUNT)
    high = count
    while low < high:
        middle = (low + high) >> 1
        if as_double(load_i64(cuts + middle * 8)) < number:
            low = middle + 1
        else:
            high = middle
    is_equal = low < count and as_double(load_i64(cuts + low * 8)) == number
    return 2 * low + 1 if is_equal else 2 * low


@part
def _affixes(record: int, at: int, size: int) -> int:
    """Say which prefixes and suffixes a text has: the longest of each begins with all others."""
    prefix = _longest(
        load_i64(record + INPUT_PREFIXES), load_i64(record + INPUT_PREFIXES_COUNT), at, 1, size
    )
    suffix = _longest(
        *(load_i64(record + INPUT_SUFFIXES), load_i64(record + INPUT_SUFFIXES_COUNT)),
        *(at + size - 1, -1, size),
    )
    return prefix << 32 | suffix


@part
def _longest(affixes: int, count: int, at: int, step: int, size: int) -> int:
    """Return the number, from 1, of the longest affix of a text that is read by `step`; 0: none."""
    low = 0
    high = count
    while low < high:
        middle = (low + high) >> 1
        affix = affixes + middle * AFFIX_RECORD
        shared = _shared(affix, at, step, size)
        if shared < load_i64(affix + 8) and (
            shared == size or load_u8(load_i64(affix) + shared) > load_u8(at + shared * step)
        ):
            high = middle
        else:
            low = middle + 1
    # All that a text begins with stand before it, and the last that does begins with the others.
    if low > 0:
        shared = _shared(affixes + (low - 1) * AFFIX_RECORD, at, step, size)
        while low > 0 and load_i64(affixes + (low - 1) * AFFIX_RECORD + 8) > shared:
            low = load_i64(affixes + (low - 1) * AFFIX_RECORD + 16)
    return low


@inlined
def _shared(affix: int, at: int, step: int, size: int) -> int:
    """Return how many bytes an affix and a text have in common before the first that differs."""
    own = load_i64(affix)
    size = min(size, load_i64(affix + 8))
    shared = 0
    while shared < size and load_u8(own + shared) == load_u8(at + shared * step):
        shared += 1
    return shared


@inlined
def classify(st: int, record: int, kind: int, a: int, size: int) -> int:
    """Return the class of a value: `a` is its address, or the number itself."""
    if kind == NIL:
        return load_i64(record + INPUT_ABSENT)
    is_reduced = load_i64(record + INPUT_MODE) == REDUCED
    if kind == STRING:
        return _of_bytes(st, record, kind, a, size, OTHER if is_reduced else 0)
    if kind == INT:
        key = _rank_of_int(record, a) if is_reduced else a
        if 0 <= key < SMALL:
            small = load_i64(record + INPUT_SMALL) + key * 4
            known = load_i32(small)
            if known >= 0:
                return known
            known = _of_number(st, record, INT, key, a)
            store_i32(small, known if known >= 0 else MARK)
            return known
        return _of_number(st, record, INT, key, a)
    return _of_other(st, record, kind, a, size, is_reduced)


@part
def _of_other(st: int, record: int, kind: int, a: int, size: int, is_reduced: bool) -> int:
    if kind == DOUBLE:
        key = _rank_of_double(record, a) if is_reduced else a
        return _of_number(st, record, kind, key, a)
    if kind == BOOL:
        return _of_number(st, record, kind, a, a)
    if is_reduced and LIST <= kind <= MAP:
        offset = a - load_i64(st + PAYLOAD)
        return _of_reduced(st, load_i64(record + INPUT_NUMBER), kind, 0, offset, size)
    return _of_bytes(st, record, kind, a, size, OTHER if is_reduced else 0)


@part
def _of_number(st: int, record: int, kind: int, key: int, actual: int) -> int:
    number = load_i64(record + INPUT_NUMBER)
    what = number << 40 | kind << 32
    entry, slot_at, tag = _find_word(st, what, key)
    if entry != 0:
        return load_i64(entry + VALUE_CLASS)
    return _learn(st, number, kind, actual, 0, what, key, slot_at, tag)


@part
def _find_word(st: int, what: int, key: int) -> tuple[int, int, int]:
    """Return the entry (0: none), the free slot (0: none), and the tag for it."""
    word = mixed(mixed(load_u64(st + SEED), as_word(what)), as_word(key))
    entries = load_i64(st + VALUE_ENTRIES)
    slots = load_i64(st + VALUE_SLOTS)
    mask = load_i64(st + VALUE_MASK)
    tag = as_signed(word >> _HALF)
    slot = as_signed(word) & mask
    for _ in range(MAX_PROBES):
        at = slots + slot * SLOT_RECORD
        index = load_u32(at + 4)
        if index == 0:
            return 0, at, tag
        if load_u32(at) == tag:
            entry = entries + (index - 1) * VALUE_RECORD
            if load_i64(entry + VALUE_WHAT) == what and load_i64(entry + VALUE_A) == key:
                return entry, 0, tag
        slot = (slot + 1) & mask
    return 0, 0, tag


@part
def _of_bytes(st: int, record: int, kind: int, at: int, size: int, other: int) -> int:
    """Return the class of bytes; `other` is `OTHER` where they may be reduced, else 0."""
    number = load_i64(record + INPUT_NUMBER)
    what = number << 40 | kind << 32 | size
    slot_at = 0
    tag = 0
    if size <= MAX_VALUE_BYTES:
        entry, slot_at, tag = _find_bytes(st, what, at, size, load_i64(st + LIMIT))
        if entry != 0:
            known = load_i64(entry + VALUE_CLASS)
            return known if known != MARK else _first_seen(st, number, kind, at, size, entry)
    return _of_new_bytes(st, record, kind, at, size, other, slot_at, tag)


@inlined
def _find_bytes(st: int, what: int, at: int, size: int, limit: int) -> tuple[int, int, int]:
    """Return the entry (0: none), the free slot (0: none), and the tag for it."""
    word = _hash_of_bytes(at, size, limit, mixed(load_u64(st + SEED), as_word(what)))
    entries = load_i64(st + VALUE_ENTRIES)
    slots = load_i64(st + VALUE_SLOTS)
    mask = load_i64(st + VALUE_MASK)
    tag = as_signed(word >> _HALF)
    slot = as_signed(word) & mask
    for _ in range(MAX_PROBES):
        free = slots + slot * SLOT_RECORD
        index = load_u32(free + 4)
        if index == 0:
            return 0, free, tag
        if load_u32(free) == tag:
            entry = entries + (index - 1) * VALUE_RECORD
            if load_i64(entry + VALUE_WHAT) == what and same_bytes(
                at, load_i64(entry + VALUE_A), size, limit
            ):
                return entry, 0, tag
        slot = (slot + 1) & mask
    return 0, 0, tag


@part
def _first_seen(st: int, number: int, kind: int, at: int, size: int, entry: int) -> int:
    """Note a constant that stands in a span for the first time, to be decided outside."""
    waiting = add_miss(st, number, kind, at - load_i64(st + PAYLOAD), size, entry, 0)
    store_i64(entry + VALUE_CLASS, waiting)
    return waiting


@part
def _of_new_bytes(
    st: int, record: int, kind: int, at: int, size: int, other: int, slot_at: int, tag: int
) -> int:
    number = load_i64(record + INPUT_NUMBER)
    offset = at - load_i64(st + PAYLOAD)
    what = number << 40 | kind << 32 | size
    found = 0
    if other != 0:
        affixes = _affixes(record, at, size) if kind == STRING else 0
        found = _of_reduced(st, number, kind, affixes, offset, size)
        kept = load_i64(record + INPUT_KEPT)
        if found < 0 or slot_at == 0 or kept >= MAX_KEPT:
            return found
        store_i64(record + INPUT_KEPT, kept + 1)
    if slot_at != 0 and load_i64(st + VALUES) < load_i64(st + VALUES_CAP):
        copied = _kept(st, at, size)
        if copied != 0:
            if other == 0:
                return _learn(st, number, kind, offset, size, what, copied, slot_at, tag)
            _enter(st, what, copied, found, slot_at, tag)
            return found
    if other != 0:
        return found
    if size <= MAX_VALUE_BYTES:
        store_i64(st + OVERFLOWS, load_i64(st + OVERFLOWS) + 1)
    return add_miss(st, number, kind, offset, size, 0, 0)


@part
def _of_reduced(st: int, number: int, kind: int, key: int, offset: int, size: int) -> int:
    what = number << 40 | (kind + OTHER) << 32
    entry, slot_at, tag = _find_word(st, what, key)
    if entry != 0:
        return load_i64(entry + VALUE_CLASS)
    return _learn(st, number, kind, offset, size, what, key, slot_at, tag)


@part
def _kept(st: int, at: int, size: int) -> int:
    """Copy bytes to where tables keep them; return the address, 0 where there is no room."""
    used = load_i64(st + ARENA_USED)
    if size + 8 > load_i64(st + ARENA_CAP) - used:
        return 0
    copy = load_i64(st + ARENA) + used
    for index in range(size):
        store_u8(copy + index, load_u8(at + index))
    store_i64(st + ARENA_USED, used + size + 8)
    return copy


@part
def _learn(
    st: int,
    number: int,
    kind: int,
    actual: int,
    size: int,
    what: int,
    key: int,
    slot_at: int,
    tag: int,
) -> int:
    """Enter a value whose class is not known yet, and note it to be decided outside."""
    if slot_at == 0 or load_i64(st + VALUES) >= load_i64(st + VALUES_CAP):
        store_i64(st + OVERFLOWS, load_i64(st + OVERFLOWS) + 1)
        return add_miss(st, number, kind, actual, size, 0, 0)
    entry = load_i64(st + VALUE_ENTRIES) + load_i64(st + VALUES) * VALUE_RECORD
    waiting = add_miss(st, number, kind, actual, size, entry, 0)
    _enter(st, what, key, waiting, slot_at, tag)
    return waiting


@inlined
def _enter(st: int, what: int, a: int, number: int, slot_at: int, tag: int) -> None:
    """Enter a value and its class. The caller has checked that there is room."""
    count = load_i64(st + VALUES)
    entry = load_i64(st + VALUE_ENTRIES) + count * VALUE_RECORD
    store_i64(entry + VALUE_WHAT, what)
    store_i64(entry + VALUE_A, a)
    store_i64(entry + VALUE_CLASS, number)
    store_i32(slot_at, tag)
    store_i32(slot_at + 4, count + 1)
    store_i64(st + VALUES, count + 1)


@inlined
def class_in(row: int, column: int) -> int:
    """Return the class of a column."""
    return load_i32(row + column * 4)


@inlined
def set_class(row: int, column: int, number: int) -> None:
    """Set the class of a column."""
    store_i32(row + column * 4, number)


@part
def keep_constant(st: int, number: int, kind: int, at: int, size: int) -> bool:
    """Enter a constant without a class; return whether there was room. It may be read eight bytes
    beyond its size.
    """
    what = number << 40 | kind << 32 | size
    entry, slot_at, tag = _find_bytes(st, what, at, size, at + size + 8)
    if entry != 0:
        return True
    if slot_at == 0 or load_i64(st + VALUES) >= load_i64(st + VALUES_CAP):
        return False
    copied = _kept(st, at, size)
    if copied == 0:
        return False
    _enter(st, what, copied, MARK, slot_at, tag)
    return True
