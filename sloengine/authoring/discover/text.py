"""What was discovered, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from rich.cells import cell_len

from sloengine.authoring.discover.documents import entry_in_words, milliseconds
from sloengine.authoring.discover.limits import duration_text
from sloengine.authoring.discover.run import Discovery, Row, used_text
from sloengine.report import TerminalStyle, numbers
from sloengine.report.clean import one_line
from sloengine.report.layout import fit, wrap

_HEADS = ("SHARE", "TRAFFIC", "P50", "P99", "LIMIT", "TARGET", "USED")
_BOLD = frozenset({"LIMIT", "TARGET"})
_SHORT_NS = 3600 * 10**9
"""Less than so long says nothing about a promise of weeks."""


def render_discovery(
    discovery: Discovery, written: Sequence[Path], output: Path, *, style: TerminalStyle
) -> str:
    """Return the proposals as a table, most traffic first, and what to do next."""
    lines = wrap(_heading(discovery), style.width)
    lines.append("")
    if discovery.rows:
        lines += _table(discovery, style)
        lines.append("")
    for note in _notes(discovery):
        lines += wrap(note, style.width)
    if written:
        files = f"{len(written)} file{'s' * (len(written) != 1)}"
        lines += ["", f"Wrote {files}, working, to be reviewed: {one_line(str(output))}"]
        lines.append("Next: sloengine validate")
    return style.finish(lines)


def _heading(discovery: Discovery) -> str:
    traffic = discovery.traffic
    length = numbers.duration(traffic.end_ns - traffic.start_ns)
    return (
        f"Read {length} of traffic: {numbers.count(traffic.spans)} spans, "
        f"{numbers.count(traffic.traces)} traces, {numbers.count(traffic.services)} services"
    )


def _table(discovery: Discovery, style: TerminalStyle) -> list[str]:
    whole = sum(row.total for row in discovery.rows) + discovery.other
    names = [row.proposal.name for row in discovery.rows]
    entries = [entry_in_words(row.proposal) for row in discovery.rows]
    cells = [_cells(row, whole) for row in discovery.rows]
    if discovery.other:
        names.append("other")
        entries.append(_rest(discovery))
        share = numbers.percent(Fraction(discovery.other, whole), 1, numbers.Worse.DOWN)
        cells.append((share, numbers.count(discovery.other), "", "", "", "", ""))
    name_width = max(cell_len(text) for text in ("PROPOSED", *names))
    entry_width = max(cell_len(text) for text in ("ENTRY", *entries))
    widths = [
        max(cell_len(head), *(cell_len(row[column]) for row in cells))
        for column, head in enumerate(_HEADS)
    ]
    room = style.width - name_width - sum(widths) - 2 * len(widths) - 4
    beside = entry_width <= room

    def line(name: str, entry: str, row: Sequence[str], *, quiet: bool) -> str:
        left = f"  {fit(name, name_width)}"
        left += f"  {fit(entry, entry_width)}" if beside else ""
        right = ""
        for head, cell, width in zip(_HEADS, row, widths, strict=True):
            padded = fit(cell, width, right=True)
            right += "  " + style.paint(padded, "bold" if head in _BOLD and not quiet else "")
        return style.paint(left + right, "quiet") if quiet else left + right

    found = [line("PROPOSED", "ENTRY", _HEADS, quiet=True)]
    for name, entry, row in zip(names, entries, cells, strict=True):
        found.append(line(name, entry, row, quiet=name == "other"))
        if not beside and entry:
            found.append(style.paint(f"    {entry}", "quiet"))
    return found


def _cells(row: Row, whole: int) -> tuple[str, ...]:
    proposal = row.proposal
    return (
        numbers.percent(Fraction(row.total, whole or 1), 1, numbers.Worse.DOWN),
        numbers.count(row.total),
        milliseconds(proposal.p50_ns),
        milliseconds(proposal.p99_ns),
        duration_text(proposal.limit_ns),
        numbers.target_percent(row.target),
        used_text(row),
    )


def _rest(discovery: Discovery) -> str:
    rest = discovery.proposals.rest
    if not rest:
        return ""
    label, _ = rest[0]
    more = f" and {len(rest) - 1} more" if len(rest) > 1 else ""
    return one_line(f"{label.service or 'no service'} {label.title}{more}")


def _notes(discovery: Discovery) -> list[str]:
    traffic, proposals = discovery.traffic, discovery.proposals
    notes = []
    if discovery.rows:
        notes.append(
            "TRAFFIC and USED (the share of its budget that each would have used) were counted by "
            "the engine, with these files over these traces."
        )
        length_ns = traffic.end_ns - traffic.start_ns
        length = numbers.duration(length_ns)
        if length_ns < _SHORT_NS:
            notes.append(f"{length} is too short for a promise: limits and targets are guesses.")
        else:
            notes.append("Limits and targets are a first guess: what was usual is not what is due.")
    else:
        notes.append("Nothing to propose: no request of a customer came often enough.")
    if proposals.health_requests:
        checks = numbers.count(proposals.health_requests)
        notes.append(f"Skipped: {checks} health checks (kind Ignore).")
    if traffic.without_request:
        traces = numbers.count(traffic.without_request)
        notes.append(f"Skipped: {traces} traces with neither a SERVER nor a CONSUMER span.")
    if traffic.sampled_spans:
        spans = numbers.count(traffic.sampled_spans)
        notes.append(f"{spans} spans are sampled (ot=th:…); counts are of what came, unweighted.")
    if discovery.was_cut:
        notes.append("There is more than was read: the newest of the store, the first of files.")
    return notes
