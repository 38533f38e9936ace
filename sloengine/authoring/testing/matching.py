"""Which of the transactions that are there are those that were expected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sloengine.authoring.testing.arrivals import Traces
from sloengine.authoring.testing.model import AnyOne, ExpectedTransaction, Money
from sloengine.processor.values import keyed_hash
from sloengine.store import Fact


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction as the file would write it; equal ones are told apart by nothing."""

    transaction: str
    outcome: str
    reason: str
    entry: str
    trace: str
    incomplete: bool
    customer: bytes | None
    session: bytes | None
    intent: bytes | None
    value: Money | None
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, fact: Fact, traces: Traces) -> Seen:
        """Return what is seen of a stored transaction."""
        return cls(
            transaction=fact.transaction,
            outcome=fact.outcome,
            reason=fact.reason,
            entry=traces.span_label(fact.trace_id, fact.entry_span_id),
            trace=traces.trace_label(fact.trace_id),
            incomplete=fact.incomplete,
            customer=fact.customer,
            session=fact.session,
            intent=fact.intent,
            value=None if fact.amount_micros is None else Money(fact.amount_micros, fact.currency),
            dimensions=tuple(sorted(fact.dimensions.items())),
        )


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One thing that is not as expected, both sides as text."""

    name: str
    expected: str
    got: str


def mismatches(expected: ExpectedTransaction, seen: Seen, key: bytes) -> tuple[Mismatch, ...]:
    """Compare what the file gives, and nothing else."""
    found = []
    if expected.transaction != seen.transaction:
        found.append(Mismatch("transaction", expected.transaction, seen.transaction))
    for name, wanted, got in (
        ("entry", expected.entry, seen.entry),
        ("trace", expected.trace, seen.trace),
        ("outcome", str(expected.outcome), seen.outcome),
        ("reason", expected.reason or "none", seen.reason or "none"),
        ("incomplete", _yes(expected.incomplete), _yes(seen.incomplete)),
        ("value", _money(expected.value), _money(seen.value)),
    ):
        if name in expected.given and wanted != got:
            found.append(Mismatch(name, wanted, got))
    for name, somebody, digest in (
        ("customer", expected.customer, seen.customer),
        ("session", expected.session, seen.session),
        ("intent", expected.intent, seen.intent),
    ):
        if name in expected.given and not _is(somebody, digest, key):
            found.append(Mismatch(name, _somebody(somebody), _digest(somebody, digest)))
    dimensions = dict(seen.dimensions)
    for name, value in expected.dimensions.items():
        if dimensions.get(name) != value:
            found.append(Mismatch(f"dimension {name}", value, dimensions.get(name, "not there")))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Matched:
    """The result of matching: what is left over on both sides, as (one of them, how many)."""

    changed: tuple[tuple[ExpectedTransaction, Seen, int], ...]
    """Left over on both sides, and alike enough to be the same one gone wrong."""
    missing: tuple[tuple[ExpectedTransaction, int], ...]
    unexpected: tuple[tuple[Seen, int], ...]


def match(expected: Sequence[ExpectedTransaction], seen: Sequence[Seen], key: bytes) -> Matched:
    """Match as many as possible, whatever the order; then pair what is left by likeness."""
    there = Counter(seen)
    kinds = list(there)
    supply = [there[kind] for kind in kinds]
    fits = [
        [place for place, kind in enumerate(kinds) if not mismatches(one, kind, key)]
        for one in expected
    ]
    missing, left = _assign([one.times for one in expected], supply, fits)
    changed = []
    pairs = sorted(
        (
            (len(mismatches(expected[row], kinds[place], key)), row, place)
            for row in range(len(expected))
            for place in range(len(kinds))
            if missing[row] and left[place] and _alike(expected[row], kinds[place])
        ),
    )
    for _, row, place in pairs:
        count = min(missing[row], left[place])
        if count:
            changed.append((expected[row], kinds[place], count))
            missing[row] -= count
            left[place] -= count
    return Matched(
        changed=tuple(sorted(changed, key=lambda pair: pair[0].position)),
        missing=tuple((one, missing[row]) for row, one in enumerate(expected) if missing[row]),
        unexpected=tuple((kind, left[place]) for place, kind in enumerate(kinds) if left[place]),
    )


def _alike(expected: ExpectedTransaction, seen: Seen) -> bool:
    """Whether the same entry, or else the same transaction, may have been meant."""
    if "entry" in expected.given:
        return expected.entry == seen.entry and (
            "trace" not in expected.given or expected.trace == seen.trace
        )
    return expected.transaction == seen.transaction


def _assign(
    demand: Sequence[int], supply: Sequence[int], fits: Sequence[Sequence[int]]
) -> tuple[list[int], list[int]]:
    """Give out as much of the supply as can be; return what is left of demand and of supply.

    A maximum flow by augmenting paths: a greedy choice alone could give a transaction that two
    expectations fit to the one that has another choice.
    """
    need, left = list(demand), list(supply)
    flow: list[Counter[int]] = [Counter() for _ in demand]
    for row in sorted(range(len(need)), key=lambda row: len(fits[row])):
        for place in fits[row]:
            given = min(need[row], left[place])
            flow[row][place] += given
            need[row] -= given
            left[place] -= given
        while need[row] and _augment(row, left, fits, flow, set()):
            need[row] -= 1
    return need, left


def _augment(
    row: int,
    left: list[int],
    fits: Sequence[Sequence[int]],
    flow: list[Counter[int]],
    visited: set[int],
) -> bool:
    """Get one more for `row`, from what is left or from another row that can do without."""
    for place in fits[row]:
        if place in visited:
            continue
        visited.add(place)
        if left[place]:
            left[place] -= 1
            flow[row][place] += 1
            return True
        for other in range(len(flow)):
            if other != row and flow[other][place] and _augment(other, left, fits, flow, visited):
                flow[other][place] -= 1
                flow[row][place] += 1
                return True
    return False


def _is(somebody: str | AnyOne, digest: bytes | None, key: bytes) -> bool:
    if isinstance(somebody, bool):
        return somebody == (digest is not None)
    return digest == keyed_hash(somebody, key)


def _somebody(somebody: str | AnyOne) -> str:
    if isinstance(somebody, bool):
        return "somebody" if somebody else "nobody"
    return f'"{somebody}"'


def _digest(somebody: str | AnyOne, digest: bytes | None) -> str:
    if digest is None:
        return "nobody"
    return "somebody" if isinstance(somebody, bool) else "somebody else"


def _money(value: Money | None) -> str:
    if value is None:
        return "none"
    sign = "-" if value.amount_micros < 0 else ""
    whole, micros = divmod(abs(value.amount_micros), 10**6)
    decimals = f".{micros:06d}".rstrip("0").rstrip(".")
    return f"{sign}{whole}{decimals} {value.currency or 'without a currency'}"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
