"""Test results for a terminal: what failed and how, then one line that says it all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from sloengine.authoring.testing.run import Difference, ScenarioResult
from sloengine.report import TerminalStyle
from sloengine.report.clean import one_line
from sloengine.report.layout import fit

_MOST_LINES = 12
"""Of one list of differences; the rest is counted."""


def render_text(
    results: Sequence[ScenarioResult], *, style: TerminalStyle, verbose: bool = False
) -> str:
    """Return the results as text. `verbose` names the scenarios that passed too."""
    lines: list[str] = []
    for file, of_file in groupby(results, key=lambda result: result.suite.file):
        members = list(of_file)
        lines += _file(str(file), members, style, verbose=verbose)
        lines += [""] if any(result.failed for result in members) else []
    lines += [*([""] if lines[-1] else []), summary_line(results, style)]
    return style.finish(lines)


def summary_line(results: Sequence[ScenarioResult], style: TerminalStyle) -> str:
    """Return how many passed, failed, and were not looked at whole."""
    failed = sum(result.failed for result in results)
    passed = sum(result.passed for result in results)
    partly = len(results) - failed - passed
    files = len({result.suite.file for result in results})
    parts = [style.paint(f"{passed} passed", "met" if passed and not failed else "")]
    if failed:
        parts.append(style.paint(f"{failed} failed", "bad bold"))
    if partly:
        parts.append(style.paint(f"{partly} not evaluated whole", "watch"))
    seconds = sum(result.duration_ns for result in results) / 10**9
    return (
        f"{_counted(len(results), 'scenario')} in {_counted(files, 'file')}: "
        f"{', '.join(parts)}, in {seconds:.1f} s."
    )


def difference_lines(difference: Difference) -> list[str]:
    """Return a difference as plain lines, the first of which names its subject and instant."""
    lines = [f"{difference.subject}, {difference.shown_at}"]
    width = max((len(field.name) for field in difference.fields), default=0)
    expected = max((len(field.expected) for field in difference.fields), default=0)
    lines += [
        f"  {fit(field.name, width)}   expected {fit(field.expected, expected)}   got {field.got}"
        for field in difference.fields
    ]
    shown = difference.lines[:_MOST_LINES]
    lines += [f"  {line}" for line in shown]
    if len(shown) < len(difference.lines):
        lines.append(f"  and {len(difference.lines) - len(shown)} more")
    return [one_line(line) for line in lines]


def _file(
    file: str, results: Sequence[ScenarioResult], style: TerminalStyle, *, verbose: bool
) -> Iterable[str]:
    passed = sum(result.passed for result in results)
    mark = style.paint("✓", "met") if passed == len(results) else style.paint("✗", "bad")
    if passed < len(results) and not any(result.failed for result in results):
        mark = style.paint("~", "watch")
    yield f"{mark} {one_line(file)}  {style.paint(f'{passed} of {len(results)} passed', 'quiet')}"
    for result in results:
        yield from _scenario(result, style, verbose=verbose)


def _scenario(result: ScenarioResult, style: TerminalStyle, *, verbose: bool) -> Iterable[str]:
    scenario = result.scenario
    name = one_line(scenario.name)
    if result.failed:
        yield ""
        yield f"  {style.paint('✗', 'bad')} {style.paint(name, 'bold')}"
        yield f"    {style.paint(str(scenario.position), 'quiet')}"
        for difference in result.differences:
            yield from _difference(difference, style)
    elif verbose and result.passed:
        yield f"  {style.paint('✓', 'met')} {name}"
    elif result.not_evaluated:
        yield f"  {style.paint('~', 'watch')} {name}"
    for position, what in result.not_evaluated:
        yield f"    {style.paint(f'{position}: {what}', 'watch')}"


def _difference(difference: Difference, style: TerminalStyle) -> Iterable[str]:
    heading, *rest = difference_lines(difference)
    yield f"    {heading}  {style.paint(f'line {difference.position.line}', 'quiet')}"
    for line in rest:
        before, got, after = line.rpartition("   got ")
        yield f"    {before}{got}{style.paint(after, 'bad')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
