"""The kernel's facts as columns for the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan, TransactionRule
from sloengine.ottl import Value
from sloengine.ottl.facts import NO_VALUE
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Arena, Words
from sloengine.processor.kernel.intake import Label
from sloengine.processor.kernel.program import OUTCOMES, Program
from sloengine.processor.values import amount_micros, key_text, keyed_hash
from sloengine.store.facts import (
    IGNORED,
    OTHER,
    OTHER_SERVICE,
    OTHER_SPAN,
    Coded,
    FactColumns,
)

_CUSTOMER, _SESSION, _INTENT, _AMOUNT, _CURRENCY, _DIMENSIONS = range(6)
_HASHES_KEPT = 1 << 16


@dataclass(frozen=True, slots=True, eq=False)
class FactPart:
    """Facts of one step of a look, and all that is said of them: what comes later changes none."""

    facts: Words
    references: Words
    """Into `values`, by row; NONE where there is no value."""
    values: Sequence[Value]
    labels: Sequence[Label]
    """Service and name of the facts of unmapped traffic, in order."""


class FactWriter:
    """Turns records of facts into `FactColumns`."""

    def __init__(self, plan: Plan, program: Program, key: bytes) -> None:
        self._program = program
        self._revision = plan.revision
        self._key = key
        self._hashes: dict[str, bytes] = {}
        rules = program.rules
        self._transactions = (*(rule.name for rule in rules), IGNORED, OTHER)
        self._definitions = (*(rule.definition for rule in rules), "", "")
        self._outcomes = tuple(outcome.value for outcome in OUTCOMES)
        names = sorted(
            {dimension.name for rule in rules for dimension in rule.dimensions}
            | {OTHER_SERVICE, OTHER_SPAN}
        )
        self._names = tuple(names)
        codes = {name: code for code, name in enumerate(names)}
        self._dimensions = [
            np.array(sorted(codes[d.name] for d in rule.dimensions), np.int32) for rule in rules
        ]
        label = np.array([codes[OTHER_SERVICE], codes[OTHER_SPAN]], np.int32)
        # As `_transactions`: so F_RULE is an index from either end.
        self._dimensions += [label, label]
        self._widths = np.array([len(codes) for codes in self._dimensions], np.int32)
        self._begins = np.cumsum(self._widths) - self._widths
        """Where the dimensions of each begin in `_codes`."""
        self._codes = np.concatenate(self._dimensions)
        self._values = np.array([*(_DIMENSIONS + len(r.dimensions) for r in rules), 0, 0], np.int64)
        """How many values a record has."""
        self._taking = [number for number, rule in enumerate(rules) if _takes_values(rule)]

    def part(
        self, arena: Arena, facts: Words, references: Words, labels: Sequence[Label]
    ) -> FactPart:
        """Return facts with their values; `references` are into the arena's."""
        if not self._taking:
            return FactPart(facts.copy(), references[:, :0], (), labels)
        taken = references >= 0
        # Beyond those of its rule a record holds what was there before.
        taken &= np.arange(references.shape[1]) < self._values[facts[:, at.F_RULE]][:, None]
        rows = references[taken].tolist()
        own = np.full(references.shape, at.NONE, np.int64)
        own[taken] = np.arange(len(rows))
        return FactPart(facts.copy(), own, [arena.values[row] for row in rows], labels)

    def columns(self, parts: Sequence[FactPart]) -> FactColumns | None:
        """Return facts as columns, `None` where there are none."""
        facts, references, held = _joined(parts)
        rows = facts.shape[1]
        if not rows:
            return None
        rules = facts[at.F_RULE]
        widths = self._widths[rules]
        offsets = np.zeros(rows + 1, np.int32)
        np.cumsum(widths, out=offsets[1:])
        size = int(offsets[-1])
        starts = np.repeat(self._begins[rules] - offsets[:-1], widths)
        names = self._codes[starts + np.arange(size)] if size else np.zeros(0, np.int32)
        texts = [NO_VALUE] * size
        taken = _Taken(rows)
        for number in self._taking:
            chosen = np.flatnonzero(rules == number)
            if len(chosen):
                rule = self._program.rules[number]
                self._take(taken, rule, chosen, references[chosen], held)
                for place in range(len(rule.dimensions)):
                    if not rule_captures(rule, place):
                        continue
                    found = references[chosen, _DIMENSIONS + place]
                    for row, value in _present(offsets[chosen] + place, found, held):
                        text = key_text(value)
                        texts[row] = NO_VALUE if text is None else text
        others = offsets[:-1][rules < 0].tolist()
        labels = [label for part in parts for label in part.labels]
        for begin, (service, name) in zip(others, labels, strict=True):
            texts[begin] = NO_VALUE if service is None else service
            texts[begin + 1] = NO_VALUE if name is None else name
        codes = np.where(rules < 0, rules + len(self._transactions), rules).astype(np.int32)
        return FactColumns(
            trace_hi=facts[at.F_HI].view(np.uint64),
            trace_lo=facts[at.F_LO].view(np.uint64),
            entry_span_id=facts[at.F_ID].view(np.uint64),
            entry_kind=facts[at.F_KIND].astype(np.uint8),
            transaction=Coded(codes, self._transactions),
            definition=Coded(codes, self._definitions),
            revision=self._revision,
            start_ns=facts[at.F_START].view(np.uint64),
            end_ns=facts[at.F_END].view(np.uint64),
            outcome=Coded(facts[at.F_OUTCOME].astype(np.int32), self._outcomes),
            reason=Coded(facts[at.F_REASON].astype(np.int32), tuple(self._program.reasons)),
            incomplete=facts[at.F_INCOMPLETE] != 0,
            customer=taken.customer,
            session=taken.session,
            intent=taken.intent,
            amount_micros=taken.amount,
            currency=taken.currency,
            dimension_offsets=offsets,
            dimension_names=Coded(names, self._names),
            dimension_values=texts,
            origin=facts[at.F_ORIGIN],
        )

    def _take(
        self,
        taken: _Taken,
        rule: TransactionRule,
        rows: npt.NDArray[np.intp],
        values: Words,
        held: Sequence[Value],
    ) -> None:
        if rule.customer:
            taken.customer = self._hash(
                taken.customer or taken.nothing(), rows, values[:, _CUSTOMER], held
            )
        if rule.session:
            taken.session = self._hash(
                taken.session or taken.nothing(), rows, values[:, _SESSION], held
            )
        if rule.intent:
            taken.intent = self._hash(
                taken.intent or taken.nothing(), rows, values[:, _INTENT], held
            )
        if rule.amount:
            amounts: list[int | None] = taken.amount or [None] * taken.rows
            for row, value in _present(rows, values[:, _AMOUNT], held):
                amounts[row] = amount_micros(value)
            taken.amount = amounts
        if rule.currency:
            currencies: list[str | None] = taken.currency or [None] * taken.rows
            for row, value in _present(rows, values[:, _CURRENCY], held):
                currencies[row] = key_text(value)
            taken.currency = currencies

    def _hash(
        self,
        hashes: list[bytes | None],
        rows: npt.NDArray[np.intp],
        references: Words,
        held: Sequence[Value],
    ) -> list[bytes | None]:
        for row, value in _present(rows, references, held):
            text = key_text(value)
            if text is None:
                continue
            known = self._hashes.get(text)
            if known is None:
                if len(self._hashes) >= _HASHES_KEPT:
                    self._hashes.clear()
                known = self._hashes[text] = keyed_hash(text, self._key)
            hashes[row] = known
        return hashes


class _Taken:
    """Columns of values, None where no fact has one."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.customer: list[bytes | None] | None = None
        self.session: list[bytes | None] | None = None
        self.intent: list[bytes | None] | None = None
        self.amount: list[int | None] | None = None
        self.currency: list[str | None] | None = None

    def nothing(self) -> list[bytes | None]:
        """Return a column without values."""
        return [None] * self.rows


def rule_captures(rule: TransactionRule, place: int) -> bool:
    """Whether the dimension at a place, in ascending order of name, has expressions."""
    return bool(sorted(rule.dimensions, key=lambda d: d.name)[place].captures)


def _joined(parts: Sequence[FactPart]) -> tuple[Words, Words, Sequence[Value]]:
    """Return the facts of all, each word of theirs as one row, references and values."""
    facts = np.empty((at.F_WORDS, sum(len(part.facts) for part in parts)), np.int64)
    values: list[Value] = []
    references = []
    begin = 0
    for part in parts:
        end = begin + len(part.facts)
        # Each column in one piece: the columns outlive the look, and are copied no more.
        facts[:, begin:end] = part.facts.T
        references.append(np.where(part.references < 0, at.NONE, part.references + len(values)))
        values += part.values
        begin = end
    return facts, np.concatenate(references) if parts else facts, values


def _takes_values(rule: TransactionRule) -> bool:
    taken = rule.customer or rule.session or rule.intent or rule.amount or rule.currency
    return bool(taken) or any(map(bool, (dimension.captures for dimension in rule.dimensions)))


def _present(
    rows: npt.NDArray[Any], references: Words, held: Sequence[Value]
) -> list[tuple[int, Value]]:
    """Pair rows with the captured values that they refer to, where they do."""
    there = references >= 0
    return [
        (row, held[reference])
        for row, reference in zip(rows[there].tolist(), references[there].tolist(), strict=True)
    ]
