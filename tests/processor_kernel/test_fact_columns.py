"""Facts as columns are, for the store, the same facts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processor_strategies import plans
from processor_support import KEY, Span, batch_of, table_of
from test_pending_twin import trees

from sloengine.clock import FrozenClock
from sloengine.definitions.plan import Plan
from sloengine.processor import NoHistory, ProcessorSettings
from sloengine.processor.kernel import KernelProcessor
from sloengine.store import Fact, FactBatch, FactColumns, Store
from sloengine.store.columns import batch_table, fact_table
from sloengine.store.kinds import FactKinds

NOON = 1_800_000_000 * 10**9
_FAR = st.sampled_from([0, 1, 2**63 - 1, 2**63, 2**64 - 1])


def columns_of(plan: Plan, spans: list[tuple[int, Span]]) -> FactColumns | None:
    table = table_of(plan)
    processor = KernelProcessor(
        plan, table, settings=ProcessorSettings(), key=KEY, history=NoHistory()
    )
    for number, part in enumerate((spans[::2], spans[1::2])):
        processor.add(batch_of(plan, table, part), position=number, arrival_ns=NOON)
    return processor.close(NOON, everything=True).columns


@given(plans(), trees(), _FAR)
@settings(max_examples=80, deadline=None)
def test_columns_and_objects_make_one_table(
    plan: Plan, spans: list[tuple[int, Span]], far_ns: int
) -> None:
    """Every type and every value, instants that no column holds included."""
    spans[0] = (spans[0][0], replace(spans[0][1], end_ns=far_ns))
    columns = columns_of(plan, spans)
    if columns is None:
        return
    facts, origins = columns.facts(), columns.origins()
    kinds = FactKinds(()).numbering()
    table = batch_table(FactBatch((), frozenset(), 9, NOON, columns=columns), kinds)
    assert table.equals(fact_table(facts, origins, 9, kinds))
    both = FactBatch(facts[:1], frozenset(), 9, NOON, origins=origins, columns=columns)
    assert batch_table(both, kinds).num_rows == len(both) == len(facts) + 1


SPANS = [
    (trace, Span(number, 0, "c0", kind=2, values={"v0": "x"}))
    for trace in range(1, 40)
    for number in (1, 2)
]


@given(plans())
@settings(max_examples=3, deadline=None)
def test_a_store_keeps_columns_as_it_keeps_objects(plan: Plan) -> None:
    """One commit, and the same facts are read back."""
    columns = columns_of(plan, SPANS)
    assert columns is not None
    with Store.open_memory(clock=FrozenClock(NOON)) as store:
        store.register_plan(plan, at_ns=NOON)
        result = store.commit(FactBatch((), frozenset(), 9, NOON, columns=columns))
        assert result.new == len(columns)
        with store.reader() as reader:
            kept = reader.facts()
    assert sorted(kept, key=_order) == sorted(columns.facts(), key=_order)


@given(plans())
@settings(max_examples=3, deadline=None)
def test_one_identity_twice_is_refused(plan: Plan) -> None:
    """Beside each other in the columns, or once there and once as an object."""
    columns = columns_of(plan, SPANS)
    assert columns is not None
    doubled = replace(columns, entry_span_id=columns.entry_span_id * 0 + 1)
    with Store.open_memory(clock=FrozenClock(NOON)) as store:
        store.register_plan(plan, at_ns=NOON)
        for batch in (
            FactBatch((), frozenset(), 9, NOON, columns=doubled),
            FactBatch(columns.facts()[-1:], frozenset(), 9, NOON, columns=columns),
        ):
            with pytest.raises(ValueError, match="two facts of one identity"):
                store.commit(batch)


def _order(fact: Fact) -> tuple[int, int, int]:
    return fact.trace_id, fact.entry_span_id, fact.entry_kind
