"""Alerts that can never fire: no burn rate exceeds 1 / (1 − target), that of a full outage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sloengine.definitions.catalogue import BUILT_IN_POLICY, Catalogue, Definition
from sloengine.definitions.plan import SloRule
from sloengine.yamldoc import Node

WORKBOOK = (Fraction(72, 5), Fraction(6), Fraction(1))
"""Burn rates of the built-in policy."""
_DEFAULT_OPERATOR = "gt"
_SUSPICIOUS = Fraction(1, 2)


@dataclass(frozen=True, slots=True)
class _Alert:
    """A burn rate that alerts, and whether reaching it is enough."""

    rate: Fraction
    inclusive: bool = False

    def reachable(self, most: Fraction) -> bool:
        return self.rate <= most if self.inclusive else self.rate < most


def warn_unreachable(catalogue: Catalogue) -> None:
    """Note a warning for each objective whose policies have burn rates that cannot be reached."""
    for slo in catalogue.of("SLO"):
        policies = list(_policies(slo, catalogue))
        for objective in slo.spec.find(("objectives",)).items:
            for key, whole in (("target", 1), ("targetPercent", 100)):
                node = objective.entries.get(key)
                if node is not None and isinstance(node.value, int | Decimal):
                    _warn(slo, node, Fraction(node.value) / whole, policies)
    for condition in catalogue.of("AlertCondition"):
        _warn_slow(condition, condition.spec.find(("condition",)))


def warn_promised(definition: Definition, rule: SloRule) -> None:
    """Note a warning where a promise is so soft that the built-in policy cannot alert on it."""
    node = definition.spec.find(("promise", "target"))
    _warn(definition, node, Fraction(rule.objectives[0].target), [_workbook(default=True)])


def _warn(
    definition: Definition,
    node: Node,
    target: Fraction,
    policies: list[tuple[str, list[_Alert]]],
) -> None:
    if target < _SUSPICIOUS:
        return  # The target itself has a warning.
    most = 1 / (1 - target)
    for name, alerts in policies:
        lost = [alert for alert in alerts if not alert.reachable(most)]
        if lost:
            rates = " and ".join(f"{float(alert.rate):g}x" for alert in lost)
            definition.source.warning(
                node,
                f"target {node.text} can burn at most {float(most):.3g}x, so {rates} of {name} "
                "never alerts; name a BurnRatePolicy with lower burn rates in alertPolicies",
            )


def _policies(slo: Definition, catalogue: Catalogue) -> Iterator[tuple[str, list[_Alert]]]:
    written = slo.spec.entries.get("alertPolicies")
    if written is None:
        yield _workbook(default=True)
        return
    for item in written.items:
        if "alertPolicyRef" not in item.entries:
            yield "its policy", _of_policy(item.find(("spec",)), catalogue)
            continue
        name = item.entries["alertPolicyRef"].text
        found = catalogue.find("AlertPolicy", name)
        if found is not None:
            alerts = (
                _of_windows(found.spec)
                if found.kind == "BurnRatePolicy"
                else _of_policy(found.spec, catalogue)
            )
            yield f'{found.kind} "{name}"', alerts
        elif name == BUILT_IN_POLICY:
            yield _workbook(default=False)


def _workbook(*, default: bool) -> tuple[str, list[_Alert]]:
    name = f'the policy "{BUILT_IN_POLICY}"' + (", which is the default," if default else "")
    return name, [_Alert(rate) for rate in WORKBOOK]


def _of_windows(spec: Node) -> list[_Alert]:
    rates = (window.find(("burnRate",)) for window in spec.find(("windows",)).items)
    return [_Alert(Fraction(rate.value)) for rate in rates if isinstance(rate.value, int | Decimal)]


def _of_policy(spec: Node, catalogue: Catalogue) -> list[_Alert]:
    alerts = []
    for item in spec.find(("conditions",)).items:
        condition = item.find(("spec", "condition")).entries
        if "conditionRef" in item.entries:
            found = catalogue.find("AlertCondition", item.entries["conditionRef"].text)
            condition = found.spec.find(("condition",)).entries if found is not None else {}
        threshold = condition.get("threshold")
        operator = _operator(condition)
        if threshold is None or not isinstance(threshold.value, int | Decimal):
            continue
        if operator.startswith("gt"):
            alerts.append(_Alert(Fraction(threshold.value), operator == "gte"))
    return alerts


def _warn_slow(definition: Definition, condition: Node) -> None:
    operator = _operator(condition.entries)
    if operator in {"lt", "lte"}:
        definition.source.warning(
            condition.entries["op"],
            f"op {operator} alerts while the budget burns slowly; write gt or gte",
        )


def _operator(condition: Mapping[str, Node]) -> str:
    return condition["op"].text if "op" in condition else _DEFAULT_OPERATOR
