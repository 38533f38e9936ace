"""YAML as an attack: refused, with a place and a cure, in bounded time and memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sloengine.errors import DefinitionsError
from sloengine.yamldoc import MAX_BYTES, MAX_DEPTH, MAX_NODES, load_documents, load_file


def refusal(text: str) -> list[str]:
    with pytest.raises(DefinitionsError) as caught:
        load_documents(text, "f.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param(
            "a: &x [1]\nb: *x\n",
            [
                'f.yaml:1:4: the anchor "&x" is not allowed; write the value out',
                'f.yaml:2:4: the alias "*x" is not allowed; write the value out',
            ],
            id="aliases",
        ),
        pytest.param(
            "a: 1\nb: 2\na: 3\n",
            ['f.yaml:3:1: the key "a" stands twice, first in line 1; remove one of them'],
            id="duplicate keys",
        ),
        pytest.param(
            "{a: {b: 1, b: 2}, a: 1}",
            [
                'f.yaml:1:12: the key "b" stands twice, first in line 1; remove one of them',
                'f.yaml:1:19: the key "a" stands twice, first in line 1; remove one of them',
            ],
            id="all duplicate keys at once",
        ),
        pytest.param(
            "a: !!python/name:os.system x\n",
            [
                (
                    'f.yaml:1:4: the tag "tag:yaml.org,2002:python/name:os.system" is not allowed; '
                    "remove it"
                )
            ],
            id="tags",
        ),
        pytest.param(
            "a: !!str 1\n",
            ['f.yaml:1:4: the tag "tag:yaml.org,2002:str" is not allowed; remove it'],
            id="even a harmless tag",
        ),
        pytest.param(
            "? [a, b]\n: 1\n",
            ["f.yaml:1:3: a key must be plain text; [ ] and { } cannot be keys"],
            id="a list as key",
        ),
        pytest.param(
            f"n: {'9' * 65}\n",
            ["f.yaml:1:4: this number is too large; shorten it, or quote it if it is text"],
            id="an endless number",
        ),
        pytest.param(
            "n: 1e999999999\n",
            ["f.yaml:1:4: this number is too large; shorten it, or quote it if it is text"],
            id="a huge exponent",
        ),
        pytest.param(
            "a: x\x07y\n",
            ["f.yaml:1:5: the character U+0007 is not allowed in YAML; remove it"],
            id="control characters",
        ),
        pytest.param(
            "a: x\u2028y\n",
            ["f.yaml:1:5: the character U+2028 is not allowed in YAML; remove it"],
            id="line separators that editors do not count",
        ),
        pytest.param(
            "a: \ud800\n",
            ["f.yaml:1:4: the character U+D800 is not allowed in YAML; remove it"],
            id="half a surrogate pair",
        ),
        pytest.param(
            "a:\n\tb: 1\n", ["f.yaml:2:1: a tab cannot indent YAML; use spaces"], id="tabs"
        ),
        pytest.param(
            "a: b: c\n",
            [
                (
                    'f.yaml:1:5: a second ": " in one line; put the text after the first in '
                    "single quotes"
                )
            ],
            id="two colons",
        ),
        pytest.param(
            "a: 1\nnothing\nb: 2\n",
            [
                (
                    'f.yaml:3:1: this line has no ": "; write key: value, or indent it '
                    "under the line above"
                )
            ],
            id="a line that is no member",
        ),
    ],
)
def test_what_is_refused_is_named_with_its_place_and_cure(text: str, messages: list[str]) -> None:
    assert refusal(text) == messages


def test_a_bare_condition_in_braces_is_told_about_single_quotes() -> None:
    (message,) = refusal('a: {entry: span.attributes["x"] == "y"}\n')
    assert message.startswith("f.yaml:1:")
    assert "single quotes" in message


def test_depth_up_to_the_limit_is_read_and_one_more_is_refused() -> None:
    assert load_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH, "f.yaml")
    (message,) = refusal("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert message == f"f.yaml:1:{MAX_DEPTH + 1}: more than 32 levels; nest less deeply"


def test_a_hundred_thousand_open_brackets_are_refused_at_the_depth_limit() -> None:
    (message,) = refusal("[" * 100_000)
    assert "more than 32 levels" in message


def test_values_up_to_the_limit_are_read_and_one_more_is_refused() -> None:
    assert load_documents("\n".join(["- 1"] * (MAX_NODES - 1)), "f.yaml")
    (message,) = refusal("\n".join(["- 1"] * MAX_NODES))
    assert message == "f.yaml:100000:3: more than 100,000 values; split the file"


def test_a_file_over_one_mebibyte_is_refused() -> None:
    (message,) = refusal("#" * (MAX_BYTES + 1))
    assert message == "f.yaml:1:1: the file has 1,048,577 bytes, the limit is 1,048,576; split it"


def test_the_size_limit_counts_bytes_not_characters() -> None:
    assert "the limit" in refusal("#" + "é" * (MAX_BYTES // 2))[0]


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(DefinitionsError, match="more than 1,048,576 bytes"):
        load_file(Path("/dev/zero"))


def test_a_file_that_is_not_utf8_is_named_with_the_place_of_its_first_bad_byte(
    tmp_path: Path,
) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(DefinitionsError) as caught:
        load_file(file, shown_as="latin.yaml")
    assert str(caught.value) == "latin.yaml:2:7: this byte is not UTF-8; save the file as UTF-8"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(DefinitionsError) as caught:
        load_file(tmp_path / "missing.yaml", shown_as="missing.yaml")
    assert str(caught.value) == (
        "missing.yaml:1:1: cannot be read: No such file or directory; check the path and its rights"
    )


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,? \n\t\\~\u2028é", max_size=60))
@example("- - - - !")
@example("{a: &b *b}")
@example('"\\')
@example("%YAML 3.0\n---\n")
@example("a: |9\n x")
def test_any_text_is_either_read_or_refused_with_a_place_inside_it(text: str) -> None:
    try:
        load_documents(text, "f.yaml")
    except DefinitionsError as error:
        lines = text.count("\n") + 1
        for problem in error.problems:
            assert 1 <= problem.position.line <= lines
            assert problem.position.column >= 1
            assert problem.message
