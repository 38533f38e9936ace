"""The JSON report keeps its schema, and its numbers are exact."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from report_samples import HOSTILE, evaluation, flawless, hostile, met, missed, promise, silent

from sloengine.evaluate.evaluation import SloEvaluation
from sloengine.report import JSON_SCHEMA, render_json, schema_page

PAGE = Path(__file__).parents[2] / "docs" / "report-json.md"


def read(text: str) -> dict[str, object]:
    document = json.loads(text)
    Draft202012Validator(JSON_SCHEMA).validate(document)
    assert isinstance(document, dict)
    return document


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(JSON_SCHEMA)


@pytest.mark.parametrize("sample", [(), (silent(),), (met(), silent(), flawless(), missed())])
def test_every_report_keeps_the_schema(sample: tuple[SloEvaluation, ...]) -> None:
    read(render_json(evaluation(*sample)))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_come_back_as_they_were(text: str) -> None:
    document = json.loads(render_json(hostile(text)))
    assert {"service": text, "name": text, "count": 3} in document["unmapped"]
    render_json(hostile(text)).encode("ascii")


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(["0.5", "0.995", "0.99999"]))
def test_fractions_are_exact_and_decimals_no_better(a: int, b: int, target: str) -> None:
    good, total = sorted((a, b))
    slo = promise(good=good, total=total, target=target, course=[])
    found = json.loads(render_json(evaluation(slo)))["slos"][0]
    if total == 0:
        assert found["state"] == "no_data"
        assert found["sli"] is found["budget"]["total"] is found["budget"]["remaining"] is None
        return
    for ratio, exact in (
        (found["sli"], slo.sli),
        (found["budget"]["remaining"], slo.budget_remaining),
        (found["budget"]["total"], slo.budget_total),
    ):
        assert exact is not None
        assert Fraction(ratio["numerator"], ratio["denominator"]) == exact
        assert exact - Fraction(1, 10**12) < Fraction(ratio["decimal"]) <= exact


def test_names_instants_and_states_are_as_documented() -> None:
    slo = json.loads(render_json(evaluation(missed())))["slos"][0]
    assert slo["window"] == {
        "duration": "28d",
        "start": "2026-10-26T00:00:00Z",
        "end": "2026-11-23T00:00:00Z",
    }
    assert (slo["good"], slo["bad"], slo["total"]) == (182_783, 1_427, 184_210)
    assert (slo["excluded"], slo["unknown"], slo["state"]) == (7, 0, "missed")
    assert slo["target"] == {"decimal": "0.995", "numerator": 199, "denominator": 200}
    assert slo["budget"]["used"] == 1_427
    assert slo["budget"]["total"]["decimal"] == "921.05"
    assert slo["budget"]["remaining"]["decimal"] == "-0.54931871234"
    assert slo["burn_rates"][1] == {"window": "6h", "good": 0, "total": 0, "rate": None}


def test_the_page_is_made_from_the_schema() -> None:
    """`python -c 'from sloengine.report import schema_page; print(schema_page(), end="")'`."""
    assert PAGE.read_text(encoding="utf-8") == schema_page()
