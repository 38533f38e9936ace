"""What a span does, as words and as a condition that holds on it and on spans like it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sloengine.authoring.discover.documents import transaction_text
from sloengine.authoring.discover.labels import Label, Quality, label_of
from sloengine.authoring.discover.limits import (
    TARGETS,
    duration_text,
    percentile,
    round_limit,
    round_target,
)
from sloengine.authoring.discover.naming import choose, names_of
from sloengine.authoring.discover.proposals import Proposal
from sloengine.definitions import parse_duration
from sloengine.definitions.source import NAME
from sloengine.ottl import SERVICE_NAME, SPAN_NAME, Field, parse_condition
from sloengine.yamldoc import load_documents

SERVER, CLIENT = 2, 3


def label(name: str = "span", kind: int = SERVER, **attributes: str) -> Label:
    return label_of("shop", kind, name, {k.replace("__", "."): v for k, v in attributes.items()})


def holds(condition: str, service: str | None, kind: int, name: str, key: str, text: str) -> bool:
    return parse_condition(condition).evaluate(
        {
            SERVICE_NAME: service,
            Field("span.kind"): kind,
            SPAN_NAME: name,
            Field("span.attributes", key, has_key=True): text,
        }
    )


@pytest.mark.parametrize(
    ("found", "title", "quality"),
    [
        (label(http__request__method="GET", http__route="/a/{id}"), "GET /a/{id}", Quality.ROUTE),
        (label(http__route="/*"), "/*", Quality.NAME),
        (label(rpc__service="a.B", rpc__method="C"), "a.B/C", Quality.ROUTE),
        (label(http__method="GET", http__target="/a/17?x=1"), "GET /a/{…}", Quality.PATH),
        (label(http__url="http://h:1/p/0PUK6V6EV0/reviews"), "/p/{…}/reviews", Quality.PATH),
        (label(url__path="/cart"), "/cart", Quality.PATH),
        (label("GET /x"), "GET /x", Quality.NAME),
        (label(kind=5, messaging__destination__name="orders"), "take from orders", Quality.ROUTE),
    ],
)
def test_a_label_takes_the_best_that_a_span_says(
    found: Label, title: str, quality: Quality
) -> None:
    assert (found.title, found.quality) == (title, quality)


@pytest.mark.parametrize(
    "name", ["/*", "HTTP GET", "POST", "hipstershop.Frontend/Recv.", "ingress"]
)
def test_names_that_frameworks_give_to_everything_say_nothing(name: str) -> None:
    assert label(name).says_nothing


@pytest.mark.parametrize("name", ["GET /", "POST /checkout", "PlaceOrder", "orders process"])
def test_names_that_say_something(name: str) -> None:
    assert not label(name).says_nothing


@pytest.mark.parametrize("path", ["/health", "/healthz", "/livez", "/actuator/health", "/x/ping"])
def test_health_checks_are_known_by_their_path(path: str) -> None:
    assert label(http__route=path).is_health
    assert not label(http__route=f"{path}-insurance").is_health


def test_health_checks_are_known_by_who_asks() -> None:
    assert label(http__route="/cart", user_agent__original="kube-probe/1.31").is_health
    assert label("grpc.health.v1.Health/Check").is_health


texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=30)
KEYS = ("http.route", "url.path", "http.target", "http.url", "rpc.method")


@given(st.none() | texts, st.sampled_from([0, 1, 2, 3, 4, 5]), texts, st.sampled_from(KEYS), texts)
def test_a_condition_holds_on_the_span_that_it_was_made_from(
    service: str | None, kind: int, name: str, key: str, text: str
) -> None:
    made = label_of(service, kind, name, {key: text}).condition
    assert holds(made, service, kind, name, key, text)
    assert not holds(made, f"{service}x", kind, name, key, text)
    assert not holds(made, service, (kind + 1) % 6, name, key, text)


ids = st.integers(0, 10**9).map(str) | st.uuids().map(str)


@given(ids, ids)
def test_paths_that_differ_only_in_values_are_one_label(first: str, second: str) -> None:
    one, other = (label(url__path=f"/orders/{value}/items") for value in (first, second))
    assert one == other
    path = f"/orders/{second}/items"
    assert holds(one.condition, "shop", SERVER, "", "url.path", path)
    assert not holds(one.condition, "shop", SERVER, "", "url.path", f"{path}/more")


def proposal(entry: Label, call: Label | None) -> Proposal:
    return Proposal(
        name="checkout",
        entry=entry,
        call=call,
        calls_nobody=False,
        priority=10,
        topmost=True,
        call_fails=call is not None,
        requests=1,
        failed=0,
        p50_ns=1,
        p99_ns=1,
        limit_ns=1_500_000_000,
        example=1,
    )


@given(texts, texts, texts)
def test_every_text_survives_being_written_as_yaml(name: str, route: str, comment: str) -> None:
    entry, call = label(name), label(http__route=route)
    text = transaction_text(proposal(entry, call), TARGETS[0], [comment])
    (document,) = load_documents(text, "checkout.yaml")
    data = document.root.data()
    assert isinstance(data, dict)
    spec = data["spec"]
    assert isinstance(spec, dict)
    assert spec["entry"] == [entry.condition]
    having = spec["having"]
    assert isinstance(having, dict)
    assert having["anySpan"] == call.condition


@given(st.integers(1, 10**12), st.integers(0, 10**12))
def test_a_limit_is_round_and_leaves_room_but_not_for_a_tail(p50: int, more: int) -> None:
    limit = round_limit(p50, p50 + more)
    assert limit >= min((p50 + more) * 5 / 4, max(10 * p50, 10**9))
    digits = str(limit).rstrip("0")
    assert digits in {"1", "15", "2", "25", "3", "4", "5", "6", "8"}
    assert parse_duration(duration_text(limit)) == limit


@given(st.integers(1, 10**6), st.data())
def test_a_target_is_the_strictest_that_leaves_a_quarter_of_its_budget(
    total: int, data: st.DataObject
) -> None:
    good = data.draw(st.integers(0, total))
    target = round_target(good, total)
    fits = [
        one
        for one in TARGETS
        if (1 - one) * total >= 1 and 4 * (total - good) <= 3 * (1 - one) * total
    ]
    assert target == (fits[0] if fits else TARGETS[-1])


@given(st.lists(st.integers(0, 1000), min_size=1))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[int]) -> None:
    found = percentile(sorted(values), 99)
    assert sum(value <= found for value in values) * 100 >= 99 * len(values)
    assert sum(value < found for value in values) * 100 < 99 * len(values)


@pytest.mark.parametrize(
    ("found", "name"),
    [
        (label(http__request__method="POST", http__route="/api/checkout"), "checkout"),
        (label(http__route="/api/v1/foodservice/foods/{date}/{id}"), "foodservice-foods"),
        (label(http__request__method="GET", http__route="/"), "home"),
        (label(rpc__service="a.b.CheckoutService", rpc__method="PlaceOrder"), "place-order"),
        (label(kind=5, messaging__destination__name="orders"), "take-from-orders"),
    ],
)
def test_names_are_short_and_say_what_is_asked(found: Label, name: str) -> None:
    assert names_of(found)[0] == name


@given(
    st.lists(st.text(alphabet=string.ascii_letters + "/{}1-. é", max_size=70), max_size=8),
    st.sets(st.sampled_from(["home", "a", "b", "other"])),
)
def test_chosen_names_are_valid_and_always_different(routes: list[str], taken: set[str]) -> None:
    names = choose([names_of(label(http__route=route)) for route in routes], taken)
    assert len(names) == len(routes) == len(set(names))
    assert not set(names) & {*taken, "other", "ignored"}
    assert all(NAME.fullmatch(name) for name in names)
