"""Who comes to the shop and when, and which fault is on at that time. Deterministic by seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Fault(Enum):
    """What is broken for a while; the value is what the progress line says."""

    NONE = "none"
    GOLD_PAYMENT = "payment fails for gold customers"
    CARRIER_SLOW = "carrier rates are slow abroad"
    PAYMENT_UNREACHABLE = "payment cannot be reached"
    CART_INSIDE = "cart fails inside, unnoticed"

    @property
    def number(self) -> int:
        """Return 1 to 4, in the order in which they happen."""
        return list(Fault).index(self)


class Visit(Enum):
    """What a customer, a crawler or a health check does."""

    BROWSE = "browse"
    ADD_TO_CART = "add-to-cart"
    VIEW_CART = "view-cart"
    SHIPPING_QUOTE = "shipping-quote"
    CHECKOUT = "checkout"
    SITEMAP = "sitemap"
    HEALTH = "health"


# Quiet stretches between the faults keep each one's effect apart.
_TIMETABLE = (
    (0.10, 0.32, Fault.GOLD_PAYMENT),
    (0.36, 0.48, Fault.CARRIER_SLOW),
    (0.51, 0.57, Fault.PAYMENT_UNREACHABLE),
    (0.62, 0.94, Fault.CART_INSIDE),
)
_MIX = {
    Visit.BROWSE: 565,
    Visit.ADD_TO_CART: 100,
    Visit.VIEW_CART: 60,
    Visit.SHIPPING_QUOTE: 110,
    Visit.CHECKOUT: 133,
    Visit.SITEMAP: 12,
    Visit.HEALTH: 20,
}
_TIERS = {"gold": 3, "silver": 5, "bronze": 12, "platinum": 1}
_COUNTRIES = {"US": 12, "DE": 1, "JP": 1, "BR": 1}
HOME = "US"


@dataclass(frozen=True, slots=True)
class Arrival:
    """One visit: when, by whom, and what is broken then."""

    at_ns: int
    visit: Visit
    fault: Fault
    user: str
    session: str
    tier: str
    country: str
    currency: str

    @property
    def foreign(self) -> bool:
        """Tell whether the parcel leaves the country."""
        return self.country != HOME


_CURRENCIES = {"US": "USD", "DE": "EUR", "JP": "JPY", "BR": "BRL"}


def fault_at(share: float) -> Fault:
    """Return the fault that is on when `share` (0 to 1) of the time is over."""
    for start, stop, fault in _TIMETABLE:
        if start <= share < stop:
            return fault
    return Fault.NONE


def arrivals(number: int, *, start_ns: int, end_ns: int, seed: int) -> Iterator[Arrival]:
    """Yield `number` visits in order of time, spread over [start, end)."""
    rng = random.Random(f"visits {seed}")
    length = end_ns - start_ns
    visits, weights = list(_MIX), list(_MIX.values())
    tiers, tier_weights = list(_TIERS), list(_TIERS.values())
    countries, country_weights = list(_COUNTRIES), list(_COUNTRIES.values())
    for index in range(number):
        place = (index + rng.random()) / number
        country = rng.choices(countries, country_weights)[0]
        yield Arrival(
            at_ns=start_ns + int(place * length),
            visit=rng.choices(visits, weights)[0],
            fault=fault_at(place),
            user=f"{rng.getrandbits(64):016x}",
            session=f"{rng.getrandbits(64):016x}",
            tier=rng.choices(tiers, tier_weights)[0],
            country=country,
            currency=_CURRENCIES[country],
        )
