"""What is kept beside the arena: batches that pending spans came from, for their wide values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import overload

import numpy as np

from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import Value
from sloengine.processor.kernel.arena import Arena
from sloengine.processor.kernel.layout import NONE


class ForgottenError(Exception):
    """The values of a span are not known any more: only the history can tell."""


Reread = Callable[[int], SpanBatch]
"""Reads the frame at a position of the spool again, and decodes it under the same plan."""
ValuesOf = Callable[[int], tuple[Value, ...]]
"""Row of a batch → its projected values."""

_GUESSED_BYTES = 512
"""What a row's values hold where the batch does not say."""


class Batches:
    """The wide values of batches, by slot: to be had as long as a pending span came from there.

    Where batches can be read again, at most `limit` bytes are held: the oldest are let go, and are
    read when somebody asks.
    """

    def __init__(self, arena: Arena, limit: int, reread: Reread | None) -> None:
        self._arena = arena
        self._limit = limit
        self._reread = reread
        self._positions: list[int] = []
        """By slot; free ones have NONE in the arena's `live`."""
        self._free: list[int] = []
        self._held: OrderedDict[int, tuple[ValuesOf, int]] = OrderedDict()
        self.held_bytes = 0

    def __getitem__(self, slot: int) -> ValuesOf:
        held = self._held.get(slot)
        if held is not None:
            return held[0]
        if self._reread is None:
            raise KeyError(slot)
        batch = self._reread(self._positions[slot])
        self._hold(slot, batch)
        return batch.projected

    def __len__(self) -> int:
        """How many can be had."""
        return len(self._positions) - len(self._free)

    def weight_of_row(self, batch: SpanBatch) -> int:
        """What a pending span costs for the values of its batch."""
        return 0 if self._reread is not None else _weight_of(batch) // max(1, len(batch))

    def put(self, batch: SpanBatch, position: int) -> int:
        """Keep the values of the frame at a position; return the slot."""
        if self._free:
            slot = self._free.pop()
            self._positions[slot] = position
        else:
            slot = len(self._positions)
            self._positions.append(position)
            self._arena.make_room_for_batch(slot)
        self._arena.live[slot] = 0
        self._hold(slot, batch)
        return slot

    def drop_unused(self) -> None:
        """Let go of batches that no pending span came from."""
        live = self._arena.live
        for slot in np.flatnonzero(live[: len(self._positions)] == 0).tolist():
            live[slot] = NONE
            self._free.append(slot)
            self._let_go(slot)

    def _hold(self, slot: int, batch: SpanBatch) -> None:
        weight = _weight_of(batch)
        self._held[slot] = batch.projected, weight
        self.held_bytes += weight
        while self._reread is not None and self.held_bytes > self._limit and len(self._held) > 1:
            self._let_go(next(iter(self._held)))

    def _let_go(self, slot: int) -> None:
        held = self._held.pop(slot, None)
        if held is not None:
            self.held_bytes -= held[1]


def _weight_of(batch: SpanBatch) -> int:
    return batch.held_bytes or _GUESSED_BYTES * len(batch)


class Projected(Sequence[Value]):
    """The projected values of a row, read when somebody asks."""

    def __init__(self, values_of: ValuesOf, index: int) -> None:
        self._values_of = values_of
        self._index = index
        self._values: tuple[Value, ...] | None = None

    def _read(self) -> tuple[Value, ...]:
        if self._values is None:
            self._values = self._values_of(self._index)
        return self._values

    def __len__(self) -> int:
        return len(self._read())

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...
    def __getitem__(self, index: int | slice) -> Value | Sequence[Value]:
        return self._read()[index]


class Forgotten(Sequence[Value]):
    """The projected values of a row whose batch is gone; a few may be known.

    Raises `ForgottenError` where another is asked for.
    """

    def __init__(self, known: dict[int, Value]) -> None:
        self._known = known

    def __len__(self) -> int:
        raise ForgottenError

    @overload
    def __getitem__(self, index: int) -> Value: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Value]: ...
    def __getitem__(self, index: int | slice) -> Value | Sequence[Value]:
        if isinstance(index, slice) or index not in self._known:
            raise ForgottenError
        return self._known[index]
