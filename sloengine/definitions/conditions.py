"""The conditions and captured expressions of a set: each text is parsed once and has one number."""

from __future__ import annotations

from sloengine.definitions.source import Source
from sloengine.ottl import (
    SERVICE_NAME,
    SPAN_NAME,
    Condition,
    Field,
    OttlError,
    ValueExpression,
    parse_condition,
    parse_value,
)
from sloengine.yamldoc import Node


class Conditions:
    """Numbers conditions and captures in the order in which they are first asked for."""

    def __init__(self) -> None:
        self.conditions: list[Condition] = []
        self.captures: list[ValueExpression] = []
        self._condition_index: dict[str, int] = {}
        self._capture_index: dict[str, int] = {}

    def condition(self, source: Source, node: Node, what: str) -> int | None:
        """Return the number of a span condition; a problem is noted and gives `None`."""
        text = source.condition_text(node, what)
        if text is None:
            return None
        known = self._condition_index.get(text)
        if known is not None:
            return known
        try:
            condition = parse_condition(text)
        except OttlError as error:
            source.ottl_error(node, error)
            return None
        self.conditions.append(condition)
        return self._condition_index.setdefault(text, len(self.conditions) - 1)

    def chain(self, source: Source, node: Node, what: str) -> tuple[int, ...]:
        """Return the numbers of value expressions that are tried in order."""
        indices = []
        for item in source.one_or_more(node, what):
            text = source.condition_text(item, what)
            if text is None:
                continue
            known = self._capture_index.get(text)
            if known is None:
                try:
                    expression = parse_value(text)
                except OttlError as error:
                    source.ottl_error(item, error)
                    continue
                self.captures.append(expression)
                known = self._capture_index[text] = len(self.captures) - 1
            indices.append(known)
        return tuple(indices)

    def fields(self) -> tuple[Field, ...]:
        """Return what the decoder must project, in ascending order."""
        fields = {SPAN_NAME, SERVICE_NAME}
        for condition in self.conditions:
            fields.update(condition.fields)
        for capture in self.captures:
            fields.update(capture.fields)
        return tuple(sorted(fields))
