"""Atoms: leaves decide conditions, and cuts tell apart all that leaves can."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_twins import REGEX, UNUSUAL, USUAL

from sloengine.ottl import Field, OpaqueId, Value, bits_of, parse_condition
from sloengine.ottl.atoms import AtomGroup, Cuts, atom_groups
from sloengine.ottl.outcomes import GroupOutcomes

X = 'span.attributes["x"]'
FIELD = Field("span.attributes", "x", has_key=True)
numbers = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**53, 2**53 + 1, 2**53 + 2, 2**63 - 1, 2**63 - 2, 1 - 2**63]),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, -2.0, 2.0**53, 2.0**63, 1e300, 1e-300]),
)
texts = st.text("ab", max_size=4)
symbols = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def _written(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


number_leaves = st.builds(
    lambda symbol, number, flip: (
        f"{_written(number)} {symbol} {X}" if flip else f"{X} {symbol} {_written(number)}"
    ),
    symbols,
    numbers,
    st.booleans(),
)
text_leaves = st.one_of(
    st.builds(lambda symbol, text: f'{X} {symbol} "{text}"', st.sampled_from(["==", "!="]), texts),
    st.builds(
        lambda name, text: f'{name}({X}, "{text}")',
        st.sampled_from(["HasPrefix", "HasSuffix"]),
        texts,
    ),
    st.sampled_from([f"{X} == nil", f"IsString({X})", f"not IsInt({X})", f"{X} == true"]),
)
values = st.one_of(
    numbers,
    st.just(-(2**63)),
    st.floats(),
    texts,
    st.none(),
    st.booleans(),
    st.binary(max_size=2),
    st.lists(st.integers(0, 1), max_size=2),
)


def reduced(value: Value, cuts: Cuts) -> object:
    """What is left of a value when only what `Cuts` promises is kept."""
    match value:
        case None | bool():
            return value
        case int():
            return int, bisect.bisect_right(cuts.ints, value)
        case float() if math.isnan(value):
            return float, "NaN"
        case float():
            return float, bisect.bisect_left(cuts.doubles, value), value in cuts.doubles
        case str() if value not in cuts.constants:
            starts = tuple(value.startswith(prefix) for prefix in cuts.prefixes)
            return str, starts, tuple(value.endswith(suffix) for suffix in cuts.suffixes)
        case bytes() if value not in cuts.constants:
            return bytes
        case list() | dict():
            return type(value)
        case _:
            return type(value), value


@settings(max_examples=300, deadline=None)
@given(
    leaves=st.lists(st.one_of(number_leaves, text_leaves), min_size=1, max_size=5),
    sample=st.lists(values, min_size=2, max_size=30),
)
def test_values_that_cuts_do_not_tell_apart_have_the_same_outcomes(
    leaves: Sequence[str], sample: Sequence[Value]
) -> None:
    [group] = atom_groups([parse_condition(text) for text in leaves])
    assert group.cuts is not None
    seen: dict[object, object] = {}
    for value in sample:
        outcomes = group.outcomes({FIELD: value})
        assert seen.setdefault(reduced(value, group.cuts), outcomes) == outcomes


@settings(max_examples=300, deadline=None)
@given(
    bounds=st.lists(numbers, min_size=1, max_size=3),
    instants=st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 9)), min_size=2),
)
def test_durations_are_cut_alike(
    bounds: Sequence[float], instants: Sequence[tuple[int, int]]
) -> None:
    difference = "span.end_time_unix_nano - span.start_time_unix_nano"
    texts = [f"{difference} >= {_written(bound)}" for bound in bounds]
    [group] = atom_groups([parse_condition(text) for text in texts])
    assert group.is_duration
    assert group.cuts is not None
    end, start = group.fields
    seen: dict[object, object] = {}
    for first, second in instants:
        for values in ({end: first, start: second}, {end: second, start: first}):
            outcomes = group.outcomes(values)
            rank = bisect.bisect_right(group.cuts.ints, values[end] - values[start])
            assert seen.setdefault(rank, outcomes) == outcomes


def test_fields_are_together_only_where_a_leaf_reads_them_together() -> None:
    groups = atom_groups(
        [
            parse_condition(text)
            for text in (
                'span.name == "a" and span.attributes["x"] == span.attributes["y"]',
                'span.attributes["y"] == span.attributes["z"] or span.kind == 2 and 1 < 2',
                'not (span.name != "a") and span.kind == 2',
            )
        ]
    )
    read = [[str(field) for field in group.fields] for group in groups]
    assert read == [
        [f'span.attributes["{key}"]' for key in "xyz"],
        ["span.kind"],
        ["span.name"],
    ]
    assert [len(group.leaves) for group in groups] == [2, 1, 2]


def test_the_group_of_a_field_knows_every_leaf_of_all_conditions() -> None:
    conditions = [parse_condition(text) for text in (*USUAL, *UNUSUAL, *REGEX)]
    groups = atom_groups(conditions)
    fields = [field for group in groups for field in group.fields]
    assert sorted(fields) == sorted({field for one in conditions for field in one.fields})


@pytest.mark.parametrize(
    "text",
    [
        f'{X} < "a"',
        f'IsMatch({X}, "a")',
        f"Len({X}) > 1",
        f"{X} == [1]",
        'span.kind.string == "Server"',
        "span.end_time > span.start_time",
        'span.start_time - span.end_time > Duration("1s")',
    ],
)
def test_what_looks_deeper_into_a_value_is_not_reduced(text: str) -> None:
    [group] = atom_groups([parse_condition(text)])
    assert isinstance(group, AtomGroup)
    assert group.cuts is None


@settings(max_examples=300, deadline=None)
@given(
    leaves=st.lists(st.one_of(number_leaves, text_leaves), min_size=1, max_size=8),
    value=values,
)
def test_leaves_that_are_not_asked_say_what_they_would_say(
    leaves: Sequence[str], value: Value
) -> None:
    [group] = atom_groups([parse_condition(text) for text in leaves])
    said = group.outcomes({FIELD: value})
    true, errors = GroupOutcomes(group).of((value,))
    assert [*bits_of(true)] == [number for number, one in enumerate(said) if one is True]
    assert [*bits_of(errors)] == [number for number, one in enumerate(said) if one is None]


def test_leaves_over_several_fields_or_none_alone_are_asked_like_all_others() -> None:
    conditions = [parse_condition(text) for text in (*USUAL, *UNUSUAL, *REGEX)]
    samples: list[Value] = [None, "ab", 200, 2.5, True, b"", b"\x00\xff", OpaqueId(bytes(8))]
    for group in atom_groups(conditions):
        for sample in samples:
            said = group.outcomes(dict.fromkeys(group.fields, sample))
            true, errors = GroupOutcomes(group).of((sample,) * len(group.fields))
            assert [*bits_of(true)] == [number for number, one in enumerate(said) if one is True]
            assert [*bits_of(errors)] == [number for number, one in enumerate(said) if one is None]
