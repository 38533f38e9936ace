"""No definition, however broken, is answered with a traceback."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from definition_sets import slo, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from test_definitions_slos import OTHER_KINDS
from test_definitions_transactions import FULL

from sloengine.definitions.load import read_set
from sloengine.errors import DefinitionsError, Problem
from sloengine.yamldoc import Data, load_documents
from sloengine.yamldoc import Path as Steps

SHOP = Path(__file__).parents[2] / "slo-definitions"
WRONG: tuple[Data, ...] = (None, "", "x", "1.5", 0, -1, True, [], {}, ["x"], [{}], {"x": 1})


def documents() -> list[Data]:
    """Every kind of definition with nearly every key, as plain data."""
    policies = "  alertPolicies: [{alertPolicyRef: page}]\n"
    texts = [
        transaction(FULL + "promise: {target: '99.5%', window: 28d}\n"),
        slo(total="{transaction: checkout, unknown: bad, groupBy: [tier]}", extra=policies),
        slo(name="other", window="[{duration: 1M, calendar: {startTime: '2026-01-01'}}]"),
        OTHER_KINDS,
        (SHOP / "health-checks.yaml").read_text(encoding="utf-8"),
    ]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def places(data: Data, here: Steps = ()) -> Iterator[Steps]:
    """Yield the path of every value inside some data."""
    children: list[tuple[str | int, Data]] = []
    if isinstance(data, dict):
        children = list(data.items())
    elif isinstance(data, list):
        children = list(enumerate(data))
    for key, child in children:
        yield (*here, key)
        yield from places(child, (*here, key))


def break_at(data: list[Data], path: Steps, wrong: Data) -> str:
    """Return the definitions as text with one value replaced."""
    broken = copy.deepcopy(data)
    inner: Any = broken
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = wrong
    return yaml.safe_dump_all(broken)


def problems_of(text: str) -> tuple[Problem, ...]:
    """Return what is wrong with some definitions; any other exception is a failure."""
    try:
        read_set(load_documents(text, "f.yaml"), [], complete=True)
    except DefinitionsError as error:
        return error.problems
    return ()


def check(text: str) -> None:
    lines = text.count("\n") + 1
    for problem in problems_of(text):
        assert 1 <= problem.position.line <= lines
        assert problem.position.column >= 1
        assert problem.message


DOCUMENTS = documents()
PLACES = list(places(DOCUMENTS))


def test_the_definitions_that_are_broken_below_are_whole_before() -> None:
    text = yaml.safe_dump_all(DOCUMENTS)
    assert read_set(load_documents(text, "f.yaml"), [], complete=True).plan.slos


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(WRONG))
def test_a_wrong_value_anywhere_is_an_error_with_a_place(path: Steps, wrong: Data) -> None:
    check(break_at(DOCUMENTS, path, wrong))


@pytest.mark.slow
def test_wrong_values_everywhere_are_errors_with_places() -> None:
    for path in PLACES:
        for wrong in WRONG:
            check(break_at(DOCUMENTS, path, wrong))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_off_is_an_error_with_a_place(data: st.DataObject) -> None:
    text = yaml.safe_dump_all(DOCUMENTS)
    check(text[: data.draw(st.integers(0, len(text)))])
