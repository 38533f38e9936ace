"""What the parser takes, what it refuses, and where it says that the mistake is."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.ottl import (
    Field,
    OttlError,
    parse_condition,
    parse_fact_condition,
    parse_value,
)

REFUSED = [
    ("", 0, 0, "the expression is empty"),
    ("span.name", 0, 9, "compare it: span.name == true"),
    ('span.name = "x"', 10, 1, "write =="),
    ("span.name == 'x'", 13, 1, "strings stand in double quotes (\"), not '"),
    ('span.name == "x', 13, 2, 'close it with "'),
    ('span.name == "\\d"', 14, 2, "a backslash is written twice (\\\\d)"),
    ('span.nam == "x"', 0, 8, "did you mean span.name?"),
    ('name == "x"', 0, 4, "write span.name or instrumentation_scope.name"),
    (
        'attributes["x"] == 1',
        0,
        10,
        "write span.attributes or resource.attributes or ",
    ),
    ("status.code == 2", 0, 11, "write span.status.code"),
    ("span.attributes.foo == 1", 0, 19, 'write span.attributes["foo"]'),
    (
        "span.attributes[0] == 1",
        16,
        1,
        "attributes are looked up by a string",
    ),
    ('span.attributes["li"][1+1] == 1', 23, 1, ", or ] should"),
    ('span.attributes["li"]["a"].b == 1', 27, 1, "remove .b"),
    ('span.name["x"] == 1', 0, 14, "only attributes can"),
    (
        'span.trace_state[0] == "a"',
        17,
        1,
        "looked up by one written string",
    ),
    ("span.events == nil", 0, 11, "write Len(span.events)"),
    ("span.links == span.links", 0, 10, "write Len(span.links)"),
    ('log.body == "x"', 0, 8, "paths begin with span., resource. or instrumentation_scope."),
    ("foo.bar.baz == 1", 0, 11, "paths begin with span., resource. or instrumentation_scope."),
    ('isMatch(span.name, "x")', 0, 7, "did you mean IsMatch?"),
    ("is_root_span()", 0, 12, "did you mean IsRootSpan?"),
    ('IsMtach(span.name, "x")', 0, 7, "did you mean IsMatch? Supported are Base64Decode"),
    ("Foo(span.name)", 0, 3, "use one of Base64Decode"),
    ("IsRootSpan", 0, 10, "call it: IsRootSpan()"),
    ("IsRootSpan(1)", 11, 1, "write IsRootSpan()"),
    ("STATUS_CODE_EROR == 2", 0, 16, "did you mean STATUS_CODE_ERROR?"),
    ("SPAN_KIND_SERVRE == span.kind", 0, 16, "did you mean SPAN_KIND_SERVER?"),
    ("FOO == 1", 0, 3, "known are SPAN_KIND_CLIENT"),
    ("IsMatch(span.name)", 0, 18, "write IsMatch(target, pattern)"),
    ('IsMatch(span.name, "a", "b")', 24, 3, "write IsMatch(target, pattern)"),
    (
        'IsMatch(span.name, "[")',
        19,
        3,
        'refuses "[" as pattern: the regular expression is not valid: missing ]: [',
    ),
    ("IsMatch(span.name, 5)", 19, 1, "IsMatch refuses 5 as pattern: string expected, found int"),
    (
        'IsMatch(target=span.name, "x")',
        26,
        3,
        "cannot follow one with a name",
    ),
    ('IsMatch(span.name, patern="x")', 19, 6, "write IsMatch(target, pattern)"),
    ('IsMatch(span.name, pattern="x", pattern="y")', 32, 7, "pattern is given twice"),
    ('Bool("yes") == true', 5, 5, 'Bool refuses "yes" as target: "yes" is neither true nor false'),
    ('HasPrefix(nil, "a")', 10, 3, "HasPrefix refuses nil as target: string expected, found nil"),
    ('Duration("4") > Duration("1s")', 9, 3, 'write numbers with units, as in "1m30s"'),
    ('Concat("a", "b") == "x"', 7, 3, "Concat wants vals written as a list, as in [a, b]"),
    (
        'Concat(["a", "b"], 5) == "x"',
        19,
        1,
        "refuses 5 as delimiter: string expected, found int",
    ),
    ("Coalesce([]) == nil", 0, 12, "Coalesce: at least one value is needed"),
    ('IsInCIDR("1.2.3.4", ["bad"])', 20, 7, "write it as in 10.0.0.0/8"),
    ('ConvertCase(span.name, "title") == "x"', 23, 7, "write lower, upper, snake or camel"),
    (
        'Trim(span.name, span.name) == "x"',
        16,
        9,
        "written out as a literal string",
    ),
    ('Format("%z", [1]) == "x"', 0, 17, "use %v %s %d %f %t %x, with width and precision, or %%"),
    ('Format("%s", []) == "x"', 0, 16, "Format: the layout wants 1 values, 0 are given"),
    ('ExtractPatterns(span.name, "x") == nil', 27, 3, "write (?P<name>…)"),
    ('ParseInt("1", "2") == 1', 14, 3, 'ParseInt refuses "2" as base: int expected, found string'),
    ("1 == 1 == 1", 7, 2, "join two with and"),
    ("not not true", 4, 3, "leave out both, or use parentheses"),
    ("true AND false", 5, 3, "write and in lower case"),
    ("true && false", 5, 1, "write and, or, not, ==, !="),
    ("!true", 0, 1, "write and, or, not, ==, !="),
    ("5 % 2 == 1", 2, 1, "arithmetic knows + - * and /"),
    ("1 == 1 or", 9, 0, "the expression ends here, where a value should stand"),
    ("and true", 0, 3, "a value should"),
    ("(1 == 1", 7, 0, "add )"),
    ("1 == 1)", 6, 1, "and, or, or a comparison should"),
    ("[1, 2", 5, 0, "add ]"),
    ('{"a": 1', 7, 0, "add }"),
    ("{a: 1} == {}", 1, 1, 'a map key is a string in double quotes, as in {"key": 1}'),
    ('{"a" 1} == {}', 5, 1, "a : belongs between a map's key and its value"),
    ('IsMatch(span.name, "x"', 22, 0, "add )"),
    ('IsMatch(span.name, "x",)', 23, 1, "an argument should follow the comma"),
    ('span.attributes["x"', 19, 0, "add ]"),
    ("span.", 5, 0, "a path goes on with lower-case letters, as in span.name"),
    ("span.attributes[", 16, 0, "add ]"),
    ('"a" + 1 == 2', 0, 3, "only numbers, paths and calls can"),
    ("SPAN_KIND_SERVER + 1 == 2", 0, 16, "only numbers, paths and calls can"),
    ("(1 == 1) + 1 == 2", 1, 6, "join conditions with and, or"),
    ('("a") == "a"', 1, 3, "only numbers, paths and calls can"),
    ("--1 == 1", 1, 1, "one sign is enough"),
    ("true == (1 == 1)", 9, 6, "join conditions with and, or"),
    ("9223372036854775808 == 1", 0, 19, "the largest is 9223372036854775807"),
    ("1.0e400 == 1", 0, 7, "1.0e400 is too large for a double"),
    ("0x0 == 1", 0, 3, "write 0x00"),
    ("1 2", 2, 1, "and, or, or a comparison should"),
    ("1 == 1 2 == 2", 7, 1, "and, or, or a comparison should"),
    ("[1][0] == 1", 3, 1, "[1] cannot be followed by ["),
    ("é == 1", 0, 1, "'é' cannot stand in an expression"),
    ("span.name == “x”", 13, 1, 'strings stand in double quotes ("), not “'),
    ('span.attributes["x"]', 0, 20, 'compare it: span.attributes["x"] == true'),
    ('"x"', 0, 3, "compare it with one"),
]


@pytest.mark.parametrize(("text", "offset", "length", "says"), REFUSED)
def test_a_mistake_is_named_with_its_place_and_its_cure(
    text: str, offset: int, length: int, says: str
) -> None:
    with pytest.raises(OttlError) as caught:
        parse_condition(text)
    assert (caught.value.offset, caught.value.length) == (offset, length)
    assert says in str(caught.value)


ACCEPTED = [
    'span.name == "x"',
    'span.name=="x"',
    'span . name == "x"',
    'not span.name == "x"',
    "not (not true)",
    "(true)",
    "true == true",
    "((true) or (1 == 1))",
    "(1 + 2) * 3 == 9",
    "((1 + 2)) == 3",
    "(((1 + 2)) == 3)",
    "-(1+2) == -3",
    "1--1 == 2",
    '"a"=="a"and"b"=="b"',
    'IsMatch (span.name, "o")and true',
    "(IsRootSpan()) == true",
    "[1 2] == [1,2]",
    '{"a":1 "b":2,} == {}',
    'Split(span.name, ",")[0] == "a"',
    'span.attributes["a"]["b"][0]["c"] == nil',
    'span.attributes[Concat(["a"], "")] == 1',
    'span.attributes["li"][span.attributes["z"]] == 1',
    "1. == .5e-3",
    "0x0aF0 == 0x00",
    'IsMatch(pattern="o", target=span.name)',
    'span.end_time - span.start_time > Duration("4s")',
    "scope.name == instrumentation_scope.name",
    "Len(span.events) > 0 and not IsEmpty(span.links)",
    "  true\n\tand\r\nfalse ",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_whole_grammar_is_read(text: str) -> None:
    assert parse_condition(text).text == text


def test_a_condition_knows_what_it_reads_in_order_and_once() -> None:
    condition = parse_condition(
        'span.attributes["b"]["x"] == 1 or span.attributes["a"] == resource.attributes["s"] '
        'or span.attributes["b"] != nil or IsRootSpan() or Len(span.attributes) > 3'
    )
    assert condition.fields == (
        Field("resource.attributes", "s", has_key=True),
        Field("span.attributes"),
        Field("span.attributes", "a", has_key=True),
        Field("span.attributes", "b", has_key=True),
        Field("span.parent_span_id"),
    )


def test_an_empty_key_is_not_the_whole_map() -> None:
    assert parse_value('span.attributes[""]').fields == (
        Field("span.attributes", "", has_key=True),
    )
    assert parse_value("span.attributes").fields == (Field("span.attributes"),)


def test_equal_texts_are_equal_conditions() -> None:
    assert parse_condition("IsRootSpan()") == parse_condition("IsRootSpan()")
    assert hash(parse_condition("[1] == [2]")) == hash(parse_condition("[1] == [2]"))
    assert parse_condition("true") != parse_condition("false")
    assert parse_value("1") == parse_value("1")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 2_000 + "1" + ")" * 2_000 + " == 1",
        "[" * 2_000 + "]" * 2_000 + " == 1",
        '{"a":' * 2_000 + "1" + "}" * 2_000 + " == 1",
        "Len(" * 2_000 + "1" + ")" * 2_000 + " == 1",
        "span.attributes" + "[Len(" * 1_000,
        "1" + "+1" * 5_000 + " == 1",
        "1" + " == 1" * 3_000,
        "not " * 4_000 + "true",
        "x" * 10_000,
        "X" * 10_000,
        '"' * 9_999,
        "1" * 10_000 + " == 1",
        "a." * 5_000,
        "true or " * 4_000 + "true",
        "0x" + "0" * 10_001 + " == 1",
        'IsMatch(span.name, "\ud800")',
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_gets_an_error_at_once(text: str) -> None:
    started = time.process_time()
    with pytest.raises(OttlError) as caught:
        parse_condition(text)
    assert time.process_time() - started < 1
    assert len(str(caught.value)) <= 2000


def test_what_is_long_but_flat_is_fine() -> None:
    text = " or ".join(f'span.name == "{number}"' for number in range(500))
    assert parse_condition(text).evaluate({Field("span.name"): "499"})
    assert parse_condition("(" * 39 + "true" + ")" * 39).evaluate({})


ALPHABET = st.sampled_from(
    [
        *"()[]{},.:=<>+-*/!&|%$ \n\"\\'",
        *("span", "resource", "name", "attributes", "kind", "Len", "IsMatch", "and", "or", "not"),
        *("nil", "true", "false", "==", "!=", "0x0a", "1", "1.5", '"a"', "SPAN_KIND_SERVER"),
        *("transaction", "outcome", "dimensions", "Duration", "Format", "Split", "IsRootSpan"),
        *("\u00e9", "\ud800", "\x00", "\U0001f600"),
    ]
)


@settings(max_examples=600, deadline=None)
@given(st.one_of(st.lists(ALPHABET, max_size=25).map("".join), st.text(max_size=30)))
def test_any_text_is_read_or_refused_inside_itself(text: str) -> None:
    for parse in (
        parse_condition,
        parse_value,
        lambda text: parse_fact_condition(text, ["tier"]),
    ):
        error = refusal(parse, text)
        if error is not None:
            assert 0 <= error.offset <= len(text)
            assert error.offset + error.length <= len(text) or error.offset == len(text)
            assert str(error)


def refusal(parse: Callable[[str], object], text: str) -> OttlError | None:
    try:
        parse(text)
    except OttlError as error:
        return error
    return None
