"""Dimensions keep raw values up to a hard bound; counts stay exact beyond it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_cases import make_fact, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.store import Fact, FactBatch, Store
from sloengine.store.columns import fact_table
from sloengine.store.dimensions import MOST_VALUES, OTHER_VALUE, DimensionValues
from sloengine.store.kinds import FactKinds

PROMISE = make_plan(make_slo("promise"))


def facts_of(values: list[str], first: int = 1) -> tuple[Fact, ...]:
    return tuple(
        replace(make_fact(number), dimensions={"tier": value, "zone": "x"})
        for number, value in enumerate(values, first)
    )


def stored(store: Store) -> Counter[str]:
    with store.reader() as reader:
        return Counter(one.dimensions["tier"] for one in reader.facts())


def batch(facts: tuple[Fact, ...], recheck: frozenset[int] = frozenset()) -> FactBatch:
    return FactBatch(facts, recheck, position=1, arrival_ns=1)


def test_values_beyond_the_bound_become_other_and_every_fact_is_there(
    store: Store, clock: FrozenClock
) -> None:
    store.register_plan(PROMISE, at_ns=clock.now_ns())
    names = [f"{number:05d}" for number in range(MOST_VALUES + 5)]
    store.commit(batch(facts_of(names)))
    found = stored(store)
    assert found[OTHER_VALUE] == 5
    assert found.total() == len(names)
    assert set(found) == {*names[:MOST_VALUES], OTHER_VALUE}


def test_after_a_restart_the_same_values_are_known_and_replayed_facts_are_the_same(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "sloengine.store.dimensions.DimensionValues.__init__.__kwdefaults__", {"most": 2}
    )
    first = facts_of(["b", "a", "c", "a"])
    for _ in range(2):
        with Store.open(tmp_path / "store", clock=clock) as store:
            store.register_plan(PROMISE, at_ns=clock.now_ns())
            ids = frozenset(one.trace_id for one in first)
            store.commit(batch(first, ids))
            assert stored(store) == {"a": 2, "b": 1, OTHER_VALUE: 1}
            with store.reader() as reader:
                assert reader.corrections(0, 10**19) == ()


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), max_size=6), max_size=4),
    st.integers(1, 6),
)
def test_a_plain_dictionary_keeps_the_same_values(batches: list[list[str]], most: int) -> None:
    values = DimensionValues((), most=most)
    known: set[str] = set()
    for texts in batches:
        kinds = FactKinds(()).numbering()
        table, fresh = values.fit(fact_table(facts_of(texts), {}, 0, kinds), kinds)
        values.keep(fresh)
        for text in sorted(set(texts)):
            if len(known) < most:
                known.add(text)
        found = [dict(row)["tier"] for row in table["dimensions"].to_pylist()]
        assert found == [text if text in known else OTHER_VALUE for text in texts]
