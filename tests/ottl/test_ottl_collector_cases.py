"""What the Collector (pkg/ottl and filter processor, v0.158.0) was seen to make of one span.

`collector_cases.jsonl` holds one case a line: the text, and the value, `"error": true` or
`"parse": true` that the Go program in `collector/` answered for the span of `ottl_world`.
`test_ottl_collector.py` asks it again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ottl_world import ATTRIBUTES, described, values_of

from sloengine.ottl import EvaluationError, OttlError, parse_condition
from sloengine.ottl.evaluator import fetch
from sloengine.ottl.parser import parse_operand
from sloengine.ottl.paths import SpanNamespace

CASES_FILE = Path(__file__).parent / "collector_cases.jsonl"
CASES = [json.loads(line) for line in CASES_FILE.read_text("utf-8").splitlines()]


def ours(mode: str, text: str) -> dict[str, Any]:
    values = values_of(ATTRIBUTES)
    try:
        if mode == "filter":
            return {"value": parse_condition(text).evaluate(values)}
        return {"value": described(fetch(parse_operand(text, SpanNamespace()), values))}
    except OttlError:
        return {"parse": True}
    except EvaluationError:
        return {"error": True}


def test_the_table_is_the_whole_table() -> None:
    assert len(CASES) > 1000
    assert {"value", "error", "parse"} == {key for case in CASES for key in case} - {"mode", "text"}


def test_every_case_comes_out_as_the_collector_decided_it() -> None:
    differences = []
    for case in CASES:
        mode, text = case.pop("mode"), case.pop("text")
        if (found := ours(mode, text)) != case:
            differences.append((text, case, found))
    assert differences == []
