"""How much memory DuckDB may take: little for commits, all that was granted for questions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import duckdb

from sloengine.store.database import run

AT_REST = "48MiB"
"""For commits and the checkpoints that they bring on. The widest facts need half of it; a
checkpoint that has too little ends in an unusable database."""


class Room:
    """DuckDB's memory limit, raised while somebody needs more.

    DuckDB holds every block that it read or wrote until it meets its limit, and commits alone fill
    any limit within hours. Lowering it makes DuckDB drop them at once; the system still has them in
    its cache of files, where they are nobody's memory. Safe between threads.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, granted: str) -> None:
        self._cursor = cursor
        self._granted = granted
        self._lock = Lock()
        self._users = 0
        self._set(AT_REST)

    def enter(self) -> None:
        """Let DuckDB take what was granted, until each that entered has left."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._set(self._granted)

    def leave(self) -> None:
        """Undo one `enter`; the last one out has DuckDB drop what it holds."""
        with self._lock:
            self._users -= 1
            if not self._users:
                # Refused while a commit holds more: then the next one out does it.
                with suppress(duckdb.OutOfMemoryException):
                    self._set(AT_REST)

    @contextmanager
    def wide(self) -> Iterator[None]:
        """Let the block use what was granted."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def close(self) -> None:
        """Give the cursor back."""
        with self._lock:
            self._cursor.close()

    def _set(self, limit: str) -> None:
        run(self._cursor, f"SET memory_limit = '{limit}'")
