"""`Spool`: accepted means durable."""

from __future__ import annotations

import errno
import logging
import threading
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from zlib_ng.zlib_ng import crc32

from sloengine.clock import Clock
from sloengine.errors import RetryError, StoreError, TooLargeError
from sloengine.spool.compressor import Compressor
from sloengine.spool.filesystem import FileSystem
from sloengine.spool.folder import FolderLock, Identity, read_identity, storage_errors
from sloengine.spool.frame import FRAME_HEADER, MAX_PAYLOAD, Encoding, Frame, frame_header
from sloengine.spool.index import INDEX_ENTRY, Hashes, MemoryIndex, TraceIds
from sloengine.spool.index_keeper import IndexKeeper, TraceIdsOf
from sloengine.spool.judged import FilterMaker, JudgedTraces
from sloengine.spool.log import SEGMENT_ROOM, NewFrame, SegmentLog
from sloengine.spool.quarantine import Quarantine
from sloengine.spool.reader import SegmentReader
from sloengine.spool.recovery import recover
from sloengine.spool.segment import MAX_SEGMENT
from sloengine.spool.settings import (
    COMPRESS_ABOVE,
    COMPRESS_FROM,
    DISK_BUDGET,
    GROUP_BYTES,
    SEGMENT_BYTES,
    UNSYNCED_LIMIT,
    SpoolSettings,
)
from sloengine.spool.statistics import SpoolStatistics
from sloengine.spool.waiting import Waiter, answer

_log = logging.getLogger(__name__)

_STOPPING = "spool: the engine is stopping; send the request again"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is ready to be appended."""

    payload: bytes
    encoding: Encoding
    check: int
    hashes: Hashes
    """Of the trace ids in it, each once."""


class Spool:
    """An append-only log of accepted requests that survives `kill -9`, power loss and full disks.

    `append` gives a request its position, `wait_durable` returns once it is on the disk: one thread
    writes what many callers appended and answers them with one fsync. `commit_position` says what
    the store has made safe; only segments before it are ever removed, the oldest first.

    A write or fsync that fails stops acceptance (callers get `RetryError`). What was appended is
    kept in memory and written again to a new file, at the same positions, until that succeeds;
    then acceptance goes on by itself. A frame that was refused may so become durable after all:
    the caller must expect to meet it again, as any request that a sender repeats.

    Bounds: 64 MiB a frame; 128 MiB of frames that are not durable; `disk_budget` bytes on disk,
    where acceptance stops only if frames that are not committed fill it.

    Safe to use from several threads. One process at a time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        log: SegmentLog,
        compressor: Compressor,
        identity: Identity,
        indexes: IndexKeeper,
        reader: SegmentReader,
        quarantine: Quarantine,
        lock: FolderLock,
        settings: SpoolSettings,
        clock: Clock,
        end: int,
        next_sequence: int,
        foreign_files: int,
    ) -> None:
        self._directory = directory
        self._log = log
        self._compressor = compressor
        self._identity = identity
        self._indexes = indexes
        self._reader = reader
        self._quarantine = quarantine
        self._folder_lock = lock
        self._judged = JudgedTraces(horizon_ns=settings.horizon_ns)
        self._recovered = list(log.segments())
        """Segments whose traces are not among the judged ones yet, the latest first."""
        self._recovered.reverse()
        self._recovering = threading.Lock()
        self._settings = settings
        self._clock = clock
        self._foreign_files = foreign_files
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._waiters: list[Waiter] = []
        self._unsynced: dict[int, NewFrame] = {}
        """By position, ascending: everything between `_durable_end` and `_end`."""
        self._unsynced_bytes = 0
        self._at_once = False
        """Whether what is not durable yet is not to wait for more."""
        self._durable_end = self._end = end
        self._next_sequence = next_sequence
        self._stopped: str | None = None
        self._closing = False
        self._closed = False
        self._syncs = 0
        self._thread = threading.Thread(target=self._run, name="spool-sync", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        store_id: str,
        clock: Clock,
        trace_ids_of: TraceIdsOf,
        segment_bytes: int = SEGMENT_BYTES,
        disk_budget: int = DISK_BUDGET,
        sync_interval_s: float = 0.003,
        horizon_ns: int | None = None,
        probe_interval_s: float = 1.0,
        compress_share: float = 0.1,
        compress_from: int = COMPRESS_FROM,
        compress_above: float = COMPRESS_ABOVE,
        committed: int = 0,
        files: FileSystem | None = None,
    ) -> Self:
        """Open a folder, made if missing, and recover what it holds.

        `committed` is the position that the store has made safe: no new frame gets a position
        before it, even where the folder was lost. `trace_ids_of` gives the trace ids of an
        uncompressed payload; it is called in other threads, to build an index that is missing.
        `sync_interval_s`: how long a group commit gathers frames after the first. `horizon_ns`:
        committed segments in which nothing arrived for that long are removed (`None`: only when the
        budget needs the room). `probe_interval_s`: how long after a write error until the next
        attempt, in a new file. `compress_share`: how much of a core may be used to compress sealed
        segments of at least `compress_from` bytes while more than the part `compress_above` of the
        disk budget is in use; 0 for none.

        Raises:
            StoreError: The folder is in use, cannot be written, or belongs to another store.
        """
        files = files or FileSystem()
        with storage_errors(directory, "opening it"):
            files.make_directory(directory)
            lock = FolderLock(directory)
        try:
            with storage_errors(directory, "recovering the log"):
                quarantine = Quarantine(files, directory)
                identity = read_identity(files, directory, store_id)
                recovered = recover(files, directory, identity, quarantine)
        except StoreError:
            lock.release()
            raise
        reader = SegmentReader(files, identity.seed, quarantine)
        indexes = IndexKeeper(files, identity.hasher, trace_ids_of, reader)
        compressor = Compressor(
            directory,
            files=files,
            indexes=indexes,
            clock=clock,
            share=compress_share,
            smallest=compress_from,
        )
        segments = recovered.segments
        last = segments[-1] if segments else None
        log = SegmentLog(
            directory,
            files=files,
            identity=identity,
            clock=clock,
            indexes=indexes,
            compressor=compressor,
            # A budget of one or two segments could only be emptied at once.
            segment_bytes=min(segment_bytes, disk_budget // 4, MAX_SEGMENT),
            disk_budget=disk_budget,
            segments=segments,
            committed=committed,
        )
        compressor.start(
            lambda: log.disk_bytes > compress_above * disk_budget, log.sealed, log.measure
        )
        return cls(
            directory,
            log=log,
            compressor=compressor,
            identity=identity,
            indexes=indexes,
            reader=reader,
            quarantine=quarantine,
            lock=lock,
            clock=clock,
            settings=SpoolSettings(disk_budget, sync_interval_s, horizon_ns, probe_interval_s),
            end=max(last.end if last else 0, committed),
            next_sequence=last.next_sequence if last else 0,
            foreign_files=recovered.foreign_files,
        )

    def append(
        self,
        payload: bytes,
        *,
        arrival_ns: int,
        trace_ids: Sequence[int] | TraceIds,
        encoding: int = Encoding.IDENTITY,
    ) -> int:
        """Take a request as it came and return its position. It is not durable yet.

        `trace_ids` are the 128-bit ids of the traces in it.

        Raises:
            RetryError: Nothing can be accepted now: the disk fails or is full, frames that are not
                committed fill the budget, or the disk is slower than the senders.
            TooLargeError: No segment of this spool can hold it.
        """
        prepared = self.prepare(payload, trace_ids=trace_ids, encoding=encoding)
        return self.append_prepared(prepared, arrival_ns=arrival_ns)

    def prepare(
        self, payload: bytes, *, trace_ids: Sequence[int] | TraceIds, encoding: int
    ) -> Prepared:
        """Do the part of `append` that may be done for many requests at once.

        Raises:
            TooLargeError: No segment of this spool can hold it.
        """
        if (
            len(payload) > MAX_PAYLOAD
            or FRAME_HEADER + len(payload) > self._settings.disk_budget // 2
        ):
            raise TooLargeError(
                f"spool: a request of {len(payload)} bytes is more than it can hold; "
                "send smaller batches"
            )
        hashes = self._identity.hasher.distinct(trace_ids)
        return Prepared(payload, Encoding(encoding), crc32(payload), hashes)

    def append_prepared(self, prepared: Prepared, *, arrival_ns: int, at_once: bool = False) -> int:
        """Take a prepared request; see `append`, whose `RetryError` it raises.

        `at_once`: it is written without waiting for more.
        """
        size = FRAME_HEADER + len(prepared.payload)
        with self._lock:
            self._refuse_unless_open(size + INDEX_ENTRY * len(prepared.hashes))
            position, sequence = self._end, self._next_sequence
            header = frame_header(
                position=position,
                sequence=sequence,
                arrival_ns=arrival_ns,
                encoding=prepared.encoding,
                length=len(prepared.payload),
                payload_check=prepared.check,
                seed=self._identity.seed,
            )
            frame = Frame(
                position,
                position + size,
                sequence,
                arrival_ns,
                prepared.encoding,
                prepared.payload,
            )
            before = self._unsynced_bytes
            self._unsynced[position] = NewFrame(frame, header, prepared.hashes)
            self._unsynced_bytes += size
            self._end += size
            self._next_sequence += 1
            # Waking the thread for each frame would cost more than the frame.
            self._at_once |= at_once
            if at_once or before == 0 or before < GROUP_BYTES <= self._unsynced_bytes:
                self._work.notify()
        return position

    def wait_durable(self, position: int, timeout_s: float) -> None:
        """Return once the frame at `position` is on the disk.

        Raises:
            RetryError: It is not, within the time or because the disk fails.
        """
        waiter = Waiter()
        self.answer_when_durable(position, [waiter])
        self.wait_for_answer(waiter, timeout_s)

    def answer_when_durable(self, position: int, waiters: Collection[Waiter]) -> None:
        """Have everybody answered once the frame at `position` is on the disk, or cannot be."""
        with self._lock:
            if position >= self._end:
                raise ValueError(f"no frame was appended at position {position}")
            is_durable = self._durable_end > position
            refusal = None if is_durable else self._refusal()
            if not is_durable and refusal is None:
                for waiter in waiters:
                    waiter.position = position
                self._waiters += waiters
                return
        answer(waiters, refusal)

    def wait_for_answer(self, waiter: Waiter, timeout_s: float) -> None:
        """Return once a waiter has the answer that its frame is durable.

        Raises:
            RetryError: It is not, within the time or because the disk fails.
        """
        if not waiter.answered.acquire(timeout=timeout_s):
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
            if not waiter.is_durable:
                raise RetryError(
                    f"spool: not written within {timeout_s:g} s; send the request again"
                )
        if waiter.refusal is not None:
            raise waiter.refusal.with_traceback(None)  # others may raise it, too

    @property
    def start(self) -> int:
        """Position of the oldest frame still kept."""
        segments = self._log.segments()
        return segments[0].base if segments else self.durable_end

    @property
    def durable_end(self) -> int:
        """All frames before it are on the disk."""
        with self._lock:
            return self._durable_end

    @property
    def end(self) -> int:
        """Position that the next frame will get."""
        with self._lock:
            return self._end

    def read(self, start: int, stop: int | None = None) -> Iterator[Frame]:
        """Yield durable frames that begin in [start, stop), in ascending order.

        Without `stop`, up to what is durable at the first step. Damaged frames are counted and
        passed over; removed ones are not there: compare with `start`.

        Raises:
            RetryError: The disk reports an error.
        """
        durable_end = self.durable_end
        limit = durable_end if stop is None else min(stop, durable_end)
        for segment in self._log.segments():
            if segment.end > start and segment.base < limit:
                yield from self._reader.frames(segment, start, limit)

    def read_at(self, positions: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames at `positions` that are still kept, ascending, durable or not.

        Raises:
            RetryError: The disk reports an error.
        """
        with self.reading() as frame_at:
            for position in sorted(set(positions)):
                frame = frame_at(position)
                if frame is not None:
                    yield frame

    @contextmanager
    def reading(self) -> Iterator[Callable[[int], Frame | None]]:
        """Give a function that reads the frame at a position, durable or not: for many, in any
        order. `None` where it is not kept any more; raises `RetryError` where the disk does.
        """
        with self._reader.opened() as files:

            def frame_at(position: int) -> Frame | None:
                with self._lock:
                    unsynced = self._unsynced.get(position)
                if unsynced is not None:
                    return unsynced.frame
                segments = self._log.segments()
                found = bisect_right(segments, position, key=lambda segment: segment.base) - 1
                if found < 0 or position >= segments[found].end:
                    return None
                return files.frame_at(segments[found], position)

            yield frame_at

    def frames_of(
        self, trace_ids: Collection[int], *, since_arrival_ns: int
    ) -> dict[int, list[int]]:
        """Return, for each trace that was met, the ascending positions of frames that may hold it.

        None is missing among frames still kept that arrived since then; a few may be wrong or
        older, so the caller looks inside. Frames that are not durable yet are among them.

        Raises:
            RetryError: A missing index cannot be built because the disk reports an error.
        """
        ids = list(dict.fromkeys(trace_ids))
        if not ids:
            return {}
        hashes = self._identity.hasher.hashes(ids)
        order = np.argsort(hashes)
        hashes = hashes[order]
        # In this order: a frame that becomes durable meanwhile is met twice rather than never.
        with self._lock:
            unsynced = tuple(self._unsynced.values())
            durable_end = self._durable_end
        segments = [s for s in self._log.segments() if s.last_arrival_ns >= since_arrival_ns]
        found: dict[int, set[int]] = {}
        fresh = MemoryIndex()
        for item in unsynced:
            fresh.add(item.hashes, item.frame.position - durable_end)
        indexes = [(segment.base, self._indexes.of(segment)) for segment in segments]
        for base, index in [*indexes, (durable_end, fresh)]:
            rows, offsets = index.find(hashes)
            for row, offset in zip(order[rows].tolist(), offsets.tolist(), strict=True):
                found.setdefault(ids[row], set()).add(base + offset)
        return {trace_id: sorted(positions) for trace_id, positions in found.items()}

    def filter_by(self, make_filter: FilterMaker) -> None:
        """Have judged traces remembered by filters of another make from now on."""
        self._judged.make_filter = make_filter

    def note_judged(self, trace_ids: Sequence[int] | TraceIds) -> None:
        """Note that these traces have a verdict now, which no later span may overlook."""
        if len(trace_ids):
            self._judged.add(self._identity.hasher.hashes(trace_ids), self._clock.now_ns())

    def perhaps_judged(
        self, trace_ids: Sequence[int] | TraceIds, *, since_ns: int
    ) -> npt.NDArray[np.bool_]:
        """Tell for each trace whether it was perhaps judged since then, by whatever process.

        False is certain, and costs some nanoseconds however large the spool is; all traces of
        frames that were there when the spool was opened are taken for judged.

        Raises:
            RetryError: A missing index cannot be built because the disk reports an error.
        """
        with self._recovering:
            while self._recovered:
                segment = self._recovered[-1]
                hashes, _ = self._indexes.of(segment).sorted().arrays
                self._judged.add(hashes, segment.last_arrival_ns)
                self._recovered.pop()
        return self._judged.perhaps(self._identity.hasher.hashes(trace_ids), since_ns)

    def commit_position(self, position: int) -> None:
        """Note that the store needs no frame before `position` after a crash. Never goes back."""
        self._log.commit(position)
        if self._settings.horizon_ns is not None:
            self._log.expire(self._settings.horizon_ns)

    @property
    def statistics(self) -> SpoolStatistics:
        """How the spool stands now."""
        segments = self._log.segments()
        with self._lock:
            return SpoolStatistics(
                bytes=self._log.disk_bytes,
                segments=len(segments),
                start=segments[0].base if segments else self._durable_end,
                durable_end=self._durable_end,
                end=self._end,
                committed=self._log.committed,
                syncs=self._syncs,
                quarantined_frames=self._quarantine.frames,
                lost_bytes=self._quarantine.lost_bytes,
                torn_bytes=self._quarantine.torn_bytes,
                foreign_files=self._foreign_files,
                stopped=self._stopped,
            )

    def close(self) -> None:
        """Make durable what was appended, if the disk lets it, and let go of the folder."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._work.notify_all()
        self._thread.join()
        self._log.seal()
        self._compressor.close()
        self._indexes.close()
        self._folder_lock.release()

    # -- accepting ---------------------------------------------------------------------------

    def _refuse_unless_open(self, size: int) -> None:
        refusal = RetryError(_STOPPING) if self._closing else self._refusal()
        if refusal is not None:
            raise refusal
        if self._unsynced_bytes + size > UNSYNCED_LIMIT:
            raise RetryError(
                f"spool: {self._unsynced_bytes} bytes wait for the disk, which is slower than "
                "the senders; send the request again later"
            )
        kept = self._log.kept_bytes + self._unsynced_bytes
        if kept + size + SEGMENT_ROOM > self._settings.disk_budget:
            raise RetryError(
                f'spool folder "{self._directory}": requests that are not processed yet fill the '
                f"budget of {self._settings.disk_budget} bytes; send the request again later",
                retry_after_s=5.0,
            )

    def _refusal(self) -> RetryError | None:
        """Why no frame becomes durable now, if so. The caller holds the lock."""
        if self._stopped is not None:
            return self._stopped_error(self._stopped)
        return RetryError(_STOPPING) if self._closed else None

    def _stopped_error(self, why: str) -> RetryError:
        return RetryError(
            f'spool folder "{self._directory}" cannot be written ({why}); '
            "it is tried again by itself; free space or repair the disk",
            retry_after_s=self._settings.probe_interval_s,
        )

    # -- the thread that writes --------------------------------------------------------------

    def _run(self) -> None:
        try:
            while batch := self._gather():
                try:
                    self._log.write(batch)
                except OSError as exc:
                    self._stop(exc)
                else:
                    self._advance(batch)
        finally:
            with self._lock:
                self._closed = True
                waiters, self._waiters = self._waiters, []
            answer(waiters, RetryError(_STOPPING))

    def _gather(self) -> list[NewFrame]:
        """Wait for a group of frames for one segment; empty when there is no more to do."""
        with self._lock:
            self._work.wait_for(lambda: self._unsynced or self._closing)
            if self._stopped is None:
                self._work.wait_for(
                    lambda: self._closing or self._at_once or self._unsynced_bytes >= GROUP_BYTES,
                    self._settings.sync_interval_s,
                )
            elif self._work.wait_for(lambda: self._closing, self._settings.probe_interval_s):
                return []
            frames = tuple(self._unsynced.values())
            self._at_once = False
        return self._log.fitting(frames) if frames else []

    def _advance(self, batch: list[NewFrame]) -> None:
        """Answer everybody who waits for a frame of the batch."""
        with self._lock:
            for item in batch:
                del self._unsynced[item.frame.position]
                self._unsynced_bytes -= item.size
            self._durable_end = batch[-1].frame.next_position
            self._syncs += 1
            recovered, self._stopped = self._stopped is not None, None
            waiting, end = self._waiters, self._durable_end
            self._waiters = [waiter for waiter in waiting if waiter.position >= end]
        answer([waiter for waiter in waiting if waiter.position < end])
        if recovered:
            _log.warning("spool folder %s: writing works again", self._directory)

    def _stop(self, error: OSError) -> None:
        """Give up the file that failed. The frames stay in memory for a new one."""
        self._log.abandon()
        if error.errno in {errno.ENOSPC, errno.EDQUOT} and self._log.remove_oldest():
            # Accepting is worth more than history: try again at once, in the room gained.
            return
        with self._lock:
            first, self._stopped = self._stopped is None, error.strerror or str(error)
            waiters, self._waiters = self._waiters, []
            refusal = self._stopped_error(self._stopped)
        answer(waiters, refusal)
        if first:
            _log.error(
                "spool folder %s cannot be written (%s): nothing is accepted until it can",
                self._directory,
                error.strerror,
            )
