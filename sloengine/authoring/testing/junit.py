"""Test results as JUnit XML, which every CI system shows.

There is no official schema; this is the part that Jenkins, GitLab and GitHub's actions agree on.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from sloengine.authoring.testing.run import ScenarioResult
from sloengine.authoring.testing.text import difference_lines
from sloengine.report.clean import one_line


def render_junit(results: Sequence[ScenarioResult]) -> str:
    """Return one `testsuite` for each file; what was not looked at whole is `skipped`."""
    root = ET.Element("testsuites", _totals(results))
    for file, of_file in groupby(results, key=lambda result: result.suite.file):
        members = list(of_file)
        suite = ET.SubElement(root, "testsuite", {"name": one_line(str(file)), **_totals(members)})
        for result in members:
            _case(suite, result)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, result: ScenarioResult) -> None:
    scenario = result.scenario
    case = ET.SubElement(
        suite,
        "testcase",
        {
            "name": one_line(scenario.name),
            "classname": one_line(str(result.suite.file)),
            "file": one_line(scenario.position.file),
            "line": str(scenario.position.line),
            "time": _seconds(result.duration_ns),
        },
    )
    notes = [one_line(f"{position}: {what}") for position, what in result.not_evaluated]
    if result.failed:
        blocks = [difference_lines(difference) for difference in result.differences]
        failure = ET.SubElement(case, "failure", {"message": blocks[0][0]})
        failure.text = "\n".join(
            [str(scenario.position), *(line for block in blocks for line in block), *notes]
        )
    elif notes:
        ET.SubElement(case, "skipped", {"message": "; ".join(notes)})


def _totals(results: Sequence[ScenarioResult]) -> dict[str, str]:
    failed = sum(result.failed for result in results)
    passed = sum(result.passed for result in results)
    return {
        "tests": str(len(results)),
        "failures": str(failed),
        "errors": "0",
        "skipped": str(len(results) - failed - passed),
        "time": _seconds(sum(result.duration_ns for result in results)),
    }


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns // 10**6 / 1000:.3f}"
