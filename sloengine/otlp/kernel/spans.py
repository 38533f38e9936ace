"""Spans: checked, classified, written into rows."""

from __future__ import annotations

from sloengine.jit import inlined, part
from sloengine.otlp.kernel.attributes import attribute
from sloengine.otlp.kernel.combos import combo_of
from sloengine.otlp.kernel.known import is_known, keep_known
from sloengine.otlp.kernel.layout import (
    CAPTURES,
    CLASS_BYTES,
    COMBO_VECTOR,
    DONE,
    DROPPED_ATTRIBUTES,
    DROPPED_EVENTS,
    DROPPED_LINKS,
    DURATION,
    END,
    END_NS,
    EVENTS,
    FLAGS,
    FULL,
    GROUP_OF,
    HELD_RECORD,
    INPUT_COLUMN,
    INT,
    KIND,
    KIND_NUMBER,
    KNOWN,
    KNOWN_PLACES,
    KNOWN_RECORD,
    LIMIT,
    LINKS,
    LIST,
    M_SPAN,
    M_STATUS,
    MALFORMED,
    MARK,
    MARKED,
    MARKED_COLUMN,
    MARKED_COUNT,
    MARKED_RECORD,
    MARKED_SOURCES,
    MARKED_SOURCES_COUNT,
    MISS_RECORD,
    MISS_RECORDS,
    MISS_WHOLE,
    NAME,
    NIL,
    NO_PARENT,
    PARENT,
    PARENT_ID,
    PAYLOAD,
    PENDING,
    PENDING_CAP,
    PENDING_CLASSES,
    PENDING_ROWS,
    PLAIN,
    PLAIN_INPUT,
    PLAIN_RECORD,
    PLAIN_SOURCE,
    PLAIN_TYPE,
    REJECTED,
    REJECTED_AT,
    REJECTED_SIZE,
    ROWS,
    ROWS_CAP,
    SCOPE_ROW,
    SERIAL,
    SOURCE_RECORD,
    SPAN,
    SPAN_AT,
    SPAN_HELD,
    SPAN_ID,
    SPAN_KEYS,
    SPAN_PLAIN,
    SPAN_PLAIN_COUNT,
    SPAN_ROW,
    SPAN_SIZE,
    START,
    START_NS,
    STATUS_CODE,
    STATUS_MESSAGE,
    STRING,
    TRACE,
    TRACE_HI,
    TRACE_LO,
    TRACE_STATE,
    UNWANTED,
    VECTOR,
    WHOLE,
    WHOLE_CAP,
    WHOLE_SPAN,
    WHOLE_VALUES,
)
from sloengine.otlp.kernel.memory import (
    load_i64,
    load_u16,
    load_u32,
    load_u64,
    store_i32,
    store_i64,
    store_u8,
    store_u64,
    swap_bytes,
)
from sloengine.otlp.kernel.tables import add_miss, class_in, classify, set_class
from sloengine.otlp.kernel.wire import check_field, is_text, length, skipped, tag_at, varint

_ATTRIBUTES_OF_SPAN = 0x4A
# Tags and sizes of ids as every sender begins a span with them
_TRACE_ID = 0x100A
_SPAN_ID = 0x0812
_PARENT_ID = 0x0822
_KINDS = 6


@inlined
def copy_words(target: int, source: int, size: int) -> None:
    """Copy whole words."""
    for offset in range(0, size, 8):
        store_u64(target + offset, load_u64(source + offset))


@inlined
def set_plain(st: int, source: int, a: int, size: int) -> None:
    """Leave a plain field's number, or the place of its bytes, where it is classified."""
    plain = load_i64(st + PLAIN) + source
    store_i64(plain, a)
    store_i64(plain + 8, size)


@inlined
def _as_int32(number: int) -> int:
    return ((number & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


@part
def classify_plain(st: int, plain_at: int, count: int, row: int) -> None:
    """Set the classes of a level's plain fields in a row of classes."""
    for index in range(count):
        wanted = plain_at + index * PLAIN_RECORD
        values = load_i64(st + PLAIN) + load_i64(wanted + PLAIN_SOURCE)
        record = load_i64(wanted + PLAIN_INPUT)
        found = classify(
            st, record, load_i64(wanted + PLAIN_TYPE), load_i64(values), load_i64(values + 8)
        )
        set_class(row, load_i64(record + INPUT_COLUMN), found)


@part
def _status(st: int, pos: int, end: int) -> int:
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == 0x18:
            code, pos = varint(pos, end)
            if pos < 0:
                return pos
            set_plain(st, STATUS_CODE, _as_int32(code), 0)
        elif tag == 0x12:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            if not is_text(pos, size, load_i64(st + LIMIT)):
                return MALFORMED
            set_plain(st, STATUS_MESSAGE, pos, size)
            pos += size
        else:
            pos = check_field(st, pos, end, tag, M_STATUS)
            if pos < 0:
                return pos
    return DONE


@part
def _rare_field(st: int, pos: int, end: int, tag: int) -> int:
    """Fields of a span that conditions seldom read; return the position behind."""
    plain = load_i64(st + PLAIN)
    stop = skipped(pos, end, tag)
    if stop < 0:
        return stop
    if tag == 0x5A or tag == 0x6A:  # events, links
        source = plain + (EVENTS if tag == 0x5A else LINKS)
        store_i64(source, load_i64(source) + 1)
    elif tag == 0x1A:
        size, pos = length(pos, end)
        if not is_text(pos, size, load_i64(st + LIMIT)):
            return MALFORMED
        set_plain(st, TRACE_STATE, pos, size)
        return stop
    elif tag == 0x50 or tag == 0x60 or tag == 0x70:
        number, pos = varint(pos, end)
        source = DROPPED_ATTRIBUTES
        if tag == 0x60:
            source = DROPPED_EVENTS
        elif tag == 0x70:
            source = DROPPED_LINKS
        store_i64(plain + source, number & 0xFFFFFFFF)
        return stop
    return check_field(st, pos, end, tag, M_SPAN)


@part
def span_of(st: int, pos: int, end: int, group: int) -> int:
    """Check one span; if its ids are good, it becomes a row."""
    begin = pos
    limit = load_i64(st + LIMIT)
    plain = load_i64(st + PLAIN)
    row = load_i64(st + SPAN_ROW)
    captures = load_i64(st + CAPTURES)
    for offset in range(STATUS_CODE, TRACE, 8):  # the others are set in any case
        store_i64(plain + offset, 0)
    copy_words(row, load_i64(st + SCOPE_ROW), load_i64(st + CLASS_BYTES))
    store_i64(st + SERIAL, load_i64(st + SERIAL) + 1)
    forget_held(st, SPAN_HELD)
    trace_at = 0
    trace_size = 0
    span_at = 0
    span_size = 0
    parent_at = 0
    parent_size = 0
    if end - pos >= 28 and load_u16(pos) == _TRACE_ID and load_u16(pos + 18) == _SPAN_ID:
        trace_at, trace_size = pos + 2, 16
        span_at, span_size = pos + 20, 8
        pos += 28
        if end - pos >= 10 and load_u16(pos) == _PARENT_ID:
            parent_at, parent_size = pos + 2, 8
            pos += 10
    first_known = load_i64(st + KNOWN)
    last_known = first_known + (KNOWN_PLACES - 1) * KNOWN_RECORD
    known = last_known
    name_at = 0
    name_size = 0
    kind = 0
    start = 0
    stop = 0
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == _ATTRIBUTES_OF_SPAN:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            known = known + KNOWN_RECORD if known < last_known else first_known
            if not is_known(known, pos, size, limit):
                status = attribute(st, pos, pos + size, SPAN_KEYS, row)
                if status < 0:
                    return status
                if status == UNWANTED:
                    keep_known(known, pos, size, limit)
            pos += size
        elif tag == 0x0A:
            trace_size, trace_at = length(pos, end)
            if trace_at < 0:
                return trace_at
            pos = trace_at + trace_size
        elif tag == 0x12:
            span_size, span_at = length(pos, end)
            if span_at < 0:
                return span_at
            pos = span_at + span_size
        elif tag == 0x22:
            parent_size, parent_at = length(pos, end)
            if parent_at < 0:
                return parent_at
            pos = parent_at + parent_size
        elif tag == 0x2A:
            name_size, name_at = length(pos, end)
            if name_at < 0:
                return name_at
            if not is_text(name_at, name_size, limit):
                return MALFORMED
            pos = name_at + name_size
        elif tag == 0x30:
            kind, pos = varint(pos, end)
            if pos < 0:
                return pos
        elif tag == 0x39 or tag == 0x41:
            if end - pos < 8:
                return MALFORMED
            if tag == 0x39:
                start = load_i64(pos)
            else:
                stop = load_i64(pos)
            pos += 8
        elif tag == 0x85:
            if end - pos < 4:
                return MALFORMED
            store_i64(plain + FLAGS, load_u32(pos))
            pos += 4
        elif tag == 0x7A:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            status = _status(st, pos, pos + size)
            if status < 0:
                return status
            pos += size
        else:
            pos = _rare_field(st, pos, end, tag)
            if pos < 0:
                return pos
    kind = _as_int32(kind)
    is_named = trace_size == 16 and (load_i64(trace_at) | load_i64(trace_at + 8)) != 0
    is_named = is_named and span_size == 8 and load_i64(span_at) != 0
    if not (is_named and (parent_size == 0 or parent_size == 8)):
        return _reject(st, begin, end, captures)
    at = load_i64(st + ROWS)
    if at >= load_i64(st + ROWS_CAP):
        store_i64(st + FULL, 1)
        return DONE
    word = at * 8
    store_u64(load_i64(st + TRACE_HI) + word, swap_bytes(load_u64(trace_at)))
    store_u64(load_i64(st + TRACE_LO) + word, swap_bytes(load_u64(trace_at + 8)))
    store_u64(load_i64(st + SPAN_ID) + word, swap_bytes(load_u64(span_at)))
    if parent_size == 0:
        parent_at = plain + NO_PARENT
    store_u64(load_i64(st + PARENT_ID) + word, swap_bytes(load_u64(parent_at)))
    store_i64(load_i64(st + START_NS) + word, start)
    store_i64(load_i64(st + END_NS) + word, stop)
    store_u8(load_i64(st + KIND) + at, kind if 0 <= kind < _KINDS else 0)
    store_i32(load_i64(st + SPAN_AT) + at * 4, begin - load_i64(st + PAYLOAD))
    store_i32(load_i64(st + SPAN_SIZE) + at * 4, end - begin)
    store_i32(load_i64(st + GROUP_OF) + at * 4, group)
    set_plain(st, NAME, name_at, name_size)
    store_i64(plain + KIND_NUMBER, kind)
    store_i64(plain + START, start)
    store_i64(plain + END, stop)
    set_plain(st, TRACE, trace_at, 16)
    set_plain(st, SPAN, span_at, 8)
    set_plain(st, PARENT, parent_at, 8)
    classify_plain(st, load_i64(st + SPAN_PLAIN), load_i64(st + SPAN_PLAIN_COUNT), row)
    if load_i64(st + DURATION) != 0 or load_i64(st + MARKED_COUNT) > 0:
        _classify_whole(st, row, begin, end, group)
    _set_vector(st, row, at)
    store_i64(st + ROWS, at + 1)
    return DONE


@part
def _reject(st: int, begin: int, end: int, captures: int) -> int:
    """Count a span whose ids break the rules, and forget what was captured from it."""
    rejected = load_i64(st + REJECTED)
    if rejected == 0:
        store_i64(st + REJECTED_AT, begin - load_i64(st + PAYLOAD))
        store_i64(st + REJECTED_SIZE, end - begin)
    store_i64(st + REJECTED, rejected + 1)
    store_i64(st + CAPTURES, captures)
    return DONE


@part
def _classify_whole(st: int, row: int, begin: int, end: int, group: int) -> None:
    """Classify what more than one field decides."""
    record = load_i64(st + DURATION)
    if record != 0:
        column = load_i64(record + INPUT_COLUMN)
        start = load_i64(load_i64(st + PLAIN) + START)
        stop = load_i64(load_i64(st + PLAIN) + END)
        if start >= 0 and stop >= 0:
            set_class(row, column, classify(st, record, INT, stop - start, 0))
        else:
            set_class(row, column, MARK)
    offset = begin - load_i64(st + PAYLOAD)
    for index in range(load_i64(st + MARKED_COUNT)):
        marked = load_i64(st + MARKED) + index * MARKED_RECORD
        column = load_i64(marked + MARKED_COLUMN)
        if class_in(row, column) == MARK:
            found = add_miss(st, column, WHOLE_SPAN, offset, end - begin, 0, group)
            set_class(row, column, found)
            if load_i64(st + FULL) == 0:
                record = load_i64(st + MISS_RECORDS) + (-1 - found) * MISS_RECORD
                store_i64(record + MISS_WHOLE, _keep_whole(st, marked))


@part
def _keep_whole(st: int, marked: int) -> int:
    """Keep the values that a marked column is decided from; return the number of the first."""
    sources = load_i64(marked + MARKED_SOURCES)
    count = load_i64(marked + MARKED_SOURCES_COUNT)
    first = load_i64(st + WHOLE)
    if count == 0:
        return -1
    if first + count > load_i64(st + WHOLE_CAP):
        store_i64(st + WHOLE, load_i64(st + WHOLE_CAP))
        store_i64(st + FULL, 1)
        return -1
    payload = load_i64(st + PAYLOAD)
    for index in range(count):
        values = load_i64(sources + index * SOURCE_RECORD)
        kind = load_i64(sources + index * SOURCE_RECORD + 8)
        if kind < 0:
            kind = load_i64(values)
            values += 8
        a = load_i64(values)
        if kind == STRING or kind >= LIST:
            a -= payload
        kept = load_i64(st + WHOLE_VALUES) + (first + index) * HELD_RECORD
        store_i64(kept, kind)
        store_i64(kept + 8, a)
        store_i64(kept + 16, load_i64(values + 8))
    store_i64(st + WHOLE, first + count)
    return first


@inlined
def forget_held(st: int, held: int) -> None:
    """Begin a level; `held` is the offset of its list in the state. None of its values is there."""
    listed = load_i64(st + held)
    for index in range(load_i64(st + held + 8)):
        store_i64(load_i64(listed + index * 8), NIL)


@inlined
def _set_vector(st: int, row: int, at: int) -> None:
    known = combo_of(st, row)
    if known != 0:
        store_i32(load_i64(st + VECTOR) + at * 4, load_i64(known + COMBO_VECTOR))
        return
    pending = load_i64(st + PENDING)
    if pending >= load_i64(st + PENDING_CAP):
        store_i64(st + FULL, 1)
        return
    size = load_i64(st + CLASS_BYTES)
    store_i64(load_i64(st + PENDING_ROWS) + pending * 8, at)
    copy_words(load_i64(st + PENDING_CLASSES) + pending * size, row, size)
    store_i64(st + PENDING, pending + 1)
