"""The kernel's facts as columns for the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sloengine.definitions.plan import Plan, TransactionRule
from sloengine.ottl import Value
from sloengine.ottl.facts import NO_VALUE
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Arena, Words
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

    def columns(
        self,
        arena: Arena,
        facts: Words,
        values: Words,
        labels: Sequence[tuple[str | None, str | None]],
    ) -> FactColumns:
        """Return facts as columns; `labels` are service and name of the others, in order."""
        rules = facts[:, at.F_RULE]
        rows = len(facts)
        widths = np.array([len(codes) for codes in self._dimensions])[rules]
        offsets = np.zeros(rows + 1, np.int32)
        np.cumsum(widths, out=offsets[1:])
        names = np.zeros(offsets[-1], np.int32)
        texts = [NO_VALUE] * int(offsets[-1])
        taken = _Taken(rows)
        for number in np.unique(rules).tolist():
            chosen = np.flatnonzero(rules == number)
            begins = offsets[chosen]
            for place, code in enumerate(self._dimensions[number].tolist()):
                names[begins + place] = code
            if number >= 0:
                rule = self._program.rules[number]
                self._take(taken, rule, chosen, values[chosen], arena)
                for place in range(len(rule.dimensions)):
                    if not rule_captures(rule, place):
                        continue
                    references = values[chosen, _DIMENSIONS + place]
                    for row, value in _present(begins + place, references, arena):
                        text = key_text(value)
                        texts[row] = NO_VALUE if text is None else text
        others = np.flatnonzero(rules < 0).tolist()
        for row, (service, name) in zip(others, labels, strict=True):
            begin = int(offsets[row])
            texts[begin] = NO_VALUE if service is None else service
            texts[begin + 1] = NO_VALUE if name is None else name
        codes = np.where(rules < 0, rules + len(self._transactions), rules).astype(np.int32)
        return FactColumns(
            trace_hi=facts[:, at.F_HI].view(np.uint64),
            trace_lo=facts[:, at.F_LO].view(np.uint64),
            entry_span_id=facts[:, at.F_ID].view(np.uint64),
            entry_kind=facts[:, at.F_KIND].astype(np.uint8),
            transaction=Coded(codes, self._transactions),
            definition=Coded(codes, self._definitions),
            revision=self._revision,
            start_ns=facts[:, at.F_START].view(np.uint64),
            end_ns=facts[:, at.F_END].view(np.uint64),
            outcome=Coded(facts[:, at.F_OUTCOME].astype(np.int32), self._outcomes),
            reason=Coded(facts[:, at.F_REASON].astype(np.int32), tuple(self._program.reasons)),
            incomplete=facts[:, at.F_INCOMPLETE] != 0,
            customer=taken.customer,
            session=taken.session,
            intent=taken.intent,
            amount_micros=taken.amount,
            currency=taken.currency,
            dimension_offsets=offsets,
            dimension_names=Coded(names, self._names),
            dimension_values=texts,
            origin=facts[:, at.F_ORIGIN].copy(),
        )

    def _take(
        self,
        taken: _Taken,
        rule: TransactionRule,
        rows: npt.NDArray[np.intp],
        values: Words,
        arena: Arena,
    ) -> None:
        if rule.customer:
            taken.customer = self._hash(
                taken.customer or taken.nothing(), rows, values[:, _CUSTOMER], arena
            )
        if rule.session:
            taken.session = self._hash(
                taken.session or taken.nothing(), rows, values[:, _SESSION], arena
            )
        if rule.intent:
            taken.intent = self._hash(
                taken.intent or taken.nothing(), rows, values[:, _INTENT], arena
            )
        if rule.amount:
            amounts: list[int | None] = taken.amount or [None] * taken.rows
            for row, value in _present(rows, values[:, _AMOUNT], arena):
                amounts[row] = amount_micros(value)
            taken.amount = amounts
        if rule.currency:
            currencies: list[str | None] = taken.currency or [None] * taken.rows
            for row, value in _present(rows, values[:, _CURRENCY], arena):
                currencies[row] = key_text(value)
            taken.currency = currencies

    def _hash(
        self,
        hashes: list[bytes | None],
        rows: npt.NDArray[np.intp],
        references: Words,
        arena: Arena,
    ) -> list[bytes | None]:
        for row, value in _present(rows, references, arena):
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


def _present(rows: npt.NDArray[Any], references: Words, arena: Arena) -> list[tuple[int, Value]]:
    """Pair rows with the captured values that they refer to, where they do."""
    there = references >= 0
    values = arena.values
    return [
        (row, values[reference])
        for row, reference in zip(rows[there].tolist(), references[there].tolist(), strict=True)
    ]
