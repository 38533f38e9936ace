"""The purchase: the longest trace of the shop, and the one that three of its faults touch."""

from __future__ import annotations

import random
from dataclasses import dataclass

from opentelemetry.trace import Span

from sloengine.demo.pages import (
    CLIENT,
    INTERNAL,
    PRODUCTS,
    call,
    get_quote,
    http_call,
    page,
)
from sloengine.demo.schedule import Arrival, Fault
from sloengine.demo.story import Story, fail
from sloengine.demo.truth import FAILED, GOOD, SLOW, Truth

_GOLD_FAILS = 0.9
_RETRY_HEALS = 0.03
_CHARGE = "oteldemo.PaymentService/Charge"
_RPC = {"rpc.system": "grpc", "rpc.service": "oteldemo.PaymentService", "rpc.method": "Charge"}


@dataclass(frozen=True, slots=True)
class _Order:
    id: str
    amount: float
    transaction: str


def checkout(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Place an order; count how it ended for the customer."""
    order = _Order(
        f"{rng.getrandbits(128):032x}",
        round(rng.uniform(15, 900), 2),
        f"{rng.getrandbits(64):016x}",
    )
    slow = False
    with (
        page(story, arrival, rng, "POST", "/api/checkout", "/api/checkout") as entry,
        call(story, "frontend", "checkout", "CheckoutService/PlaceOrder") as place,
    ):
        place.set_attributes(
            {
                "user.id": arrival.user,
                "demo.user_context.selected_currency": arrival.currency,
                "demo.user_context.loyalty_level": arrival.tier,
            }
        )
        slow = _prepare(story, arrival, rng)
        paid = _pay(story, arrival, rng, order, truth)
        if paid:
            _ship(story, arrival, rng, truth)
            place.set_attributes(
                {
                    "demo.order.id": order.id,
                    "demo.order.amount": order.amount,
                    "demo.order.items.count": rng.randrange(1, 6),
                }
            )
        else:
            fail(place, "failed to charge card", "Internal")
            fail(entry)
    # A failure comes before slowness: the customer has no order.
    outcome = FAILED if not paid else SLOW if slow else GOOD
    truth.slow_checkouts += outcome == SLOW
    truth.count("checkout", outcome)


def _prepare(story: Story, arrival: Arrival, rng: random.Random) -> bool:
    name = "prepareOrderItemsAndShippingQuoteFromCart"
    with story.span("checkout", name, INTERNAL):
        with call(story, "checkout", "cart", "CartService/GetCart") as cart:
            cart.set_attribute("user.id", arrival.user)
            story.spend(rng.uniform(2, 20))
        with call(story, "checkout", "product-catalog", "ProductCatalogService/GetProduct") as item:
            item.set_attribute("demo.product.id", rng.choice(PRODUCTS))
            story.spend(rng.uniform(2, 20))
        with call(story, "checkout", "currency", "CurrencyService/Convert") as currency:
            currency.set_attribute("demo.currency.to", arrival.currency)
            story.spend(rng.uniform(1, 8))
        return get_quote(story, arrival, rng, "checkout")


def _pay(story: Story, arrival: Arrival, rng: random.Random, order: _Order, truth: Truth) -> bool:
    """Charge the card, with one more try where the first was told to come again."""
    if arrival.fault is Fault.PAYMENT_UNREACHABLE:
        truth.unreachable_purchases += 1
        truth.unreachable_failures += 1
        attributes = {**_RPC, "server.address": "badAddress"}
        with story.span("checkout", _CHARGE, CLIENT, attributes) as client:
            story.spend(rng.uniform(3, 40))
            fail(client, "name resolver error: produced zero addresses", "Unavailable")
            client.set_attribute("rpc.grpc.status_code", 14)
        return False
    if arrival.fault is Fault.GOLD_PAYMENT and arrival.tier == "gold":
        refused = rng.random() < _GOLD_FAILS
    else:
        refused = False
    heals = not refused and rng.random() < _RETRY_HEALS
    if heals:
        truth.healed_retries += 1
        _charge(story, arrival, rng, order, failed=True)
        story.spend(rng.uniform(50, 150))
    _charge(story, arrival, rng, order, failed=refused)
    if refused and arrival.tier == "gold":
        truth.gold_failures += 1
    elif refused:
        truth.other_tier_failures += 1
    return not refused


def _charge(
    story: Story, arrival: Arrival, rng: random.Random, order: _Order, *, failed: bool
) -> None:
    with call(story, "checkout", "payment", "PaymentService/Charge") as server:
        attributes: dict[str, str | float | bool] = {
            "demo.user_context.loyalty_level": arrival.tier,
            "demo.payment.amount": order.amount,
            "demo.payment.card_type": rng.choice(("visa", "mastercard")),
            "demo.payment.charged": not failed,
        }
        with story.span("payment", "charge", INTERNAL, attributes) as charge:
            story.spend(rng.uniform(20, 180))
            if failed:
                _refuse(charge)
                _refuse(server)
            else:
                charge.set_attribute("demo.payment.transaction.id", order.transaction)


def _refuse(span: Span) -> None:
    fail(span, "Payment request failed. Invalid token.", "Error")


def _ship(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """All that follows a payment; nothing in here can take the order back."""
    with http_call(story, "checkout", "shipping", "/ship-order"):
        story.spend(rng.uniform(1, 10))
    with call(story, "checkout", "cart", "CartService/EmptyCart") as cart:
        cart.set_attribute("user.id", arrival.user)
        story.spend(rng.uniform(1, 15))
        if arrival.fault is Fault.CART_INSIDE:
            # The real checkout ignores this error (`_ = emptyUserCart`), and so does the customer.
            truth.masked_cart_errors += 1
            fail(cart, "cannot connect to valkey", "FailedPrecondition")
    with http_call(story, "checkout", "email", "/send_order_confirmation"):
        story.spend(rng.uniform(2, 25))
