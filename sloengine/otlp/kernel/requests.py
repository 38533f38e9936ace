"""Requests, resources and scopes: the walk over a whole payload."""

from __future__ import annotations

from sloengine.jit import entry, spliced
from sloengine.otlp.kernel.attributes import attribute_above
from sloengine.otlp.kernel.layout import (
    ABSENT_ROW,
    BOUNDS,
    CLASS_BYTES,
    DONE,
    FULL,
    GROUP_RECORD,
    GROUP_RECORDS,
    GROUPS,
    GROUPS_CAP,
    GROW,
    LIMIT,
    M_REQUEST,
    M_RESOURCE,
    M_RESOURCE_SPANS,
    M_SCOPE,
    M_SCOPE_SPANS,
    MALFORMED,
    PAYLOAD,
    RESOURCE_DROPPED,
    RESOURCE_HELD,
    RESOURCE_KEYS,
    RESOURCE_PLAIN,
    RESOURCE_PLAIN_COUNT,
    RESOURCE_ROW,
    ROWS,
    SCOPE_DROPPED,
    SCOPE_HELD,
    SCOPE_KEYS,
    SCOPE_NAME,
    SCOPE_PLAIN,
    SCOPE_PLAIN_COUNT,
    SCOPE_ROW,
    SCOPE_VERSION,
    SERIAL,
    SHARED,
    SHARED_RECORD,
    SHARED_RECORDS,
    UNSURE,
)
from sloengine.otlp.kernel.memory import load_i64, store_i64
from sloengine.otlp.kernel.spans import classify_plain, copy_words, forget_held, set_plain, span_of
from sloengine.otlp.kernel.wire import check_field, is_text, length, skipped, tag_at, varint

_RESOURCE_SPANS = 0x0A
_RESOURCE = 0x0A
_SCOPE_SPANS = 0x12
_SCOPE = 0x0A
_SPANS = 0x12


@spliced
def _resource(st: int, pos: int, end: int, row: int) -> int:
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == 0x0A:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            status = attribute_above(st, pos, pos + size, RESOURCE_KEYS, row)
            if status < 0:
                return status
            pos += size
        elif tag == 0x10:
            number, pos = varint(pos, end)
            if pos < 0:
                return pos
            set_plain(st, RESOURCE_DROPPED, number & 0xFFFFFFFF, 0)
        else:
            pos = check_field(st, pos, end, tag, M_RESOURCE)
            if pos < 0:
                return pos
    return DONE


@spliced
def _scope(st: int, pos: int, end: int, row: int) -> int:
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == 0x0A or tag == 0x12 or tag == 0x1A:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            if tag == 0x1A:
                status = attribute_above(st, pos, pos + size, SCOPE_KEYS, row)
                if status < 0:
                    return status
            else:
                if not is_text(pos, size, load_i64(st + LIMIT)):
                    return MALFORMED
                set_plain(st, SCOPE_NAME if tag == 0x0A else SCOPE_VERSION, pos, size)
            pos += size
        elif tag == 0x20:
            number, pos = varint(pos, end)
            if pos < 0:
                return pos
            set_plain(st, SCOPE_DROPPED, number & 0xFFFFFFFF, 0)
        else:
            pos = check_field(st, pos, end, tag, M_SCOPE)
            if pos < 0:
                return pos
    return DONE


@spliced
def _close_shared(st: int, first: int) -> None:
    """The attributes noted since `first` belong to no further row."""
    records = load_i64(st + SHARED_RECORDS)
    for index in range(first, load_i64(st + SHARED)):
        record = records + index * SHARED_RECORD
        if load_i64(record + 8) < 0:
            store_i64(record + 8, load_i64(st + ROWS))


@spliced
def _scope_spans(st: int, pos: int, end: int, above: int, above_end: int) -> int:
    begin = pos
    payload = load_i64(st + PAYLOAD)
    row = load_i64(st + SCOPE_ROW)
    shared = load_i64(st + SHARED)
    copy_words(row, load_i64(st + RESOURCE_ROW), load_i64(st + CLASS_BYTES))
    store_i64(st + SERIAL, load_i64(st + SERIAL) + 1)
    forget_held(st, SCOPE_HELD)
    for source in (SCOPE_NAME, SCOPE_VERSION, SCOPE_DROPPED):
        set_plain(st, source, 0, 0)
    group = -1
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == _SPANS:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            if group < 0:
                group = load_i64(st + GROUPS)
                if group >= load_i64(st + GROUPS_CAP):
                    store_i64(st + FULL, 1)
                    return GROW
                classify_plain(
                    st, load_i64(st + SCOPE_PLAIN), load_i64(st + SCOPE_PLAIN_COUNT), row
                )
                record = load_i64(st + GROUP_RECORDS) + group * GROUP_RECORD
                store_i64(record, above - payload)
                store_i64(record + 8, above_end - above)
                store_i64(record + 16, begin - payload)
                store_i64(record + 24, end - begin)
                store_i64(st + GROUPS, group + 1)
            status = span_of(st, pos, pos + size, group)
            if status < 0:
                return status
            if load_i64(st + FULL) != 0:
                return GROW
            pos += size
        elif tag == _SCOPE:
            if group >= 0:  # no sender writes the scope behind its spans
                return UNSURE
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            status = _scope(st, pos, pos + size, row)
            if status < 0:
                return status
            pos += size
        else:
            pos = check_field(st, pos, end, tag, M_SCOPE_SPANS)
            if pos < 0:
                return pos
    _close_shared(st, shared)
    return DONE


@spliced
def _find_resource(st: int, pos: int, end: int) -> int:
    """Read the resource, wherever in its message it stands, in one piece or several."""
    row = load_i64(st + RESOURCE_ROW)
    copy_words(row, load_i64(st + ABSENT_ROW), load_i64(st + CLASS_BYTES))
    store_i64(st + SERIAL, load_i64(st + SERIAL) + 1)
    forget_held(st, RESOURCE_HELD)
    set_plain(st, RESOURCE_DROPPED, 0, 0)
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        stop = skipped(pos, end, tag)
        if stop < 0:
            return stop
        if tag == _RESOURCE:
            size, pos = length(pos, end)
            status = _resource(st, pos, pos + size, row)
            if status < 0:
                return status
        pos = stop
    classify_plain(st, load_i64(st + RESOURCE_PLAIN), load_i64(st + RESOURCE_PLAIN_COUNT), row)
    return DONE


@spliced
def _resource_spans(st: int, pos: int, end: int) -> int:
    begin = pos
    shared = load_i64(st + SHARED)
    status = _find_resource(st, pos, end)
    if status < 0:
        return status
    while pos < end:
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == _SCOPE_SPANS:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            status = _scope_spans(st, pos, pos + size, begin, end)
            if status < 0:
                return status
            pos += size
        elif tag == _RESOURCE:
            size, pos = length(pos, end)
            pos += size
        else:
            pos = check_field(st, pos, end, tag, M_RESOURCE_SPANS)
            if pos < 0:
                return pos
    _close_shared(st, shared)
    return DONE


@entry
def decode_request(st: int, end: int) -> int:
    """Walk over requests up to the address `end`; rows and notes are left in the state.

    `BOUNDS` are the addresses at which they end, ascending, the last one `end`: a field that
    stands in two of them makes the reader unsure.
    """
    pos = load_i64(st + PAYLOAD)
    bounds = load_i64(st + BOUNDS)
    while pos < end:
        while pos >= load_i64(bounds):
            if pos > load_i64(bounds):
                return UNSURE
            bounds += 8
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        if tag == _RESOURCE_SPANS:
            size, pos = length(pos, end)
            if pos < 0:
                return pos
            status = _resource_spans(st, pos, pos + size)
            if status < 0:
                return status
            pos += size
        else:
            pos = check_field(st, pos, end, tag, M_REQUEST)
            if pos < 0:
                return pos
    if load_i64(bounds) != end:
        return UNSURE
    return GROW if load_i64(st + FULL) != 0 else DONE
