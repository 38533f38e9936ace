"""YAML with positions: what is read, and where it stands."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.errors import Position
from sloengine.yamldoc import Data, Document, load_documents


def one(text: str) -> Document:
    (document,) = load_documents(text, "a.yaml")
    return document


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param("NO", "NO", id="Norway is text"),
        pytest.param("yes", "yes", id="yes is text"),
        pytest.param("on", "on", id="on is text"),
        pytest.param("12:30", "12:30", id="a time of day is text"),
        pytest.param("2026-01-31", "2026-01-31", id="a date is text"),
        pytest.param("1_000", "1_000", id="an underscore makes text"),
        pytest.param("99.5%", "99.5%", id="a percentage is text"),
        pytest.param("4s", "4s", id="a duration is text"),
        pytest.param(".inf", ".inf", id="infinity is text"),
        pytest.param(".nan", ".nan", id="not a number is text"),
        pytest.param("'1'", "1", id="a quoted number is text"),
        pytest.param('"true"', "true", id="a quoted truth is text"),
        pytest.param("true", True, id="true is a truth"),
        pytest.param("False", False, id="False is a truth"),
        pytest.param("", None, id="nothing is null"),
        pytest.param("~", None, id="a tilde is null"),
        pytest.param("null", None, id="null is null"),
        pytest.param("42", 42, id="digits are an integer"),
        pytest.param("-7", -7, id="a sign belongs to an integer"),
        pytest.param("0x1F", 31, id="hexadecimal"),
        pytest.param("0o17", 15, id="octal"),
        pytest.param("017", 17, id="a leading zero is decimal"),
        pytest.param("0.995", Decimal("0.995"), id="a fraction is exact"),
        pytest.param("1e-3", Decimal("0.001"), id="an exponent is exact"),
        pytest.param(".5", Decimal("0.5"), id="a fraction without a leading zero"),
    ],
)
def test_scalars_follow_yaml_1_2(written: str, value: object) -> None:
    read = one(f"key: {written}").data
    assert read == {"key": value}
    assert isinstance(read, dict)
    assert type(read["key"]) is type(value)


def test_a_fraction_keeps_every_digit_that_was_written() -> None:
    assert str(one("target: 0.99950").root.entries["target"].value) == "0.99950"


def test_text_is_what_the_person_wrote() -> None:
    assert one("version: 1.10").root.entries["version"].text == "1.10"


def test_values_and_keys_have_positions() -> None:
    document = one("a:\n  - b: 1\n    cc:   'x'\n")
    assert document.position(("a", 0, "cc")) == Position("a.yaml", 3, 11)
    assert document.key_position(("a", 0, "cc")) == Position("a.yaml", 3, 5)


def test_an_unknown_path_has_the_position_of_the_closest_known_place() -> None:
    document = one("a:\n  b: 1\n")
    assert document.position(("a", "nowhere", 3)) == document.position(("a",))
    assert document.position(("a", 7)) == Position("a.yaml", 2, 3)


def test_columns_count_characters_not_bytes() -> None:
    assert one("{ä: é, b: 1}").position(("b",)) == Position("a.yaml", 1, 11)


def test_every_document_of_a_file_has_its_own_lines_and_empty_ones_are_left_out() -> None:
    documents = load_documents("a: 1\n---\n# nothing\n---\nb: 2\n", "f.yaml")
    assert [document.data for document in documents] == [{"a": 1}, {"b": 2}]
    assert documents[1].position(("b",)).line == 5


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n---\n"])
def test_a_file_without_content_has_no_documents(text: str) -> None:
    assert load_documents(text, "f.yaml") == []


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert one("\ufeffa: 1\r\nb: x\r\n").data == {"a": 1, "b": "x"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("k: ab cd HERE ef\n", id="plain"),
        pytest.param("k: 'it''s ''HERE'' x'\n", id="single quotes, doubled"),
        pytest.param('k: "say \\"HERE\\" \\\\ \\u00e9"\n', id="double quotes, escaped"),
        pytest.param("k: ab\n  cd\n  HERE ef\n", id="plain over several lines"),
        pytest.param("k: >-\n  ab cd\n  x HERE\n", id="folded"),
        pytest.param("k: |\n  ab cd\n\n  x HERE\n", id="literal"),
        pytest.param("k: {l: 'a HERE'}\n", id="in braces"),
    ],
)
def test_a_character_of_a_scalar_is_found_in_the_file(text: str) -> None:
    document = one(text)
    node = document.root.entries["k"]
    node = node.entries.get("l", node)
    place = document.place(node, node.text.index("HERE"))
    lines = text.split("\n")
    assert lines[place.line - 1][place.column - 1 :].startswith("HERE")


def test_the_end_of_a_scalar_is_after_its_last_character() -> None:
    document = one("k: 'ab'\n")
    assert document.place(document.root.entries["k"], 2) == Position("a.yaml", 1, 7)


def test_text_cut_from_a_larger_file_keeps_its_line_numbers() -> None:
    (document,) = load_documents("a: 1\nb: 2\n", "f.yaml", first_line=40)
    assert document.position(("b",)).line == 41


# JSON writes characters beyond U+FFFF as two escapes, which YAML refuses.
TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON.filter(lambda data: data is not None))
def test_json_is_yaml_and_reads_as_the_same_data(data: Data) -> None:
    text = json.dumps(data, ensure_ascii=True)
    assert one(text).data == data
