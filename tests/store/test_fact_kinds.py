"""Kinds of facts: a number for each, kept only with the commit that met it."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_cases import T0, make_batch, make_fact, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.errors import StoreError
from sloengine.store import Store
from sloengine.store.database import run

PLAN = make_plan(make_slo("checkout"))


def kinds(store: Store) -> list[tuple[int, str, str]]:
    sql = "SELECT kind, transaction, outcome FROM fact_kinds ORDER BY kind"
    return [(number, name, outcome) for number, name, outcome in run(store._writer, sql)]


def test_a_kind_is_written_once_and_known_after_a_restart(
    tmp_path: Path, clock: FrozenClock
) -> None:
    for number in range(3):
        with Store.open(tmp_path, clock=clock) as store:
            store.register_plan(PLAN, at_ns=T0)
            store.commit(make_batch(make_fact(2 * number), make_fact(2 * number + 1)))
            store.commit(make_batch(make_fact(100 + number, outcome="failed")))
            assert kinds(store) == [(0, "checkout", "good"), (1, "checkout", "failed")]


def test_a_kind_of_a_failed_commit_is_met_again(store: Store) -> None:
    store.register_plan(PLAN, at_ns=T0)
    run(store._writer, "ALTER TABLE spool_position RENAME TO broken")
    with pytest.raises(StoreError):
        store.commit(make_batch(make_fact(1)))
    run(store._writer, "ALTER TABLE broken RENAME TO spool_position")
    store.commit(make_batch(make_fact(1)))
    assert kinds(store) == [(0, "checkout", "good")]
    with store.reader() as reader:
        assert reader.facts() == (make_fact(1),)
