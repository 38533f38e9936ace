"""The schema of the JSON report (JSON Schema 2020-12) and the page that explains it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]


def _object(about: str, /, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": about,
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _instant(description: str) -> Schema:
    return _text(description, format="date-time")


def _count(description: str) -> Schema:
    return {"type": "integer", "minimum": 0, "description": description}


def _list(description: str, items: Schema) -> Schema:
    return {"type": "array", "description": description, "items": items}


def _map(description: str, values: Schema) -> Schema:
    return {"type": "object", "description": description, "additionalProperties": values}


def _ratio(description: str) -> Schema:
    return {"description": description, "$ref": "#/$defs/ratio"}


def _maybe(description: str, schema: Schema) -> Schema:
    return {"description": description, "anyOf": [schema, {"type": "null"}]}


def _amount(description: str) -> Schema:
    return {"description": description, "$ref": "#/$defs/amount"}


def _flag(description: str) -> Schema:
    return {"type": "boolean", "description": description}


_RATIO: Final = {"$ref": "#/$defs/ratio"}
_INSTANT: Final = {"type": "string", "format": "date-time"}

_MONEY: Final = _maybe(
    "What counted transactions were worth, from `facts_since` on. Null where the transaction "
    "declares no `value`.",
    {"$ref": "#/$defs/money"},
)


def _part(about: str, **more: Schema) -> Schema:
    """Return an object with what each part of a window has, between the first and the last."""
    parts = {
        "good": _count("Good transactions."),
        "bad": _count("`total - good`."),
        "total": _count("Counted transactions."),
        "excluded": _count("Excluded transactions."),
        "unknown": _count("Transactions whose outcome is not known."),
        "sli": _maybe("`good / total`; null is no data.", _RATIO),
        "share_of_bad": _maybe(
            "Of the bad transactions of the whole window; null where there is none.", _RATIO
        ),
        "budget_used": _maybe(
            "`bad / budget.total` of the whole window; null where that holds no event.", _RATIO
        ),
    }
    last = {name: schema for name, schema in more.items() if name == "money"}
    first = {name: schema for name, schema in more.items() if name != "money"}
    return _object(about, **first, **parts, **last)


_BY_DIMENSION: Final = _maybe(
    "The window by value of the dimension that `--by` names; `rows` and `untold` sum to the "
    "window's own counts. Null without `--by`, and where the transaction has no such dimension.",
    _object(
        "The window by value.",
        dimension=_text("Its name."),
        limit=_count("How many values the definition shows: those with most transactions."),
        values=_count("Distinct values in the window, `__none__` included, `__other__` not."),
        capped=_flag("Whether `__other__` holds values, too, that the store did not tell apart."),
        rows=_list(
            "Most bad first, then most counted, then by value; `__other__` last.",
            _part(
                "One value.",
                value=_text(
                    "As it came; `__none__` where no span said it, `__other__` for all values that "
                    "are not shown."
                ),
                money=_MONEY,
            ),
        ),
        untold=_maybe(
            "What was counted before `facts_since`, where values are not known; null is nothing.",
            _part("Counted before values are known."),
        ),
    ),
)

_SLO: Final = _object(
    "One objective of one SLO.",
    slo=_text("Name of the SLO."),
    objective=_text("Name of the objective; empty where the SLO has one without a name."),
    display_name=_text("Name for people."),
    description=_text("What is promised."),
    service=_text("The service that the SLO names."),
    transaction=_text("The business transaction that is counted."),
    indicator=_text("Content hash of all that decides which transactions are good or counted."),
    state=_text(
        "The verdict: `good / total` against the target, compared as exact fractions. No event in "
        "the window is `no_data`, neither met nor missed.",
        enum=["met", "missed", "no_data"],
    ),
    window=_object(
        "A transaction belongs to the window in which its entry span ended.",
        duration=_text("The window as it was written, for instance `28d`."),
        start=_instant("Inclusive."),
        end=_instant("Exclusive."),
    ),
    good=_count("Good transactions."),
    bad=_count("`total - good`."),
    total=_count("Counted transactions."),
    excluded=_count("Transactions that a rule excludes; in neither `good` nor `total`."),
    unknown=_count(
        "Transactions whose outcome cannot be known (spans are missing); in neither `good` nor "
        "`total`, unless the SLO says that unknown is bad."
    ),
    corrected=_count("Verdicts of this window that late spans changed after they were counted."),
    target=_ratio("The promised share of good transactions."),
    sli=_maybe("`good / total`.", _RATIO),
    budget=_object(
        "The error budget of the window.",
        total=_maybe("Transactions that may be bad: `(1 - target) * total`.", _RATIO),
        used=_count("Transactions that were bad."),
        remaining=_maybe(
            "Share of the budget that is left, 1 is all of it; negative is overspent, never "
            "clamped.",
            _RATIO,
        ),
    ),
    burn_rates=_list(
        "How fast the budget burns over shorter windows; 1 uses it up exactly in `window`.",
        _object(
            "One window that ends at `as_of`.",
            window=_text("Length, for instance `1h`."),
            good=_count("Good transactions in it."),
            total=_count("Counted transactions in it."),
            rate=_maybe("`(total - good) / total / (1 - target)`.", _RATIO),
        ),
    ),
    time_to_exhaustion_seconds=_maybe(
        "When the budget is used up at the pace of the last hour; null where it never is or "
        "already was.",
        {"type": "integer", "minimum": 0},
    ),
    reasons=_list(
        "Why transactions were bad, most frequent first.",
        _object(
            "One reason.",
            reason=_text("`outcome: reason`."),
            count=_count("Bad transactions with it."),
        ),
    ),
    course=_list(
        "Counts of each step of the window, in order of time; empty where none was asked for.",
        _object(
            "One step.",
            start=_instant("Inclusive."),
            end=_instant("Exclusive."),
            good=_count("Good transactions in it."),
            total=_count("Counted transactions in it."),
        ),
    ),
    adjustments=_list(
        "What budget adjustments left out of good and total.",
        _object(
            "One BudgetAdjustment.",
            name=_text("Its name."),
            reason=_text("Why it does not count."),
            good=_count("Good transactions left out."),
            total=_count("All transactions left out."),
            seconds=_count("Time of the window that it is about."),
            seconds_unread=_count(
                "How much of it is older than stored facts, which its condition would have to be "
                "asked of: there nothing is left out."
            ),
        ),
    ),
    observed_since=_maybe("The first event ever counted for this indicator.", _INSTANT),
    facts_since=_instant(
        "`money` and `by_dimension.rows` hold what ended at this instant or later: facts are kept "
        "for 35 days, counts for longer."
    ),
    dimensions=_list("Names that `--by` takes: those of the transaction.", {"type": "string"}),
    money=_MONEY,
    by_dimension=_BY_DIMENSION,
    definition=_text("Where the SLO is written: `file:line`."),
    annotations=_map("Annotations of the SLO.", {"type": "string"}),
)

JSON_SCHEMA: Final[Schema] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "sloengine report",
    **_object(
        "What `sloengine report --format json` prints.",
        format={"const": "sloengine.report/v1", "description": "This format and its version."},
        as_of=_instant("The instant of evaluation; every window ends here."),
        last_event=_maybe("The latest end of any stored transaction.", _INSTANT),
        revision=_text("Content hash of the definitions."),
        commit=_maybe("Git commit of the definitions, where known.", {"type": "string"}),
        coverage=_object(
            "How much of the longest window the engine was watching.",
            covered_minutes=_count("Minutes in which it could accept requests."),
            minutes=_count("Minutes of the window."),
            share=_maybe("`covered_minutes / minutes`.", _RATIO),
        ),
        slos=_list("Missed first, then without data, then least budget left.", _SLO),
        traffic=_list(
            "What was seen in the longest window, the unmapped `other` and `ignored` included.",
            _object(
                "One business transaction.",
                transaction=_text("Its name."),
                total=_count("How many, whatever the outcome."),
                outcomes=_map("How many by outcome.", {"type": "integer", "minimum": 0}),
            ),
        ),
        unmapped=_list(
            "The most frequent entries that no definition maps (`other`).",
            _object(
                "One kind of unmapped traffic.",
                service=_text("Service of the entry span."),
                name=_text("Name of the entry span, as it came."),
                count=_count("How many."),
            ),
        ),
        definitions=_list(
            "Which definitions judged the transactions of the window; more than one for a "
            "transaction means that its numbers mix what they meant.",
            _object(
                "One definition.",
                transaction=_text("The transaction that it defines."),
                definition=_text("Its content hash."),
                first=_instant("The minute in which its first transaction ended."),
                last=_instant("The minute in which its last transaction ended."),
                count=_count("How many it judged."),
            ),
        ),
        late_unverifiable=_count("Late spans beyond the horizon; they changed nothing."),
        not_evaluated=_list(
            "Accepted definitions that this engine does not evaluate.", {"type": "string"}
        ),
        counters=_map("The engine's own persistent counters.", {"type": "integer"}),
    ),
    "$defs": {
        "ratio": _object(
            "An exact fraction. `decimal` has up to 12 decimals, rounded to the worse side (SLI, "
            "budget and coverage down; burn rates and shares of what is bad up).",
            decimal=_text("The same number for people and tables.", pattern=r"^-?\d+(\.\d+)?$"),
            numerator={"type": "integer", "description": "Negative where the number is."},
            denominator={"type": "integer", "minimum": 1, "description": "Always positive."},
        ),
        "money": _object(
            "Sums of the amounts that were seen: nothing is estimated, and currencies are never "
            "added to each other.",
            currencies=_list(
                "The 20 commonest currencies at most, most transactions first.",
                _object(
                    "One currency.",
                    currency=_maybe("As it came; null where there was none.", {"type": "string"}),
                    transactions=_count("Transactions with an amount in it."),
                    total=_amount("What customers tried to do."),
                    good=_amount("What went well."),
                    bad=_amount("What was lost or spoilt: `total - good`."),
                ),
            ),
            good_without_amount=_count("Good transactions without an amount: in no sum."),
            bad_without_amount=_count("Bad transactions without an amount: in no sum."),
            further_currencies=_count("Transactions in further currencies: in no sum."),
        ),
        "amount": _object(
            "An exact sum of money.",
            decimal=_text("In units of the currency.", pattern=r"^-?\d+(\.\d+)?$"),
            micros={"type": "integer", "description": "In millionths of the currency."},
        ),
    },
}

_INTRODUCTION = """\
# The report as JSON

`sloengine report --format json` prints one document. Every name below is always there; a value
that is not known is `null`, never 0. Names may be added in this version of the format; none is
renamed or removed.

Ratios are exact: a *ratio* is an object with `numerator` and `denominator` (integers of any size)
and `decimal`, a string with up to 12 decimals, rounded to the worse side. Verdicts compare the
fractions, not the decimals. *money* holds sums of the amounts that were seen: nothing is estimated,
and currencies are never added to each other. An *amount* has `micros`, millionths of the currency
as an integer, and the same as a `decimal`. Instants are RFC 3339 in UTC.

The schema itself is `sloengine.report.JSON_SCHEMA`. This page is made from it:
`python -c 'from sloengine.report import schema_page; print(schema_page(), end="")'`.

| name | type | meaning |
|---|---|---|
"""


def schema_page() -> str:
    """Return docs/report-json.md: one line for each name of the document."""
    rows = [f"| `{name}` | {kind} | {text} |" for name, kind, text in _rows(JSON_SCHEMA, "")]
    shared = [
        f"| *{shape}* `{name}` | {kind} | {text} |"
        for shape, schema in JSON_SCHEMA["$defs"].items()
        for name, kind, text in _rows(schema, "")
    ]
    return _INTRODUCTION + "\n".join([*rows, *shared]) + "\n"


def _rows(schema: Schema, prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, child in schema["properties"].items():
        path = f"{prefix}{name}"
        yield path, _kind(child), child.get("description", "")
        inner = child["anyOf"][0] if "anyOf" in child else child
        if "properties" in inner:
            yield from _rows(inner, f"{path}.")
        elif "properties" in inner.get("items", {}):
            yield from _rows(inner["items"], f"{path}[].")


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(option) for option in schema["anyOf"])
    if "$ref" in schema:
        return f"*{schema['$ref'].rpartition('/')[2]}*"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("format") == "date-time":
        return "instant"
    if schema["type"] == "array":
        return f"list of {_kind(schema['items'])}s"
    return str(schema["type"])
