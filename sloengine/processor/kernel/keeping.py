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


class Batches:
    """Batches by slot; each can be had as long as a pending span came from it.

    Where they can be read again, at most `limit` bytes are held: the oldest are let go, and are
    read when somebody asks.
    """

    def __init__(self, arena: Arena, limit: int, reread: Reread | None) -> None:
        self._arena = arena
        self._limit = limit
        self._reread = reread
        self._positions: list[int] = []
        """By slot; `NONE` where it is free."""
        self._free: list[int] = []
        self._held: OrderedDict[int, SpanBatch] = OrderedDict()
        self.held_bytes = 0

    def __getitem__(self, slot: int) -> SpanBatch:
        batch = self._held.get(slot)
        if batch is None:
            if self._reread is None:
                raise KeyError(slot)
            batch = self._reread(self._positions[slot])
            self._hold(slot, batch)
        return batch

    def __len__(self) -> int:
        """How many can be had."""
        return len(self._positions) - len(self._free)

    def weight_of_row(self, batch: SpanBatch) -> int:
        """What a pending span costs for keeping its batch."""
        return 0 if self._reread is not None else batch.held_bytes // max(1, len(batch))

    def put(self, batch: SpanBatch, position: int) -> int:
        """Keep the batch of the frame at a position; return its slot."""
        if self._free:
            slot = self._free.pop()
            self._positions[slot] = position
        else:
            slot = len(self._positions)
            self._positions.append(position)
            self._arena.make_room_for_batch(slot)
        self._hold(slot, batch)
        return slot

    def drop_unused(self) -> None:
        """Let go of batches that no pending span came from."""
        for slot in np.flatnonzero(self._arena.live[: len(self._positions)] == 0).tolist():
            if self._positions[slot] != NONE:
                self._positions[slot] = NONE
                self._free.append(slot)
                self._let_go(slot)

    def _hold(self, slot: int, batch: SpanBatch) -> None:
        self._held[slot] = batch
        self.held_bytes += batch.held_bytes
        while self._reread is not None and self.held_bytes > self._limit and len(self._held) > 1:
            self._let_go(next(iter(self._held)))

    def _let_go(self, slot: int) -> None:
        batch = self._held.pop(slot, None)
        if batch is not None:
            self.held_bytes -= batch.held_bytes


class Projected(Sequence[Value]):
    """The projected values of a row, read when somebody asks."""

    def __init__(self, batch: SpanBatch, index: int) -> None:
        self._batch = batch
        self._index = index
        self._values: tuple[Value, ...] | None = None

    def _read(self) -> tuple[Value, ...]:
        if self._values is None:
            self._values = self._batch.projected(self._index)
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
