"""Scenarios through the real stages, and what came out compared with what was expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sloengine.authoring.testing.matching import Matched, Mismatch, Seen, match, mismatches
from sloengine.authoring.testing.model import Expectation, ExpectedSlo, Scenario, Suite
from sloengine.authoring.testing.reading_expectations import COUNTERS
from sloengine.authoring.testing.world import Run, World
from sloengine.clock import Clock, SystemClock
from sloengine.errors import OperatorError, Position
from sloengine.evaluate import SloEvaluation
from sloengine.slo import State, error_budget, percent_down
from sloengine.store import Fact

NOT_EVALUATED = "alert states are not evaluated by this version"


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as expected, of one thing at one instant."""

    shown_at: str
    subject: str
    position: Position
    """Where the expectation stands in the file."""
    fields: tuple[Mismatch, ...] = ()
    lines: tuple[str, ...] = ()
    """What cannot be said field by field: missing and unexpected transactions."""


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """How a scenario ended."""

    suite: Suite
    scenario: Scenario
    differences: tuple[Difference, ...]
    not_evaluated: tuple[tuple[Position, str], ...]
    """What was expected and not looked at; such a scenario never counts as passed."""
    duration_ns: int

    @property
    def failed(self) -> bool:
        """Whether something differs."""
        return bool(self.differences)

    @property
    def passed(self) -> bool:
        """Whether everything was looked at and is as expected."""
        return not self.differences and not self.not_evaluated


@dataclass(frozen=True, slots=True)
class Observation:
    """What the stages held at the instant of one expectation."""

    scenario: Scenario
    expectation: Expectation
    at_ns: int
    """Since the epoch."""
    facts: tuple[Fact, ...]
    objectives: tuple[SloEvaluation, ...]


def run_tests(
    suites: Sequence[Suite],
    *,
    only: str = "",
    clock: Clock | None = None,
    observe: Callable[[Observation], None] | None = None,
) -> tuple[ScenarioResult, ...]:
    """Run the scenarios whose file or name contains `only`, whatever the case of letters.

    Results stand in the order of the suites. `observe` is shown what was found at each instant.

    Raises:
        OperatorError: `only` leaves nothing to run.
    """
    clock = clock or SystemClock()
    chosen = [
        (suite, [one for one in suite.scenarios if _is_wanted(suite, one, only)])
        for suite in suites
    ]
    if only and not any(scenarios for _, scenarios in chosen):
        raise OperatorError(f'no scenario and no file has "{only}" in its name; correct the filter')
    # Suites of one set of definitions share their stages.
    by_revision: dict[str, list[int]] = {}
    for index, (suite, scenarios) in enumerate(chosen):
        if scenarios:
            by_revision.setdefault(suite.plan.revision, []).append(index)
    results: dict[int, list[ScenarioResult]] = {}
    for indices in by_revision.values():
        with World(chosen[indices[0]][0].plan) as world:
            for index in indices:
                suite, scenarios = chosen[index]
                results[index] = [_run(world, suite, one, clock, observe) for one in scenarios]
    return tuple(result for index in sorted(results) for result in results[index])


def _is_wanted(suite: Suite, scenario: Scenario, only: str) -> bool:
    return only.casefold() in f"{suite.file}: {scenario.name}".casefold()


def _run(
    world: World,
    suite: Suite,
    scenario: Scenario,
    clock: Clock,
    observe: Callable[[Observation], None] | None,
) -> ScenarioResult:
    begun_ns = clock.monotonic_ns()
    run = world.begin(scenario)
    differences: list[Difference] = []
    for expectation in scenario.expectations:
        if expectation.at_ns is None:
            run.finish()
        else:
            run.advance_to(expectation.at_ns)
        differences += _Look(world, run, expectation, observe).differences()
    return ScenarioResult(
        suite=suite,
        scenario=scenario,
        differences=tuple(differences),
        not_evaluated=tuple(
            (expectation.alerts, f"{NOT_EVALUATED} ({expectation.shown_at})")
            for expectation in scenario.expectations
            if expectation.alerts is not None
        ),
        duration_ns=clock.monotonic_ns() - begun_ns,
    )


class _Look:
    """One look at the stages, at the instant of an expectation."""

    def __init__(
        self,
        world: World,
        run: Run,
        expectation: Expectation,
        observe: Callable[[Observation], None] | None,
    ) -> None:
        self._world = world
        self._run = run
        self._expectation = expectation
        needs_facts = expectation.transactions is not None or observe is not None
        self._facts = run.facts() if needs_facts else ()
        names = tuple(dict.fromkeys(one.slo for one in expectation.slos))
        self._objectives = run.objectives(names) if names else ()
        if observe is not None:
            scenario = run.traces.scenario
            observe(Observation(scenario, expectation, run.now_ns, self._facts, self._objectives))

    def differences(self) -> list[Difference]:
        found = [*self._transactions(), *self._counters()]
        for expected in self._expectation.slos:
            found += self._slo(expected)
        return found

    def _difference(
        self,
        subject: str,
        position: Position,
        *,
        fields: Sequence[Mismatch] = (),
        lines: Sequence[str] = (),
    ) -> Difference:
        shown_at = self._expectation.shown_at
        return Difference(shown_at, subject, position, tuple(fields), tuple(lines))

    def _transactions(self) -> list[Difference]:
        expected = self._expectation.transactions
        if expected is None:
            return []
        key = self._world.hash_key
        seen = [Seen.of(fact, self._run.traces) for fact in self._facts]
        matched = match(expected, seen, key)
        differences = [
            self._difference(
                f"transaction {one.transaction}, entry {_entry(there)}{_times(count)}",
                one.position,
                fields=mismatches(one, there, key),
            )
            for one, there, count in matched.changed
        ]
        lines = _left_over(matched)
        if lines:
            position = self._expectation.position
            differences.append(self._difference("transactions", position, lines=lines))
        return differences

    def _counters(self) -> list[Difference]:
        if not self._expectation.counters:
            return []
        counters = self._run.counters()
        fields = [
            Mismatch(name, str(wanted), str(counters.get(COUNTERS[name], 0)))
            for name, wanted in self._expectation.counters.items()
            if counters.get(COUNTERS[name], 0) != wanted
        ]
        if not fields:
            return []
        return [self._difference("counters", self._expectation.position, fields=fields)]

    def _slo(self, expected: ExpectedSlo) -> list[Difference]:
        (found,) = [
            one
            for one in self._objectives
            if one.slo == expected.slo and expected.objective in (None, one.objective)
        ]
        numbers = numbers_of(found)
        fields = [
            Mismatch(name, _shown(name, wanted), _shown(name, numbers[name]))
            for name, wanted in expected.given.items()
            if numbers[name] != wanted
        ]
        if expected.reasons is not None and dict(found.reasons) != dict(expected.reasons):
            fields += [
                Mismatch(
                    f'reason "{reason}"',
                    str(expected.reasons.get(reason, 0)),
                    str(found.reasons.get(reason, 0)),
                )
                for reason in sorted({*expected.reasons, *found.reasons})
                if expected.reasons.get(reason, 0) != found.reasons.get(reason, 0)
            ]
        if not fields:
            return []
        objective = f", objective {expected.objective}" if expected.objective else ""
        return [
            self._difference(f"SLO {expected.slo}{objective}", expected.position, fields=fields)
        ]


def numbers_of(found: SloEvaluation) -> dict[str, Fraction | State | None]:
    """Return the numbers of an objective by the names that a test file gives them."""
    budget = error_budget(found.good, found.total, found.target)
    return {
        "good": Fraction(found.good),
        "total": Fraction(found.total),
        "excluded": Fraction(found.excluded),
        "unknown": Fraction(found.unknown),
        "corrected": Fraction(found.corrected),
        "sli": found.sli,
        "state": found.state,
        "budget.allowed": found.budget_total,
        "budget.bad": Fraction(found.budget_used),
        "budget.used": None if budget is None else budget.used_share,
        "budget.remaining": found.budget_remaining,
        **{f"burnRate.{burn.window}": burn.rate for burn in found.burn_rates},
    }


def _left_over(matched: Matched) -> list[str]:
    lines = []
    for one, count in matched.missing:
        parts = [f"{one.transaction}"]
        parts += [str(one.outcome)] if "outcome" in one.given else []
        parts += [f"because of {one.reason}"] if one.reason else []
        parts += [f"(entry {one.entry})"] if one.entry else []
        lines.append(f"missing: {' '.join(parts)}{_times(count)}")
    for there, count in matched.unexpected:
        reason = f" because of {there.reason}" if there.reason else ""
        lines.append(
            f"not expected: {there.transaction} {there.outcome}{reason} "
            f"(entry {_entry(there)}){_times(count)}"
        )
    return lines


def _entry(seen: Seen) -> str:
    return f"{seen.entry} of trace {seen.trace}" if seen.trace else seen.entry


def _times(count: int) -> str:
    return f", {count:,} times" if count > 1 else ""


def _shown(name: str, value: Fraction | State | None) -> str:
    if value is None:
        return "no data"
    if isinstance(value, State):
        return str(value)
    if value.denominator == 1 and name != "sli":
        return str(value.numerator)
    ratio = name == "sli" or (name.startswith("budget.") and name != "budget.allowed")
    about = percent_down(value, 4) if ratio else f"{float(value):.6g}"
    return f"{value} ({about})"
