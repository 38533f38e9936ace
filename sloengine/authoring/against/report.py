"""What `validate --against` says: matches, conditions that never held, fields, values."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from sloengine.authoring.against.sightings import (
    REST,
    FieldSightings,
    Sightings,
    Use,
    uses_of,
    values_of,
)
from sloengine.authoring.explain.numbers import counted
from sloengine.authoring.scan import Scanned
from sloengine.ottl import Field
from sloengine.report import TerminalStyle, numbers
from sloengine.report.clean import one_line
from sloengine.report.layout import wrap
from sloengine.store import IGNORED, OTHER

_MOST_PLACES = 3
VERSION = 1


def suggestion(wanted: Field, sightings: Sightings) -> str | None:
    """Return an attribute that was seen and is spelt alike; only for a field never found."""
    if not wanted.has_key or sightings.fields[wanted].spans:
        return None
    close = get_close_matches(wanted.key, sorted(sightings.keys - {wanted.key}), n=1, cutoff=0.7)
    return close[0] if close else None


def share(part: int, whole: int) -> str:
    """Return a share in percent that is 0% or 100% only where it is exactly that."""
    if not whole:
        return numbers.NONE
    exact = Fraction(part, whole) * 100
    rounded = round(exact, 1)
    if (rounded == 0) != (exact == 0):
        return "under 0.1%"
    if (rounded == 100) != (exact == 100):
        return "over 99.9%"
    return f"{float(rounded):.1f}%" if rounded not in (0, 100) else f"{rounded}%"


def render_text(sightings: Sightings, scanned: Scanned, style: TerminalStyle | None = None) -> str:
    """Return what was found as text."""
    style = style or TerminalStyle()
    lines = [_head(sightings, scanned), ""]
    for title, body in (
        ("Transactions", list(_transactions(sightings, style))),
        ("Conditions that held on no span", list(_never(sightings, style))),
        ("Conditions that err", list(_errors(sightings, style))),
        ("Attributes that definitions read", list(_fields(sightings, style))),
        ("Values of transactions", list(_values(sightings, style))),
    ):
        if body:
            lines += [style.paint(title, "bold"), *body, ""]
    lines += [f"{one_line(problem)}" for problem in scanned.problems]
    return style.finish(lines[:-1] if not lines[-1] else lines)


def _head(sightings: Sightings, scanned: Scanned) -> str:
    text = f"{counted(sightings.spans, 'span')} in {counted(scanned.traces, 'trace')}"
    if scanned.split:
        text += f"; {numbers.count(scanned.split)} came in parts too far apart to put together"
    return text


def _transactions(sightings: Sightings, style: TerminalStyle) -> Iterator[str]:
    names = [rule.name for rule in sightings.plan.transactions]
    for name in [*names, OTHER, IGNORED]:
        outcomes = {
            (outcome, reason): number
            for (found, outcome, reason), number in sightings.outcomes.items()
            if found == name
        }
        total = sum(outcomes.values())
        if not total:
            if name in names:
                yield style.paint(f"  ✗ {name}: no span was taken as its entry", "bad")
            continue
        detail = ", ".join(
            f"{outcome}{f' {reason}' if reason and reason != outcome else ''} "
            f"{numbers.count(number)}"
            for (outcome, reason), number in sorted(outcomes.items(), key=lambda item: -item[1])
        )
        mark = "✓" if name in names else "–"
        text = f"{one_line(name)}: {numbers.count(total)} ({one_line(detail)})"
        if name == OTHER:
            text += f"; most: {_most(sightings)}"
        yield from _item(mark, text, style)


def _most(sightings: Sightings) -> str:
    return ", ".join(
        f"{one_line(service)} {one_line(name)} {numbers.count(number)}"
        for (service, name), number in sightings.unmapped.most_common(_MOST_PLACES)
    )


def _never(sightings: Sightings, style: TerminalStyle) -> Iterator[str]:
    for use in sightings.never_held():
        condition = sightings.plan.conditions[use.condition]
        nobody = [wanted for wanted in condition.fields if not sightings.fields[wanted].spans]
        why = "it did not happen in these traces"
        if nobody:
            why = f"{nobody[0]} is on no span"
            close = suggestion(nobody[0], sightings)
            why += f'; did you mean "{close}"?' if close else ""
        mark = "✗" if nobody or use.rule == "entry" else "–"
        yield from _item(mark, f"{_where(use)}: {one_line(condition.text)}: {why}", style)


def _errors(sightings: Sightings, style: TerminalStyle) -> Iterator[str]:
    counted = sightings.erred
    for use in uses_of(sightings.plan):
        erred = counted[use.condition]
        if erred:
            text = one_line(sightings.plan.conditions[use.condition].text)
            spans = f"{numbers.count(erred)} spans"
            yield from _item("!", f"{_where(use)}: {text}: errs on {spans}", style)


def _where(use: Use) -> str:
    return f"{one_line(use.definition)}, {one_line(use.rule)}"


def _fields(sightings: Sightings, style: TerminalStyle) -> Iterator[str]:
    for wanted in sightings.plan.fields:
        if not wanted.has_key:
            continue
        found = sightings.fields[wanted]
        if not found.spans:
            close = suggestion(wanted, sightings)
            hint = f'; did you mean "{close}"?' if close else ""
            yield from _item("✗", f"{wanted}: on no span{hint}", style)
            continue
        if found.spans == sightings.spans:
            yield from _item("✓", f"{wanted}: on every span", style)
            continue
        listed = "; ".join(_places(found, sightings))
        rest = len(found.found) - _MOST_PLACES
        more = f"; and {numbers.count(rest)} more" if rest > 0 else ""
        nil = share(sightings.spans - found.spans, sightings.spans)
        yield from _item("✓", f"{wanted}: {listed}{more}; nil on {nil} of all spans", style)


def _places(found: FieldSightings, sightings: Sightings) -> Iterator[str]:
    for place, number in found.found.most_common(_MOST_PLACES):
        spans = sightings.places[place]
        label = " ".join(one_line(part) for part in place if part) or "(no service, no name)"
        yield f"{label} (nil on {share(spans - number, spans)} of {numbers.count(spans)})"


def _values(sightings: Sightings, style: TerminalStyle) -> Iterator[str]:
    for rule in sightings.plan.transactions:
        for name, _ in values_of(rule):
            found = sightings.values[rule.name, name]
            if not found.transactions:
                continue
            nil = share(found.transactions - found.found, found.transactions)
            places = "; ".join(
                f"{one_line(expression)} on {one_line(f'{service} {span}')} ({where}) "
                f"{share(number, found.transactions)}"
                for (expression, where, service, span), number in found.places.most_common(
                    _MOST_PLACES
                )
            )
            mark = "✓" if found.found else "✗"
            text = f"{one_line(rule.name)}, {one_line(name)}: nil on {nil}"
            yield from _item(mark, f"{text}{'; ' + places if places else ''}", style)


def _item(mark: str, text: str, style: TerminalStyle) -> Iterator[str]:
    tone = {"✗": "bad", "!": "watch", "–": "quiet"}.get(mark, "")
    lines = wrap(text, style.width - 5)
    yield f"  {style.paint(mark, tone)} {lines[0]}"
    yield from (f"      {line}" for line in lines[1:])


def document(sightings: Sightings, scanned: Scanned) -> dict[str, Any]:
    """Return what was found for a JSON document, complete but for rare places."""
    plan, held, erred = sightings.plan, sightings.held, sightings.erred
    return {
        "version": VERSION,
        "revision": plan.revision,
        "spans": sightings.spans,
        "traces": scanned.traces,
        "problems": scanned.problems,
        "transactions": [
            {
                "transaction": name,
                "outcome": outcome,
                "reason": reason,
                "count": number,
            }
            for (name, outcome, reason), number in sorted(sightings.outcomes.items())
        ],
        "unmatched": [
            rule.name for rule in plan.transactions if not sightings.transactions(rule.name)
        ],
        "conditions": [
            {
                "definition": use.definition,
                "rule": use.rule,
                "condition": plan.conditions[use.condition].text,
                "held": held[use.condition],
                "erred": erred[use.condition],
            }
            for use in uses_of(plan)
        ],
        "attributes": [
            {
                "attribute": str(wanted),
                "spans": sightings.fields[wanted].spans,
                "didYouMean": suggestion(wanted, sightings),
                "found": [
                    {
                        "service": place[0],
                        "span": place[1],
                        "spans": sightings.places[place],
                        "nil": sightings.places[place] - number,
                    }
                    for place, number in sightings.fields[wanted].found.most_common(100)
                    if place != REST
                ],
            }
            for wanted in plan.fields
            if wanted.has_key
        ],
        "values": [
            {
                "transaction": transaction,
                "value": name,
                "transactions": found.transactions,
                "nil": found.transactions - found.found,
                "found": [
                    {
                        "expression": expression,
                        "on": where,
                        "service": service,
                        "span": span,
                        "transactions": number,
                    }
                    for (expression, where, service, span), number in (
                        found.places.most_common(100)
                    )
                ],
            }
            for (transaction, name), found in sightings.values.items()
        ],
    }
