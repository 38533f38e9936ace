"""Small test files for tests of the test runner."""

from __future__ import annotations

from pathlib import Path

from sloengine.authoring.testing import ScenarioResult, load_tests, run_tests

DEFINITIONS = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: order}
spec:
  entry: span.name == "order"
  outcome: [failed: {reason: error, entry: span.status.code == STATUS_CODE_ERROR}]
  customer: span.attributes["user"]
  value: {amount: 'span.attributes["amount"]', currency: 'span.attributes["currency"]'}
  dimensions: {tier: {from: 'span.attributes["tier"]'}}
  promise: {target: 90%, window: 28d}
---
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: look}
spec: {entry: 'span.name == "look"'}
---
"""
HEAD = """\
apiVersion: sloengine/v1
kind: Test
spec:
  scenarios:
"""


def write(
    folder: Path, scenarios: str, *, name: str = "order", definitions: str = DEFINITIONS
) -> Path:
    """Write a test file with definitions of its own; `scenarios` is indented by four spaces."""
    path = folder / f"{name}.test.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(definitions + HEAD + scenarios, encoding="utf-8")
    return path


def run(folder: Path, scenarios: str) -> tuple[ScenarioResult, ...]:
    return run_tests(load_tests(write(folder, scenarios)))
