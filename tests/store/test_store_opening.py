"""Opening a store: rights, identity, and a message that says what to do when it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from store_cases import T0, make_batch, make_fact, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.errors import ExitCode, StoreError
from sloengine.store import Store
from sloengine.store.database import FILE_NAME, run
from sloengine.store.schema import SCHEMA_VERSION

PLAN = make_plan(make_slo("checkout"))

_HOLDER = """
import sys
from pathlib import Path
from sloengine.clock import SystemClock
from sloengine.store import Store
store = Store.open(Path(sys.argv[1]), clock=SystemClock())
print("open", flush=True)
sys.stdin.read()
"""


def test_a_new_store_is_for_its_owner_only(tmp_path: Path, clock: FrozenClock) -> None:
    folder = tmp_path / "deep" / "store"
    with Store.open(folder, clock=clock) as store:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
        assert (folder / "customer.key").stat().st_mode & 0o777 == 0o600
        assert store.position is None
        assert store.created_ns == T0


def test_a_store_keeps_its_identity_its_key_and_its_age(tmp_path: Path, clock: FrozenClock) -> None:
    with Store.open(tmp_path, clock=clock) as store:
        first = (store.store_id, store.hash_key, store.created_ns)
    clock.advance(10**9)
    with Store.open(tmp_path, clock=clock) as store:
        assert (store.store_id, store.hash_key, store.created_ns) == first
    assert len(first[1]) == 32


def test_the_key_is_not_in_the_database(tmp_path: Path, clock: FrozenClock) -> None:
    with Store.open(tmp_path, clock=clock) as store:
        key = store.hash_key
    raw = (tmp_path / FILE_NAME).read_bytes()
    assert key not in raw
    assert key.hex().encode() not in raw


def test_two_stores_have_different_ids_and_keys(tmp_path: Path, clock: FrozenClock) -> None:
    with (
        Store.open(tmp_path / "a", clock=clock) as one,
        Store.open(tmp_path / "b", clock=clock) as other,
    ):
        assert one.store_id != other.store_id
        assert one.hash_key != other.hash_key


def test_a_store_held_by_another_process_names_it(tmp_path: Path, clock: FrozenClock) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "open\n"
        for read_only in (False, True):
            with pytest.raises(StoreError, match=f"process {holder.pid} has it open"):
                Store.open(tmp_path, clock=clock, read_only=read_only)
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()
    Store.open(tmp_path, clock=clock).close()


def test_reading_only_needs_a_store_and_changes_nothing(tmp_path: Path, clock: FrozenClock) -> None:
    with pytest.raises(StoreError, match="there is none yet"):
        Store.open(tmp_path, clock=clock, read_only=True)
    assert list(tmp_path.iterdir()) == []
    with Store.open(tmp_path, clock=clock) as store:
        store.register_plan(PLAN, at_ns=T0)
        store.commit(make_batch(make_fact(1)))
    before = (tmp_path / FILE_NAME).read_bytes()
    with Store.open(tmp_path, clock=clock, read_only=True) as store:
        assert store.position == 1
        assert store.plan_documents("rev-1") == "docs"
        assert store.hash_key == b""
        with store.reader() as reader:
            assert reader.facts() == (make_fact(1),)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_file_where_the_folder_should_be(tmp_path: Path, clock: FrozenClock) -> None:
    (tmp_path / "store").write_text("mine")
    with pytest.raises(StoreError, match="cannot be created") as caught:
        Store.open(tmp_path / "store", clock=clock)
    assert caught.value.exit_code is ExitCode.STORAGE


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path, clock: FrozenClock) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="may not write"):
            Store.open(tmp_path, clock=clock)
    finally:
        tmp_path.chmod(0o700)


def test_a_newer_schema_is_left_alone(tmp_path: Path, clock: FrozenClock) -> None:
    Store.open(tmp_path, clock=clock).close()
    connection = duckdb.connect(str(tmp_path / FILE_NAME))
    run(connection, "UPDATE schema_version SET version = ?", [SCHEMA_VERSION + 1])
    connection.close()
    with pytest.raises(StoreError, match="a newer sloengine wrote it"):
        Store.open(tmp_path, clock=clock)


@pytest.mark.parametrize("content", [b"not a database at all" * 1000, b"\0" * 8192])
def test_a_file_that_is_no_database(tmp_path: Path, clock: FrozenClock, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match="move sloengine"):
        Store.open(tmp_path, clock=clock)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_file_with_a_damaged_head(tmp_path: Path, clock: FrozenClock) -> None:
    Store.open(tmp_path, clock=clock).close()
    damaged = bytearray((tmp_path / FILE_NAME).read_bytes())
    for place in range(4096, 3 * 4096, 64):
        damaged[place] ^= 0xFF
    (tmp_path / FILE_NAME).write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        Store.open(tmp_path, clock=clock)


@pytest.mark.parametrize("key", [b"k" * 32, b"short", None])
def test_a_store_without_its_key_is_refused(
    tmp_path: Path, clock: FrozenClock, key: bytes | None
) -> None:
    """A new key would make every customer a new one, in silence."""
    Store.open(tmp_path, clock=clock).close()
    (tmp_path / "customer.key").unlink()
    if key is not None:
        (tmp_path / "customer.key").write_bytes(key)
    with pytest.raises(StoreError, match="customer"):
        Store.open(tmp_path, clock=clock)


def test_a_store_that_was_left_half_made_is_completed(tmp_path: Path, clock: FrozenClock) -> None:
    Store.open(tmp_path, clock=clock).close()
    connection = duckdb.connect(str(tmp_path / FILE_NAME))
    run(connection, "DELETE FROM store")
    connection.close()
    with pytest.raises(StoreError, match="completes the store"):
        Store.open(tmp_path, clock=clock, read_only=True)
    with Store.open(tmp_path, clock=clock) as store:
        assert store.created_ns == T0


def test_the_database_reaches_no_other_file(tmp_path: Path, clock: FrozenClock) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    with Store.open(tmp_path / "store", clock=clock) as store, store.reader() as reader:
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            f"ATTACH '{tmp_path / 'other.duckdb'}'",
            "INSTALL httpfs",
            "SET enable_external_access = true",
            "SET threads = 8",
            "SET allowed_configs = ['threads']",
        ):
            with pytest.raises(duckdb.Error):
                run(reader._cursor, sql)
    assert not (tmp_path / "out.csv").exists()


def test_the_file_can_be_read_by_the_oldest_supported_duckdb(
    tmp_path: Path, clock: FrozenClock
) -> None:
    with Store.open(tmp_path, clock=clock) as store, store.reader() as reader:
        sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE path IS NOT NULL"
        assert "v1.5" in str(run(reader._cursor, sql))
