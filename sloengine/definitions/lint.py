"""Warnings: what is allowed, and probably not what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from sloengine.definitions.catalogue import Catalogue, Definition
from sloengine.definitions.plan import TransactionRule
from sloengine.yamldoc import Node

_NIL_UNSAFE = re.compile(
    r"\b(HasPrefix|HasSuffix)\(\s*((?:span|resource)\.attributes\[\"[^\"]*\"\])"
)


def warn(catalogue: Catalogue, transactions: Sequence[TransactionRule]) -> None:
    """Note a warning for each suspicious thing in a set without errors."""
    for kind in ("BusinessTransaction", "Ignore"):
        for definition in catalogue.of(kind):
            for node in _texts(definition.spec):
                _warn_nil_unsafe(definition, node)
    _warn_shadowed(catalogue, transactions)


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


def _warn_shadowed(catalogue: Catalogue, transactions: Sequence[TransactionRule]) -> None:
    """An entry is shadowed where another definition takes every span that it can match."""
    takers: dict[int, list[TransactionRule]] = {}
    for rule in transactions:
        for condition in rule.entry if rule.having is None else ():
            takers.setdefault(condition, []).append(rule)
    for rule in transactions:
        for taker in takers.get(rule.entry[0], ()):
            if taker is rule or (-taker.priority, taker.name) > (-rule.priority, rule.name):
                continue
            definition = catalogue.find("BusinessTransaction", rule.name)
            if definition is not None and set(rule.entry) <= set(taker.entry):
                definition.source.warning(
                    definition.spec.find(("entry",)),
                    f'"{taker.name}" has the same entry and takes every span first; give one '
                    "of them a having and the higher priority, or another entry",
                )
                break
