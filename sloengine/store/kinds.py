"""What many facts have in common, written once and named by a number in each of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Kind(NamedTuple):
    """The part of a fact that few distinct values cover, whatever senders write."""

    entry_kind: int
    transaction: str
    definition: str
    revision: str
    outcome: str
    reason: str
    incomplete: bool


class FactKinds:
    """The kinds of a store and their numbers."""

    def __init__(self, known: Iterable[tuple[int, Kind]]) -> None:
        self._kinds = dict(known)
        self._numbers = {kind: number for number, kind in self._kinds.items()}

    def __getitem__(self, number: int) -> Kind:
        return self._kinds[number]

    def keep(self, new: Iterable[tuple[int, Kind]]) -> None:
        """Remember kinds: those of a numbering, once they are durable."""
        for number, kind in new:
            self._kinds[number] = kind
            self._numbers[kind] = number

    def numbering(self) -> Numbering:
        """Begin to number the kinds of one commit."""
        return Numbering(self, self._numbers, max(self._kinds, default=-1) + 1)


class Numbering:
    """Numbers for the kinds of one commit; nothing is remembered until `FactKinds.keep`."""

    def __init__(self, kinds: FactKinds, numbers: dict[Kind, int], following: int) -> None:
        self._kept = kinds
        self._numbers = numbers
        self._following = following
        self._fresh: dict[Kind, int] = {}
        self._fresh_kinds: dict[int, Kind] = {}

    @property
    def new(self) -> list[tuple[int, Kind]]:
        """The kinds that no earlier commit had."""
        return list(self._fresh_kinds.items())

    def __getitem__(self, number: int) -> Kind:
        fresh = self._fresh_kinds.get(number)
        return self._kept[number] if fresh is None else fresh

    def number(self, kind: Kind) -> int:
        """Return the number of a kind, a new one where it has none yet."""
        known = self._numbers.get(kind)
        if known is None:
            known = self._fresh.get(kind)
        if known is None:
            known = self._following
            self._following += 1
            self._fresh[kind] = known
            self._fresh_kinds[known] = kind
        return known
