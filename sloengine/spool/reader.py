"""Reading segments: frames in order, damage counted and stepped over."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from sloengine.errors import RetryError
from sloengine.spool.compression import opened
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.frame import Damage, Frame, Source, frame_at, walk
from sloengine.spool.quarantine import Quarantine
from sloengine.spool.segment import Segment

_OPEN_FILES = 16


class SegmentReader:
    """Reads durable frames; safe to use from several threads and beside the writer.

    A segment that retention removes meanwhile yields nothing more, which is no error.
    """

    def __init__(self, files: FileSystem, seed: int, quarantine: Quarantine) -> None:
        self._files = files
        self._seed = seed
        self._quarantine = quarantine

    def frames(self, segment: Segment, start: int, stop: int) -> Iterator[Frame]:
        """Yield the intact frames that begin in [start, stop).

        Raises:
            RetryError: The disk reports an error.
        """
        next_sequence, end = segment.next_sequence, segment.end
        start = max(start, segment.base)
        try:
            with opened(self._files, segment.path, segment.base) as source:
                first = frame_at(source, start, end, self._seed) if start > segment.base else None
                if first is None:
                    # Not a frame's beginning, or damaged: only a walk from the head can tell.
                    first_at, sequence = segment.base, segment.first_sequence
                else:
                    first_at, sequence = start, first.sequence
                items = walk(source, first_at, end, seed=self._seed, sequence=sequence)
                for item in items:
                    if item.position >= stop:
                        return
                    if isinstance(item, Damage):
                        self._keep(segment, item, sequence, next_sequence, source)
                        continue
                    sequence = item.sequence + 1
                    if item.position >= start:
                        yield item
        except FileNotFoundError:
            return
        except OSError as exc:
            raise RetryError(
                f"spool: cannot read {segment.path} ({exc.strerror}); check the disk"
            ) from exc

    def opened(self) -> OpenSegments:
        """Return a reader of single frames, for a `with` statement."""
        return OpenSegments(self, self._files, self._seed)

    def _keep(
        self, segment: Segment, damage: Damage, expected: int, next_sequence: int, source: Source
    ) -> None:
        if damage.frames is None:
            damage = replace(damage, frames=max(1, next_sequence - expected))
        self._quarantine.keep(segment.path, damage, source)


class OpenSegments:
    """Reads single frames in any order: segments that were read last are still open."""

    def __init__(self, reader: SegmentReader, files: FileSystem, seed: int) -> None:
        self._reader = reader
        self._files = files
        self._seed = seed
        self._sources: OrderedDict[int, tuple[ExitStack, Source]] = OrderedDict()
        """By the segment's base, the one that was read last at the end."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for closing, _ in self._sources.values():
            closing.close()

    def frame_at(self, segment: Segment, position: int) -> Frame | None:
        """Return the frame at a position; `None` where it is damaged or the segment is removed.

        Raises:
            RetryError: The disk reports an error.
        """
        try:
            frame = frame_at(self._source(segment), position, segment.end, self._seed)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise RetryError(
                f"spool: cannot read {segment.path} ({exc.strerror}); check the disk"
            ) from exc
        if frame is None:
            # Reading over the place counts and keeps what is damaged there.
            for _ in self._reader.frames(segment, position, position + 1):
                pass
        return frame

    def _source(self, segment: Segment) -> Source:
        known = self._sources.get(segment.base)
        if known is not None:
            self._sources.move_to_end(segment.base)
            return known[1]
        closing = ExitStack()
        source = closing.enter_context(opened(self._files, segment.path, segment.base))
        self._sources[segment.base] = closing, source
        if len(self._sources) > _OPEN_FILES:
            _, (oldest, _) = self._sources.popitem(last=False)
            oldest.close()
        return source
