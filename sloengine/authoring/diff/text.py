"""The difference on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from sloengine.authoring.backtest import in_words
from sloengine.authoring.diff.changes import Change, Detail
from sloengine.authoring.diff.impact import Impact, Move
from sloengine.authoring.diff.revisions import Side
from sloengine.authoring.diff.summary import (
    MOST_MOVES,
    budget,
    counts,
    flips,
    headline,
    impact_headline,
    moves,
    slo_name,
    target,
)
from sloengine.report import TerminalStyle, numbers
from sloengine.report.clean import one_line
from sloengine.report.layout import fit, wrap

_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_TONES = {"added": "met", "removed": "bad", "changed": "watch"}
NO_HISTORY = "No history at hand: --traces FILE or --store DIR shows what it would have changed."


def render_text(
    before: Side,
    after: Side,
    changes: tuple[Change, ...],
    impact: Impact | None,
    *,
    style: TerminalStyle,
) -> str:
    """Return what changed and, with an impact, what that would have done."""
    lines = wrap(f"{before.title} → {after.title}", style.width)
    lines += ["", style.paint(headline(changes), "bold")]
    for change in changes:
        lines += ["", *_change(change, style)]
    lines.append("")
    if impact is None:
        lines += [NO_HISTORY] if changes else []
        return style.finish(lines)
    slos = (*before.plan.slos, *after.plan.slos)
    lines += wrap(f"History: {in_words(impact.history, slos)}", style.width)
    lines += ["", style.paint(impact_headline(impact), "bold"), ""]
    lines += _budgets(impact, style)
    lines += _flips(impact, style)
    lines += _moves(impact, style)
    return style.finish(lines)


def _change(change: Change, style: TerminalStyle) -> list[str]:
    mark = style.paint(_MARKS[change.action], _TONES[change.action])
    lines = [f"{mark} {one_line(change.subject)} {change.action}"]
    for detail in change.details:
        lines += _detail(detail, style)
    return lines


def _detail(detail: Detail, style: TerminalStyle) -> list[str]:
    lines = wrap(f"    {detail.text}", style.width, "      ")
    lines[0] = f"    {lines[0].lstrip()}"
    for mark, text, tone in (("-", detail.before, "bad"), ("+", detail.after, "met")):
        if text:
            wrapped = wrap(text, style.width - 8)
            lines += [
                style.paint(f"      {mark if place == 0 else ' '} {part}", tone)
                for place, part in enumerate(wrapped)
            ]
    return lines


def _budgets(impact: Impact, style: TerminalStyle) -> list[str]:
    rows = [
        (
            slo_name(slo),
            _change_of(target(slo.before), target(slo.after)),
            _change_of(counts(slo.before), counts(slo.after)),
            _change_of(budget(slo.before), budget(slo.after)),
        )
        for slo in impact.slos
    ]
    if not rows:
        return []
    heads = ("PROMISE", "TARGET", "BAD", "BUDGET LEFT")
    table = [heads, *rows]
    widths = [max(cell_len(row[column]) for row in table) for column in range(len(heads))]
    lines = [
        "  " + "  ".join(fit(cell, width) for cell, width in zip(row, widths, strict=True))
        for row in table
    ]
    return [style.paint(lines[0], "quiet"), *lines[1:], ""]


def _change_of(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _flips(impact: Impact, style: TerminalStyle) -> list[str]:
    lines = []
    # Objectives of one SLO share their events, and so what flips.
    for name, slo in {slo.slo: slo for slo in impact.slos}.items():
        if slo.flips:
            lines += [one_line(name), *_counted(flips(slo), style), ""]
    return lines


def _moves(impact: Impact, style: TerminalStyle) -> list[str]:
    found = moves(impact)
    if not found:
        return []
    lines = ["How transactions end", *_counted(found[:MOST_MOVES], style)]
    if rest := found[MOST_MOVES:]:
        events = sum(move.count for _, move in rest)
        lines.append(f"  and {numbers.count(events)} in {len(rest)} other ways")
    return lines


def _counted(found: Sequence[tuple[str, Move]], style: TerminalStyle) -> list[str]:
    width = max(len(numbers.count(move.count)) for _, move in found)
    lines = []
    for words, move in found:
        lines.append(f"  {fit(numbers.count(move.count), width, right=True)} {one_line(words)}")
        traces = ", ".join(move.traces)
        lines += [
            style.paint(f"    {' ' * width}{part}", "quiet")
            for part in wrap(f"trace {traces}", style.width - width - 4)
        ]
    return lines
