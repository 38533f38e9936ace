"""A plan as numbers: rules as conjunctions of questions about atoms.

An *atom* is what a quantifier asks of one span: that some conditions hold and others do not. The
atoms of each vector are worked out once, as bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from sloengine.definitions.plan import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Outcome,
    Plan,
    Predicate,
    Scope,
    TransactionRule,
)
from sloengine.ottl import ConditionTable, bits_of
from sloengine.processor.compiled import CompiledPlan
from sloengine.processor.judge import UNDECIDABLE, UNMAPPED
from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words
from sloengine.store.facts import IGNORED

OUTCOMES = tuple(Outcome)
_SCOPES = {Scope.SET: at.IN_SET, Scope.TRACE: at.IN_TRACE, Scope.ANCESTORS: at.IN_ANCESTORS}
_MOST = (1 << 63) - 1
_BITS = 64


class Program:
    """A compiled plan; `sync` makes it know the vectors of its table."""

    def __init__(self, plan: Plan, table: ConditionTable, compiled: CompiledPlan) -> None:
        self.rules = tuple(sorted(plan.transactions, key=lambda rule: (-rule.priority, rule.name)))
        """In the order in which they are asked; F_RULE is an index into it."""
        self.reasons: list[str] = ["", UNDECIDABLE, UNMAPPED, IGNORED]
        self.words = np.zeros(at.PLAN_WORDS, np.int64)
        self.vectors = 0
        """How many vectors are known."""
        self._table = table
        self._compiled = compiled
        self._numbers = {rule.name: number for number, rule in enumerate(self.rules)}
        self._atoms: dict[tuple[int, int], int] = {}
        self._atoms_of: dict[int, list[tuple[int, int]]] = {}
        """By the condition that must hold: those that must not, as bits, and the atom."""
        self._counted: dict[int, int] = {}
        self._leaves: list[list[int]] = []
        self._outcomes: list[list[int]] = []
        self._reasons: list[list[int]] = []
        self._columns: list[list[int]] = []
        self._expressions: list[int] = []
        rules = [self._rule(rule) for rule in self.rules]
        self._takers: list[int] = []
        self._kept: dict[int, Words] = {}
        self._put(at.P_RULES, _table(rules, at.R_WORDS))
        self._put(at.P_OUTCOMES, _table(self._outcomes, at.O_WORDS))
        self._put(at.P_REASONS, _table(self._reasons, 3))
        self._put(at.P_LEAVES, _table(self._leaves, at.L_WORDS))
        self._put(at.P_COLUMNS, _table(self._columns, 3))
        self._put(at.P_EXPRESSIONS, np.array([*self._expressions, 0], np.int64))
        self._put(at.P_COUNTED, np.array([*self._counted, 0], np.int64))
        self.words[at.P_COUNTED_SIZE] = len(self._counted)
        self.words[at.P_WORDS] = max(1, -(-len(self._atoms) // _BITS))
        widths = [rule[at.R_COLUMNS_END] - rule[at.R_COLUMNS] for rule in rules]
        self.value_words = max([1, *widths])
        """How many values a fact may have."""
        self.words[at.P_VALUE_WORDS] = self.value_words
        self._vectors = np.zeros((0, at.V_WORDS), np.int64)
        self._bits = np.zeros((0, self.bit_words), np.int64)
        self.sync()

    @property
    def address(self) -> int:
        """Where the program stands."""
        return int(self.words.ctypes.data)

    @property
    def bit_words(self) -> int:
        """How many words the atoms of a vector take."""
        return int(self.words[at.P_WORDS])

    @property
    def counted(self) -> int:
        """How many atoms are counted."""
        return len(self._counted)

    def columns_of(self, rule: TransactionRule) -> tuple[str, ...]:
        """Return the names of a rule's dimensions in the order of its values."""
        return tuple(sorted(dimension.name for dimension in rule.dimensions))

    def sync(self) -> None:
        """Learn the vectors that the table has by now."""
        size = len(self._table)
        if size == self.vectors and size:
            return
        if size > len(self._vectors):
            room = max(64, 2 * size)
            self._vectors = _larger(self._vectors, room)
            self._bits = _larger(self._bits, room)
        for vector in range(self.vectors, size):
            self._learn(vector)
        self.vectors = size
        self._put(at.P_VECTORS, self._vectors)
        self._put(at.P_ATOMS, self._bits)
        self._put(at.P_TAKERS, np.array([*self._takers, 0], np.int64))

    def _learn(self, vector: int) -> None:
        compiled = self._compiled
        begin = len(self._takers)
        self._takers += [self._numbers[rule.name] for rule in compiled.takers(vector)]
        flags = at.IS_IGNORED * compiled.is_ignored(vector)
        flags |= at.HAS_ERRORS * bool(compiled.errors(vector))
        self._vectors[vector] = (flags, begin, len(self._takers), 0)
        true = compiled.true_bits(vector)
        bits = 0
        for condition in bits_of(true):
            for must_not, atom in self._atoms_of.get(condition, ()):
                bits |= (not true & must_not) << atom
        data = bits.to_bytes(8 * self.bit_words, "little")
        self._bits[vector] = np.frombuffer(data, "<i8")

    def _put(self, word: int, array: Words) -> None:
        self._kept[word] = array
        self.words[word] = array.ctypes.data

    def _rule(self, rule: TransactionRule) -> list[int]:
        outcomes = len(self._outcomes)
        for candidate in rule.outcome:
            leaves = self._conjunction(candidate.when)
            is_good = candidate.outcome is Outcome.GOOD
            reason = "" if is_good else candidate.reason or candidate.outcome.value
            asks_why = candidate.outcome in (Outcome.FAILED, Outcome.SLOW)
            outcome = OUTCOMES.index(candidate.outcome)
            self._outcomes.append([*leaves, outcome, self._reason(reason), int(asks_why)])
        reasons = len(self._reasons)
        for because in rule.because:
            self._reasons.append([*self._conjunction(because.when), self._reason(because.reason)])
        having = [at.NONE, at.NONE] if rule.having is None else self._conjunction(rule.having)
        columns = len(self._columns)
        self._column(rule.customer, at.IS_TEXT)
        self._column(rule.session, at.IS_TEXT)
        self._column(rule.intent, at.IS_TEXT)
        self._column(rule.amount, at.IS_AMOUNT)
        self._column(rule.currency, at.IS_TEXT)
        for dimension in sorted(rule.dimensions, key=lambda dimension: dimension.name):
            self._column(dimension.captures, at.IS_TEXT)
        return [
            *(outcomes, len(self._outcomes), reasons, len(self._reasons), *having),
            *(rule.priority, columns, len(self._columns)),
        ]

    def _column(self, expressions: Iterable[int], usable: int) -> None:
        begin = len(self._expressions)
        self._expressions += expressions
        self._columns.append([begin, len(self._expressions), usable])

    def _reason(self, reason: str) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)

    def _conjunction(self, predicate: Predicate) -> list[int]:
        begin = len(self._leaves)
        self._leaves += [self._leaf(part) for part in _parts(predicate)]
        return [begin, len(self._leaves)]

    def _leaf(self, predicate: Predicate) -> list[int]:
        match predicate:
            case EntrySpan(condition):
                return [at.ENTRY, self._atom(condition), 0, 0, 0]
            case LongerThan(limit_ns):
                return [at.LONGER, 0, min(limit_ns, _MOST), 0, 0]
            case AnySpan(condition, scope):
                return [at.ANY + _SCOPES[scope], self._atom(condition), 0, 0, 0]
            case NoSpan(condition, scope):
                return [at.NO + _SCOPES[scope], self._atom(condition), 0, 0, 0]
            case EverySpan(of, must_hold, scope):
                return [at.NO + _SCOPES[scope], self._atom(of, must_hold), 0, 0, 0]
            case CountSpans(match, at_least, at_most, scope):
                atom = self._atom(match)
                counted = self._counted.setdefault(atom, len(self._counted))
                high = at.NONE if at_most is None else at_most
                return [at.COUNT + _SCOPES[scope], atom, at_least or 0, high, counted]
            case AllOf():
                raise AssertionError("parts are no conjunctions")

    def _atom(self, must: int, must_not: int | None = None) -> int:
        key = (must, 0 if must_not is None else 1 << must_not)
        if key not in self._atoms:
            self._atoms[key] = len(self._atoms)
            self._atoms_of.setdefault(must, []).append((key[1], self._atoms[key]))
        return self._atoms[key]


def _parts(predicate: Predicate) -> Iterator[Predicate]:
    """A conjunction of conjunctions is one, three-valued logic or not."""
    if isinstance(predicate, AllOf):
        for part in predicate.parts:
            yield from _parts(part)
    else:
        yield predicate


def _table(rows: list[list[int]], width: int) -> Words:
    table = np.zeros((len(rows) + 1, width), np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


def _larger(array: Words, rows: int) -> Words:
    larger = np.zeros((rows, array.shape[1]), np.int64)
    larger[: len(array)] = array
    return larger
