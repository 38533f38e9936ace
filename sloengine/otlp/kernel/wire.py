"""Protobuf's wire format: numbers, lengths, text, and whole messages that only need checking.

Positions are addresses. Every function gets the end of the message it stands in, reads nothing
beyond, and returns a position or a negative status.
"""

from __future__ import annotations

import numpy as np

from sloengine.jit import inlined, part
from sloengine.otlp.kernel.layout import (
    BYTES_FIELD,
    EXOTIC_FIELD,
    LIMIT,
    MALFORMED,
    MAX_NESTING,
    MESSAGE_FIELD,
    SCHEMA,
    SCHEMA_FIELDS,
    STACK,
    STACK_RECORD,
    TEXT_FIELD,
    UNKNOWN,
    UNSURE,
)
from sloengine.otlp.kernel.memory import high_of_32, load_i64, load_u8, load_u64, store_i64

HIGH_BITS = np.uint64(0x8080808080808080)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
_ZERO = np.uint64(0)
_MAX_TAG = 2**32 - 1
_SHORT_VARINT = 5


@inlined
def varint(pos: int, end: int) -> tuple[int, int]:
    """Return a number as signed 64 bits, and the position behind it."""
    if pos >= end:
        return 0, MALFORMED
    byte = load_u8(pos)
    if byte < 128:
        return byte, pos + 1
    if end - pos >= 2:
        more = load_u8(pos + 1)
        if more < 128:
            return (byte & 127) | more << 7, pos + 2
    return _long_varint(pos, end)


@part
def _long_varint(pos: int, end: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        if pos + index >= end:
            return 0, MALFORMED
        byte = load_u8(pos + index)
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            if index == 9 and byte > 1:
                return 0, UNSURE
            return value, pos + index + 1
    return 0, MALFORMED


@inlined
def length(pos: int, end: int) -> tuple[int, int]:
    """Return the size of what follows, and where it begins; it lies within `end`."""
    if pos >= end:
        return 0, MALFORMED
    size = load_u8(pos)
    begin = pos + 1
    if size >= 128:
        size, begin = varint(pos, end)
        if begin < 0:
            return 0, begin
        if begin - pos > _SHORT_VARINT:
            return 0, UNSURE
        if size < 0:
            return 0, MALFORMED
    if size > end - begin:
        return 0, MALFORMED
    return size, begin


@inlined
def tag_at(pos: int, end: int) -> tuple[int, int]:
    """Return field number times eight plus wire type, and the position behind it."""
    if pos >= end:
        return 0, MALFORMED
    tag = load_u8(pos)
    after = pos + 1
    if tag >= 128:
        tag, after = varint(pos, end)
        if after < 0:
            return 0, after
        if after - pos > _SHORT_VARINT or tag > _MAX_TAG:
            return 0, UNSURE
    if tag < 8:
        return 0, UNSURE
    return tag, after


@inlined
def first_bytes(pos: int, size: int, limit: int) -> np.uint64:
    """Return the first bytes of a text, eight at most, as a word with zeros behind them."""
    if size >= 8:
        return load_u64(pos)
    if size <= 0:
        return _ZERO
    if pos + 8 <= limit:
        return load_u64(pos) & (ALL_BITS >> np.uint64(64 - 8 * size))
    return _gathered(pos, size)


@part
def _gathered(pos: int, size: int) -> np.uint64:
    word = _ZERO
    for index in range(size):
        word |= np.uint64(load_u8(pos + index)) << np.uint64(8 * index)
    return word


@inlined
def is_text(pos: int, size: int, limit: int) -> bool:
    """Whether bytes are valid UTF-8."""
    if size <= 32 and limit - pos >= 32:
        if high_of_32(pos, size) == 0:
            return True
        return _is_utf8(pos, pos + size)
    return _is_other_text(pos, size, limit)


@part
def _is_other_text(pos: int, size: int, limit: int) -> bool:
    """Whether long bytes, or those that stand at the end, are valid UTF-8."""
    if size >= 8:
        last = pos + size - 8
        word = load_u64(last)
        while pos < last:
            word |= load_u64(pos)
            pos += 8
        if word & HIGH_BITS == _ZERO:
            return True
        return _is_utf8(last + 8 - size, last + 8)
    if first_bytes(pos, size, limit) & HIGH_BITS == _ZERO:
        return True
    return _is_utf8(pos, pos + size)


@part
def _is_utf8(pos: int, end: int) -> bool:
    """Whether bytes are well-formed UTF-8 (Unicode 15, table 3-7)."""
    while pos < end:
        byte = load_u8(pos)
        pos += 1
        if byte < 0x80:
            continue
        low = 0x80
        high = 0xBF
        if 0xC2 <= byte <= 0xDF:
            more = 1
        elif 0xE0 <= byte <= 0xEF:
            more = 2
            if byte == 0xE0:
                low = 0xA0
            elif byte == 0xED:
                high = 0x9F
        elif 0xF0 <= byte <= 0xF4:
            more = 3
            if byte == 0xF0:
                low = 0x90
            elif byte == 0xF4:
                high = 0x8F
        else:
            return False
        if end - pos < more:
            return False
        byte = load_u8(pos)
        if byte < low or byte > high:
            return False
        for index in range(1, more):
            if load_u8(pos + index) & 0xC0 != 0x80:
                return False
        pos += more
    return True


@part
def check_message(st: int, pos: int, end: int, message: int) -> int:
    """Check a whole message and all below it; return `end`, or a status."""
    depth = 0
    schema = load_i64(st + SCHEMA)
    stack = load_i64(st + STACK)
    limit = load_i64(st + LIMIT)
    while True:
        while pos >= end:
            if depth == 0:
                return end
            depth -= 1
            end = load_i64(stack + depth * STACK_RECORD)
            message = load_i64(stack + depth * STACK_RECORD + 8)
        tag, pos = tag_at(pos, end)
        if pos < 0:
            return pos
        stop = skipped(pos, end, tag)
        if stop < 0:
            return stop
        field = tag >> 3
        kind = UNKNOWN
        if field < SCHEMA_FIELDS:
            kind = load_i64(schema + (message * SCHEMA_FIELDS + field) * 8)
        if kind == EXOTIC_FIELD:
            return UNSURE
        if tag & 7 == 2 and kind > BYTES_FIELD:
            size, pos = length(pos, end)
            if kind == TEXT_FIELD:
                if not is_text(pos, size, limit):
                    return MALFORMED
            elif kind >= MESSAGE_FIELD:
                if depth == MAX_NESTING:
                    return UNSURE
                store_i64(stack + depth * STACK_RECORD, end)
                store_i64(stack + depth * STACK_RECORD + 8, message)
                depth += 1
                end = stop
                message = kind - MESSAGE_FIELD
                continue
        pos = stop


@inlined
def skipped(pos: int, end: int, tag: int) -> int:
    """Return the position behind a field whose tag was read; groups are for the reference."""
    wire_type = tag & 7
    if wire_type == 2:
        size, pos = length(pos, end)
        if pos < 0:
            return pos
        return pos + size
    if wire_type == 0:
        _, pos = varint(pos, end)
        return pos
    if wire_type == 1:
        return pos + 8 if end - pos >= 8 else MALFORMED
    if wire_type == 5:
        return pos + 4 if end - pos >= 4 else MALFORMED
    return UNSURE


@part
def check_field(st: int, pos: int, end: int, tag: int, message: int) -> int:
    """Check one field of a message, whose tag was read; return the position behind it."""
    stop = skipped(pos, end, tag)
    if stop < 0:
        return stop
    field = tag >> 3
    if field >= SCHEMA_FIELDS:
        return stop
    kind = load_i64(load_i64(st + SCHEMA) + (message * SCHEMA_FIELDS + field) * 8)
    if kind == EXOTIC_FIELD:
        return UNSURE
    if tag & 7 == 2 and kind > BYTES_FIELD:
        size, pos = length(pos, end)
        if kind == TEXT_FIELD:
            if not is_text(pos, size, load_i64(st + LIMIT)):
                return MALFORMED
        elif kind >= MESSAGE_FIELD:
            checked = check_message(st, pos, stop, kind - MESSAGE_FIELD)
            if checked < 0:
                return checked
    return stop
