"""The report on a terminal: the verdict first, then one line for each promise, then notes.

Every state has a mark and a word, so nothing depends on colour.
"""

from __future__ import annotations

from fractions import Fraction

from rich.cells import cell_len

from sloengine.evaluate.evaluation import Evaluation, SloEvaluation
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.report.layout import fit, wrap
from sloengine.report.moments import as_of
from sloengine.report.parts_text import breakdown_text
from sloengine.report.wording import (
    WORDS,
    coverage_of,
    headline,
    identity,
    labels,
    mapped_share,
    notes,
    ordered,
    revision_of,
    title,
    window_of,
)
from sloengine.slo import State
from sloengine.terminal import TerminalStyle

MARKS = {State.MET: "✓", State.MISSED: "✗", State.NO_DATA: "–"}
TONES = {State.MET: "met", State.MISSED: "bad", State.NO_DATA: "quiet"}
_HALF_WIDTH = 8
"""Cells of the signed bar that stand for 100% of the budget."""
_BAR_HEAD = "BUDGET LEFT −100…+100%"


def render_text(evaluation: Evaluation, style: TerminalStyle | None = None) -> str:
    """Return the table of all promises.

    Where the table is wider than the style's width the bar goes first, then the burn rates; names
    are never cut.
    """
    style = style or TerminalStyle()
    lines = [*_head(evaluation, style), ""]
    lines += [style.paint(line, "bold") for line in wrap(headline(evaluation), style.width)]
    if evaluation.slos:
        lines += ["", *render_table(evaluation, style)]
    lines += _by_dimension(evaluation, style)
    found = notes(evaluation)
    if found:
        lines.append("")
        for note in found:
            lines += wrap(f"• {note}", style.width, "  ")
    if evaluation.slos:
        first = labels(evaluation.slos)[identity(ordered(evaluation.slos)[0])]
        lines += ["", f"Next: sloengine report {one_line(first)}"]
    return style.finish(lines)


def render_table(evaluation: Evaluation, style: TerminalStyle, *, burn: bool = True) -> list[str]:
    """Return the lines of the table of promises, head included, without a final line break."""
    rows = ordered(evaluation.slos)
    names = {key: one_line(name) for key, name in labels(evaluation.slos).items()}
    for with_bar, with_burn in ((True, burn), (False, burn), (False, False)):
        table = _table(rows, names, style, with_bar=with_bar, with_burn=with_burn)
        if max(cell_len(plain) for plain, _ in table) <= style.width:
            break
    return [painted for _, painted in table]


def _head(evaluation: Evaluation, style: TerminalStyle) -> list[str]:
    mapped = mapped_share(evaluation)
    parts = [
        title(evaluation),
        window_of(evaluation),
        f"as of {as_of(evaluation.at_ns)}",
        f"coverage {coverage_of(evaluation)}",
    ]
    if mapped is not None and mapped < 1:
        parts.append(f"mapped {numbers.percent(mapped, 1, numbers.Worse.DOWN)}")
    parts.append(revision_of(evaluation))
    return wrap(" · ".join(parts), style.width)


def _by_dimension(evaluation: Evaluation, style: TerminalStyle) -> list[str]:
    names = labels(evaluation.slos)
    lines: list[str] = []
    for slo in ordered(evaluation.slos):
        if slo.by is not None:
            label = style.paint(one_line(names[identity(slo)]), "bold")
            lines += ["", label, *breakdown_text(slo, slo.by, style)]
    return lines


Line = tuple[str, str]
"""The same line plain (to measure) and painted (to print)."""


def _table(
    rows: list[SloEvaluation],
    names: dict[tuple[str, str, str], str],
    style: TerminalStyle,
    *,
    with_bar: bool,
    with_burn: bool,
) -> list[Line]:
    shown = [_actual(row) for row in rows]
    left = [_left(row) for row in rows]
    name_width = max(cell_len("PROMISE"), *(cell_len(name) for name in names.values()))
    target_width = max(6, *(len(numbers.target_percent(row.target)) for row in rows))
    actual_width = max(8, *(cell_len(text) for text in shown))
    left_width = max(6 if with_bar else len("BUDGET LEFT"), *(cell_len(text) for text in left))
    burns = [_burns(row) for row in rows]
    burn_widths = [
        max(len(head), *(cell_len(row[i]) for row in burns)) for i, head in enumerate(_BURN_HEADS)
    ]
    mark_width = 2 if style.ascii_only else 1

    def line(cells: list[tuple[str, str]]) -> Line:
        return "".join(text for text, _ in cells), "".join(
            style.paint(text, tone) for text, tone in cells
        )

    bar_part = _HALF_WIDTH * 2 + 1 + left_width + 4
    head = (
        f"{'':<{mark_width}} {fit('PROMISE', name_width)} {fit('TARGET', target_width, right=True)}"
    )
    head += f" {fit('ACTUAL', actual_width, right=True)}"
    head += fit(f"  {_BAR_HEAD}", bar_part) if with_bar else f"  {fit('BUDGET LEFT', left_width)}"
    if with_burn:
        head += (
            f"  {fit('BURN1H', burn_widths[0], right=True)} {fit('6H', burn_widths[1], right=True)}"
        )
    table = [line([(f"{head}  VERDICT", "quiet")])]
    for row, sli, remaining, rates in zip(rows, shown, left, burns, strict=True):
        tone = TONES[row.state]
        mark = (
            MARKS[row.state]
            if style.ascii_only and row.state is State.MET
            else fit(MARKS[row.state], mark_width)
        )
        target = fit(numbers.target_percent(row.target), target_width, right=True)
        cells = [
            (mark, tone),
            (f" {fit(names[identity(row)], name_width)} {target}", ""),
            (f" {fit(sli, actual_width, right=True)}  ", ""),
        ]
        if with_bar:
            cells += [*_bar(row), ("  ", "")]
        cells.append((fit(remaining, left_width, right=True), ""))
        if with_burn:
            first, second = (
                fit(rate, w, right=True) for rate, w in zip(rates, burn_widths, strict=True)
            )
            cells.append((f"  {first} {second}", ""))
        cells.append((f"  {WORDS[row.state]}", tone))
        table.append(line(cells))
    return table


_BURN_HEADS = ("BURN1H", "6H")


def _burns(slo: SloEvaluation) -> tuple[str, str]:
    rates = {rate.window: rate.rate for rate in slo.burn_rates}
    return numbers.burn(rates.get("1h")), numbers.burn(rates.get("6h"))


def _actual(slo: SloEvaluation) -> str:
    if slo.sli is None:
        return numbers.NONE
    if slo.good == slo.total:
        return f"0 of {numbers.count(slo.total)}"
    return numbers.sli_percent(slo.sli, slo.target)


def _left(slo: SloEvaluation) -> str:
    if slo.budget_remaining is None:
        return numbers.NONE
    return numbers.signed_percent(slo.budget_remaining)


def _bar(slo: SloEvaluation) -> list[tuple[str, str]]:
    """Return the signed bar: left of the line overspent, right of it left over."""
    if slo.budget_remaining is None:
        return [(f"{' ' * _HALF_WIDTH}│", ""), ("░" * _HALF_WIDTH, "quiet")]
    halves = round(min(abs(slo.budget_remaining), Fraction(1)) * _HALF_WIDTH * 2)
    tone = TONES[slo.state]
    if slo.budget_remaining < 0:
        full, half = divmod(max(halves, 1), 2)
        filled = "▐" * half + "█" * full
        if slo.budget_remaining < -1:
            filled = "◀" + "█" * (_HALF_WIDTH - 1)
        return [
            (" " * (_HALF_WIDTH - len(filled)), ""),
            (filled, tone),
            ("│", ""),
            (" " * _HALF_WIDTH, ""),
        ]
    full, half = divmod(halves, 2)
    filled = "█" * full + "▌" * half
    return [(f"{' ' * _HALF_WIDTH}│", ""), (filled, tone), (" " * (_HALF_WIDTH - len(filled)), "")]
