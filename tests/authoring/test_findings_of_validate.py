"""`sloengine validate` says the same to people, to pull requests and to programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sloengine.authoring.findings import FORMATS, Findings, render_findings
from sloengine.cli import cli
from sloengine.errors import DefinitionsError, Position, Problem, Severity

GOOD = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: checkout}
spec:
  entry: span.name == "POST /api/checkout"
  promise: {target: 99%, window: 28d}
"""
DOUBTFUL = GOOD.replace("99%", "90%")
BAD = GOOD.replace("99%", "100%").replace("span.name", "span.nmae")
TARGET = "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validate(folder: Path, text: str, *arguments: str) -> Result:
    (folder / "a b.yaml").write_text(text, encoding="utf-8")
    return CliRunner().invoke(cli, ["validate", *arguments, "a b.yaml"], standalone_mode=False)


def code(result: Result) -> int:
    """The exit code: click returns it where it is not on its own."""
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.return_value or 0


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("text", "strict", "expected"),
    [
        (GOOD, False, 0),
        (GOOD, True, 0),
        (DOUBTFUL, False, 0),
        (DOUBTFUL, True, 1),
        (BAD, False, 3),
        (BAD, True, 3),
        (GOOD + "---\n" + TARGET, True, 0),
    ],
    ids=["good", "good strict", "warning", "warning strict", "error", "error strict", "passive"],
)
def test_errors_fail_and_warnings_only_if_strict(
    folder: Path, text: str, strict: bool, expected: int, form: str
) -> None:
    arguments = ["--format", form, *(["--strict"] if strict else [])]
    assert code(validate(folder, text, *arguments)) == expected


def test_text_names_place_subject_problem_and_cure(folder: Path) -> None:
    assert validate(folder, BAD).output == (
        'a b.yaml:5:10: BusinessTransaction "checkout": span.nmae is no path; '
        "did you mean span.name?\n"
        'a b.yaml:6:21: BusinessTransaction "checkout": target 100% leaves no error budget; '
        "use a value below 100%\n"
        "\n"
        "2 errors, 0 warnings in a b.yaml. Nothing was applied.\n"
    )


def test_text_lists_what_is_not_evaluated_and_what_would_be_applied(folder: Path) -> None:
    lines = validate(folder, GOOD + "---\n" + TARGET).output.splitlines()
    assert lines[:2] == ['Service "shop" is not evaluated by this version', ""]
    assert lines[2].startswith("0 errors, 0 warnings in 1 file: 1 transaction, 1 SLO, revision ")


def test_colour_marks_the_place_and_the_cure(folder: Path) -> None:
    first = validate(folder, BAD, "--color", "always").output.splitlines()[0]
    assert first.startswith("\x1b[1ma b.yaml:5:10\x1b[0m: ")
    assert first.endswith("did you mean \x1b[34mspan.name\x1b[0m?")
    assert "\x1b" not in validate(folder, BAD, "--color", "always", "--format", "sarif").output


def test_json_is_one_document_with_every_problem(folder: Path) -> None:
    document = json.loads(validate(folder, BAD, "--format", "json").output)
    assert (document["errors"], document["warnings"], document["revision"]) == (2, 0, None)
    assert document["problems"][0] == {
        "severity": "error",
        "file": "a b.yaml",
        "line": 5,
        "column": 10,
        "subject": 'BusinessTransaction "checkout"',
        "message": "span.nmae is no path; did you mean span.name?",
    }
    good = json.loads(validate(folder, GOOD + "---\n" + TARGET, "--format", "json").output)
    assert good["slos"] == ["checkout-experience"]
    assert good["transactions"] == ["checkout"]
    assert good["notEvaluated"] == ['Service "shop" is not evaluated by this version']
    assert len(good["revision"]) == 12


def test_github_shows_each_problem_beside_its_line(folder: Path) -> None:
    lines = validate(folder, BAD, "--format", "github").output.splitlines()
    assert lines[0] == (
        '::error file=a b.yaml,line=5,col=10,title=BusinessTransaction "checkout"'
        "::span.nmae is no path; did you mean span.name?"
    )
    assert lines[1].endswith("::target 100%25 leaves no error budget; use a value below 100%25")
    warned = validate(folder, DOUBTFUL, "--format", "github").output
    assert warned.startswith("::warning file=a b.yaml,line=6,col=21,")
    passive = validate(folder, GOOD + "---\n" + TARGET, "--format", "github").output
    assert passive.startswith("::notice title=not evaluated::Service ")


def test_github_commands_cannot_be_broken_out_of() -> None:
    problem = Problem(Position("a,b:c.yaml", 1, 2), 'SLO "x::y"', "50%\n::error::gone")
    rendered = render_findings(Findings(Path(), (problem,)), "github")
    assert rendered.splitlines()[0] == (
        '::error file=a%2Cb%3Ac.yaml,line=1,col=2,title=SLO "x%3A%3Ay"::50%25%0A::error::gone'
    )


def sarif(folder: Path, text: str) -> Any:
    return json.loads(validate(folder, text, "--format", "sarif").output)


def test_sarif_is_version_2_1_0_with_a_rule_for_each_result(folder: Path) -> None:
    document = sarif(folder, BAD)
    assert document["version"] == "2.1.0"
    assert document["$schema"].endswith("sarif-2.1.0.json")
    (run,) = document["runs"]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert run["tool"]["driver"]["name"] == "sloengine"
    first, second = run["results"]
    assert first["ruleId"] in rules
    assert first["level"] == "error"
    assert first["message"]["text"].startswith('BusinessTransaction "checkout": span.nmae is no')
    (location,) = first["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b.yaml"},
        "region": {"startLine": 5, "startColumn": 10},
    }
    assert second["locations"][0]["physicalLocation"]["region"]["startLine"] == 6


def test_sarif_of_a_clean_set_has_no_results(folder: Path) -> None:
    assert sarif(folder, GOOD)["runs"][0]["results"] == []
    assert sarif(folder, DOUBTFUL)["runs"][0]["results"][0]["level"] == "warning"


def test_a_file_with_an_absolute_path_is_a_file_address() -> None:
    problem = Problem(Position("/a b/c.yaml", 1, 1), "", "wrong", Severity.WARNING)
    document = json.loads(render_findings(Findings(Path(), (problem,)), "sarif"))
    location = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "file:///a%20b/c.yaml"


def test_problems_of_the_yaml_itself_are_findings_too(folder: Path) -> None:
    result = validate(folder, "a: [\n", "--format", "json")
    assert not isinstance(result.exception, DefinitionsError)
    (problem,) = json.loads(result.output)["problems"]
    assert (problem["file"], problem["subject"]) == ("a b.yaml", "")
