"""The report as one HTML file: no script, no external asset, complete on paper."""

from __future__ import annotations

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sloengine.evaluate.evaluation import Breakdown, Evaluation, SloEvaluation
from sloengine.report import numbers
from sloengine.report.charts import budget_bar, course_chart, course_finding, share_bar
from sloengine.report.clean import one_line
from sloengine.report.moments import as_of, rfc3339
from sloengine.report.parts import (
    MoneyLine,
    PartLine,
    money_lines,
    money_notes,
    part_finding,
    part_lines,
    part_money_lines,
    part_notes,
)
from sloengine.report.wording import (
    IGNORED,
    OTHER,
    WORDS,
    actual,
    coverage_of,
    finding,
    headline,
    identity,
    labels,
    mapped_share,
    notes,
    ordered,
    reasons_of,
    revision_of,
    title,
    window_of,
)


@dataclass(frozen=True, slots=True)
class _Bar:
    """A line of a table with a bar: a name, its count, its share, the bar."""

    name: str
    count: str
    share: str
    bar: Markup
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Burn:
    """A burn rate as it is printed."""

    window: str
    rate: str
    seen: str


@dataclass(frozen=True, slots=True)
class _Promise:
    """All that the template prints of one objective; strings are escaped by the template."""

    anchor: str
    label: str
    about: str
    state: str
    verdict: str
    lede: str
    target: str
    actual: str
    counts: str
    left: str
    left_note: str
    bar: Markup
    burns: tuple[_Burn, ...]
    finding: str
    chart: Markup
    reasons: tuple[_Bar, ...]
    bad: str
    sums: tuple[tuple[str, str, str], ...]
    by: _By | None
    worth: tuple[MoneyLine, ...]
    worth_notes: tuple[str, ...]
    owner: str
    position: str


@dataclass(frozen=True, slots=True)
class _By:
    """An objective by value of a dimension: lines with their bars, then money."""

    dimension: str
    finding: str
    lines: tuple[tuple[PartLine, Markup], ...]
    worth: tuple[MoneyLine, ...]
    notes: tuple[str, ...]


def render_html(evaluation: Evaluation) -> str:
    """Return the whole page.

    The page carries a Content-Security-Policy of `default-src 'none'` and needs no script. Text
    that came from spans or files is escaped and freed of control characters.
    """
    environment = Environment(
        loader=PackageLoader("sloengine.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
    )
    label = labels(evaluation.slos)
    rows = ordered(evaluation.slos)
    promises = [_promise(slo, label[identity(slo)], i) for i, slo in enumerate(rows, start=1)]
    mapped = mapped_share(evaluation)
    template = environment.get_template("report.html.j2")
    return template.render(
        title=title(evaluation),
        headline=headline(evaluation),
        window=window_of(evaluation),
        as_of=as_of(evaluation.at_ns, year=True),
        at=rfc3339(evaluation.at_ns),
        coverage=coverage_of(evaluation),
        mapped="" if mapped is None else numbers.percent(mapped, 1, numbers.Worse.DOWN),
        revision=revision_of(evaluation),
        promises=promises,
        traffic=_traffic(evaluation),
        unmapped=[(s, n, numbers.count(c)) for s, n, c in evaluation.other_names],
        notes=notes(evaluation),
        coverage_minutes=_coverage_minutes(evaluation),
        corrected=numbers.count(sum(slo.corrected for slo in rows)),
    )


def _harmless(value: object) -> object:
    """Strip control characters from every printed string; markup is made by this package."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else one_line(value)


def _promise(slo: SloEvaluation, label: str, number: int) -> _Promise:
    bad = slo.total - slo.good
    return _Promise(
        anchor=f"promise-{number}",
        label=label,
        about=slo.display_name or slo.description,
        state=slo.state.value,
        verdict=WORDS[slo.state].capitalize(),
        lede=finding(slo),
        target=numbers.target_percent(slo.target),
        actual=actual(slo),
        counts=_counts(slo),
        left="not known"
        if slo.budget_remaining is None
        else numbers.signed_percent(slo.budget_remaining),
        left_note=_left_note(slo),
        bar=budget_bar(slo, number),
        burns=tuple(
            _Burn(
                rate.window,
                "no data" if rate.rate is None else numbers.burn(rate.rate),
                f"{numbers.count(rate.total - rate.good)} bad of {numbers.count(rate.total)}",
            )
            for rate in slo.burn_rates
        ),
        finding=course_finding(slo),
        chart=course_chart(slo, number),
        reasons=_reasons(slo),
        bad=numbers.count(bad),
        sums=_sums(slo),
        by=None if slo.by is None else _by(slo, slo.by),
        worth=tuple(money_lines(slo)),
        worth_notes=tuple(money_notes(slo)),
        owner=(slo.annotations or {}).get("owner", ""),
        position=slo.position,
    )


def _counts(slo: SloEvaluation) -> str:
    if slo.budget_total is None:
        return ""
    allowed = f"{numbers.events(slo.budget_total)} allowed"
    if slo.good == slo.total:
        return allowed
    bad = slo.total - slo.good
    return f"{numbers.count(bad)} bad of {numbers.count(slo.total)}; {allowed}"


def _left_note(slo: SloEvaluation) -> str:
    if slo.budget_total is None or slo.budget_remaining is None:
        return "no event was counted"
    over = slo.budget_used - slo.budget_total
    if over > 0:
        return f"{numbers.count(-(-over.numerator // over.denominator))} too many"
    lasts = slo.time_to_exhaustion_ns
    if lasts is not None and lasts < slo.end_ns - slo.start_ns:
        return f"lasts {numbers.duration(lasts)} at the last hour’s pace"
    return f"{numbers.events(-over)} more may be bad"


def _reasons(slo: SloEvaluation) -> tuple[_Bar, ...]:
    reasons = reasons_of(slo)
    bad = sum(reasons.values())
    shares = numbers.shares_of_whole(reasons)
    most = max(reasons.values(), default=0)
    return tuple(
        _Bar(reason, numbers.count(n), shares[reason], share_bar(n, most, "var(--bad)"))
        for reason, n in reasons.items()
        if bad
    )


def _by(slo: SloEvaluation, by: Breakdown) -> _By:
    lines = part_lines(slo, by)
    most = max((line.bad_events for line in lines if line.is_part), default=0)
    return _By(
        dimension=by.dimension,
        finding=part_finding(slo, by),
        lines=tuple(
            (line, share_bar(line.bad_events if line.is_part else 0, most, "var(--bad)"))
            for line in lines
        ),
        worth=tuple(part_money_lines(slo, by)),
        notes=tuple(part_notes(slo, by)),
    )


def _sums(slo: SloEvaluation) -> tuple[tuple[str, str, str], ...]:
    rows = [
        ("Total", numbers.count(slo.total), "counted"),
        ("Good", numbers.count(slo.good), "counted"),
        ("Excluded", numbers.count(slo.excluded), "counted; in neither good nor total"),
        ("Unknown", numbers.count(slo.unknown), "counted; spans are missing"),
        ("Corrected", numbers.count(slo.corrected), "counted; changed by late spans"),
    ]
    if slo.budget_total is not None:
        share = numbers.target_percent(slo.target)
        total = numbers.count(slo.total)
        rows.append(("Budget", numbers.events(slo.budget_total), f"(100% − {share}) × {total}"))
    return tuple(rows)


def _traffic(evaluation: Evaluation) -> list[_Bar]:
    totals = {share.transaction: share.total for share in evaluation.traffic}
    shares = numbers.shares_of_whole(totals)
    most = max(totals.values(), default=0)
    remarks = {OTHER: "no definition maps it", IGNORED: "named by a kind: Ignore; promised nothing"}
    tones = {OTHER: "url(#hunk)", IGNORED: "var(--line)"}
    return [
        _Bar(
            name,
            numbers.count(total),
            shares[name],
            share_bar(total, most, tones.get(name, "var(--axis)")),
            remarks.get(name, ""),
        )
        for name, total in totals.items()
    ]


def _coverage_minutes(evaluation: Evaluation) -> str:
    coverage = evaluation.coverage
    covered, minutes = numbers.count(coverage.covered_minutes), numbers.count(coverage.minutes)
    return f"{covered} of {minutes} minutes"
