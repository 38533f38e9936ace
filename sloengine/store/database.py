"""The DuckDB file: opening it safely, bringing its schema up to date, and transactions.

No other module calls `duckdb.connect`, and no other begins or ends a transaction.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sloengine.errors import StoreError
from sloengine.store.schema import MIGRATIONS, SCHEMA_VERSION

FILE_NAME = "sloengine.duckdb"
_SPILL_FOLDER = "spill"
_STORAGE_VERSION = "v1.5.0"
"""The oldest DuckDB that must be able to read the file (the lower bound in pyproject.toml)."""

_ROWS_AT_A_TIME = 4096

Parameters = Sequence[object] | Mapping[str, object] | None


def prepare_folder(directory: Path) -> None:
    """Create the folder for its owner only, and make sure that files can be written in it.

    A folder that exists keeps its rights: it may be a mounted volume. Raises StoreError.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(
            f"store folder {directory}: cannot be created ({exc.strerror}); "
            "name a folder that this user may create and write"
        ) from exc
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise StoreError(
            f"store folder {directory}: this user may not write in it; "
            "change its owner or rights, or name another folder"
        )


def connect(
    directory: Path, *, memory_limit: str, threads: int, read_only: bool
) -> duckdb.DuckDBPyConnection:
    """Open the database file, closed to everything outside it, with its schema up to date.

    Raises StoreError where another process holds the file, where it is damaged, where a newer
    sloengine or DuckDB wrote it, and, when `read_only`, where there is none.
    """
    path = directory / FILE_NAME
    if read_only and not path.exists():
        raise StoreError(
            f"store {path}: there is none yet; start `sloengine serve` with this folder first, "
            "or name the folder that it uses"
        )
    try:
        connection = duckdb.connect(
            str(path),
            read_only=read_only,
            config={
                "storage_compatibility_version": _STORAGE_VERSION,
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": str(directory / _SPILL_FOLDER),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
            },
        )
    except duckdb.Error as exc:
        raise _opening_error(path, exc) from exc
    try:
        if not read_only:
            path.chmod(0o600)
        # After temp_directory is set: spilling then still works, other files are out of reach.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET allowed_configs = ['memory_limit']")  # for `Room`
        connection.execute("SET lock_configuration = true")
        _migrate(connection, path, read_only=read_only)
    except duckdb.Error as exc:
        connection.close()
        raise _opening_error(path, exc) from exc
    except BaseException:
        connection.close()
        raise
    return connection


def connect_memory(*, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """Open a database that lives in memory alone, never spills to disk, and ends with the process.

    Raises StoreError where it cannot be made.
    """
    path = Path(":memory:")
    try:
        connection = duckdb.connect(
            str(path),
            config={
                "memory_limit": memory_limit,
                "threads": threads,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "python_enable_replacements": False,
            },
        )
    except duckdb.Error as exc:
        raise _running_error(exc) from exc
    try:
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        _migrate(connection, path, read_only=False)
    except duckdb.Error as exc:
        connection.close()
        raise _running_error(exc) from exc
    return connection


def run(
    cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = None
) -> list[tuple[Any, ...]]:
    """Execute one statement and drain its result: an open result would keep the cursor busy."""
    return cursor.execute(sql, parameters).fetchall()


def query(
    cursor: duckdb.DuckDBPyConnection, sql: str, parameters: Parameters = None
) -> list[tuple[Any, ...]]:
    """Read outside a transaction; an error of the database becomes a StoreError."""
    try:
        return run(cursor, sql, parameters)
    except duckdb.Error as exc:
        raise _running_error(exc) from exc


def stream(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[tuple[Any, ...]]:
    """Read outside a transaction, a few rows at a time; errors as `query`.

    The cursor is busy until the last row was taken.
    """
    try:
        result = cursor.execute(sql)
        while rows := result.fetchmany(_ROWS_AT_A_TIME):
            yield from rows
    except duckdb.Error as exc:
        raise _running_error(exc) from exc


def insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Insert rows whose columns are in the order of the table's.

    Cheaper than a statement over `arrow_view`, and than one that unnests lists: DuckDB 1.5 takes
    50 µs for each value in a list.
    """
    cursor.from_arrow(rows).insert_into(table)


@contextmanager
def arrow_view(cursor: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> Iterator[None]:
    """Let statements in the block read an Arrow table by `name`.

    Copy it into a temporary table before joining: DuckDB 1.5 turns the bounds of a join into Arrow
    filters, and fails on unsigned numbers of 64 bits.
    """
    cursor.register(name, table)
    try:
        yield
    finally:
        cursor.unregister(name)


@contextmanager
def transaction(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in one transaction: all of it becomes durable, or nothing does.

    Whatever is raised inside rolls everything back and is raised again. This is more than manners:
    a COMMIT after a statement that failed returns without an error and drops the transaction.
    An error of the database itself becomes a StoreError.
    """
    try:
        cursor.execute("BEGIN TRANSACTION")
        yield
        cursor.execute("COMMIT")
    except duckdb.Error as exc:
        _roll_back(cursor)
        raise _running_error(exc) from exc
    except BaseException:
        _roll_back(cursor)
        raise


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    # Fails where no transaction is open (BEGIN or COMMIT failed) and where the database is
    # invalidated; then nothing was written, and the first error is the one that people need.
    with suppress(duckdb.Error):
        cursor.execute("ROLLBACK")


def _migrate(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    tables = run(connection, "SELECT table_name FROM duckdb_tables()")
    version = 0
    if ("schema_version",) in tables:
        version = run(connection, "SELECT version FROM schema_version")[0][0]
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"store {path}: a newer sloengine wrote it (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); use that version, or name another folder"
        )
    if version == SCHEMA_VERSION:
        return
    if read_only:
        raise StoreError(
            f"store {path}: an older sloengine wrote it (schema {version}, this one needs "
            f"{SCHEMA_VERSION}); start `sloengine serve` once, it brings the file up to date"
        )
    with transaction(connection):
        if version == 0:
            connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
            connection.execute("INSERT INTO schema_version VALUES (0)")
        for script in MIGRATIONS[version:]:
            connection.execute(script)
        connection.execute("UPDATE schema_version SET version = ?", [SCHEMA_VERSION])


def _opening_error(path: Path, exc: duckdb.Error) -> StoreError:
    text = str(exc)
    first_line = text.splitlines()[0] if text else type(exc).__name__
    if "lock" in text and (holder := re.search(r"PID (\d+)", text)):
        return StoreError(
            f"store {path}: process {holder[1]} has it open; "
            "stop that process, or name another folder"
        )
    if "Could not set lock" in text:
        return StoreError(
            f"store {path}: another process has it open; stop it, or name another folder"
        )
    if "Permission denied" in text or "Read-only file system" in text:
        return StoreError(
            f"store {path}: this user may not open it ({first_line}); "
            "change the owner or rights of the file"
        )
    if "No space left" in text:
        return StoreError(f"store {path}: the disk is full; free some space and start again")
    if re.search(r"version number|newer version|storage version", text):
        return StoreError(
            f"store {path}: another version of DuckDB wrote it ({first_line}); "
            "use the version of sloengine that wrote it, or name another folder"
        )
    return StoreError(
        f"store {path}: the file is damaged ({first_line}); move {path.name} and "
        f"{path.name}.wal out of the folder and start again: what the spool still holds is "
        "counted anew"
    )


def _running_error(exc: duckdb.Error) -> StoreError:
    text = str(exc)
    first_line = text.splitlines()[0] if text else type(exc).__name__
    if isinstance(exc, duckdb.OutOfMemoryException):
        return StoreError(f"store: out of memory ({first_line}); raise the store's memory limit")
    if "No space left" in text:
        return StoreError(f"store: the disk is full ({first_line}); free some space")
    return StoreError(
        f"store: the database failed and kept nothing of what was asked ({first_line}); "
        "if it stays so after a restart, move the file away: the spool is counted anew"
    )
