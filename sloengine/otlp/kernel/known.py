"""Attributes that spans had before: spans of one place in a program differ in few of them.

An attribute that nobody wants, byte for byte like one that was checked, needs no look inside.
"""

from __future__ import annotations

from sloengine.jit import inlined
from sloengine.otlp.kernel.layout import KNOWN_BYTES, KNOWN_SIZE, MAX_KNOWN_BYTES
from sloengine.otlp.kernel.memory import copy_32, differing_of_32, load_i64, store_i64

_AT_ONCE = 32


@inlined
def is_known(known: int, pos: int, size: int, limit: int) -> bool:
    """Whether the attribute at `pos` is the one that was kept at `known`."""
    if load_i64(known + KNOWN_SIZE) != size or limit - pos < _AT_ONCE:
        return False
    differing = differing_of_32(pos, known + KNOWN_BYTES)
    if size <= _AT_ONCE:
        return differing & ((1 << size) - 1) == 0
    last = size - _AT_ONCE
    return (differing | differing_of_32(pos + last, known + KNOWN_BYTES + last)) == 0


@inlined
def keep_known(known: int, pos: int, size: int, limit: int) -> None:
    """Keep an attribute that is not wanted, unless it is long."""
    if size <= MAX_KNOWN_BYTES and limit - pos >= _AT_ONCE:
        copy_32(known + KNOWN_BYTES, pos)
        if size > _AT_ONCE:
            last = size - _AT_ONCE
            copy_32(known + KNOWN_BYTES + last, pos + last)
        store_i64(known + KNOWN_SIZE, size)
