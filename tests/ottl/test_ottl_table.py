"""A condition table remembers exactly what evaluation would say."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.ottl import (
    SERVICE_NAME,
    SPAN_NAME,
    Condition,
    ConditionTable,
    EvaluationError,
    Field,
    OpaqueId,
    Value,
    parse_condition,
)

KEY = Field("span.attributes", "k", has_key=True)
PARENT = Field("span.parent_span_id")
TRACE = Field("span.trace_id")
FIELDS = (SERVICE_NAME, KEY, SPAN_NAME, PARENT, TRACE)

CONDITIONS = tuple(
    parse_condition(text)
    for text in [
        'span.attributes["k"] == 1',
        'span.attributes["k"] != "1"',
        'HasPrefix(span.attributes["k"], "1")',
        'IsMatch(span.attributes["k"], "^1")',
        'IsInt(span.attributes["k"])',
        'IsDouble(span.attributes["k"])',
        'String(span.attributes["k"]) == "-0"',
        'span.attributes["k"] + 1 > 1',
        'span.attributes["k"] == nil',
        'span.attributes["k"]["a"] == 1',
        'span.attributes["k"] == [1]',
        'span.name == "x" and not IsRootSpan()',
    ]
)


def directly(conditions: tuple[Condition, ...], values: tuple[Value, ...]) -> tuple[int, int]:
    true_bits = error_bits = 0
    for number, condition in enumerate(conditions):
        try:
            true_bits |= condition.evaluate(dict(zip(FIELDS, values, strict=True))) << number
        except EvaluationError:
            error_bits |= 1 << number
    return true_bits, error_bits


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(min_value=-2, max_value=2),
        st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")]),
        st.sampled_from(["", "1", "x"]),
        st.sampled_from([b"", b"1", OpaqueId(bytes(8)), OpaqueId(b"12345678")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)
IDS = st.sampled_from([bytes(8), b"12345678"]).map(OpaqueId)
ROWS = st.tuples(st.sampled_from(["s", None]), VALUES, st.sampled_from(["x", "y"]), IDS, IDS)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, max_size=30), st.integers(min_value=1, max_value=8))
def test_the_memo_equals_direct_evaluation_even_where_it_starts_again(
    rows: list[tuple[Value, ...]], memo_limit: int
) -> None:
    table = ConditionTable(FIELDS, CONDITIONS, memo_limit=memo_limit)
    given_out: dict[tuple[int, int], int] = {}
    for row in [*rows, *rows]:
        vector = table.vector(row)
        bits = directly(CONDITIONS, row)
        assert (table.true_bits(vector), table.error_bits(vector)) == bits
        assert given_out.setdefault(bits, vector) == vector
    assert sorted(given_out.values()) == list(range(len(table)))


def test_values_of_different_types_are_different_combinations() -> None:
    table = ConditionTable((KEY,), CONDITIONS[:1])
    lookalikes: list[Value] = [
        1,
        1.0,
        True,
        "1",
        b"1",
        OpaqueId(b"1"),
        [1],
        [1.0],
        [True],
        {"a": 1},
        {"a": True},
        0.0,
        -0.0,
        0,
        False,
        None,
        "",
        [],
        {},
        float("nan"),
    ]
    for value in lookalikes:
        table.vector((value,))
    assert table.evaluations == len(lookalikes)
    for value in lookalikes:
        table.vector((value,))
    assert table.evaluations == len(lookalikes)


def test_fields_that_no_condition_reads_do_not_fill_the_memo() -> None:
    table = ConditionTable((KEY, TRACE), CONDITIONS[:2])
    for number in range(100):
        table.vector((1, OpaqueId(number.to_bytes(16, "big"))))
    assert table.evaluations == 1


def test_asking_for_roots_does_not_fill_the_memo_with_parents() -> None:
    table = ConditionTable(FIELDS, CONDITIONS)
    for number in range(100):
        parent = OpaqueId(number.to_bytes(8, "big"))
        vector = table.vector(("s", 1, "x", parent, TRACE_ID))
        assert table.true_bits(vector) >> 11 == (number > 0)
    assert table.evaluations == 2
    exact = ConditionTable(
        (PARENT,), [parse_condition('IsRootSpan() or span.parent_span_id.string == "00"')]
    )
    for number in range(100):
        exact.vector((OpaqueId(number.to_bytes(8, "big")),))
    assert exact.evaluations == 100


TRACE_ID = OpaqueId(bytes(range(16)))


def test_a_table_refuses_fields_that_its_conditions_lack() -> None:
    with pytest.raises(ValueError, match="conditions read span"):
        ConditionTable((SPAN_NAME,), CONDITIONS[:1])


def test_a_table_without_conditions_has_one_vector() -> None:
    table = ConditionTable(FIELDS, ())
    assert table.vector(("a", 1, "b", None, None)) == table.vector(("b", 2, "c", None, None)) == 0
    assert table.true_bits(0) == table.error_bits(0) == 0


def test_more_conditions_than_a_word_has_bits() -> None:
    conditions = [parse_condition(f'span.attributes["k"] == {number}') for number in range(200)]
    table = ConditionTable((KEY,), conditions)
    assert table.true_bits(table.vector((199,))) == 1 << 199


def test_threads_agree_on_vectors() -> None:
    table = ConditionTable((KEY,), [parse_condition(f'span.attributes["k"] > {n}') for n in "0248"])
    barrier = threading.Barrier(4)
    seen: list[dict[int, int]] = []

    def ask() -> None:
        barrier.wait()
        seen.append({number: table.vector((number,)) for number in range(2000)})

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found == seen[0] for found in seen)
    assert len(seen) == 4
    for number, vector in seen[0].items():
        assert table.true_bits(vector) == sum(
            (number > limit) << bit for bit, limit in enumerate((0, 2, 4, 8))
        )
