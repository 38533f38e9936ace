"""Warnings: what is allowed, and probably not what was meant."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence

from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.logic import doubts, fact_doubts
from sloengine.definitions.plan import SloRule, TransactionRule
from sloengine.definitions.reachable import warn_promised, warn_unreachable
from sloengine.definitions.shadows import shadowed
from sloengine.definitions.source import did_you_mean
from sloengine.definitions.transactions import declared_dimensions
from sloengine.ottl import Condition, OttlError, parse_fact_condition
from sloengine.ottl.tree import Comparison, Literal, Path, walk
from sloengine.yamldoc import Node

_NIL_UNSAFE = re.compile(
    r"\b(HasPrefix|HasSuffix)\("
    r"\s*((?:span|resource|instrumentation_scope)\.attributes\[\"[^\"]*\"\])"
)
_STATUS_ERROR = 2
_ONE_CONDITION = ("anySpan", "noSpan")
_SEVERAL = {"count": ("match",), "everySpan": ("of", "holds")}


def warn(
    catalogue: Catalogue,
    transactions: Sequence[TransactionRule],
    conditions: Sequence[Condition],
    promised: Sequence[SloRule],
) -> None:
    """Note a warning for each suspicious thing in a set without errors."""
    by_text = {condition.text: condition for condition in conditions}
    for kind in ("BusinessTransaction", "Ignore"):
        for definition in catalogue.of(kind):
            for node in _texts(definition.spec):
                _warn_nil_unsafe(definition, node)
                if node.text in by_text:
                    _warn_doubts(definition, node, by_text[node.text])
            _warn_any_error(definition, definition.spec, by_text)
    for kind in ("SLO", "SLI"):
        for definition in catalogue.of(kind):
            _warn_facts(definition, definition.spec, catalogue)
    _warn_shadowed(catalogue, transactions, conditions)
    warn_unreachable(catalogue)
    for rule in promised:
        promising = catalogue.find("BusinessTransaction", rule.transaction)
        if promising is not None:
            warn_promised(promising, rule)
    _warn_unknown_service(catalogue)


def _texts(node: Node) -> Iterator[Node]:
    if node.kind == "scalar":
        yield node
    for child in (*node.entries.values(), *node.items):
        yield from _texts(child)


def _warn_nil_unsafe(definition: Definition, node: Node) -> None:
    for match in _NIL_UNSAFE.finditer(node.text):
        function, path = match.groups()
        if f"{path} != nil" in node.text[: match.start()]:
            continue
        definition.source.warning(
            definition.source.document.place(node, match.start()),
            f"{function} fails on spans without {path}, and the condition then does not match; "
            f"write {path} != nil and {function}(…), or IsMatch",
        )


def _warn_doubts(definition: Definition, node: Node, condition: Condition) -> None:
    for doubt in doubts(condition.root, condition.text):
        place = definition.source.document.place(node, doubt.offset)
        definition.source.warning(place, doubt.message)


def _warn_facts(definition: Definition, node: Node, catalogue: Catalogue) -> None:
    """Doubt the `where` of each source that counts a transaction."""
    where, transaction = node.entries.get("where"), node.entries.get("transaction")
    if where is not None and transaction is not None:
        counted = catalogue.find("BusinessTransaction", transaction.text.strip())
        # The query of another system may use the same words, and mean what it likes.
        with contextlib.suppress(OttlError):
            dimensions = declared_dimensions(counted) if counted is not None else []
            condition = parse_fact_condition(where.text, dimensions)
            for message in fact_doubts(condition.root):
                definition.source.warning(where, message)
    for child in (*node.entries.values(), *node.items):
        _warn_facts(definition, child, catalogue)


def _warn_any_error(definition: Definition, node: Node, by_text: Mapping[str, Condition]) -> None:
    """A call that failed is an ERROR on the client's span, on the server's, or on both."""
    for key, child in node.entries.items():
        asked = [child] if key in _ONE_CONDITION else []
        asked += [child.entries[part] for part in _SEVERAL.get(key, ()) if part in child.entries]
        conditions = [by_text[part.text] for part in asked if part.text in by_text]
        blamed = [i for i, condition in enumerate(conditions) if _asks_for_error(condition)]
        if blamed and not any(
            field.path == "span.kind" for condition in conditions for field in condition.fields
        ):
            definition.source.warning(
                asked[blamed[0]],
                "an ERROR of any kind of span: one failed call can be two such spans, or one at "
                "either end; add and span.kind == SPAN_KIND_SERVER, or another kind",
            )
        _warn_any_error(definition, child, by_text)
    for item in node.items:
        _warn_any_error(definition, item, by_text)


def _asks_for_error(condition: Condition) -> bool:
    if all(field.path != "span.status.code" for field in condition.fields):
        return False
    for node in walk(condition.root):
        if isinstance(node, Comparison):
            sides = (node.left, node.right)
            if any(isinstance(side, Path) and side.name == "span.status.code" for side in sides):
                return any(
                    isinstance(side, Literal) and side.value == _STATUS_ERROR for side in sides
                )
    return False


def _warn_shadowed(
    catalogue: Catalogue,
    transactions: Sequence[TransactionRule],
    conditions: Sequence[Condition],
) -> None:
    for rule, takers in shadowed(transactions, conditions):
        definition = catalogue.find("BusinessTransaction", rule.name)
        if definition is not None:
            names = " and ".join(f'"{name}"' for name in takers)
            take = "takes" if len(takers) == 1 else "take"
            definition.source.warning(
                definition.spec.find(("entry",)),
                f"{names} {take} every span of this entry first; give this one the higher "
                "priority, or the other a having or another entry",
            )


def _warn_unknown_service(catalogue: Catalogue) -> None:
    """Where services are defined, a service without a definition is probably misspelt."""
    services = [definition.name for definition in catalogue.of("Service")]
    if not services:
        return
    for slo in catalogue.of("SLO"):
        node = slo.spec.find(("service",))
        if node.text.strip() not in services:
            cure = did_you_mean(node.text.strip(), services)
            slo.source.warning(node, f'there is no Service "{node.text.strip()}"{cure}')
