"""docs/ottl.md lists every path and function, as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sloengine.ottl import FUNCTIONS, OttlError, parse_condition, parse_fact_condition
from sloengine.ottl.lexer import MAX_LENGTH
from sloengine.ottl.parser import MAX_DEPTH, MAX_OPERATORS
from sloengine.ottl.paths import ENUMS, PATHS

PAGE = (Path(__file__).parents[2] / "docs" / "ottl.md").read_text("utf-8")


def table_under(heading: str) -> list[str]:
    """Return the rows of the first table under a heading, without its head."""
    lines = PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    return [line for line in lines if line.startswith("| `")]


def test_the_functions_on_the_page_are_the_functions_there_are() -> None:
    assert table_under("Functions") == [
        f"| `{function.signature}` | {function.summary} |"
        for _, function in sorted(FUNCTIONS.items())
    ]
    assert len(FUNCTIONS) >= 30


def test_the_paths_on_the_page_are_the_paths_there_are() -> None:
    assert table_under("Paths") == [
        f"| `{path}` | {rule.summary} |" for path, rule in sorted(PATHS.items())
    ]


def test_the_page_names_every_enum_and_limit() -> None:
    for name, number in ENUMS.items():
        assert f"`{name}` ({number})" in PAGE
    for limit in (f"{MAX_LENGTH:,}", f"{MAX_DEPTH} deep", f"{MAX_OPERATORS} arithmetic"):
        assert limit in PAGE


def fenced(language: str) -> list[str]:
    blocks = PAGE.split(f"```{language}\n")[1:]
    return [line for block in blocks for line in block.split("```", 1)[0].splitlines() if line]


@pytest.mark.parametrize("text", fenced("ottl"))
def test_every_condition_on_the_page_can_be_parsed(text: str) -> None:
    if "transaction." in text:
        parse_fact_condition(text, ["tier"])
    else:
        parse_condition(text)


@pytest.mark.parametrize("text", fenced("ottl-refused"))
def test_every_refusal_on_the_page_is_one(text: str) -> None:
    with pytest.raises(OttlError):
        parse_condition(text)
