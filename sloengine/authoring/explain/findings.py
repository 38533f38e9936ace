"""A predicate of a rule, what the judge makes of it, and the spans that make it so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sloengine.authoring.explain.model import Answer, Finding
from sloengine.authoring.explain.numbers import counted, seconds
from sloengine.authoring.explain.values import Sayings
from sloengine.definitions import (
    AllOf,
    AnySpan,
    CountSpans,
    EntrySpan,
    EverySpan,
    LongerThan,
    NoSpan,
    Plan,
    Predicate,
    Scope,
)
from sloengine.ottl import SERVICE_NAME, SPAN_NAME
from sloengine.processor import Bench
from sloengine.processor.predicates import Truth, holds

_MOST_NAMES = 3
_SCOPES = {Scope.SET: "", Scope.TRACE: "trace.", Scope.ANCESTORS: "ancestor."}


def answer_of(truth: Truth) -> Answer:
    """Return a three-valued truth as a word."""
    if truth is None:
        return Answer.UNKNOWN
    return Answer.YES if truth else Answer.NO


class Findings:
    """Says of predicates what they are, what they gave (by the judge's own `holds`), and why."""

    def __init__(
        self, plan: Plan, bench: Bench, bits: Callable[[int], tuple[int, int]], sayings: Sayings
    ) -> None:
        """`bits` gives the true and the erring conditions of a vector."""
        self._plan = plan
        self._sets = bench.sets
        self._rows = bench.sets.forest.rows
        self._orphans = len(bench.orphans)
        self._bits = bits
        self._sayings = sayings
        self._service = plan.fields.index(SERVICE_NAME)
        self._name = plan.fields.index(SPAN_NAME)

    def of(self, predicate: Predicate, entry: int) -> Finding:
        """Return the finding for the transaction that starts at row `entry`."""
        answer = answer_of(holds(predicate, entry, self._sets))
        match predicate:
            case EntrySpan(condition):
                return self._on_entry(condition, entry, answer)
            case AnySpan(condition, scope):
                return self._any(f"{_SCOPES[scope]}anySpan", condition, scope, entry, answer)
            case NoSpan(condition, scope):
                return self._any(f"{_SCOPES[scope]}noSpan", condition, scope, entry, answer)
            case EverySpan(of, must_hold, scope):
                return self._every(of, must_hold, scope, entry, answer)
            case CountSpans():
                return self._count(predicate, entry, answer)
            case LongerThan(limit_ns):
                row = self._rows[entry]
                took = seconds(row.end_ns - row.start_ns)
                return Finding(f"longerThan: {seconds(limit_ns)}", answer, f"the entry took {took}")
            case AllOf(parts):
                found = tuple(self.of(part, entry) for part in parts)
                held = sum(part.answer is Answer.YES for part in found)
                return Finding("all of", answer, f"{held} of {len(found)} hold", (), found)

    def entry(self, conditions: Sequence[int], entry: int) -> Finding:
        """Return which of a definition's `entry` conditions matches: they are OR-ed."""
        true, _ = self._bits(self._rows[entry].vector)
        matching = [condition for condition in conditions if true >> condition & 1]
        if matching:
            return Finding(self._text(matching[0]), Answer.YES, "", (entry,))
        texts = " or ".join(self._text(condition) for condition in conditions)
        return Finding(texts, Answer.NO, "")

    def label(self, index: int) -> str:
        """Return how a span is called: its service and name."""
        row = self._rows[index]
        service, name = row.projected[self._service], row.projected[self._name]
        return " ".join(str(part) for part in (service, name) if part not in (None, ""))

    def _text(self, condition: int) -> str:
        return self._plan.conditions[condition].text

    def _scope(self, scope: Scope, entry: int) -> list[int]:
        if scope is Scope.TRACE:
            return list(range(len(self._rows)))
        if scope is Scope.ANCESTORS:
            found = []
            above = self._sets.forest.parent[entry]
            while above >= 0:
                found.append(above)
                above = self._sets.forest.parent[above]
            return found
        return [index for start, stop in self._sets.ranges(entry) for index in range(start, stop)]

    def _on_entry(self, condition: int, entry: int, answer: Answer) -> Finding:
        row = self._rows[entry]
        known = self._plan.conditions[condition]
        true, errs = self._bits(row.vector)
        why = self._sayings.of(known, [row])
        if errs >> condition & 1:
            why = f"errs: {self._sayings.error(known, [row])}"
        spans = (entry,) if true >> condition & 1 else ()
        return Finding(f"entry: {known.text}", answer, why, spans)

    def _any(self, word: str, condition: int, scope: Scope, entry: int, answer: Answer) -> Finding:
        within = self._scope(scope, entry)
        matching = self._matching(condition, within)
        why = self._which(condition, matching, within)
        return Finding(
            f"{word}: {self._text(condition)}", answer, self._unless_known(why, answer), matching
        )

    def _every(self, of: int, must_hold: int, scope: Scope, entry: int, answer: Answer) -> Finding:
        within = self._scope(scope, entry)
        of_those = self._matching(of, within)
        holding = set(self._matching(must_hold, of_those))
        broken = tuple(index for index in of_those if index not in holding)
        why = f"{len(holding)} of {counted(len(of_those), 'span')}"
        if broken:
            why += f"; not on {self._names(broken)}"
        text = f"{_SCOPES[scope]}everySpan: of {self._text(of)}, holds {self._text(must_hold)}"
        return Finding(text, answer, self._unless_known(why, answer), broken)

    def _count(self, predicate: CountSpans, entry: int, answer: Answer) -> Finding:
        within = self._scope(predicate.scope, entry)
        matching = self._matching(predicate.match, within)
        bounds = [
            f"{word} {bound}"
            for word, bound in (("atLeast", predicate.at_least), ("atMost", predicate.at_most))
            if bound is not None
        ]
        text = f"{_SCOPES[predicate.scope]}count {' '.join(bounds)}: {self._text(predicate.match)}"
        why = f"{len(matching)} of {counted(len(within), 'span')}"
        if matching:
            why += f": {self._names(matching)}"
        return Finding(text, answer, self._unless_known(why, answer), matching)

    def _matching(self, condition: int, within: Sequence[int]) -> tuple[int, ...]:
        return tuple(
            index for index in within if self._bits(self._rows[index].vector)[0] >> condition & 1
        )

    def _which(self, condition: int, matching: Sequence[int], within: Sequence[int]) -> str:
        if matching:
            return f"{len(matching)} of {counted(len(within), 'span')}: {self._names(matching)}"
        if not within:
            return "no span in this scope"
        known = self._plan.conditions[condition]
        rows = [self._rows[index] for index in within]
        why = self._sayings.of(known, rows)
        erring = [row for row in rows if self._bits(row.vector)[1] >> condition & 1]
        if erring:
            message = self._sayings.error(known, erring)
            why = f"errs on {counted(len(erring), 'span')}: {message}"
        return why

    def _unless_known(self, why: str, answer: Answer) -> str:
        if answer is not Answer.UNKNOWN:
            return why
        orphans = counted(self._orphans, "orphan")
        return f"{why}; but {orphans} may belong here, so absence cannot be known"

    def _names(self, indices: Sequence[int]) -> str:
        names: dict[str, int] = {}
        for index in indices:
            label = self.label(index) or "a span without a name"
            names[label] = names.get(label, 0) + 1
        listed = [f"{name} ×{n}" if n > 1 else name for name, n in names.items()]
        rest = len(listed) - _MOST_NAMES
        return ", ".join(listed[:_MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
