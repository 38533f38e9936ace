"""`Store`: the durable state of the engine, one DuckDB file and one key in one folder."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import duckdb

from sloengine.clock import Clock
from sloengine.definitions.plan import Plan
from sloengine.errors import StoreError
from sloengine.store import retention
from sloengine.store.columns import repeats_identity, trace_table
from sloengine.store.commit import CommitResult, write_batch
from sloengine.store.database import (
    FILE_NAME,
    arrow_view,
    connect,
    connect_memory,
    prepare_folder,
    query,
    run,
    transaction,
)
from sloengine.store.dimensions import DimensionValues
from sloengine.store.facts import FactBatch, StoredTrace
from sloengine.store.key import fingerprint, load_or_create_key, new_key
from sloengine.store.kinds import FactKinds, Kind
from sloengine.store.plans import apply_plan
from sloengine.store.reader import StoreReader
from sloengine.store.room import Room
from sloengine.store.schema import COUNTED_TABLES
from sloengine.store.slots import MINUTE_NS, floor_to
from sloengine.store.verdicts import IndicatorSet

_THREADS = 2
_FEW_FACTS = 1 << 16
"""Of one commit; more may need more memory than there is at rest."""

_INSERT_STORE = "INSERT INTO store VALUES ($store_id, $created_ns, $fingerprint, 0, 0, 0)"

_ASKED = "CREATE OR REPLACE TEMP TABLE asked AS SELECT * FROM arrow_asked"

# Purpose: which of some traces have stored facts. Columns: trace_hi, trace_lo, the revision that
# judged the trace last, the oldest frame that its facts rest on.
_STORED_TRACES = """
SELECT t.trace_hi, t.trace_lo, arg_max(t.revision, t.committed_ns), min(t.origin)
FROM transactions AS t
SEMI JOIN asked AS a ON t.trace_hi = a.trace_hi AND t.trace_lo = a.trace_lo
GROUP BY t.trace_hi, t.trace_lo
"""

# In order of application, whatever the wall clock said.
_DOCUMENTS = """
SELECT documents FROM definitions WHERE revision = $revision ORDER BY rowid DESC LIMIT 1
"""

_DIMENSION_VALUES = "SELECT transaction, name, value FROM dimension_values"

_LATEST_DEFINITIONS = """
SELECT documents, git_commit FROM definitions ORDER BY rowid DESC LIMIT 1
"""

_ADD_COVERAGE = """
INSERT INTO coverage
SELECT minute_ns FROM (SELECT unnest(range($first, $end, $minute)) AS minute_ns)
ANTI JOIN coverage USING (minute_ns)
"""


class Store:
    """Facts, counts and positions that survive a crash; one writer at a time, many readers.

    Open it with `Store.open`, once in a process. Methods may be called from any thread: writers
    wait for each other. Every change is one transaction.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        path: Path | None,
        store_id: str,
        created_ns: int,
        hash_key: bytes,
        room: Room | None = None,
    ) -> None:
        self._path = path
        self._connection = connection
        self._writer = connection.cursor()
        self._lock = Lock()
        self._room = room
        """None where there is one limit for all: nothing is written, or all is in memory."""
        self._indicators: IndicatorSet | None = None
        self._dimensions = DimensionValues(query(self._writer, _DIMENSION_VALUES))
        kinds = query(self._writer, "SELECT * FROM fact_kinds")
        self._kinds = FactKinds((number, Kind(*kind)) for number, *kind in kinds)
        self.store_id = store_id
        """Names this store in spool segments, so that no spool is applied to another store."""
        self.created_ns = created_ns
        self.hash_key = hash_key
        """32 bytes for keyed hashes of customers, sessions and intents; empty if read only."""

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        clock: Clock,
        memory_limit: str = "512MB",
        read_only: bool = False,
    ) -> Store:
        """Open the store in a folder, and make both where there is none yet.

        `read_only` is for looking while no engine runs: it makes nothing and reads no key.
        Raises StoreError, which says what to do: held by another process, not writable, damaged,
        written by a newer version, or parted from its key.
        """
        if read_only:
            connection = connect(
                directory, memory_limit=memory_limit, threads=_THREADS, read_only=True
            )
            key = b""
        else:
            prepare_folder(directory)
            connection = connect(
                directory, memory_limit=memory_limit, threads=_THREADS, read_only=False
            )
        try:
            if not read_only:
                key = _matching_key(connection, directory, clock)
            store_id, created_ns = _own_row(connection, directory)
            return cls(
                connection,
                path=directory / FILE_NAME,
                store_id=store_id,
                created_ns=created_ns,
                hash_key=key,
                room=None if read_only else Room(connection.cursor(), memory_limit),
            )
        except BaseException:
            connection.close()
            raise

    @classmethod
    def open_memory(cls, *, clock: Clock, memory_limit: str = "512MB") -> Store:
        """Make a store that lives in memory alone, with a key of its own: for tests, for looking.

        It can be emptied and used again with `clear`.
        """
        connection = connect_memory(memory_limit=memory_limit, threads=_THREADS)
        try:
            key = new_key()
            created_ns = clock.now_ns()
            store_id = _insert_own_row(connection, key, created_ns)
        except BaseException:
            connection.close()
            raise
        return cls(connection, path=None, store_id=store_id, created_ns=created_ns, hash_key=key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file after the write that runs. Readers must be closed before."""
        with self._lock:
            if self._room is not None:
                self._room.close()
            self._writer.close()
            self._connection.close()

    @property
    def size_bytes(self) -> int:
        """Size of the database file on disk, without what is not checkpointed yet.

        Zero for a store in memory.
        """
        return 0 if self._path is None else self._path.stat().st_size

    @property
    def position(self) -> int | None:
        """The spool position that stored facts make safe; `None` before the first commit."""
        with self._lock:
            return self._read_position()

    def reader(self) -> StoreReader:
        """Return a reader of its own; it sees what is committed when each statement starts."""
        return StoreReader(self._connection.cursor(), self._room)

    def register_plan(self, plan: Plan, *, at_ns: int) -> None:
        """Count by this plan from now on, and keep its documents.

        Indicators that are counted for the first time, or again after they were set aside, get
        their counts from the stored facts, in the same transaction. Must be called once after
        opening, before the first commit. Exported counters do not change: they count verdicts
        from now on.
        """
        with self._wide(), self._writing() as cursor:
            indicators = apply_plan(cursor, plan, at_ns)
        self._indicators = indicators

    def commit(self, batch: FactBatch) -> CommitResult:
        """Make a batch durable: facts, counts, corrections, counters, position; or nothing of it.

        Costs one pass over the batch, and one over the ids of all facts where `recheck` is not
        empty. Raises ValueError for two facts of one identity, RuntimeError before a plan was
        registered, StoreError where the database failed: then nothing was kept.
        """
        if self._indicators is None:
            raise RuntimeError("commit before register_plan: no one would count these facts")
        if repeats_identity(batch):
            raise ValueError("a batch holds two facts of one identity (trace, entry span, kind)")
        is_wide = batch.recheck or len(batch) > _FEW_FACTS
        with self._wide() if is_wide else nullcontext(), self._writing() as cursor:
            result, met = write_batch(
                cursor, batch, self._indicators, self._kinds, self._dimensions
            )
        self._dimensions.keep(met.dimension_values)
        self._kinds.keep(met.kinds)
        stored = self.position
        if stored != batch.position:
            raise StoreError(
                f"store: the database dropped a commit (position {stored}, expected "
                f"{batch.position}); restart the engine, it continues from {stored}"
            )
        return result

    def plan_documents(self, revision: str) -> str | None:
        """Return the documents of a set of definitions that was applied here once."""
        with self._lock:
            rows = query(self._writer, _DOCUMENTS, {"revision": revision})
        return rows[0][0] if rows else None

    def latest_definitions(self) -> tuple[str, str | None] | None:
        """Return documents and git commit of the set applied last; `None` where none ever was."""
        with self._lock:
            rows = query(self._writer, _LATEST_DEFINITIONS)
        return rows[0] if rows else None

    def stored(self, trace_ids: Collection[int]) -> dict[int, StoredTrace]:
        """Return what is known of those traces that have stored facts.

        One pass over the ids of all facts.
        """
        if not trace_ids:
            return {}
        with self._wide(), self._lock:
            with arrow_view(self._writer, "arrow_asked", trace_table(trace_ids)):
                run(self._writer, _ASKED)
            rows = query(self._writer, _STORED_TRACES)
        return {
            high << 64 | low: StoredTrace(revision, origin) for high, low, revision, origin in rows
        }

    def compact(self, now_ns: int) -> None:
        """Fold counts older than three days to minutes and merge deltas; no sum changes."""
        with self._wide(), self._writing() as cursor:
            retention.compact(cursor, now_ns)

    def expire(self, now_ns: int) -> None:
        """Forget facts older than 35 days, and counts older than 400 days."""
        with self._wide(), self._writing() as cursor:
            retention.expire(cursor, now_ns)

    def clear(self) -> None:
        """Forget every fact and all that was counted; definitions, key and position stay.

        Only for a store in memory: another way to lose what is on disk must not exist.
        """
        if self._path is not None:
            raise ValueError(f"{self._path} is a file; only a store in memory can be cleared")
        with self._writing() as cursor:
            for table in COUNTED_TABLES:
                run(cursor, f"DELETE FROM {table}")
        self._dimensions = DimensionValues(())

    def record_coverage(self, from_ns: int, to_ns: int) -> None:
        """Note that the engine ran in `[from_ns, to_ns)`: every minute it touches is covered."""
        span = {"first": floor_to(from_ns, MINUTE_NS), "end": to_ns, "minute": MINUTE_NS}
        with self._writing() as cursor:
            run(cursor, _ADD_COVERAGE, span)

    def _wide(self) -> AbstractContextManager[None]:
        """All memory that was granted, for what may need more than a commit."""
        return nullcontext() if self._room is None else self._room.wide()

    @contextmanager
    def _writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock, transaction(self._writer):
            yield self._writer

    def _read_position(self) -> int | None:
        position: int | None = query(self._writer, "SELECT position FROM spool_position")[0][0]
        return position


def _own_row(connection: duckdb.DuckDBPyConnection, directory: Path) -> tuple[str, int]:
    rows = run(connection, "SELECT store_id, created_ns FROM store")
    if not rows:
        raise StoreError(
            f"store {directory}: the process that made it was stopped too early; "
            "start `sloengine serve` once, it completes the store"
        )
    store_id, created_ns = rows[0]
    return store_id, created_ns


def _matching_key(connection: duckdb.DuckDBPyConnection, directory: Path, clock: Clock) -> bytes:
    """Return the key of this store; the first opening writes the store's own row."""
    key = load_or_create_key(directory)
    known = run(connection, "SELECT key_fingerprint FROM store")
    if not known:
        _insert_own_row(connection, key, clock.now_ns())
    elif known[0][0] != fingerprint(key):
        raise StoreError(
            f"store {directory}: customer.key is not the key of this database, so customers "
            "could not be recognised; put the right file back, or use a new folder"
        )
    return key


def _insert_own_row(connection: duckdb.DuckDBPyConnection, key: bytes, now_ns: int) -> str:
    """Write what the store is, and return its id."""
    store_id = uuid.uuid4().hex
    with transaction(connection):
        run(
            connection,
            _INSERT_STORE,
            {"store_id": store_id, "created_ns": now_ns, "fingerprint": fingerprint(key)},
        )
    return store_id
