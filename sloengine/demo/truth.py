"""What really happened in the shop, counted by the shop itself and never read from spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

GOOD = "good"
SLOW = "slow"
FAILED = "failed"
UNKNOWN = "unknown"
"""How traffic ends to which nothing was promised."""


@dataclass(slots=True)
class Truth:
    """Outcomes by transaction, and the sum of what each fault did.

    `outcomes["checkout"]["failed"]` is the number of customers whose order did not go through.
    Unmapped pages stand under `other`, health checks under `ignored`.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    unreachable_failures: int = 0
    """Purchases that failed because payment could not be reached."""
    unreachable_purchases: int = 0
    """All purchases tried while payment could not be reached."""
    gold_failures: int = 0
    """Purchases that payment refused; each by a gold customer."""
    other_tier_failures: int = 0
    """Purchases that payment refused to any other customer while gold failed; always none."""
    slow_checkouts: int = 0
    slow_quotes: int = 0
    """Made slow by the carrier, each for a foreign address."""
    masked_cart_errors: int = 0
    """Errors in emptying the cart that no customer noticed."""
    healed_retries: int = 0
    """Purchases whose first charge failed and whose second went through."""

    def count(self, transaction: str, outcome: str) -> None:
        """Count one transaction as its customer saw it."""
        self.outcomes.setdefault(transaction, Counter())[outcome] += 1

    def total(self, transaction: str) -> int:
        """Return how many there were of one transaction, whatever the outcome."""
        return self.outcomes.get(transaction, Counter()).total()

    def traces(self) -> int:
        """Return how many traces were told: one transaction each."""
        return sum(outcomes.total() for outcomes in self.outcomes.values())


def differences(truth: Truth, counted: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return a line for each (transaction, outcome) where the engine's count is not the truth."""
    lines: list[str] = []
    for name in sorted(truth.outcomes.keys() | counted.keys()):
        true = truth.outcomes.get(name, Counter())
        seen = counted.get(name, {})
        lines += [
            f"{name}, {outcome}: the shop had {true[outcome]:,}, the engine counts "
            f"{seen.get(outcome, 0):,}"
            for outcome in sorted(true.keys() | seen.keys())
            if true[outcome] != seen.get(outcome, 0)
        ]
    return lines
