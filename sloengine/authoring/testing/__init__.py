"""Tests beside definitions: what must come of these spans?

In: `*.test.yaml` files and the definitions that they are about. Out: for each scenario, what
differs from what was expected; as text or as JUnit XML. Guaranteed: the spans go through the real
stages (OTLP protobuf, spool, decoder, processor, store, evaluation), on a clock that only the
scenario moves; no scenario sees another; numbers are compared exactly; what this version does not
evaluate never counts as passed; every problem of every file comes in one error.
"""

from sloengine.authoring.testing.files import find_tests, load_tests
from sloengine.authoring.testing.junit import render_junit
from sloengine.authoring.testing.model import (
    Expectation,
    ExpectedSlo,
    ExpectedTransaction,
    Scenario,
    SpanSpec,
    Suite,
)
from sloengine.authoring.testing.run import (
    Difference,
    Observation,
    ScenarioResult,
    numbers_of,
    run_tests,
)
from sloengine.authoring.testing.schema import TEST_SCHEMA
from sloengine.authoring.testing.text import render_text

__all__ = [
    "TEST_SCHEMA",
    "Difference",
    "Expectation",
    "ExpectedSlo",
    "ExpectedTransaction",
    "Observation",
    "Scenario",
    "ScenarioResult",
    "SpanSpec",
    "Suite",
    "find_tests",
    "load_tests",
    "numbers_of",
    "render_junit",
    "render_text",
    "run_tests",
]
