"""One promise on a terminal: the verdict, its sum, its reasons, its burn and its course."""

from __future__ import annotations

from fractions import Fraction

from sloengine.errors import OperatorError
from sloengine.evaluate.evaluation import Evaluation, SloEvaluation
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.report.course import CoursePoint, axis, course_of, ran_out, when
from sloengine.report.layout import fit, wrap
from sloengine.report.moments import DAY_NS, as_of, length_of, span_of, step_label, window_in_words
from sloengine.report.parts import NO_CURRENCY, money_lines, money_notes
from sloengine.report.parts_text import breakdown_text
from sloengine.report.text import MARKS, TONES
from sloengine.report.wording import (
    coverage_of,
    identity,
    labels,
    lede,
    ordered,
    reasons_of,
    revision_of,
)
from sloengine.slo import State
from sloengine.terminal import TerminalStyle

_LABEL_WIDTH = 14
_VALUE_WIDTH = 14
_REASON_BAR = 24


def select(evaluation: Evaluation, name: str) -> list[SloEvaluation]:
    """Return the objectives of the SLO `name`, or the one of `name/objective`.

    Raises `OperatorError`, which names the SLOs that exist.
    """
    label = labels(evaluation.slos)
    found = [slo for slo in ordered(evaluation.slos) if name in (slo.slo, label[identity(slo)])]
    if found:
        return found
    known = ", ".join(sorted(label.values())) or "none is defined"
    raise OperatorError(f'SLO "{name}" is not in the running definitions; there are: {known}')


def render_detail(evaluation: Evaluation, name: str, style: TerminalStyle | None = None) -> str:
    """Return all that is known of one SLO, each of its objectives in turn.

    The course is drawn only where the evaluation holds one. Raises `OperatorError` for an unknown
    name.
    """
    style = style or TerminalStyle()
    lines: list[str] = []
    for slo in select(evaluation, name):
        if lines:
            lines.append("")
        lines += _objective(evaluation, slo, style)
    return style.finish(lines)


def _objective(evaluation: Evaluation, slo: SloEvaluation, style: TerminalStyle) -> list[str]:
    label = one_line(labels(evaluation.slos)[identity(slo)])
    about = [style.paint(label, "bold"), *(one_line(t) for t in (slo.display_name,) if t)]
    owner = (slo.annotations or {}).get("owner")
    if owner:
        about.append(f"owner: {one_line(owner)}")
    window = window_in_words(slo.window)
    where = f"{span_of(slo.start_ns, slo.end_ns)}, {window}, UTC · as of {as_of(evaluation.at_ns)}"
    where += f" · coverage {coverage_of(evaluation)} · {revision_of(evaluation)}"
    lines = [" · ".join(about), *wrap(where, style.width), ""]
    verdict = f"{MARKS[slo.state]} {lede(slo)}"
    tone = "bad bold" if slo.state is State.MISSED else TONES[slo.state]
    lines += [style.paint(line, tone) for line in wrap(verdict, style.width, "  ")]
    lines.append("")
    lines += [_row(*row) for row in _sum(slo)]
    lines += _reasons(slo, style)
    if slo.by is not None:
        lines += ["", *breakdown_text(slo, slo.by, style)]
    else:
        lines += _money(slo, style)
    lines += _burn(slo)
    lines += _course(slo, style)
    if slo.description:
        lines += ["", *wrap(slo.description, style.width)]
    if slo.position:
        lines += ["", f"Defined in {one_line(slo.position)}"]
    if slo.by is None and slo.dimensions:
        lines += ["", f"Next: sloengine report {label} --by {slo.dimensions[0]}"]
    return lines


def _row(label: str, value: str, note: str) -> str:
    return f"  {fit(label, _LABEL_WIDTH)}{fit(value, _VALUE_WIDTH, right=True)}   {note}"


def _sum(slo: SloEvaluation) -> list[tuple[str, str, str]]:
    bad = slo.total - slo.good
    rows = [
        ("total", numbers.count(slo.total), f"counted, {one_line(slo.transaction)}"),
        ("good", numbers.count(slo.good), "counted"),
        ("bad", numbers.count(bad), "counted, total − good"),
        ("excluded", numbers.count(slo.excluded), "counted, in neither good nor total"),
        ("unknown", numbers.count(slo.unknown), "counted, in neither good nor total"),
    ]
    if slo.corrected:
        rows.append(("corrected", numbers.count(slo.corrected), "verdicts changed by late spans"))
    if slo.budget_total is None or slo.budget_remaining is None:
        rows.append(("budget left", numbers.NONE, "no event, hence no budget"))
        return rows
    promised = numbers.target_percent(slo.target)
    rows.append(("budget", numbers.events(slo.budget_total), f"may be bad at {promised}"))
    used = numbers.percent(1 - slo.budget_remaining, 0, numbers.Worse.UP)
    rows.append(("budget left", numbers.signed_percent(slo.budget_remaining), f"{used} used"))
    empty = ran_out(course_of(slo))
    if empty is not None:
        rows[-1] = (*rows[-1][:2], f"{used} used; ran out {when(empty)}")
    if slo.time_to_exhaustion_ns is not None:
        rows.append(
            ("lasts", numbers.duration(slo.time_to_exhaustion_ns), "at the pace of the last hour")
        )
    return rows


def _reasons(slo: SloEvaluation, style: TerminalStyle) -> list[str]:
    reasons = reasons_of(slo)
    if not reasons:
        return []
    bad = sum(reasons.values())
    shares = numbers.shares_of_whole(reasons)
    width = max(len(one_line(reason)) for reason in reasons)
    lines = ["", style.paint(f"Why: {numbers.count(bad)} bad by reason", "bold")]
    for reason, number in reasons.items():
        bar = "█" * round(Fraction(number * _REASON_BAR, bad)) or "▌"
        text = f"  {fit(one_line(reason), width)} {numbers.count(number):>12} {shares[reason]:>7}  "
        lines.append(text + style.paint(bar, "bad"))
    return lines


def _money(slo: SloEvaluation, style: TerminalStyle) -> list[str]:
    lines = [
        _row(
            one.currency if one.currency == NO_CURRENCY else f"in {one.currency}",
            one.total,
            f"tried: {one.good} good, {one.bad} lost or spoilt; {one.transactions} transactions",
        )
        for one in money_lines(slo)
    ]
    found = money_notes(slo)
    if not lines and not found:
        return []
    notes = [line for note in found for line in wrap(f"• {note}", style.width, "  ")]
    return ["", style.paint("Money: what was seen, nothing estimated", "bold"), *lines, *notes]


def _burn(slo: SloEvaluation) -> list[str]:
    if not slo.burn_rates:
        return []
    lines = ["", f"Burn: 1{numbers.TIMES} uses the budget up exactly in the window"]
    for rate in slo.burn_rates:
        bad = rate.total - rate.good
        seen = f"{numbers.count(bad)} bad of {numbers.count(rate.total)}"
        lines.append(
            _row(f"last {rate.window}", numbers.burn(rate.rate), seen if rate.total else "no data")
        )
    return lines


def _course(slo: SloEvaluation, style: TerminalStyle) -> list[str]:
    points = course_of(slo)
    if not points:
        return []
    gutter = 9
    cell = 2 if gutter + 2 * len(points) <= style.width else 1
    points = points[-((style.width - gutter) // cell) :]
    step = points[0].end_ns - points[0].start_ns
    unit = "day" if step == DAY_NS else length_of(step)
    key = f"{style.paint('█', 'met')} left  {style.paint('▓', 'bad')} overspent  ░ no data"
    lines = ["", f"{style.paint(f'Budget left, end of each {unit}', 'bold')}    {key}"]
    grid = axis(points)
    for value in grid:
        label = fit(f"{numbers.signed_percent(value)}".replace("+", ""), gutter - 3, right=True)
        drawn = "".join(_cell(point, value, grid, cell, style) for point in points)
        lines.append(f"  {label} {drawn}")
    lines.append(" " * gutter + _ticks(points, cell, step))
    return lines


def _cell(
    point: CoursePoint, value: Fraction, grid: list[Fraction], cell: int, style: TerminalStyle
) -> str:
    if not point.observed:
        return ("─" if value == 0 else "░" if value in (grid[0], grid[-1]) else " ") * cell
    nearest = min(grid, key=lambda row: (abs(row - point.left), row))
    if point.left < 0 and nearest >= 0:
        nearest = max(row for row in grid if row < 0)
    if nearest == value:
        return style.paint("▓" * cell, "bad") if point.left < 0 else style.paint("█" * cell, "met")
    return ("─" if value == 0 else " ") * cell


def _ticks(points: list[CoursePoint], cell: int, step: int) -> str:
    line = ""
    before = ""
    for index, point in enumerate(points):
        label = step_label(point.start_ns, step)
        if len(line) <= index * cell and label != before:
            line = f"{fit(line, index * cell)}{label}  "
        before = label
    return line
