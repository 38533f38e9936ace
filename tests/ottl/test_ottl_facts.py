"""Conditions on facts: what they read, what they refuse, and that SQL decides as Python does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.ottl import FactCondition, OttlError, parse_fact_condition

DIMENSIONS = ("tier", "region")


@dataclass(frozen=True)
class SomeFact:
    outcome: str = "good"
    reason: str = ""
    start_ns: int = 0
    end_ns: int = 0
    amount_micros: int | None = None
    dimensions: Mapping[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def parse(text: str) -> FactCondition:
    return parse_fact_condition(text, DIMENSIONS)


def in_sql(database: duckdb.DuckDBPyConnection, condition: FactCondition, fact: SomeFact) -> object:
    compiled = condition.to_sql()
    row = database.execute(
        f"SELECT {compiled.sql} FROM (SELECT ?::VARCHAR AS outcome, ?::VARCHAR AS reason, "
        "?::BIGINT AS start_ns, ?::BIGINT AS end_ns, ?::BIGINT AS amount_micros, "
        "map(?::VARCHAR[], ?::VARCHAR[]) AS dimensions)",
        [
            *compiled.params,
            fact.outcome,
            fact.reason,
            fact.start_ns,
            fact.end_ns,
            fact.amount_micros,
            list(fact.dimensions.keys()),
            list(fact.dimensions.values()),
        ],
    ).fetchone()
    assert row is not None
    return row[0]


OPERATORS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
TEXTS = st.one_of(
    st.sampled_from(["", "gold", "silver", "go", "é", "a\nb", "a\x00b", "\U0001f600", "%", "'"]),
    st.text(max_size=4),
)
TEXT_PATHS = st.sampled_from(
    [
        "transaction.reason",
        'transaction.dimensions["tier"]',
        'transaction.dimensions["region"]',
    ]
)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


AMOUNTS = st.one_of(
    st.sampled_from(
        ["0", "19.99", "19.990000", "19.9900001", "-0.0000001", "9223372036854.775807"]
    ),
    st.decimals(min_value=-100, max_value=100, places=7).map(lambda value: f"{value:f}"),
    st.sampled_from(["9223372036854775807", "1.0e300", "-1.0e300", "1.0e-300"]),
)
LIMITS = st.one_of(
    st.sampled_from(['Duration("4s")', 'Duration("-1ns")', "4000000000", "0.5", "3999999999.5"]),
    st.integers(min_value=-10, max_value=10).map(str),
    st.sampled_from(["9223372036854775807", "-9223372036854775807", "1.0e19", "-1.0e19"]),
)
COMPARISONS = st.one_of(
    st.tuples(
        st.just("transaction.outcome"),
        OPERATORS,
        st.sampled_from(['"good"', '"slow"', '"failed"', "nil"]),
    ),
    st.tuples(TEXT_PATHS, OPERATORS, st.one_of(TEXTS.map(quoted), st.just("nil"), TEXT_PATHS)),
    st.tuples(TEXTS.map(quoted), OPERATORS, TEXT_PATHS),
    st.tuples(st.just("transaction.duration"), OPERATORS, st.one_of(LIMITS, st.just("nil"))),
    st.tuples(LIMITS, OPERATORS, st.just("transaction.duration")),
    st.tuples(st.just("transaction.value"), OPERATORS, st.one_of(AMOUNTS, st.just("nil"))),
).map(" ".join)
CALLS = st.one_of(
    st.tuples(st.sampled_from(["HasPrefix", "HasSuffix"]), TEXT_PATHS, TEXTS.map(quoted)),
    st.tuples(
        st.just("IsMatch"),
        TEXT_PATHS,
        st.sampled_from(['"^go"', '"(?<n>o)l"', '"a.b"', '"^b"', '"(?i)É"', '""', '"[(?<]"']),
    ),
).map(lambda call: f"{call[0]}({call[1]}, {call[2]})")
CONDITIONS = st.recursive(
    st.one_of(COMPARISONS, CALLS, st.sampled_from(["true", "false"])),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' and '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: f"({' or '.join(parts)})"),
        inner.map(lambda part: f"(not ({part}))"),
    ),
    max_leaves=8,
)
FACTS = st.builds(
    SomeFact,
    outcome=st.sampled_from(["good", "slow", "failed", "abandoned"]),
    reason=TEXTS,
    start_ns=st.integers(min_value=0, max_value=10),
    end_ns=st.one_of(
        st.integers(min_value=0, max_value=10),
        st.sampled_from([3_999_999_999, 4_000_000_000, 4_000_000_005]),
    ),
    amount_micros=st.one_of(
        st.none(),
        st.integers(min_value=-(2**63), max_value=2**63 - 1),
        st.integers(min_value=-(10**8), max_value=10**8),
        st.sampled_from([19_990_000, 0]),
    ),
    dimensions=st.dictionaries(
        st.sampled_from(DIMENSIONS), st.one_of(TEXTS, st.just("__none__")), max_size=2
    ),
)


@settings(max_examples=500, deadline=None)
@given(text=CONDITIONS, fact=FACTS)
def test_sql_decides_as_the_evaluator_does_and_is_never_null(
    database: duckdb.DuckDBPyConnection, text: str, fact: SomeFact
) -> None:
    condition = parse(text)
    assert in_sql(database, condition, fact) is condition.evaluate(fact)


GOLD = SomeFact(
    outcome="slow",
    reason="slow",
    start_ns=5,
    end_ns=4_000_000_005,
    amount_micros=19_990_000,
    dimensions={"tier": "gold", "region": "__none__"},
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('transaction.outcome == "slow"', True),
        ('transaction.outcome != "good"', True),
        ('transaction.reason == "slow" and transaction.outcome != "failed"', True),
        ('transaction.duration > Duration("4s")', False),
        ('transaction.duration >= Duration("4s")', True),
        ("transaction.duration <= 4000000000", True),
        ('Duration("1s") < transaction.duration', True),
        ('transaction.duration == Duration("3s") + Duration("1s")', True),
        ("transaction.duration != nil", True),
        ("transaction.value == 19.99", True),
        ("transaction.value > 19.9899999", True),
        ("transaction.value > 19.99", False),
        ("transaction.value < 20", True),
        ("transaction.value == 19.9900001", False),
        ('transaction.dimensions["tier"] == "gold"', True),
        ('transaction.dimensions["region"] == nil', True),
        ('transaction.dimensions["region"] != "eu"', True),
        ('transaction.dimensions["region"] <= nil', True),
        ('transaction.dimensions["region"] < "eu"', False),
        ('IsMatch(transaction.dimensions["tier"], "^go")', True),
        ('IsMatch(transaction.dimensions["region"], ".*")', False),
        ('HasPrefix(transaction.dimensions["tier"], "go")', True),
        ('HasSuffix(transaction.dimensions["tier"], "ld")', True),
        ("true", True),
        ("not true", False),
    ],
)
def test_a_condition_on_a_fact_means_what_it_says(
    database: duckdb.DuckDBPyConnection, text: str, holds: bool
) -> None:
    condition = parse(text)
    assert condition.evaluate(GOLD) is holds
    assert in_sql(database, condition, GOLD) is holds


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('HasPrefix(transaction.dimensions["region"], "e")', False),
        ('not HasPrefix(transaction.dimensions["region"], "e")', False),
        (
            'HasPrefix(transaction.dimensions["region"], "e") or transaction.outcome == "slow"',
            False,
        ),
        ('transaction.outcome == "slow" or HasPrefix(transaction.dimensions["region"], "e")', True),
        ('HasPrefix(transaction.dimensions["region"], "e") or true', True),
        (
            'transaction.outcome == "good" and HasPrefix(transaction.dimensions["region"], "e")',
            False,
        ),
        ('not (1 == 2 and HasPrefix(transaction.dimensions["region"], "e"))', True),
    ],
)
def test_an_error_is_a_third_state_that_does_not_hold(
    database: duckdb.DuckDBPyConnection, text: str, holds: bool
) -> None:
    condition = parse(text)
    assert condition.evaluate(GOLD) is holds
    assert in_sql(database, condition, GOLD) is holds


def test_a_condition_names_what_it_reads() -> None:
    condition = parse(
        'transaction.outcome == "good" and transaction.duration < Duration("4s") '
        'and transaction.dimensions["tier"] != nil and transaction.value > 1'
    )
    assert condition.reads == {"outcome", "duration", "dimensions", "value"}
    assert parse('transaction.reason == "x"').reads == {"reason"}
    assert parse("true").reads == frozenset()


def test_sql_holds_nothing_that_the_user_wrote() -> None:
    hostile = "'; DROP TABLE facts; --"
    condition = parse(
        f'transaction.dimensions["tier"] == "{hostile}" or IsMatch(transaction.reason, "{hostile}")'
    )
    compiled = condition.to_sql()
    assert compiled.sql == (
        "((nullif(map_extract_value(dimensions, ?), '__none__') IS NOT DISTINCT FROM ?)"
        " OR coalesce(regexp_matches(reason, ?), FALSE))"
    )
    assert compiled.params == ("tier", hostile, hostile)


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "empty"),
        ('outcome == "good"', 0, "write transaction.outcome"),
        ('transaction.outcom == "good"', 0, "did you mean transaction.outcome?"),
        ('span.name == "x"', 0, "no path here"),
        ('transaction.outcome == "goood"', 23, "did you mean good?"),
        ('transaction.outcome == "x"', 23, "outcomes are good, slow"),
        ('transaction.dimensions["teir"] == "gold"', 23, "did you mean tier?"),
        ('transaction.dimensions == "gold"', 0, "one written string"),
        ("transaction.dimensions[transaction.reason] == nil", 0, "one written string"),
        ('transaction.outcome["x"] == nil', 0, "cannot be indexed"),
        ('transaction.dimensions["tier"] == "__none__"', 34, "write nil"),
        ('transaction.dimensions["tier"] == 5', 34, "facts keep dimensions as text"),
        ('transaction.duration > "4s"', 23, 'Duration("4s")'),
        ('transaction.value > Duration("4s")', 20, "currency units"),
        ("transaction.value > transaction.duration", 0, "cannot be compared with each other"),
        ("transaction.value * 2 > 10", 0, "nothing can be calculated"),
        ('IsMatch(transaction.value, "x")', 8, "needs transaction.outcome"),
        ('IsMatch(transaction.reason, "[")', 28, "not valid"),
        ("Len(transaction.reason) > 1", 0, "no supported function"),
        ('transaction.duration > Duration("4 s")', 32, "no unit"),
        ('transaction.duration > Duration("4")', 32, "no duration"),
        ("transaction.outcome", 0, "path alone is no condition"),
        ('Duration("4s")', 0, "no condition"),
    ],
)
def test_a_condition_that_cannot_be_says_where_and_what_to_write(
    text: str, offset: int, says: str
) -> None:
    with pytest.raises(OttlError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.offset == offset


def test_a_long_chain_compiles_in_proportion_to_its_length(
    database: duckdb.DuckDBPyConnection,
) -> None:
    part = 'HasPrefix(transaction.reason, "x") or transaction.dimensions["tier"] >= "z"'
    condition = parse(" or ".join([part] * 40))
    assert len(condition.to_sql().params) == 40 * 3
    assert in_sql(database, condition, GOLD) is condition.evaluate(GOLD) is False
