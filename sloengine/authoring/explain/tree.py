"""The spans of a trace as a tree with bars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from sloengine.authoring.explain.model import ExplainedSpan, Explanation
from sloengine.authoring.explain.numbers import counted, seconds
from sloengine.report import TerminalStyle
from sloengine.report.clean import one_line
from sloengine.report.layout import fit

_BAR = 30
_DEEPEST = 12
"""Levels that are drawn; deeper ones are numbered instead, so that lines end somewhere."""


@dataclass(frozen=True, slots=True)
class _Glyphs:
    branch: str
    last: str
    through: str


_DRAWN = _Glyphs("├─ ", "└─ ", "│  ")
_ASCII = _Glyphs("|- ", "`- ", "|  ")
_SPACE = "   "


@dataclass(frozen=True, slots=True)
class _Line:
    label: str
    span: ExplainedSpan | None
    """`None` on a line that stands for spans that are not shown."""


def tree_lines(
    explanation: Explanation, style: TerminalStyle, *, most: int, marked: Collection[int]
) -> list[str]:
    """Return the tree, at most about `most` spans of it; those in `marked` are never left out."""
    shown = _chosen(explanation.spans, most, marked)
    lines = _lines(explanation.spans, shown, _ASCII if style.ascii_only else _DRAWN)
    spans = explanation.spans
    begin = min(span.start_ns for span in spans)
    length = max(max(span.end_ns for span in spans) - begin, 1)
    label_width = max(cell_len(line.label) for line in lines)
    status_width = max((len(_status(line.span)) for line in lines if line.span), default=0)
    took_width = max((len(_took(line.span)) for line in lines if line.span), default=0)
    several = len(explanation.transactions) > 1
    marks = {index: _marks(span, several=several) for index, span in enumerate(spans)}
    mark_width = max(cell_len(text) for text in marks.values())
    rest = style.width - label_width - status_width - took_width - mark_width - 6
    bar_width = min(_BAR, rest) if style.width >= 80 and rest >= 6 else 0
    numbers = {id(span): index for index, span in enumerate(spans)}
    drawn = []
    for line in lines:
        if line.span is None:
            drawn.append(style.paint(line.label, "quiet"))
            continue
        status = _status(line.span)
        text = f"{fit(line.label, label_width)}  "
        if status_width:
            tone = "bad" if status == "ERROR" else ""
            text += style.paint(fit(status, status_width), tone) + "  "
        text += fit(_took(line.span), took_width, right=True)
        if bar_width:
            bar = fit(_bar(line.span, begin, length, bar_width), bar_width)
            text += "  " + style.paint(bar, "bad" if status == "ERROR" else "")
        text += f"  {marks[numbers[id(line.span)]]}"
        drawn.append(text)
    return drawn


def _chosen(spans: Sequence[ExplainedSpan], most: int, marked: Collection[int]) -> set[int]:
    if len(spans) <= most:
        return set(range(len(spans)))
    chosen: set[int] = set()
    for index in marked:
        _add_with_ancestors(index, spans, chosen)
    # Then the longest, whose ancestors are mostly longer still.
    longest = sorted(range(len(spans)), key=lambda i: (spans[i].start_ns - spans[i].end_ns, i))
    for index in longest:
        if len(chosen) >= most:
            break
        _add_with_ancestors(index, spans, chosen)
    return chosen


def _add_with_ancestors(index: int, spans: Sequence[ExplainedSpan], chosen: set[int]) -> None:
    while index >= 0 and index not in chosen:
        chosen.add(index)
        index = spans[index].parent


def _lines(spans: Sequence[ExplainedSpan], shown: set[int], glyphs: _Glyphs) -> list[_Line]:
    children: dict[int, list[int]] = {}
    hidden: dict[int, int] = {}
    for index, span in enumerate(spans):
        if index in shown:
            children.setdefault(span.parent, []).append(index)
        else:
            above = span.parent
            while above >= 0 and above not in shown:
                above = spans[above].parent
            hidden[above] = hidden.get(above, 0) + 1
    lines: list[_Line] = []
    # Siblings in the order in which they began; a stack, since a chain may be thousands deep.
    stack: list[tuple[int, str, str]] = [
        (index, "", "") for index in reversed(_by_start(children.get(-1, []), spans))
    ]
    while stack:
        index, first, below = stack.pop()
        span = spans[index]
        lines.append(_Line(first + _label(span), span))
        inside = _by_start(children.get(index, []), spans)
        left_out = hidden.get(index, 0)
        if left_out:
            glyph = glyphs.branch if inside else glyphs.last
            lines.append(_Line(f"{below}{glyph}… {counted(left_out, 'span')} not shown", None))
        deep = span.depth + 1 > _DEEPEST
        for child in reversed(inside):
            is_last = child == inside[-1]
            head = f"{below}{glyphs.last if is_last else glyphs.branch}"
            under = f"{below}{_SPACE if is_last else glyphs.through}"
            if deep:
                head, under = f"{below}+{span.depth + 1 - _DEEPEST} ", below
            stack.append((child, head, under))
    if -1 in hidden:
        lines.append(_Line(f"… {counted(hidden[-1], 'span')} not shown", None))
    return lines


def _by_start(indices: Sequence[int], spans: Sequence[ExplainedSpan]) -> list[int]:
    return sorted(indices, key=lambda index: (spans[index].start_ns, index))


def _label(span: ExplainedSpan) -> str:
    service = one_line(span.service) or "(no service)"
    return f"{service}  {one_line(span.name) or '(no name)'}"


def _status(span: ExplainedSpan) -> str:
    return span.status if span.status == "ERROR" else ""


def _took(span: ExplainedSpan) -> str:
    return seconds(span.end_ns - span.start_ns)


def _marks(span: ExplainedSpan, *, several: bool) -> str:
    marks = [f"entry of {one_line(name)}" if several else "entry" for name in span.entry_of]
    if span.orphan:
        marks.append("orphan")
    elif span.parent_missing:
        marks.append("parent not here (excused)")
    return ", ".join(marks)


def _bar(span: ExplainedSpan, begin: int, length: int, width: int) -> str:
    first = _rounded((span.start_ns - begin) * width, length)
    last = _rounded((max(span.end_ns, span.start_ns) - begin) * width, length)
    first = min(first, width - 1)
    return " " * first + "█" * max(1, min(last, width) - first)


def _rounded(part: int, whole: int) -> int:
    return (2 * part + whole) // (2 * whole)
