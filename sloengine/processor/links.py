"""`Forest`: who is whose parent in one trace, once every oddity of the wire is settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sloengine.processor.rows import SpanRow

CHAIN = (3, 4, 0, 1, 2, 5)
"""Kinds in the order in which spans that share an id hang below each other: client, producer,
unspecified, internal, server, consumer."""
_RANK = {kind: rank for rank, kind in enumerate(CHAIN)}


@dataclass(frozen=True, slots=True)
class Forest:
    """The spans of a trace in preorder: each is followed by all its descendants, then by others.

    So the descendants of span `i` are the rows `i + 1` up to, not including, `end[i]`, and
    everything that is asked about sets of spans is a question about ranges.
    """

    rows: tuple[SpanRow, ...]
    parent: tuple[int, ...]
    """Index of each span's parent, always less than its own; -1 for a root."""
    end: tuple[int, ...]
    unparented: tuple[int, ...]
    """Roots that name a parent which never arrived, ascending."""
    cycles_cut: int

    def tops(self, marked: Sequence[bool]) -> list[int]:
        """The marked spans that have no marked ancestor, ascending."""
        found = []
        index = 0
        while index < len(self.rows):
            if marked[index]:
                found.append(index)
                index = self.end[index]
            else:
                index += 1
        return found

    def orphans(self, candidate: Sequence[bool]) -> list[int]:
        """The spans whose missing parent is not excused, ascending.

        A missing parent is excused where its child is, or is above, a candidate: then it is what
        stands before an entry (a remote caller, a proxy that sends no spans).
        """
        return [
            root
            for root in self.unparented
            if not any(candidate[index] for index in range(root, self.end[root]))
        ]


def build_forest(spans: Iterable[SpanRow]) -> Forest:
    """Link the distinct spans of one trace; (span id, kind) must be unique among them.

    The result does not depend on the order of `spans`. Linear but for sorting; no recursion, so
    a chain of any depth is fine.
    """
    rows = sorted(spans, key=lambda row: (row.span_id, _RANK[row.kind]))
    last = {row.span_id: index for index, row in enumerate(rows)}
    parent: list[int] = []
    missing: list[bool] = []
    for index, row in enumerate(rows):
        if index and rows[index - 1].span_id == row.span_id:
            parent.append(index - 1)
            missing.append(False)
        else:
            parent.append(last.get(row.parent_id, -1) if row.parent_id else -1)
            missing.append(row.parent_id != 0 and parent[-1] < 0)
    cycles_cut = _cut_cycles(rows, parent)
    return _in_preorder(rows, parent, missing, cycles_cut)


def _cut_cycles(rows: Sequence[SpanRow], parent: list[int]) -> int:
    """Make the member with the least (start, span id, kind) of each cycle a root, in place."""
    cut = 0
    seen_in = [-1] * len(rows)
    for start in range(len(rows)):
        index = start
        while index >= 0 and seen_in[index] < 0:
            seen_in[index] = start
            index = parent[index]
        if index < 0 or seen_in[index] != start:
            continue
        members = [index]
        while parent[members[-1]] != index:
            members.append(parent[members[-1]])
        first = min(members, key=lambda i: (rows[i].start_ns, rows[i].span_id, rows[i].kind))
        parent[first] = -1
        cut += 1
    return cut


def _in_preorder(
    rows: Sequence[SpanRow], parent: Sequence[int], missing: Sequence[bool], cycles_cut: int
) -> Forest:
    children: list[list[int]] = [[] for _ in rows]
    roots: list[int] = []
    for index, above in enumerate(parent):
        (roots if above < 0 else children[above]).append(index)
    order: list[int] = []
    stack = roots[::-1]
    while stack:
        index = stack.pop()
        order.append(index)
        stack.extend(reversed(children[index]))
    place = [0] * len(rows)
    for position, index in enumerate(order):
        place[index] = position
    placed_parent = tuple(place[parent[index]] if parent[index] >= 0 else -1 for index in order)
    end = list(range(1, len(rows) + 1))
    for position in range(len(rows) - 1, -1, -1):
        above = placed_parent[position]
        if above >= 0 and end[above] < end[position]:
            end[above] = end[position]
    return Forest(
        rows=tuple(rows[index] for index in order),
        parent=placed_parent,
        end=tuple(end),
        unparented=tuple(position for position, index in enumerate(order) if missing[index]),
        cycles_cut=cycles_cut,
    )
