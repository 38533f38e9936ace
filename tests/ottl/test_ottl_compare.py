"""The truth table of the six operators, and what arithmetic and texts come to."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.ottl import EvaluationError, OpaqueId, text_of
from sloengine.ottl.arithmetic import calculate, negate
from sloengine.ottl.compare import OPERATORS, compare
from sloengine.ottl.values import Duration, Instant, Operand, Strings, Value

NAN = float("nan")
ID, OTHER_ID = OpaqueId(bytes(range(1, 9))), OpaqueId(bytes(8))

# Values by type; pairs of different types that SAME_KIND does not name are unequal and unordered.
SAMPLES: dict[str, list[Operand]] = {
    "nil": [None],
    "bool": [False, True],
    "int": [-1, 0, 1],
    "double": [-1.0, 0.0, 1.5, NAN],
    "string": ["", "1", "a"],
    "bytes": [b"\x00", b"1"],
    "id": [ID, OTHER_ID],
    "list": [[], [1]],
    "made list": [(1, "x"), ({"a": 1},)],
    "split": [Strings(("1",))],
    "map": [{}, {"a": 1}],
    "duration": [Duration(0), Duration(1)],
    "time": [Instant(0), Instant(1)],
}

EQUAL, LESS, GREATER = {"==", "<=", ">="}, {"!=", "<", "<="}, {"!=", ">", ">="}
UNEQUAL, SAME = {"!="}, {"=="}

# left, right, the operators that hold
PAIRS: list[tuple[Operand, Operand, set[str]]] = [
    (None, None, EQUAL),
    (None, b"", EQUAL),
    (b"", b"", EQUAL),
    (b"", b"\x00", UNEQUAL),
    (b"", "", UNEQUAL),
    ([b""], [b""], SAME),
    ([b""], [None], UNEQUAL),
    (False, False, EQUAL),
    (False, True, LESS),
    (True, False, GREATER),
    (1, 1, EQUAL),
    (-1, 1, LESS),
    (2**63 - 1, -(2**63), GREATER),
    (1, 1.0, EQUAL),
    (1, 1.5, LESS),
    (1.5, 1, GREATER),
    (2**53 + 1, float(2**53), EQUAL),
    (2**53 + 1, 2**53, GREATER),
    (0.0, -0.0, EQUAL),
    (0, -0.0, EQUAL),
    (NAN, NAN, UNEQUAL),
    (NAN, 1, UNEQUAL),
    (1.0, NAN, UNEQUAL),
    (math.inf, 2**63 - 1, GREATER),
    ("a", "a", EQUAL),
    ("a", "b", LESS),
    ("B", "a", LESS),
    ("10", "9", LESS),
    ("", "a", LESS),
    ("\uffff", "\U0001f600", LESS),
    (b"\x01", b"\x01", EQUAL),
    (b"\x01", b"\x02", LESS),
    (b"\x01", b"\x01\x00", LESS),
    (ID, OpaqueId(bytes(range(1, 9))), SAME),
    (ID, OTHER_ID, UNEQUAL),
    (ID, bytes(ID), UNEQUAL),
    (ID, OpaqueId(bytes(range(1, 17))), UNEQUAL),
    ([1, "a"], [1, "a"], SAME),
    ([1], [1.0], UNEQUAL),
    ([1], [True], UNEQUAL),
    ([1, 2], [2, 1], UNEQUAL),
    ([1], [1, 1], UNEQUAL),
    ([NAN], [NAN], UNEQUAL),
    ([None], [None], SAME),
    ([[1]], [[1]], SAME),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, SAME),
    ({"a": 1}, {"a": 1.0}, UNEQUAL),
    ({"a": {"b": [1]}}, {"a": {"b": [1]}}, SAME),
    ({"a": 1}, {"b": 1}, UNEQUAL),
    ({"a": None}, {}, UNEQUAL),
    ((1, "a"), [1, "a"], SAME),
    ([1, "a"], (1, "a"), SAME),
    ([[1]], ((1,),), SAME),
    ([[1]], ([1],), UNEQUAL),
    ([{"a": 1}], ({"a": 1},), UNEQUAL),
    (({"a": 1},), ({"a": 1},), SAME),
    ((1,), (1,), SAME),
    ((1,), (1, 2), UNEQUAL),
    (Strings(("a",)), ("a",), UNEQUAL),
    (Strings(("a",)), ["a"], UNEQUAL),
    (Duration(1), Duration(1), EQUAL),
    (Duration(-1), Duration(1), LESS),
    (Duration(1), 1, UNEQUAL),
    (Instant(1), Instant(2), LESS),
    (Instant(1), Duration(1), UNEQUAL),
]


def shown(value: object) -> str:
    """Return the same text in every process, which the order of a set is not."""
    return " ".join(sorted(value)) if isinstance(value, set | frozenset) else str(value)


@pytest.mark.parametrize(("left", "right", "holding"), PAIRS, ids=shown)
def test_an_operator_holds_as_the_table_says(
    left: Operand, right: Operand, holding: set[str]
) -> None:
    assert {symbol for symbol in OPERATORS if compare(left, symbol, right)} == holding


MIRROR = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def test_values_of_different_types_are_only_unequal() -> None:
    related = {frozenset({"int", "double"}), frozenset({"list", "made list"})}
    for (one, lefts), (other, rights) in itertools.permutations(SAMPLES.items(), 2):
        for left, right in itertools.product(lefts, rights):
            holding = {symbol for symbol in OPERATORS if compare(left, symbol, right)}
            if frozenset({one, other}) not in related:
                assert holding == UNEQUAL, (left, right)
            assert holding == {
                MIRROR[symbol] for symbol in OPERATORS if compare(right, symbol, left)
            }


def test_two_results_of_split_cannot_be_compared() -> None:
    with pytest.raises(EvaluationError):
        compare(Strings(("a",)), "==", Strings(("a",)))
    assert not compare(Strings(("a",)), "<", Strings(("a",)))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**63 - 1),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=3),
)


@given(SCALARS, SCALARS)
def test_unequal_is_the_opposite_of_equal_and_orders_mirror(left: Value, right: Value) -> None:
    assert compare(left, "!=", right) is not compare(left, "==", right)
    for symbol, mirrored in MIRROR.items():
        assert compare(left, symbol, right) is compare(right, mirrored, left)


INTS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(INTS, INTS)
def test_integers_wrap_and_division_truncates_toward_zero(left: int, right: int) -> None:
    def as_signed(number: int) -> int:
        return int.from_bytes((number % 2**64).to_bytes(8, "big"), "big", signed=True)

    assert calculate(left, "+", right) == as_signed(left + right)
    assert calculate(left, "-", right) == as_signed(left - right)
    assert calculate(left, "*", right) == as_signed(left * right)
    assert negate(left) == as_signed(-left)
    if right:
        quotient = calculate(left, "/", right)
        assert isinstance(quotient, int)
        rest = as_signed(left - quotient * right)
        assert abs(rest) < abs(right)
        assert rest == 0 or (rest < 0) == (left < 0)


@pytest.mark.parametrize(
    ("left", "symbol", "right"),
    [
        (1, "/", 0),
        (1.0, "/", 0),
        (1, "/", 0.0),
        (None, "+", 1),
        (1, "+", None),
        (True, "+", 1),
        ("a", "+", "b"),
        ([1], "+", [1]),
        (Duration(1), "*", 2),
        (2, "*", Duration(1)),
        (Duration(1), "-", Instant(1)),
        (Instant(1), "+", Instant(1)),
        (Instant(1), "+", 1),
    ],
)
def test_what_cannot_be_calculated_is_an_error(left: Operand, symbol: str, right: Operand) -> None:
    with pytest.raises(EvaluationError):
        calculate(left, symbol, right)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (503, "503"),
        (503.0, "503"),
        ("503", "503"),
        ("", ""),
        (True, "true"),
        (1e-7, "1e-07"),
        (0.000001, "0.000001"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e-9, "1.25e-09"),
        (1.5e300, "1.5e+300"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (123456789.125, "123456789.125"),
        (b"\x01\xab", "01ab"),
        ([1, 1.0, "<", None, [True]], '[1,1,"\\u003c",null,[true]]'),
        ({"b": 1, "a": {"c": b"\x01"}}, '{"a":{"c":"AQ=="},"b":1}'),
        ("é\u2028", "é\u2028"),
    ],
)
def test_the_text_of_a_value(value: Value, text: str | None) -> None:
    assert text_of(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_double_reads_back_as_the_same_double(number: float) -> None:
    text = text_of(number)
    assert text is not None
    assert float(text) == number
    assert math.copysign(1, float(text)) == math.copysign(1, number)


@pytest.mark.parametrize("number", [NAN, math.inf, -math.inf])
def test_what_is_no_finite_number_has_no_text(number: float) -> None:
    with pytest.raises(EvaluationError):
        text_of(number)
    with pytest.raises(EvaluationError):
        text_of([number])
