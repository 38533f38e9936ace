"""What is kept beside the arena: batches that pending spans came from, for their wide values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np

from sloengine.otlp.batch import SpanBatch
from sloengine.ottl import Value
from sloengine.processor.kernel.arena import Arena


class ForgottenError(Exception):
    """The values of a span are not known any more: only the history can tell."""


class Batches:
    """Batches by slot; each stays as long as a pending span came from it."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._batches: list[SpanBatch | None] = []
        self._free: list[int] = []

    def __getitem__(self, slot: int) -> SpanBatch:
        batch = self._batches[slot]
        if batch is None:
            raise KeyError(slot)
        return batch

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._batches) - len(self._free)

    def put(self, batch: SpanBatch) -> int:
        """Keep a batch; return its slot."""
        if self._free:
            slot = self._free.pop()
            self._batches[slot] = batch
        else:
            slot = len(self._batches)
            self._batches.append(batch)
            self._arena.make_room_for_batch(slot)
        return slot

    def drop_unused(self) -> None:
        """Let go of batches that no pending span came from."""
        size = len(self._batches)
        for slot in np.flatnonzero(self._arena.live[:size] == 0).tolist():
            if self._batches[slot] is not None:
                self._batches[slot] = None
                self._free.append(slot)


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
