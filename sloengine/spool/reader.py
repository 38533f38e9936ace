"""Reading segments: frames in order, damage counted and stepped over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sloengine.errors import RetryError
from sloengine.spool.compression import opened
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.frame import Damage, Frame, Source, frame_at, walk
from sloengine.spool.quarantine import Quarantine
from sloengine.spool.segment import Segment


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

    def frames_at(self, segment: Segment, positions: Iterable[int]) -> Iterator[Frame]:
        """Yield the intact frames that begin at `positions`, which must ascend.

        Raises:
            RetryError: The disk reports an error.
        """
        try:
            with opened(self._files, segment.path, segment.base) as source:
                for position in positions:
                    frame = frame_at(source, position, segment.end, self._seed)
                    if frame is not None:
                        yield frame
                        continue
                    # Reading over the place counts and keeps what is damaged there.
                    for _ in self.frames(segment, position, position + 1):
                        pass
        except FileNotFoundError:
            return
        except OSError as exc:
            raise RetryError(
                f"spool: cannot read {segment.path} ({exc.strerror}); check the disk"
            ) from exc

    def _keep(
        self, segment: Segment, damage: Damage, expected: int, next_sequence: int, source: Source
    ) -> None:
        if damage.frames is None:
            damage = replace(damage, frames=max(1, next_sequence - expected))
        self._quarantine.keep(segment.path, damage, source)
