"""What a scenario expects, from YAML. Names are checked against the definitions under test."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sloengine.authoring.testing.model import (
    AnyOne,
    Expectation,
    ExpectedSlo,
    ExpectedTransaction,
    Money,
    SpanSpec,
)
from sloengine.authoring.testing.reading_spans import MOST_SPANS
from sloengine.authoring.testing.values import read_exact, read_offset
from sloengine.definitions import Outcome, Plan
from sloengine.definitions.source import Source, did_you_mean
from sloengine.errors import Position
from sloengine.processor import Counter
from sloengine.slo import BURN_WINDOWS, State
from sloengine.store.facts import IGNORED, OTHER, OTHER_SERVICE, OTHER_SPAN
from sloengine.yamldoc import Node

EXPECT_KEYS = ("at", "transactions", "slos", "counters", "alerts")
TRANSACTION_KEYS = (
    "transaction",
    "times",
    "entry",
    "trace",
    "outcome",
    "reason",
    "incomplete",
    "customer",
    "session",
    "intent",
    "value",
    "dimensions",
)
COUNTS = ("good", "total", "excluded", "unknown", "corrected")
BUDGET_KEYS = ("allowed", "bad", "used", "remaining")
SLO_KEYS = ("slo", "objective", *COUNTS, "sli", "budget", "burnRate", "state", "reasons")
BURN_KEYS = tuple(window for window, _ in BURN_WINDOWS)
COUNTERS = {counter.removeprefix("processor."): str(counter) for counter in Counter}
_MICROS = 10**6
_MOST_EVENTS = 10**15


@dataclass(frozen=True, slots=True)
class ExpectationsReader:
    """Reads what one scenario expects.

    Without a plan (its definitions have errors of their own) names are taken as they are.
    """

    source: Source
    plan: Plan | None
    spans: Sequence[SpanSpec]

    def read(self, node: Node, what: str) -> tuple[Expectation, ...]:
        """Return the expectations, the earliest first and the end last; problems are noted."""
        found = []
        for index, item in enumerate(self.source.one_or_more(node, what)):
            here = f"{what}[{index}]" if node.kind == "sequence" else what
            expectation = self._expectation(item, here)
            if expectation is not None:
                found.append(expectation)
        shown = [expectation.shown_at for expectation in found]
        for number, expectation in enumerate(found):
            if expectation.shown_at in shown[:number]:
                self.source.error(
                    expectation.position,
                    f"{what} stands twice for {expectation.shown_at}; put both into one",
                )
        return tuple(
            sorted(
                found, key=lambda one: (one.at_ns is None, 0 if one.at_ns is None else one.at_ns)
            )
        )

    def _expectation(self, node: Node, what: str) -> Expectation | None:
        members = self.source.mapping(node, what, EXPECT_KEYS)
        if members is None:
            return None
        if not any(key in members for key in EXPECT_KEYS[1:]):
            self.source.error(
                node, f"{what} expects nothing; add one of {', '.join(EXPECT_KEYS[1:])}"
            )
        at_ns = None
        if "at" in members:
            at_ns = read_offset(self.source, members["at"], f"{what}.at")
        return Expectation(
            at_ns=at_ns,
            shown_at="at the end" if at_ns is None else f"at {members['at'].text}",
            position=node.position,
            transactions=self._transactions(members.get("transactions"), f"{what}.transactions"),
            slos=self._slos(members.get("slos"), f"{what}.slos"),
            counters=self._counters(members.get("counters"), f"{what}.counters"),
            alerts=self._alerts(members.get("alerts"), f"{what}.alerts"),
        )

    def _alerts(self, node: Node | None, what: str) -> Position | None:
        if node is None:
            return None
        for index, item in enumerate(self.source.sequence(node, what)):
            self.source.free_mapping(item, f"{what}[{index}]")
        return node.key_position

    # -- transactions ------------------------------------------------------------------------

    def _transactions(self, node: Node | None, what: str) -> tuple[ExpectedTransaction, ...] | None:
        if node is None:
            return None
        if node.kind == "sequence" and not node.items:
            return ()
        read = [
            self._transaction(item, f"{what}[{index}]")
            for index, item in enumerate(self.source.sequence(node, what))
        ]
        return tuple(one for one in read if one is not None)

    def _transaction(self, node: Node, what: str) -> ExpectedTransaction | None:
        members = self.source.mapping(node, what, TRANSACTION_KEYS, ("transaction",))
        if members is None:
            return None
        name = self._name(members["transaction"], f"{what}.transaction", self._transaction_names())
        times = 1
        if "times" in members:
            times = self.source.integer(members["times"], f"{what}.times", 1, MOST_SPANS) or 1
        outcome = None
        if "outcome" in members:
            outcome = self.source.choice(members["outcome"], f"{what}.outcome", tuple(Outcome))
        incomplete = False
        if "incomplete" in members:
            incomplete = bool(self.source.boolean(members["incomplete"], f"{what}.incomplete"))
        return ExpectedTransaction(
            given=frozenset(members) - {"transaction", "times"},
            transaction=name,
            times=times,
            position=node.position,
            entry=self._label(members, "entry", what, {span.label for span in self.spans}),
            trace=self._label(members, "trace", what, {span.trace for span in self.spans}),
            outcome=Outcome(outcome or Outcome.GOOD),
            reason=self._reason(members.get("reason"), f"{what}.reason"),
            incomplete=incomplete,
            customer=self._somebody(members.get("customer"), f"{what}.customer"),
            session=self._somebody(members.get("session"), f"{what}.session"),
            intent=self._somebody(members.get("intent"), f"{what}.intent"),
            value=self._money(members.get("value"), f"{what}.value"),
            dimensions=self._dimensions(members.get("dimensions"), f"{what}.dimensions", name),
        )

    def _transaction_names(self) -> Collection[str] | None:
        if self.plan is None:
            return None
        return [*(rule.name for rule in self.plan.transactions), OTHER, IGNORED]

    def _label(
        self, members: Mapping[str, Node], key: str, what: str, known: Collection[str]
    ) -> str:
        return self._name(members[key], f"{what}.{key}", known) if key in members else ""

    def _name(self, node: Node, what: str, known: Collection[str] | None) -> str:
        text = self.source.text(node, what) or ""
        if text and known is not None and text not in known:
            self.source.error(node, f'{what} "{text}" does not exist{did_you_mean(text, known)}')
        return text

    def _reason(self, node: Node | None, what: str) -> str:
        if node is None or node.is_null or (node.kind == "scalar" and not node.text):
            return ""
        return self.source.text(node, what) or ""

    def _somebody(self, node: Node | None, what: str) -> str | AnyOne:
        """Return the text of a key, or whether there is one at all."""
        if node is None or node.is_null:
            return False
        if node.kind == "scalar" and isinstance(node.value, bool):
            return node.value
        if node.kind != "scalar":
            self.source.error(node, f"{what} must be the text of the key, true for any, or null")
            return False
        return node.text

    def _money(self, node: Node | None, what: str) -> Money | None:
        if node is None or node.is_null:
            return None
        members = self.source.mapping(node, what, ("amount", "currency"), ("amount", "currency"))
        if members is None:
            return None
        amount = read_exact(self.source, members["amount"], f"{what}.amount") or Fraction(0)
        micros = amount * _MICROS
        if micros.denominator != 1:
            self.source.error(
                members["amount"], f"{what}.amount is finer than a millionth; amounts are kept so"
            )
        currency = members["currency"]
        text = None if currency.is_null else self.source.text(currency, f"{what}.currency")
        return Money(int(micros), text)

    def _dimensions(self, node: Node | None, what: str, transaction: str) -> dict[str, str]:
        if node is None:
            return {}
        members = self.source.free_mapping(node, what)
        known = self._dimension_names(transaction)
        for name, value in members.items():
            if known is not None and name not in known:
                self.source.error(
                    value.key_position,
                    f'transaction "{transaction}" has no dimension "{name}"'
                    f"{did_you_mean(name, known)}",
                )
            if value.kind != "scalar":
                self.source.error(value, f"{what}.{name} must be text")
        return {name: value.text for name, value in members.items()}

    def _dimension_names(self, transaction: str) -> Collection[str] | None:
        if transaction in (OTHER, IGNORED):
            return (OTHER_SERVICE, OTHER_SPAN)
        for rule in () if self.plan is None else self.plan.transactions:
            if rule.name == transaction:
                return [dimension.name for dimension in rule.dimensions]
        return None

    # -- objectives --------------------------------------------------------------------------

    def _slos(self, node: Node | None, what: str) -> tuple[ExpectedSlo, ...]:
        if node is None:
            return ()
        read = [
            self._slo(item, f"{what}[{index}]")
            for index, item in enumerate(self.source.sequence(node, what))
        ]
        return tuple(one for one in read if one is not None)

    def _slo(self, node: Node, what: str) -> ExpectedSlo | None:
        members = self.source.mapping(node, what, SLO_KEYS, ("slo",))
        if members is None:
            return None
        rules = {} if self.plan is None else {rule.name: rule for rule in self.plan.slos}
        name = self._name(
            members["slo"], f"{what}.slo", None if self.plan is None else sorted(rules)
        )
        names = [one.display_name for one in rules[name].objectives] if name in rules else None
        objective = None
        if "objective" in members:
            objective = self._name(members["objective"], f"{what}.objective", names)
        elif names is not None and len(names) > 1:
            self.source.error(
                node, f'{what} must name an objective of "{name}"; there are {", ".join(names)}'
            )
        given: dict[str, Fraction | State | None] = {}
        for key in (*COUNTS, "sli"):
            if key in members:
                given[key] = read_exact(self.source, members[key], f"{what}.{key}")
        given |= self._numbers(members.get("budget"), f"{what}.budget", BUDGET_KEYS, "budget.")
        given |= self._numbers(members.get("burnRate"), f"{what}.burnRate", BURN_KEYS, "burnRate.")
        if "state" in members:
            state = self.source.choice(members["state"], f"{what}.state", tuple(State))
            given["state"] = None if state is None else State(state)
        reasons = members.get("reasons")
        if not given and reasons is None:
            self.source.error(
                node, f"{what} expects nothing of the SLO; add one of {', '.join(SLO_KEYS[2:])}"
            )
        return ExpectedSlo(
            given=given,
            reasons=None if reasons is None else self._events(reasons, f"{what}.reasons"),
            slo=name,
            objective=objective,
            position=node.position,
        )

    def _numbers(
        self, node: Node | None, what: str, known: Sequence[str], prefix: str
    ) -> dict[str, Fraction | State | None]:
        members = None if node is None else self.source.mapping(node, what, known)
        return {
            prefix + key: read_exact(self.source, member, f"{what}.{key}")
            for key, member in (members or {}).items()
            if key in known
        }

    def _events(self, node: Node, what: str) -> dict[str, int]:
        members = self.source.free_mapping(node, what)
        return {
            key: self.source.integer(member, f"{what}.{key}", 0, _MOST_EVENTS) or 0
            for key, member in members.items()
        }

    def _counters(self, node: Node | None, what: str) -> dict[str, int]:
        members = None if node is None else self.source.mapping(node, what, tuple(COUNTERS))
        return {
            key: self.source.integer(member, f"{what}.{key}", 0, _MOST_EVENTS) or 0
            for key, member in (members or {}).items()
            if key in COUNTERS
        }
