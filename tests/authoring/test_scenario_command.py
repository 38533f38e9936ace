"""`sloengine test`: what it prints, and what it returns."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from scenario_files import write

from sloengine.authoring.testing.reading_expectations import (
    EXPECT_KEYS,
    SLO_KEYS,
    TRANSACTION_KEYS,
)
from sloengine.authoring.testing.reading_spans import SPAN_KEYS
from sloengine.cli import cli

REPOSITORY = Path(__file__).parents[2]

PASSES = (
    "    - {name: fine, spans: [{name: order}], expect: {transactions: [{transaction: order}]}}\n"
)
FAILS = "    - {name: wrong, spans: [{name: order}], expect: {transactions: []}}\n"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["test", *arguments])


def test_0_where_every_scenario_passed(tmp_path: Path) -> None:
    result = invoke(str(write(tmp_path, PASSES)))
    assert result.exit_code == 0
    assert "1 scenario in 1 file: 1 passed, in " in result.output
    assert "fine" not in result.output
    assert "  ✓ fine\n" in invoke(str(tmp_path), "--verbose").output


def test_1_where_one_failed_and_the_rest_still_ran(tmp_path: Path) -> None:
    result = invoke(str(write(tmp_path, FAILS + PASSES)))
    assert result.exit_code == 1
    assert "not expected: order good (entry span 1)" in result.output
    assert "2 scenarios in 1 file: 1 passed, 1 failed, in " in result.output


def test_3_where_a_file_is_wrong_and_then_nothing_runs(tmp_path: Path) -> None:
    write(tmp_path, PASSES, name="fine")
    path = write(tmp_path, PASSES.replace("expect", "expekt"), name="wrong")
    result = invoke(str(tmp_path))
    assert result.exit_code == 3
    assert f"{path}:" in result.output
    assert 'unknown key "expekt" in the scenario; did you mean "expect"?' in result.output
    assert f"2 problems in {tmp_path}. No scenario was run." in result.output


@pytest.mark.parametrize("arguments", [["--filter", "no such thing"], []])
def test_3_where_there_is_nothing_to_run(tmp_path: Path, arguments: list[str]) -> None:
    if arguments:
        write(tmp_path, PASSES)
    result = invoke(str(tmp_path), *arguments)
    assert getattr(result.exception, "exit_code", None) == 3


def test_the_junit_file_is_written_whatever_the_result(tmp_path: Path) -> None:
    target = tmp_path / "build/definitions.xml"
    assert invoke(str(write(tmp_path, FAILS)), "--junit", str(target)).exit_code == 1
    assert target.read_text(encoding="utf-8").startswith('<?xml version="1.0" encoding="UTF-8"?>')


def test_help_has_an_example() -> None:
    assert "sloengine test slo-definitions/ --filter refund" in invoke("--help").output


def test_the_first_test_of_the_documentation_passes_as_it_stands(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs/testing-definitions.md").read_text(encoding="utf-8")
    first = page.split("```yaml\n")[1].split("```")[0]
    shipped = REPOSITORY / "slo-definitions/examples/first/checkout.yaml"
    (tmp_path / "checkout.yaml").write_bytes(shipped.read_bytes())
    path = tmp_path / "checkout.test.yaml"
    path.write_text(first, encoding="utf-8")
    assert invoke(str(path)).exit_code == 0
    path.write_text(first.replace("entry: b, outcome: failed", "entry: b, outcome: good"))
    shown = page.split("got failed\n")[0].rpartition("```\n")[2] + "got failed\n"
    place = "slo-definitions/examples/first/checkout.test.yaml"
    assert shown.replace(place, str(path)) in invoke(str(path)).output


def test_the_documentation_names_every_key() -> None:
    page = (REPOSITORY / "docs/testing-definitions.md").read_text(encoding="utf-8")
    for key in (*SPAN_KEYS, *EXPECT_KEYS, *TRANSACTION_KEYS, *SLO_KEYS):
        assert f"`{key}" in page, key
