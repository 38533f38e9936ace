"""The difference as Markdown, for a comment on a pull request."""

from __future__ import annotations

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
from sloengine.authoring.diff.text import NO_HISTORY
from sloengine.report import numbers
from sloengine.report.clean import for_markdown, one_line


def render_markdown(
    before: Side, after: Side, changes: tuple[Change, ...], impact: Impact | None
) -> str:
    """Return GitHub-flavoured Markdown; names from files and spans come out as plain text."""
    lines = [f"### Promises: {for_markdown(headline(changes))}", ""]
    lines.append(f"{for_markdown(before.title)} → {for_markdown(after.title)}")
    for change in changes:
        lines += ["", f"**{for_markdown(change.subject)}** {change.action}", ""]
        for detail in change.details:
            lines += _detail(detail)
    lines.append("")
    if impact is None:
        lines += [for_markdown(NO_HISTORY)] if changes else []
        return "\n".join(lines).rstrip("\n") + "\n"
    slos = (*before.plan.slos, *after.plan.slos)
    lines += [f"#### {for_markdown(impact_headline(impact))}", ""]
    lines.append(f"History: {for_markdown(in_words(impact.history, slos))}.")
    if impact.slos:
        lines += ["", "| promise | target | bad | budget left |", "|---|---|---|---|"]
        lines += [
            f"| {for_markdown(slo_name(slo))} | {_both(target(slo.before), target(slo.after))} "
            f"| {_both(counts(slo.before), counts(slo.after))} "
            f"| {_both(budget(slo.before), budget(slo.after))} |"
            for slo in impact.slos
        ]
    seen: set[str] = set()
    for slo in impact.slos:
        if slo.flips and slo.slo not in seen:
            seen.add(slo.slo)
            lines += ["", f"**{for_markdown(slo.slo)}**", ""]
            lines += [_counted(words, move) for words, move in flips(slo)]
    if found := moves(impact):
        lines += ["", "<details><summary>How transactions end</summary>", ""]
        lines += [_counted(words, move) for words, move in found[:MOST_MOVES]]
        if rest := found[MOST_MOVES:]:
            events = numbers.count(sum(move.count for _, move in rest))
            lines.append(f"- and {events} in {len(rest)} other ways")
        lines += ["", "</details>"]
    return "\n".join(lines) + "\n"


def _detail(detail: Detail) -> list[str]:
    lines = [f"- {for_markdown(detail.text)}"]
    if detail.before or detail.after:
        fence = "```"
        while fence in detail.before or fence in detail.after:
            fence += "`"
        lines += ["", f"  {fence}diff"]
        lines += [f"  - {one_line(detail.before)}"] if detail.before else []
        lines += [f"  + {one_line(detail.after)}"] if detail.after else []
        lines += [f"  {fence}", ""]
    return lines


def _both(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _counted(words: str, move: Move) -> str:
    traces = ", ".join(f"`{trace}`" for trace in move.traces)
    return f"- {numbers.count(move.count)} {for_markdown(words)}: {traces}"
