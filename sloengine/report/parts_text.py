"""An objective by value of a dimension, and its money, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from rich.cells import cell_len

from sloengine.evaluate.evaluation import Breakdown, SloEvaluation
from sloengine.report.layout import fit, wrap
from sloengine.report.parts import (
    MoneyLine,
    PartLine,
    money_notes,
    part_finding,
    part_lines,
    part_money_lines,
    part_notes,
)
from sloengine.terminal import TerminalStyle

_BAR = 12
_LONGEST_VALUE = 40
"""Longer values are cut on a terminal; the other forms have them whole."""
_HEADS = ("TOTAL", "GOOD", "BAD", "ACTUAL", "OF BAD", "OF BUDGET", "EXCLUDED", "UNKNOWN")
_MONEY_HEADS = ("CURRENCY", "TRIED", "GOOD", "BAD", "WITH AMOUNT")
_FIRST_TO_GO = ("EXCLUDED", "UNKNOWN", "WITH AMOUNT", "GOOD", "OF BUDGET")
"""What goes where a table is too wide, after its bars; names stay."""


def breakdown_text(slo: SloEvaluation, by: Breakdown, style: TerminalStyle) -> list[str]:
    """Return the lines of the table by value, its notes, and the money where there is any."""
    lines = [style.paint(part_finding(slo, by), "bold")]
    lines += _counts(part_lines(slo, by), by.dimension, style)
    for note in part_notes(slo, by):
        lines += wrap(f"• {note}", style.width, "  ")
    money = part_money_lines(slo, by)
    if money:
        lines += ["", style.paint(f"In money, by {by.dimension}", "bold")]
        lines += _money(money, by.dimension, style)
    for note in money_notes(slo):
        lines += wrap(f"• {note}", style.width, "  ")
    return lines


def _counts(lines: Sequence[PartLine], dimension: str, style: TerminalStyle) -> list[str]:
    names = [dimension.upper(), *(_cut(line.name) for line in lines)]
    cells = [
        _HEADS,
        *(
            (
                line.total,
                line.good,
                line.bad,
                line.actual.replace("0 bad of ", "0 of "),
                line.of_bad,
                line.of_budget,
                line.excluded,
                line.unknown,
            )
            for line in lines
        ),
    ]
    bars = _bars(lines)
    table = _columns(names, cells)
    if max(map(cell_len, table)) + 2 + _BAR > style.width:
        bars = [""] * len(lines)
        table = _fitting(names, cells, style.width)
    head, *body = table
    return [
        style.paint(head, "quiet"),
        *(f"{text}  {style.paint(bar, 'bad')}" for text, bar in zip(body, bars, strict=True)),
    ]


def _bars(lines: Sequence[PartLine]) -> list[str]:
    most = max((line.bad_events for line in lines if line.is_part), default=0)
    bars = []
    for line in lines:
        if not line.is_part or not line.bad_events:
            bars.append("")
            continue
        halves = round(Fraction(line.bad_events, most) * _BAR * 2)
        full, half = divmod(max(halves, 1), 2)
        bars.append("█" * full + "▌" * half)
    return bars


def _money(lines: Sequence[MoneyLine], dimension: str, style: TerminalStyle) -> list[str]:
    # A value with several currencies is named once.
    names = [dimension.upper()]
    before = ""
    for line in lines:
        names.append("" if line.name == before else _cut(line.name))
        before = line.name
    cells = [
        _MONEY_HEADS,
        *((_cut(one.currency), one.total, one.good, one.bad, one.transactions) for one in lines),
    ]
    head, *body = _fitting(names, cells, style.width)
    return [style.paint(head, "quiet"), *body]


def _fitting(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return the lines of `_columns` without as many columns as are too much for the width."""
    lines = _columns(names, rows)
    for gone in _FIRST_TO_GO:
        if max(map(cell_len, lines)) <= width:
            break
        kept = [place for place, head in enumerate(rows[0]) if head != gone]
        rows = [[row[place] for place in kept] for row in rows]
        lines = _columns(names, rows)
    return lines


def _columns(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the names on the left and every other column to the right of its place."""
    first = max(map(cell_len, names))
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        f"  {fit(name, first)}"
        + "".join(f"  {fit(cell, w, right=True)}" for cell, w in zip(row, widths, strict=True))
        for name, row in zip(names, rows, strict=True)
    ]


def _cut(text: str) -> str:
    if cell_len(text) <= _LONGEST_VALUE:
        return text
    kept = text[:_LONGEST_VALUE]
    while cell_len(kept) >= _LONGEST_VALUE:
        kept = kept[:-1]
    return f"{kept}…"
