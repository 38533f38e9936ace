"""The shop's pages: every visit becomes a trace with the names of the OpenTelemetry demo (3.x)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span, SpanKind

from sloengine.demo.schedule import Arrival, Fault, Visit
from sloengine.demo.story import Story, fail
from sloengine.demo.truth import FAILED, GOOD, SLOW, UNKNOWN, Truth

CLIENT, SERVER, INTERNAL = SpanKind.CLIENT, SpanKind.SERVER, SpanKind.INTERNAL

PRODUCTS = ("0PUK6V6EV0", "1YMWWN1N4O", "2ZYFJ3GM2N", "66VCHSJNUP", "6E92ZMYYFZ", "9SIQT8TOJO")
_SHOP = "http://frontend-proxy:8080"
_BROWSE_FAILS = 0.001
_CART_FAILS = 0.0014
_CARRIER_SLOW_MS = (4300.0, 5600.0)


@contextmanager
def page(
    story: Story, arrival: Arrival, rng: random.Random, method: str, route: str, path: str
) -> Iterator[Span]:
    """Open the proxy's and the frontend's spans; a failed frontend span becomes a 500 at both.

    The proxy speaks as Envoy does: every tag is a string, and there is no route.
    """
    envoy = {
        "component": "proxy",
        "http.method": method,
        "http.url": f"{_SHOP}{path}",
        "http.protocol": "HTTP/1.1",
        "upstream_cluster": "frontend",
        "response_flags": "-",
    }
    with story.span("frontend-proxy", "ingress", SERVER, envoy) as proxy:
        story.spend(rng.uniform(0.3, 1.5))
        attributes = {
            "http.request.method": method,
            "http.route": route,
            "url.path": path,
            "url.scheme": "http",
            "server.address": "frontend",
            "user.id": arrival.user,
            "session.id": arrival.session,
        }
        with story.span("frontend", f"{method} {route}", SERVER, attributes) as frontend:
            story.spend(rng.uniform(0.5, 3))
            yield frontend
            story.spend(rng.uniform(0.5, 3))
            failed = is_failed(frontend)
            frontend.set_attribute("http.response.status_code", 500 if failed else 200)
        story.spend(rng.uniform(0.1, 0.5))
        # Envoy marks its span as an error on every 5xx.
        proxy.set_attribute("http.status_code", "500" if failed else "200")
        if failed:
            fail(proxy)


def is_failed(span: Span) -> bool:
    """Tell whether `fail` was called on a span of this shop."""
    status = getattr(span, "status", None)
    return status is not None and not status.is_ok


def visit(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Tell what one visitor does and count how it ended for them."""
    if arrival.visit is Visit.BROWSE:
        browse(story, arrival, rng, truth)
    elif arrival.visit is Visit.ADD_TO_CART:
        add_to_cart(story, arrival, rng, truth)
    elif arrival.visit is Visit.VIEW_CART:
        view_cart(story, arrival, rng, truth)
    elif arrival.visit is Visit.SHIPPING_QUOTE:
        shipping_quote(story, arrival, rng, truth)
    elif arrival.visit is Visit.SITEMAP:
        sitemap(story, rng, truth)
    elif arrival.visit is Visit.HEALTH:
        health(story, rng, truth)
    else:
        raise ValueError(f"{arrival.visit} is told elsewhere")


def browse(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Look at a product."""
    product = rng.choice(PRODUCTS)
    route, path = "/api/products/{id}", f"/api/products/{product}"
    with page(story, arrival, rng, "GET", route, path) as entry:
        failed = rng.random() < _BROWSE_FAILS
        with call(story, "frontend", "product-catalog", "ProductCatalogService/GetProduct") as at:
            at.set_attribute("demo.product.id", product)
            story.spend(rng.uniform(2, 60))
            if failed:
                fail(at, "product catalog is not ready", "Internal")
        if failed:
            fail(entry)
    truth.count("browse", FAILED if failed else GOOD)


def add_to_cart(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Put a product into the cart."""
    with page(story, arrival, rng, "POST", "/api/cart", "/api/cart") as entry:
        failed = rng.random() < _CART_FAILS
        with call(story, "frontend", "cart", "CartService/AddItem") as server:
            server.set_attribute("demo.product.id", rng.choice(PRODUCTS))
            server.set_attribute("demo.product.quantity", rng.randrange(1, 5))
            story.spend(rng.uniform(2, 40))
            if failed:
                fail(server, "cannot reach valkey", "Unavailable")
        if failed:
            fail(entry)
    truth.count("add-to-cart", FAILED if failed else GOOD)


def view_cart(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Look into the cart."""
    with page(story, arrival, rng, "GET", "/api/cart", "/api/cart"):
        with call(story, "frontend", "cart", "CartService/GetCart") as server:
            server.set_attribute("demo.cart.items.count", rng.randrange(1, 9))
            story.spend(rng.uniform(2, 30))
        with call(story, "frontend", "product-catalog", "ProductCatalogService/GetProduct"):
            story.spend(rng.uniform(2, 20))
    truth.count("view-cart", GOOD)


def shipping_quote(story: Story, arrival: Arrival, rng: random.Random, truth: Truth) -> None:
    """Ask what delivery costs."""
    with page(story, arrival, rng, "GET", "/api/shipping", "/api/shipping"):
        slow = get_quote(story, arrival, rng, "frontend")
    truth.slow_quotes += slow
    truth.count("shipping-quote", SLOW if slow else GOOD)


def sitemap(story: Story, rng: random.Random, truth: Truth) -> None:
    """Serve a crawler a page that no definition names."""
    attributes = {
        "component": "proxy",
        "http.method": "GET",
        "http.url": f"{_SHOP}/sitemap.xml",
        "http.status_code": "200",
        "upstream_cluster": "frontend",
    }
    with story.span("frontend-proxy", "GET /sitemap.xml", SERVER, attributes):
        story.spend(rng.uniform(1, 8))
    truth.count("other", UNKNOWN)


def health(story: Story, rng: random.Random, truth: Truth) -> None:
    """Answer a health check."""
    attributes: dict[str, str | int] = {
        "http.request.method": "GET",
        "http.route": "/health",
        "url.path": "/health",
        "http.response.status_code": 200,
        "user_agent.original": "kube-probe/1.31",
    }
    with story.span("frontend", "GET /health", SERVER, attributes):
        story.spend(rng.uniform(0.2, 2))
    truth.count("ignored", UNKNOWN)


def get_quote(story: Story, arrival: Arrival, rng: random.Random, caller: str) -> bool:
    """Call shipping for a price; return whether the carrier made it slow."""
    slow = arrival.fault is Fault.CARRIER_SLOW and arrival.foreign
    with http_call(story, caller, "shipping", "/get-quote") as shipping:
        shipping.set_attribute("demo.shipping.items.count", rng.randrange(1, 9))
        shipping.set_attribute("demo.shipping.country", arrival.country)
        with http_call(story, "shipping", "quote", "/getquote") as quote:
            story.spend(rng.uniform(1, 12))
            quote.set_attribute("demo.quote.cost.total", round(rng.uniform(5, 90), 2))
        if arrival.foreign:
            attributes = {
                "http.request.method": "GET",
                "url.full": "https://rates.carrier.example/v1/rates",
                "server.address": "rates.carrier.example",
            }
            with story.span("shipping", "GET", CLIENT, attributes) as rates:
                story.spend(rng.uniform(*_CARRIER_SLOW_MS) if slow else rng.uniform(20, 250))
                rates.set_attribute("http.response.status_code", 200)
    return slow


@contextmanager
def call(story: Story, caller: str, callee: str, method: str) -> Iterator[Span]:
    """Open both ends of a gRPC call; yield the server's span. A failed server fails its client."""
    service, _, name = method.partition("/")
    attributes = {
        "rpc.system": "grpc",
        "rpc.service": f"oteldemo.{service}",
        "rpc.method": name,
    }
    full = f"oteldemo.{method}"
    with story.span(caller, full, CLIENT, {**attributes, "server.address": callee}) as client:
        with story.span(callee, full, SERVER, attributes) as server:
            yield server
            failed = is_failed(server)
            server.set_attribute("rpc.grpc.status_code", 13 if failed else 0)
        client.set_attribute("rpc.grpc.status_code", 13 if failed else 0)
        if failed:
            fail(client)


@contextmanager
def http_call(story: Story, caller: str, callee: str, path: str) -> Iterator[Span]:
    """Open both ends of an HTTP call that succeeds; yield the server's span."""
    attributes: dict[str, str | int] = {"http.request.method": "POST", "url.path": path}
    outgoing: dict[str, str | int] = {**attributes, "server.address": callee}
    with story.span(caller, "POST", CLIENT, {**outgoing, "http.response.status_code": 200}):
        incoming: dict[str, str | int] = {**attributes, "http.route": path}
        incoming["http.response.status_code"] = 200
        with story.span(callee, f"POST {path}", SERVER, incoming) as server:
            yield server
