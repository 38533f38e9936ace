"""The report as Markdown, for a comment on a pull request or an issue."""

from __future__ import annotations

from sloengine.evaluate.evaluation import Evaluation, SloEvaluation
from sloengine.report import numbers
from sloengine.report.clean import for_markdown
from sloengine.report.moments import as_of
from sloengine.report.parts import (
    money_lines,
    money_notes,
    part_finding,
    part_lines,
    part_money_lines,
    part_notes,
)
from sloengine.report.wording import (
    WORDS,
    actual,
    coverage_of,
    headline,
    identity,
    labels,
    notes,
    ordered,
    reasons_of,
    revision_of,
    title,
    window_of,
)
from sloengine.slo import State

_MARKS = {State.MET: "✓", State.MISSED: "✗", State.NO_DATA: "–"}
_TOP_REASONS = 5


def render_markdown(evaluation: Evaluation) -> str:
    """Return GitHub-flavoured Markdown; names from spans and files come out as plain text."""
    label = labels(evaluation.slos)
    rows = ordered(evaluation.slos)
    lines = [f"### {for_markdown(headline(evaluation))}", ""]
    lines.append(
        f"{for_markdown(title(evaluation))} · {window_of(evaluation)} · "
        f"as of {as_of(evaluation.at_ns, year=True)} · coverage {coverage_of(evaluation)} · "
        f"definitions {for_markdown(revision_of(evaluation))}"
    )
    if rows:
        lines += [
            "",
            "| | promise | target | actual | budget left | burn 1 h | 6 h | verdict |",
            "|---|---|---:|---:|---:|---:|---:|---|",
        ]
        lines += [_row(slo, for_markdown(label[identity(slo)])) for slo in rows]
    for slo in rows:
        if slo.state is State.MISSED and slo.reasons:
            lines += ["", _reasons(slo, for_markdown(label[identity(slo)]))]
    for slo in rows:
        lines += _worth(slo, for_markdown(label[identity(slo)]))
    found = notes(evaluation)
    if found:
        lines += ["", *(f"- {for_markdown(note)}" for note in found)]
    return "\n".join(lines) + "\n"


def _row(slo: SloEvaluation, label: str) -> str:
    rates = {rate.window: rate.rate for rate in slo.burn_rates}
    remaining = slo.budget_remaining
    cells = (
        _MARKS[slo.state],
        label,
        numbers.target_percent(slo.target),
        actual(slo),
        numbers.NONE if remaining is None else numbers.signed_percent(remaining),
        numbers.burn(rates.get("1h")),
        numbers.burn(rates.get("6h")),
        f"**{WORDS[slo.state]}**" if slo.state is State.MISSED else WORDS[slo.state],
    )
    return f"| {' | '.join(cells)} |"


def _reasons(slo: SloEvaluation, label: str) -> str:
    top = list(reasons_of(slo).items())[:_TOP_REASONS]
    listed = ", ".join(f"{numbers.count(n)} {for_markdown(reason)}" for reason, n in top)
    rest = sum(slo.reasons.values()) - sum(n for _, n in top)
    more = f", {numbers.count(rest)} for other reasons" if rest else ""
    return f"{label}: {listed}{more}."


def _worth(slo: SloEvaluation, label: str) -> list[str]:
    """Return an objective by value of a dimension, and its money, as far as they are known."""
    if slo.by is None:
        money = [
            f"{one.total} {for_markdown(one.currency)} tried, {one.good} good, {one.bad} bad"
            for one in money_lines(slo)
        ]
        found = [*money, *(for_markdown(note) for note in money_notes(slo))]
        return ["", f"{label}, in money: {'; '.join(found)}."] if found else []
    by = slo.by
    lines = ["", f"#### {label}: {for_markdown(part_finding(slo, by))}", ""]
    name = for_markdown(by.dimension)
    lines += [
        f"| {name} | total | good | bad | actual | of bad | of budget | excluded | unknown |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(
            f"| {for_markdown(row.name)} | {row.total} | {row.good} | {row.bad} | {row.actual} | "
            f"{row.of_bad} | {row.of_budget} | {row.excluded} | {row.unknown} |"
            for row in part_lines(slo, by)
        ),
    ]
    worth = part_money_lines(slo, by)
    if worth:
        lines += [
            "",
            f"| {name} | currency | tried | good | bad | with amount |",
            "|---|---|---:|---:|---:|---:|",
            *(
                f"| {for_markdown(row.name)} | {for_markdown(row.currency)} | {row.total} | "
                f"{row.good} | {row.bad} | {row.transactions} |"
                for row in worth
            ),
        ]
    found = [*part_notes(slo, by), *money_notes(slo)]
    return [*lines, "", *(f"- {for_markdown(note)}" for note in found)] if found else lines
