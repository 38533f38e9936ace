"""Inline SVG of the HTML report: signed budget bars and the course of a budget.

Shapes stretch with the page (percent, or a view box without fixed proportions); text does not.
Every string that ends up in the SVG is made here or escaped by markupsafe.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from markupsafe import Markup

from sloengine.evaluate.evaluation import SloEvaluation
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.report.course import CoursePoint, axis, course_of, ran_out, when
from sloengine.report.moments import span_of, step_label, window_in_words
from sloengine.slo import State

_TONES = {State.MET: "var(--good)", State.MISSED: "var(--bad)", State.NO_DATA: "var(--unk)"}
_TOP = 14
_PLOT = 220
_HEIGHT = 266
_LABEL_HEIGHT = 13
_MOST_TICKS = 28
_FEW_TICKS = 6


def budget_bar(slo: SloEvaluation, number: int) -> Markup:
    """Return the signed bar: right of the line what is left, left of it what is overspent.

    Half the width is 100% of the budget; an arrow head says that it goes on beyond. `number` makes
    ids unique in the page.
    """
    remaining = slo.budget_remaining
    head = Markup(
        '<svg role="img" aria-labelledby="bt{n} bd{n}" width="100%" height="16">'
        '<title id="bt{n}">{title}</title><desc id="bd{n}">{desc}</desc>'
    )
    rail = Markup('<rect x="0" y="7.5" width="100%" height="1" fill="var(--line)"/>')
    zero = Markup('<line x1="50%" x2="50%" y1="0" y2="16" stroke="var(--ink)"/></svg>')
    if remaining is None:
        shape = Markup(
            '<rect x="50%" y="4" width="50%" height="8" fill="url(#hunk)" stroke="var(--unk)" '
            'stroke-width=".6" stroke-dasharray="3 2"/>'
        )
        words = head.format(n=number, title="Budget left: not known", desc="No event was counted.")
        return words + shape + zero
    width = min(abs(remaining), Fraction(1)) * 50
    x = Fraction(50) if remaining >= 0 else 50 - width
    shape = Markup('<rect x="{x}%" y="3" width="{w}%" height="10" fill="{tone}"/>').format(
        x=_point(x), w=_point(width), tone=_TONES[slo.state]
    )
    if remaining < -1:
        shape += Markup('<path d="M7 0L0 8l7 8z" fill="var(--bad)" stroke="var(--bg)"/>')
    words = head.format(
        n=number,
        title=f"Budget left {numbers.signed_percent(remaining)}",
        desc="Right of the line: budget left. Left of it: overspent. Half the width is 100% of it.",
    )
    return words + rail + shape + zero


def share_bar(part: int, whole: int, tone: str) -> Markup:
    """Return a plain bar for a part of a whole; the number beside it speaks to screen readers."""
    width = Fraction(part * 100, whole) if whole else Fraction(0)
    return Markup(
        '<svg width="100%" height="16" aria-hidden="true"><rect y="3" height="10" width="{w}%" '
        'fill="{tone}"/></svg>'
    ).format(w=_point(width), tone=tone)


def course_finding(slo: SloEvaluation) -> str:
    """Return what the chart shows, as the heading over it."""
    points = course_of(slo)
    if not points or slo.budget_remaining is None:
        return "The course of the budget is not known"
    empty = ran_out(points)
    left = numbers.signed_percent(slo.budget_remaining)
    if empty is not None:
        used = numbers.percent(1 - slo.budget_remaining, 0, numbers.Worse.UP)
        return f"The budget ran out {when(empty)}; {used} of it is used"
    if slo.budget_used == 0:
        return f"Nothing of the budget was used: 0 bad of {numbers.count(slo.total)}"
    return f"{left.removeprefix('+')} of the budget is left"


def course_chart(slo: SloEvaluation, number: int) -> Markup:
    """Return the budget left at the end of each step, the even spend and the zero line.

    Empty where the evaluation holds no course. Steps without any event are hatched: nothing is
    known there.
    """
    points = course_of(slo)
    if not points:
        return Markup("")
    grid = axis(points, rows=6)
    scale = _Scale(points, grid)
    labels = Markup("").join(
        Markup('<text x="100%" dx="-8" y="{y}" text-anchor="end">{text}</text>').format(
            y=_point(scale.y(value) + 4), text=numbers.signed_percent(value).removeprefix("+")
        )
        for value in grid
        if value == 0 or abs(scale.y(value) - scale.y(Fraction(0))) >= _LABEL_HEIGHT
    )
    lines = Markup("").join(
        Markup('<line x1="0" x2="100%" y1="{y}" y2="{y}" stroke="{tone}"/>').format(
            y=_point(scale.y(value)), tone="var(--ink)" if value == 0 else "var(--line)"
        )
        for value in grid
    )
    final = points[-1].left
    body = lines + _unknown(points, scale) + _line(points, scale) + _empty(points, scale)
    end = Markup(
        '<text class="{cls}" x="6" y="{y}" style="font-size:15px;font-weight:650">{text}</text>'
    ).format(
        cls="b" if final < 0 else "k",
        y=_point(scale.y(final) + 5),
        text=numbers.signed_percent(final),
    )
    return Markup(
        '<div class="ax"><svg width="100%" height="{h}" aria-hidden="true">{labels}</svg>'
        '<svg role="img" aria-labelledby="ct{n} cd{n}" width="100%" height="{h}">'
        '<title id="ct{n}">{title}</title><desc id="cd{n}">{desc}</desc>{body}{ticks}</svg>'
        '<svg width="100%" height="{h}" aria-hidden="true">{end}</svg></div>'
    ).format(
        h=_HEIGHT,
        n=number,
        labels=labels,
        title=f"Error budget of {one_line(slo.slo)} over {window_in_words(slo.window)}",
        desc=_in_words(slo, points),
        body=body,
        ticks=_ticks(points, scale),
        end=end,
    )


class _Scale:
    """Places of instants in percent of the width, of budget shares in pixels from the top."""

    def __init__(self, points: list[CoursePoint], grid: list[Fraction]) -> None:
        self.start = points[0].start_ns
        self.length = points[-1].end_ns - self.start
        self.top = grid[0]
        self.range = grid[0] - grid[-1]

    def x(self, ns: int) -> Fraction:
        """Return percent of the width."""
        return Fraction((ns - self.start) * 100, self.length)

    def y(self, left: Fraction) -> Fraction:
        """Return pixels from the top of the drawing."""
        return _TOP + (self.top - left) / self.range * _PLOT


def _line(points: list[CoursePoint], scale: _Scale) -> Markup:
    """Draw even spend, the area overspent, and the line; a step is a slope between its ends."""
    # Before the first event there is nothing to draw: the budget was not known to be whole.
    first = next((i for i, point in enumerate(points) if point.observed), len(points) - 1)
    course = [(scale.x(points[first].start_ns), scale.y(Fraction(1)))]
    course += [(scale.x(point.end_ns), scale.y(point.left)) for point in points[first:]]
    zero = scale.y(Fraction(0))
    path = "M" + " ".join(f"{_point(x)},{_point(y)}" for x, y in course)
    below = [(x, max(y, zero)) for x, y in _crossed(course, zero)]
    area = f"M{_point(course[0][0])},{_point(zero)} " + " ".join(
        f"{_point(x)},{_point(y)}" for x, y in below
    )
    area += f" {_point(course[-1][0])},{_point(zero)}z"
    return Markup(
        '<svg width="100%" height="{h}" viewBox="0 0 100 {h}" preserveAspectRatio="none">'
        '<path class="ns" d="M0,{y0} L100,{y1}" stroke="var(--axis)" stroke-dasharray="5 4" '
        'fill="none"/><path d="{area}" fill="var(--bad)" opacity=".18"/>'
        '<path class="ns" d="{path}" fill="none" stroke="var(--ink)" stroke-width="2" '
        'stroke-linejoin="round"/></svg>'
        '<text class="wide" x="30%" y="{label}" dx="6">dashed: spent evenly</text>'
    ).format(
        h=_HEIGHT,
        y0=_point(scale.y(Fraction(1))),
        y1=_point(zero),
        area=area,
        path=path,
        label=_point(scale.y(Fraction(7, 10)) - 6),
    )


def _crossed(
    course: list[tuple[Fraction, Fraction]], zero: Fraction
) -> list[tuple[Fraction, Fraction]]:
    """Return the course with a point wherever it crosses the zero line."""
    result = course[:1]
    for (x0, y0), (x1, y1) in pairwise(course):
        if (y0 - zero) * (y1 - zero) < 0:
            result.append((x0 + (x1 - x0) * (zero - y0) / (y1 - y0), zero))
        result.append((x1, y1))
    return result


def _unknown(points: list[CoursePoint], scale: _Scale) -> Markup:
    drawn = Markup("")
    begin: CoursePoint | None = None
    for point, following in zip(points, [*points[1:], None], strict=True):
        if not point.observed and begin is None:
            begin = point
        if begin is not None and (following is None or following.observed):
            drawn += Markup(
                '<rect x="{x}%" y="{top}" width="{w}%" height="{h}" fill="url(#hunk)" '
                'opacity=".55"><title>No data: {text}</title></rect>'
            ).format(
                x=_point(scale.x(begin.start_ns)),
                w=_point(scale.x(point.end_ns) - scale.x(begin.start_ns)),
                top=_TOP,
                h=_PLOT,
                text=span_of(begin.start_ns, point.end_ns),
            )
            begin = None
    return drawn


def _empty(points: list[CoursePoint], scale: _Scale) -> Markup:
    empty = ran_out(points)
    if empty is None:
        return Markup("")
    x = scale.x(empty.end_ns)
    zero = scale.y(Fraction(0))
    anchor, dx = ("end", -9) if x > 50 else ("start", 9)
    return Markup(
        '<circle cx="{x}%" cy="{y}" r="4" fill="var(--bad)" stroke="var(--bg)" '
        'stroke-width="1.5"/><text class="b" x="{x}%" dx="{dx}" y="{ty}" '
        'text-anchor="{anchor}">ran out {when}</text>'
    ).format(
        x=_point(x),
        y=_point(scale.y(empty.left)),
        ty=_point(zero - 8 if zero > _TOP + 40 else zero + 18),
        anchor=anchor,
        dx=dx,
        when=when(empty),
    )


def _ticks(points: list[CoursePoint], scale: _Scale) -> Markup:
    step = points[0].end_ns - points[0].start_ns
    labels = [step_label(point.start_ns, step) for point in points]
    # Steps shorter than a minute share a label; the first of them bears it.
    labelled = [i for i, label in enumerate(labels) if i == 0 or label != labels[i - 1]]
    shown = labelled[:: max(1, -(-len(labelled) // _MOST_TICKS))]
    drawn = Markup("")
    for place, index in enumerate(shown):
        point = points[index]
        middle = (scale.x(point.start_ns) + scale.x(point.end_ns)) / 2
        wide = Markup(' class="wide"') if len(shown) > _FEW_TICKS and place % 7 else Markup("")
        drawn += Markup('<text{wide} x="{x}%" y="{y}" text-anchor="middle">{text}</text>').format(
            wide=wide, x=_point(middle), y=_HEIGHT - 8, text=labels[index]
        )
    return drawn


def _in_words(slo: SloEvaluation, points: list[CoursePoint]) -> str:
    worst = max(points, key=lambda point: point.bad)
    silent = sum(not point.observed for point in points)
    text = f"Starts at 100 percent and ends at {numbers.signed_percent(points[-1].left)}. "
    text += f"{course_finding(slo)}. Most bad events: {numbers.count(worst.bad)} {when(worst)}. "
    if silent:
        text += f"{silent} of {len(points)} steps hold no event. "
    return f"{text}The dashed line falls evenly from 100 percent to zero."


def _point(value: Fraction) -> str:
    return f"{float(value):.2f}".rstrip("0").rstrip(".")
