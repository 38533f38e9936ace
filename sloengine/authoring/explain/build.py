"""From one trace and one set of definitions to an `Explanation`. The judge itself decides; a
witness writes down what it asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sloengine.authoring.explain.findings import Findings
from sloengine.authoring.explain.model import (
    Answer,
    ConditionError,
    ExplainedRule,
    ExplainedSpan,
    ExplainedTransaction,
    ExplainedValue,
    Explanation,
    Finding,
    PassedOver,
    Rival,
    Unmapped,
)
from sloengine.authoring.explain.numbers import amount
from sloengine.authoring.explain.values import Sayings
from sloengine.definitions import Plan, TransactionRule
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, ConditionTable, Field, Value
from sloengine.processor import Bench, Judge, SpanKey, SpanRow, Verdict, Witness
from sloengine.processor.predicates import Truth
from sloengine.processor.values import key_text
from sloengine.store import IGNORED, OTHER, Fact


def explain(
    plan: Plan,
    table: ConditionTable,
    trace_id: int,
    rows: Mapping[SpanKey, SpanRow],
    *,
    key: bytes,
    statuses: Mapping[SpanKey, str] | None = None,
    copies: int = 0,
    reveal: bool = False,
    notes: Sequence[str] = (),
) -> Explanation:
    """Judge one trace and say how its verdicts came about.

    Args:
        plan: the definitions.
        table: the conditions that the rows' vectors point into.
        trace_id: 128 bits.
        rows: the distinct spans.
        key: for hashes of customers; that of the store, so that they can be found again.
        statuses: `UNSET`, `OK` or `ERROR` of each span, where known.
        copies: how many spans came again.
        reveal: show the values that name customers. Only for traces that the reader has already.
        notes: passed on.
    """
    told = _Told()
    verdict = Judge(plan, table, key).judge(trace_id, rows, witness=told)
    return _Build(plan, table, told, verdict, statuses or {}, reveal=reveal).explanation(
        trace_id, copies, notes
    )


class _Told(Witness):
    """What the judge asked, by the number of the entry's row."""

    def __init__(self) -> None:
        self.havings: dict[int, list[tuple[TransactionRule, Truth]]] = {}
        self.taken: dict[int, tuple[TransactionRule, ...]] = {}
        self.above: dict[int, int] = {}
        self.outcomes: dict[int, list[Truth]] = {}
        self.reasons: dict[int, list[Truth]] = {}

    def opened(self, bench: Bench) -> None:
        self.bench = bench

    def having(self, entry: int, rule: TransactionRule, truth: Truth) -> None:
        self.havings.setdefault(entry, []).append((rule, truth))

    def took(self, entry: int, holding: Sequence[TransactionRule]) -> None:
        self.taken[entry] = tuple(holding)

    def nested(self, entry: int, rule: TransactionRule, above: int) -> None:  # noqa: ARG002  # it is taken[entry][0]
        self.above[entry] = above

    def outcome(self, entry: int, rule: TransactionRule, number: int, truth: Truth) -> None:  # noqa: ARG002  # asked in order
        self.outcomes.setdefault(entry, []).append(truth)

    def because(self, entry: int, rule: TransactionRule, number: int, truth: Truth) -> None:  # noqa: ARG002  # asked in order
        self.reasons.setdefault(entry, []).append(truth)


class _Build:
    """Turns what a witness was told into words."""

    def __init__(
        self,
        plan: Plan,
        table: ConditionTable,
        told: _Told,
        verdict: Verdict,
        statuses: Mapping[SpanKey, str],
        *,
        reveal: bool,
    ) -> None:
        self._plan = plan
        self._table = table
        self._told = told
        self._verdict = verdict
        self._statuses = statuses
        self._reveal = reveal
        self._forest = told.bench.sets.forest
        self._sayings = Sayings(plan.fields, () if reveal else _naming_fields(plan))
        self._findings = Findings(plan, told.bench, self._bits, self._sayings)
        self._numbers = {row.key: index for index, row in enumerate(self._forest.rows)}

    def explanation(self, trace_id: int, copies: int, notes: Sequence[str]) -> Explanation:
        facts = {
            self._numbers[fact.entry_span_id, fact.entry_kind]: fact for fact in self._verdict.facts
        }
        mapped = {
            entry: fact for entry, fact in facts.items() if fact.transaction not in (OTHER, IGNORED)
        }
        orphans = tuple(self._told.bench.orphans)
        return Explanation(
            trace_id=trace_id,
            revision=self._plan.revision,
            commit=self._plan.commit,
            spans=self._spans(mapped),
            incomplete=bool(orphans),
            orphans=orphans,
            cycles_cut=self._forest.cycles_cut,
            copies=copies,
            transactions=tuple(self._transaction(entry, fact) for entry, fact in mapped.items()),
            passed_over=tuple(
                PassedOver(entry, self._rivals(entry, taken=None))
                for entry in self._told.taken
                if entry not in mapped
            ),
            unmapped=tuple(
                Unmapped(entry, fact.transaction)
                for entry, fact in facts.items()
                if entry not in mapped
            ),
            condition_errors=self._errors(),
            notes=tuple(notes),
        )

    def _bits(self, vector: int) -> tuple[int, int]:
        return self._table.true_bits(vector), self._table.error_bits(vector)

    def _spans(self, mapped: Mapping[int, Fact]) -> tuple[ExplainedSpan, ...]:
        service, name = (self._plan.fields.index(field) for field in (SERVICE_NAME, SPAN_NAME))
        unparented = set(self._forest.unparented)
        orphans = set(self._told.bench.orphans)
        spans: list[ExplainedSpan] = []
        for index, row in enumerate(self._forest.rows):
            parent = self._forest.parent[index]
            spans.append(
                ExplainedSpan(
                    span_id=row.span_id,
                    parent_id=row.parent_id,
                    kind=row.kind,
                    service=key_text(row.projected[service]) or "",
                    name=key_text(row.projected[name]) or "",
                    status=self._statuses.get(row.key, ""),
                    start_ns=row.start_ns,
                    end_ns=row.end_ns,
                    parent=parent,
                    depth=spans[parent].depth + 1 if parent >= 0 else 0,
                    entry_of=(mapped[index].transaction,) if index in mapped else (),
                    parent_missing=index in unparented,
                    orphan=index in orphans,
                )
            )
        return tuple(spans)

    def _transaction(self, entry: int, fact: Fact) -> ExplainedTransaction:
        rule = self._told.taken[entry][0]
        return ExplainedTransaction(
            transaction=fact.transaction,
            definition=fact.definition,
            entry=entry,
            outcome=fact.outcome,
            reason=fact.reason,
            entry_rule=self._findings.entry(rule.entry, entry),
            having=None if rule.having is None else self._findings.of(rule.having, entry),
            rivals=self._rivals(entry, taken=rule),
            set_size=sum(stop - start for start, stop in self._told.bench.sets.ranges(entry)),
            rules=(*self._outcome_rules(entry, rule), *self._because_rules(entry, rule)),
            values=tuple(self._values(entry, rule, fact)),
        )

    def _outcome_rules(self, entry: int, rule: TransactionRule) -> list[ExplainedRule]:
        truths = self._told.outcomes.get(entry, [])
        found = []
        for number, outcome in enumerate(rule.outcome):
            finding = self._findings.of(outcome.when, entry)
            if number >= len(truths):
                finding = _not_asked(finding.text)
            decided = number == len(truths) - 1 and truths[number] is not False
            reason = outcome.reason or outcome.outcome.value
            found.append(ExplainedRule(outcome.outcome.value, reason, finding, decided))
        return found

    def _because_rules(self, entry: int, rule: TransactionRule) -> list[ExplainedRule]:
        truths = self._told.reasons.get(entry, [])
        found = []
        for number, because in enumerate(rule.because):
            finding = self._findings.of(because.when, entry)
            if number >= len(truths):
                finding = _not_asked(finding.text)
            decided = number < len(truths) and truths[number] is True
            found.append(ExplainedRule("because", because.reason, finding, decided))
        return found

    def _rivals(self, entry: int, *, taken: TransactionRule | None) -> tuple[Rival, ...]:
        """Every definition whose entry matched but which has no transaction here."""
        holding = self._told.taken[entry]
        rivals = []
        for rule, truth in self._told.havings.get(entry, []):
            if rule is taken:
                continue
            if rule.having is not None and truth is not True:
                finding = self._findings.of(rule.having, entry)
                word = "is false" if truth is False else "cannot be known, so it does not hold"
                why = f"having {word}: {finding.text} ({finding.why})"
            elif holding and rule is holding[0]:
                above = self._told.above[entry]
                label = self._findings.label(above)
                why = f"nested below another entry of {rule.name}: {label}"
            elif rule.priority < holding[0].priority:
                why = f"priority {rule.priority} is lower than {holding[0].priority}"
            else:
                why = f"same priority, and {holding[0].name} comes first by name (ambiguous)"
            rivals.append(Rival(rule.name, rule.priority, why))
        return tuple(rivals)

    def _values(self, entry: int, rule: TransactionRule, fact: Fact) -> list[ExplainedValue]:
        texts = self._told.bench.texts
        found = []
        for name, chain, stored in (
            ("customer", rule.customer, fact.customer),
            ("session", rule.session, fact.session),
            ("intent", rule.intent, fact.intent),
        ):
            if chain:
                text = None if stored is None else f"{stored.hex()} (keyed hash)"
                place = texts.place(chain, entry)
                if self._reveal and place is not None:
                    text = key_text(self._captured(*place))
                found.append(self._value(name, text, chain, place, entry))
        if rule.amount:
            place = self._told.bench.amounts.place(rule.amount, entry)
            text = None if fact.amount_micros is None else amount(fact.amount_micros)
            value = self._value("amount", text, rule.amount, place, entry)
            found.append(value)
        if rule.currency:
            place = texts.place(rule.currency, entry)
            found.append(self._value("currency", fact.currency, rule.currency, place, entry))
        for dimension in rule.dimensions:
            place = texts.place(dimension.captures, entry)
            text = None if place is None else fact.dimensions[dimension.name]
            found.append(self._value(dimension.name, text, dimension.captures, place, entry))
        return found

    def _captured(self, expression: int, row: int) -> Value:
        return dict(self._forest.rows[row].captures)[expression]

    def _value(
        self,
        name: str,
        text: str | None,
        chain: Sequence[int],
        place: tuple[int, int] | None,
        entry: int,
    ) -> ExplainedValue:
        if place is None:
            tried = ", ".join(self._plan.captures[number].text for number in chain)
            return ExplainedValue(name, None, tried, None, "")
        expression, row = place
        where = "span set"
        if row == entry:
            where = "entry"
        elif row < entry < self._forest.end[row]:
            where = "ancestor"
        return ExplainedValue(name, text, self._plan.captures[expression].text, row, where)

    def _errors(self) -> tuple[ConditionError, ...]:
        found = []
        by_text = {condition.text: condition for condition in self._plan.conditions}
        for (definition, text), spans in sorted(self._verdict.condition_errors.items()):
            message = self._sayings.error(by_text[text], self._forest.rows)
            found.append(ConditionError(definition, text, spans, message))
        return tuple(found)


def _not_asked(text: str) -> Finding:
    return Finding(text, Answer.NOT_ASKED, "")


def _naming_fields(plan: Plan) -> frozenset[Field]:
    """The fields whose values may name a customer: facts keep only hashes of them."""
    return frozenset(
        field
        for rule in plan.transactions
        for chain in (rule.customer, rule.session, rule.intent)
        for number in chain
        for field in plan.captures[number].fields
    )
