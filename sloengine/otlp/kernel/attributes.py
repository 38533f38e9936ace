"""Attributes: split, checked, looked up, classified."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.otlp.kernel.layout import (
    BOOL,
    BYTES,
    CAPTURE_RECORD,
    CAPTURE_RECORDS,
    CAPTURES,
    CAPTURES_CAP,
    DONE,
    DOUBLE,
    FOUND_A,
    FOUND_B,
    FULL,
    HELD,
    HELD_RECORD,
    INPUT_CAPTURED,
    INPUT_COLUMN,
    INPUT_MODE,
    INPUT_RECORD,
    INPUTS,
    INT,
    KEY_AT,
    KEY_SIZE,
    LIMIT,
    LIST,
    M_ANY_VALUE,
    M_ARRAY,
    M_KEY_VALUE,
    M_MAP,
    MALFORMED,
    MAP,
    MARK,
    MARKING,
    NIL,
    PAYLOAD,
    ROWS,
    SEEN,
    SERIAL,
    SHARED,
    SHARED_CAP,
    SHARED_RECORD,
    SHARED_RECORDS,
    SPAN_KEYS,
    STRING,
    UNSURE,
    UNWANTED,
    VALUE_AT,
    VALUE_END,
)
from sloengine.otlp.kernel.memory import load_i64, load_u8, store_i64
from sloengine.otlp.kernel.tables import classify, find_key, set_class
from sloengine.otlp.kernel.wire import check_field, check_message, is_text, length, tag_at, varint

_KEY = 0x0A
_VALUE = 0x12


@part
def _split(st: int, pos: int, end: int) -> int:
    """Find key and value of a `KeyValue` of any legal shape."""
    limit = load_i64(st + LIMIT)
    store_i64(st + KEY_AT, pos)
    store_i64(st + KEY_SIZE, 0)
    store_i64(st + VALUE_AT, pos)
    store_i64(st + VALUE_END, pos)
    values = 0
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == _KEY:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            if not is_text(pos, size, limit):
                return MALFORMED
            store_i64(st + KEY_AT, pos)
            store_i64(st + KEY_SIZE, size)
            pos += size
        elif tag == _VALUE:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            values += 1
            if values > 1:  # they are merged
                return UNSURE
            store_i64(st + VALUE_AT, pos)
            pos += size
            store_i64(st + VALUE_END, pos)
        else:
            pos = check_field(st, pos, end, tag, M_KEY_VALUE)
            if pos < 0:
                return pos
    return DONE


@part
def _any_value(st: int, pos: int, end: int) -> int:
    """Return the type of an `AnyValue` of any legal shape; what it holds is left in the state."""
    limit = load_i64(st + LIMIT)
    kind = NIL
    members = 0
    messages = 0
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == 0x0A or tag == 0x3A or tag == 0x2A or tag == 0x32:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            stop = pos + size
            checked = DONE
            if tag == 0x0A:
                kind = STRING
                checked = DONE if is_text(pos, size, limit) else MALFORMED
            elif tag == 0x3A:
                kind = BYTES
            elif tag == 0x2A:
                kind = LIST
                messages = 1
                checked = check_message(st, pos, stop, M_ARRAY)
            else:
                kind = MAP
                messages = 1
                checked = check_message(st, pos, stop, M_MAP)
            if checked < 0:
                return checked
            store_i64(st + FOUND_A, pos)
            store_i64(st + FOUND_B, size)
            pos = stop
        elif tag == 0x10 or tag == 0x18 or tag == 0x40:
            number, pos = varint(pos, end)
            if pos < 0:
                return pos
            if tag == 0x10:
                kind = BOOL
                number = 1 if number != 0 else 0
            else:
                kind = INT if tag == 0x18 else NIL
            store_i64(st + FOUND_A, number)
            store_i64(st + FOUND_B, 0)
        elif tag == 0x21:
            if end - pos < 8:
                return MALFORMED
            kind = DOUBLE
            store_i64(st + FOUND_A, load_i64(pos))
            store_i64(st + FOUND_B, 0)
            pos += 8
        else:
            pos = check_field(st, pos, end, tag, M_ANY_VALUE)
            if pos < 0:
                return pos
            continue
        members += 1
        if members > 1 and messages > 0:  # two of one kind are merged
            return UNSURE
    return kind


@inlined
def value_of(st: int, pos: int, end: int, limit: int) -> tuple[int, int, int]:
    """Return type (or status), address or number, and size of an `AnyValue`."""
    size = end - pos
    if size >= 2:
        tag = load_u8(pos)
        if tag == 0x0A:
            text = load_u8(pos + 1)
            at = pos + 2
            if text >= 128 and size >= 3:
                more = load_u8(pos + 2)
                text = (text & 127) | more << 7 if more < 128 else -1
                at = pos + 3
            if at + text == end:
                if is_text(at, text, limit):
                    return STRING, at, text
                return MALFORMED, 0, 0
        elif tag == 0x18:
            number, after = varint(pos + 1, end)
            if after == end:
                return INT, number, 0
        elif tag == 0x10:
            if size == 2 and load_u8(pos + 1) < 2:
                return BOOL, load_u8(pos + 1), 0
        elif tag == 0x21 and size == 9:
            return DOUBLE, load_i64(pos + 1), 0
    kind = _any_value(st, pos, end)
    return kind, load_i64(st + FOUND_A), load_i64(st + FOUND_B)


@inlined
def attribute(st: int, pos: int, end: int, level: int, row: int) -> int:
    """Check one `KeyValue`; if conditions want it, set its class in `row`; if captures do, note it.

    `level` is the offset of the level's keys in the state. Return `UNWANTED` for one that nobody
    asks for: whether it is depends on its bytes alone.
    """
    limit = load_i64(st + LIMIT)
    size = 0
    key_at = pos
    value_at = 0
    value_end = -1
    key_checked = False
    if end - pos >= 4 and load_u8(pos) == _KEY:
        size = load_u8(pos + 1)
        key_at = pos + 2
        after = key_at + size
        if size < 128 and end - after >= 2 and load_u8(after) == _VALUE:
            value_size = load_u8(after + 1)
            value_at = after + 2
            if value_size >= 128 and end - after >= 3:
                more = load_u8(after + 2)
                value_size = (value_size & 127) | more << 7 if more < 128 else -1
                value_at = after + 3
            if value_at + value_size == end:
                value_end = end
    if value_end < 0:
        status = _split(st, pos, end)
        if status < 0:
            return status
        key_at = load_i64(st + KEY_AT)
        size = load_i64(st + KEY_SIZE)
        value_at = load_i64(st + VALUE_AT)
        value_end = load_i64(st + VALUE_END)
        key_checked = True
    number = find_key(load_i64(st + level), load_i64(st + level + 8), key_at, size, limit)
    if number < 0 and not key_checked and not is_text(key_at, size, limit):
        return MALFORMED
    kind, a, b = value_of(st, value_at, value_end, limit)
    if kind < 0:
        return kind
    if number >= 0:
        return _take(st, number, kind, a, b, value_at, value_end, level, row)
    return UNWANTED


@part
def attribute_above(st: int, pos: int, end: int, level: int, row: int) -> int:
    """As `attribute`, for those of resources and scopes, which are fewer."""
    return attribute(st, pos, end, level, row)


@part
def _take(
    st: int,
    number: int,
    kind: int,
    a: int,
    b: int,
    value_at: int,
    value_end: int,
    level: int,
    row: int,
) -> int:
    """Use a wanted attribute; of several with one key the first counts."""
    seen = load_i64(st + SEEN) + number * 8
    serial = load_i64(st + SERIAL)
    if load_i64(seen) == serial:
        return DONE
    store_i64(seen, serial)
    record = load_i64(st + INPUTS) + number * INPUT_RECORD
    column = load_i64(record + INPUT_COLUMN)
    if column >= 0:
        if load_i64(record + INPUT_MODE) == MARKING:
            if kind != NIL:
                set_class(row, column, MARK)
                held = load_i64(st + HELD) + number * HELD_RECORD
                store_i64(held, kind)
                store_i64(held + 8, a)
                store_i64(held + 16, b)
        else:
            set_class(row, column, classify(st, record, kind, a, b))
    if kind != NIL and load_i64(record + INPUT_CAPTURED) != 0:
        if level == SPAN_KEYS:
            return _capture(st, number, value_at, value_end)
        return _capture_shared(st, number, value_at, value_end)
    return DONE


@part
def _capture(st: int, number: int, value_at: int, value_end: int) -> int:
    count = load_i64(st + CAPTURES)
    if count >= load_i64(st + CAPTURES_CAP):
        store_i64(st + FULL, 1)
        return DONE
    record = load_i64(st + CAPTURE_RECORDS) + count * CAPTURE_RECORD
    store_i64(record, load_i64(st + ROWS))
    store_i64(record + 8, number)
    store_i64(record + 16, value_at - load_i64(st + PAYLOAD))
    store_i64(record + 24, value_end - value_at)
    store_i64(st + CAPTURES, count + 1)
    return DONE


@part
def _capture_shared(st: int, number: int, value_at: int, value_end: int) -> int:
    count = load_i64(st + SHARED)
    if count >= load_i64(st + SHARED_CAP):
        store_i64(st + FULL, 1)
        return DONE
    record = load_i64(st + SHARED_RECORDS) + count * SHARED_RECORD
    store_i64(record, load_i64(st + ROWS))
    store_i64(record + 8, -1)
    store_i64(record + 16, number)
    store_i64(record + 24, value_at - load_i64(st + PAYLOAD))
    store_i64(record + 32, value_end - value_at)
    store_i64(st + SHARED, count + 1)
    return DONE
