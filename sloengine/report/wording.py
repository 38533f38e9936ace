"""What every format says in the same words: order, names, verdicts and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from sloengine.evaluate.evaluation import AdjustmentUse, Evaluation, SloEvaluation
from sloengine.report import numbers
from sloengine.report.clean import one_line
from sloengine.report.moments import as_of, span_of, window_in_words
from sloengine.slo import State

OTHER = "other"
IGNORED = "ignored"
UNKNOWN_BLOCKS = Fraction(1, 100)
"""Above this share of unknown outcomes a verdict must not be trusted."""

WORDS = {State.MET: "met", State.MISSED: "missed", State.NO_DATA: "no data"}
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_RANK = {State.MISSED: 0, State.NO_DATA: 1, State.MET: 2}


def in_words(number: int) -> str:
    """Return small numbers as words, as sentences want them."""
    return _SMALL[number] if number < len(_SMALL) else numbers.count(number)


def ordered(slos: Sequence[SloEvaluation]) -> list[SloEvaluation]:
    """Return the promises that need attention first: missed, no data, then least budget."""

    def key(slo: SloEvaluation) -> tuple[int, Fraction, str, str]:
        remaining = slo.budget_remaining if slo.budget_remaining is not None else Fraction(0)
        return _RANK[slo.state], remaining, slo.slo, slo.objective

    return sorted(slos, key=key)


def labels(slos: Sequence[SloEvaluation]) -> dict[tuple[str, str, str], str]:
    """Return a short unique name for each objective: the SLO's own name wherever that is enough."""
    times = Counter(slo.slo for slo in slos)
    return {
        identity(slo): slo.slo
        if times[slo.slo] == 1
        else f"{slo.slo}/{slo.objective or numbers.target_percent(slo.target)}"
        for slo in slos
    }


def identity(slo: SloEvaluation) -> tuple[str, str, str]:
    """Return what tells one objective from all others of a report."""
    return slo.slo, slo.objective, str(slo.target)


def title(evaluation: Evaluation) -> str:
    """Return whose report this is: the one service of all promises, else a general name."""
    services = {slo.service for slo in evaluation.slos if slo.service}
    name = services.pop() if len(services) == 1 else ""
    return name[:1].upper() + name[1:] if name else "Error budgets"


def headline(evaluation: Evaluation) -> str:
    """Return the answer to “did our customers get what we promised?” in a sentence or two."""
    slos = ordered(evaluation.slos)
    missed = [slo for slo in slos if slo.state is State.MISSED]
    met = [slo for slo in slos if slo.state is State.MET]
    silent = [slo for slo in slos if slo.state is State.NO_DATA]
    if not slos:
        return "Nothing is promised yet: no SLO is defined."
    if len(silent) == len(slos):
        return "Not known: no transaction of a promised kind was seen."
    if missed:
        places = list(dict.fromkeys(slo.transaction for slo in missed))
        shown = _listed(places) if len(places) <= 3 else f"{in_words(len(missed))} promises"
        text = f"Not at {shown}."
        if met:
            text += f" {in_words(len(met)).capitalize()} other {_promises(len(met))} kept"
            text += f"; {_unjudged(len(silent))}." if silent else "."
        elif silent:
            text += f" {_unjudged(len(silent)).capitalize()}."
        return text
    kept = {1: "the promise was kept", 2: "both promises were kept"}.get(
        len(met), f"all {in_words(len(met))} promises were kept"
    )
    if silent:
        kept = f"{in_words(len(met))} {_promises(len(met))} kept; {_unjudged(len(silent))}"
    return f"Yes: {kept}."


def finding(slo: SloEvaluation) -> str:
    """Return what was found of one promise, in sentences without the verdict's word."""
    promised = numbers.target_percent(slo.target)
    if slo.sli is None:
        window = window_in_words(slo.window)
        return f"No {slo.transaction} transaction was counted in {window}."
    counted = f"{numbers.count(slo.total - slo.good)} bad of {numbers.count(slo.total)}"
    if slo.good == slo.total:
        return f"{counted} {slo.transaction} transactions; we promised {promised} good."
    share = numbers.sli_percent(slo.sli, slo.target)
    good = f"{share} of {slo.transaction} transactions were good; we promised {promised}."
    return f"{good} {counted}."


def lede(slo: SloEvaluation) -> str:
    """Return one promise's verdict and finding as a sentence."""
    return f"{WORDS[slo.state].capitalize()}: {finding(slo)}"


def actual(slo: SloEvaluation) -> str:
    """Return the SLI for people; no bad event is a count, never a bare 100%."""
    if slo.sli is None:
        return "no data"
    if slo.good == slo.total:
        return f"0 bad of {numbers.count(slo.total)}"
    return numbers.sli_percent(slo.sli, slo.target)


def reasons_of(slo: SloEvaluation) -> dict[str, int]:
    """Return the bad events by reason; one that only repeats its outcome is said once."""
    return {_said_once(reason): number for reason, number in slo.reasons.items()}


def _said_once(reason: str) -> str:
    outcome, _, why = reason.partition(": ")
    return outcome if why == outcome else reason


def window_of(evaluation: Evaluation) -> str:
    """Return the windows of a report: the dates where all are one, else their lengths."""
    windows = {(slo.start_ns, slo.end_ns, slo.window) for slo in evaluation.slos}
    if not windows:
        return "no window"
    if len(windows) == 1:
        start, end, written = next(iter(windows))
        return f"{span_of(start, end)}, {window_in_words(written)}, UTC"
    by_length = sorted(windows, key=lambda window: window[0] - window[1])
    lengths = dict.fromkeys(window_in_words(written) for _, _, written in by_length)
    return f"windows of {_listed(list(lengths))}, UTC"


def revision_of(evaluation: Evaluation) -> str:
    """Return the revision of the definitions and, where known, their git commit."""
    commit = f" ({evaluation.commit})" if evaluation.commit else ""
    return f"{evaluation.revision}{commit}"


def coverage_of(evaluation: Evaluation) -> str:
    """Return the share of minutes in which the engine was watching, rounded down."""
    share = evaluation.coverage.share
    return "not known" if share is None else numbers.percent(share, 2, numbers.Worse.DOWN)


def mapped_share(evaluation: Evaluation) -> Fraction | None:
    """Return the share of customer traffic that a definition maps; `None` without traffic."""
    counted = [share for share in evaluation.traffic if share.transaction != IGNORED]
    total = sum(share.total for share in counted)
    other = sum(share.total for share in counted if share.transaction == OTHER)
    return Fraction(total - other, total) if total else None


def notes(evaluation: Evaluation) -> list[str]:
    """Return what a reader must know before trusting the table, most important first."""
    found: list[str] = []
    label = labels(evaluation.slos)
    for slo in ordered(evaluation.slos):
        name = label[identity(slo)]
        if slo.state is State.NO_DATA:
            found.append(
                f"{name}: no {slo.transaction} transaction was counted; neither met nor missed"
            )
        if slo.unknown:
            seen = slo.total + slo.unknown
            beyond = Fraction(slo.unknown, seen) > UNKNOWN_BLOCKS
            warning = "; above 1%, do not trust the verdict" if beyond else ""
            found.append(
                f"{name}: {numbers.count(slo.unknown)} with an unknown outcome, "
                f"in neither good nor total{warning}"
            )
    found += _adjusted(evaluation)
    found += _whole(evaluation)
    found += _mixed(evaluation)
    found += _begin(evaluation)
    found += _watched(evaluation)
    mapped = mapped_share(evaluation)
    if mapped is not None and mapped < 1:
        share = numbers.percent(1 - mapped, 1, numbers.Worse.UP)
        found.append(f"{share} of customer traffic matches no definition{_top_names(evaluation)}")
    if evaluation.late_unverifiable:
        found.append(
            f"{numbers.count(evaluation.late_unverifiable)} late spans came after the horizon "
            "and changed nothing"
        )
    found += [f"not evaluated here: {line}" for line in evaluation.not_evaluated]
    return found


def _begin(evaluation: Evaluation) -> list[str]:
    label = labels(evaluation.slos)
    begun = {
        label[identity(slo)]: slo.observed_since_ns
        for slo in ordered(evaluation.slos)
        if slo.observed_since_ns is not None and slo.observed_since_ns > slo.start_ns
    }
    rest = "nothing is known of the time before"
    if begun and len(begun) == len(evaluation.slos):
        return [f"counts begin {as_of(min(begun.values()), year=True)}; {rest}"]
    return [f"{name}: counts begin {as_of(at, year=True)}; {rest}" for name, at in begun.items()]


def _adjusted(evaluation: Evaluation) -> list[str]:
    """Say what does not count, in time and in events, with its reason."""
    label = labels(evaluation.slos)
    return [
        f"{label[identity(slo)]}: {numbers.duration(use.periods_ns)} do not count "
        f"({one_line(use.reason)}; {use.name}): {numbers.count(use.total)} transactions left out, "
        f"{numbers.count(use.total - use.good)} of them bad{_unread(use)}"
        for slo in ordered(evaluation.slos)
        for use in slo.adjustments
    ]


def _unread(use: AdjustmentUse) -> str:
    """Say of how much time an adjustment's condition can be asked no more."""
    if not use.unread_ns:
        return ""
    return (
        f"; {numbers.duration(use.unread_ns)} of it are older than the facts that its condition "
        "asks, and count"
    )


def _whole(evaluation: Evaluation) -> list[str]:
    """Name transactions that have no value of the dimension that was asked for."""
    dimension = next((slo.by.dimension for slo in evaluation.slos if slo.by is not None), None)
    if dimension is None:
        return []
    whole = sorted({slo.transaction for slo in evaluation.slos if slo.by is None})
    return [f"{transaction} has no dimension {dimension}" for transaction in whole]


def _mixed(evaluation: Evaluation) -> list[str]:
    """Name transactions whose numbers come from more than one definition."""
    promised = {slo.transaction for slo in evaluation.slos}
    found = []
    for transaction in sorted(promised):
        uses = [use for use in evaluation.definitions if use.transaction == transaction]
        if len(uses) > 1:
            last = uses[-1]
            found.append(
                f"{transaction}: {in_words(len(uses))} definitions judged this window; "
                f"{last.definition} from {as_of(last.first_ns, year=True)} on, "
                f"{numbers.count(last.events)} of {numbers.count(sum(u.events for u in uses))}"
            )
    return found


def _watched(evaluation: Evaluation) -> list[str]:
    coverage = evaluation.coverage
    missing = coverage.minutes - coverage.covered_minutes
    if missing <= 0:
        return []
    minutes = f"{numbers.count(missing)} of {numbers.count(coverage.minutes)} minutes"
    return [f"the engine was not watching in {minutes}"]


def _top_names(evaluation: Evaluation) -> str:
    if not evaluation.other_names:
        return ""
    service, name, number = evaluation.other_names[0]
    more = len(evaluation.other_names) - 1
    rest = f" and {more} more name{'s' if more > 1 else ''}" if more else ""
    return f": {name} at {service}, {numbers.count(number)} times{rest}"


def _promises(number: int) -> str:
    return "promise was" if number == 1 else "promises were"


def _unjudged(number: int) -> str:
    return f"{in_words(number)} cannot be judged yet"


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
