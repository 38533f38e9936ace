"""The definitions that we ship: correct, without warnings, and fitting what they are for."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest

from sloengine.definitions import Plan, Predicate, load_definitions

ROOT = Path(__file__).parents[2] / "slo-definitions"
SETS = [".", "examples/first", "examples/trainticket", "examples/onlineboutique"]


@pytest.mark.parametrize("name", SETS)
def test_they_load_without_a_warning_and_are_evaluated_whole(name: str) -> None:
    loaded = load_definitions(ROOT / name)
    assert loaded.warnings == ()
    assert loaded.plan.not_evaluated == ()


def test_the_first_definition_is_ten_lines() -> None:
    modeline, *lines = (ROOT / "examples/first/checkout.yaml").read_text("utf-8").splitlines()
    assert modeline.startswith("# yaml-language-server:")
    assert len(lines) == 10


def test_the_shop_promises_what_its_readme_says() -> None:
    plan = load_definitions(ROOT).plan
    promises = {rule.name: (rule.objectives[0].target, rule.window_text) for rule in plan.slos}
    assert promises == {
        "add-to-cart-experience": (Decimal("0.995"), "28d"),
        "browse-experience": (Decimal("0.99"), "28d"),
        "checkout-experience": (Decimal("0.995"), "28d"),
        "shipping-quote-experience": (Decimal("0.98"), "28d"),
        "view-cart-experience": (Decimal("0.99"), "28d"),
    }
    assert [name for name, _ in plan.ignore] == ["health-checks"]


def conditions_in(plan: Plan, predicate: Predicate | None) -> set[str]:
    """Every condition that a predicate names."""
    if predicate is None:
        return set()
    parts = getattr(predicate, "parts", ())
    found = {text for part in parts for text in conditions_in(plan, part)}
    for key in ("condition", "match", "of", "holds"):
        index = getattr(predicate, key, None)
        if index is not None:
            found.add(plan.conditions[index].text)
    return found


def labels(folder: str) -> dict[str, object]:
    traces = os.environ.get("SLOENGINE_TRACES")
    if not traces:
        pytest.skip("SLOENGINE_TRACES is not set: no real traces at hand")
    read = json.loads((Path(traces) / folder / "labels.json").read_text(encoding="utf-8"))
    transactions = read["transactions"]
    assert isinstance(transactions, dict)
    return transactions


@pytest.mark.traces
def test_each_transaction_of_the_real_trainticket_has_one_definition() -> None:
    plan = load_definitions(ROOT / "examples/trainticket").plan
    routes = labels("nezha-trainticket")
    found = {
        route: [
            rule.name
            for rule in plan.transactions
            if any(f'"{route}"' in text for text in conditions_in(plan, rule.having))
        ]
        for route in routes
    }
    assert {route: len(names) for route, names in found.items()} == dict.fromkeys(routes, 1)
    assert len(plan.transactions) == len(routes)


@pytest.mark.traces
def test_each_transaction_of_the_real_onlineboutique_has_one_definition() -> None:
    plan = load_definitions(ROOT / "examples/onlineboutique").plan
    names = {name.split("/")[0].replace("_", "-") for name in labels("nezha-onlineboutique")}
    assert {rule.name for rule in plan.transactions} == names
    assert len({rule.priority for rule in plan.transactions}) == len(names)
    assert len({rule.entry for rule in plan.transactions}) == 1
