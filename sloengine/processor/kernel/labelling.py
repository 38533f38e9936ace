"""Service and name of spans of unmapped traffic: what their facts say of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words
from sloengine.processor.kernel.ending import attach_labels
from sloengine.processor.kernel.intake import Label, Shelf
from sloengine.processor.kernel.records import address_of
from sloengine.processor.kernel.work import Work
from sloengine.processor.rows import weight_of


class Labels:
    """Finds the labels that the facts of a look need, and keeps those that facts have said."""

    def __init__(self, shelf: Shelf, work: Work) -> None:
        self._shelf = shelf
        self._arena = shelf.arena
        self._work = work

    def pass_on(self, judged: Words) -> None:
        """Say of traces of which a label is not known any more that they are judged elsewhere."""
        facts = self._work.facts
        others = np.flatnonzero(facts[:, at.F_RULE] < 0)
        if not len(others):
            return
        spans = facts[others, at.F_SPAN]
        is_known = self._origins(spans) >= 0
        is_known |= self._arena.spans[spans, at.S_META] & at.LABEL != 0
        if not is_known.all():
            is_missing = np.isin(judged[:, at.J_TRACE], facts[others[~is_known], at.F_TRACE])
            judged[is_missing, at.J_STATUS] = at.ELSEWHERE

    def of_facts(self, here: Words, *, is_all: bool) -> dict[int, Label]:
        """Return the labels that facts need, by fact: of the traces `here`, which may be all.

        Batches that are not kept are read again.
        """
        facts = self._work.facts
        others = np.flatnonzero(facts[:, at.F_RULE] < 0)
        if not len(others):
            return {}
        if not is_all:
            others = others[np.isin(facts[others, at.F_TRACE], here[:, at.J_TRACE])]
        labels: dict[int, Label] = {}
        # By batch: one that must be read again is read once.
        origins = self._origins(facts[others, at.F_SPAN])
        for number in others[np.argsort(origins, kind="stable")].tolist():
            label = self._shelf.label_of(int(facts[number, at.F_SPAN]))
            if label is None:
                raise ValueError("a trace is judged here of which a label is not known")
            labels[number] = label
        return labels

    def attach(self, labels: Mapping[int, Label]) -> None:
        """Keep service and name where a fact says them: a repeated span must say the same."""
        if not labels:
            return
        facts, numbers = self._work.facts, list(labels)
        self._arena.make_room(0, 2 * len(numbers))
        records = np.zeros((len(numbers), 4), np.int64)
        records[:, 0] = facts[numbers, at.F_TRACE]
        records[:, 1] = facts[numbers, at.F_SPAN]
        records[:, 2:] = [[weight_of(text) for text in label] for label in labels.values()]
        attach_labels(
            *(self._arena.address, address_of(records), len(numbers)),
            *(self._shelf.service_expression, self._shelf.name_expression),
        )
        values = self._arena.values
        for number, (service, name) in zip(numbers, records[:, 2:].tolist(), strict=True):
            if service >= 0:
                values[service], values[name] = labels[number]

    def _origins(self, spans: Words) -> Words:
        """Return slot and row of the batch of each span, or NONE; see `Shelf.origin_of`."""
        origins: Words = self._arena.spans[spans, at.S_FROM]
        has_captures = origins < at.NONE
        origins[has_captures] = self._arena.captures[-2 - origins[has_captures], at.C_FROM]
        return origins
