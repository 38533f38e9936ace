"""A hard bound on how many values a dimension can have in one store.

Facts keep the raw value of a dimension; the ten-thousandth and further ones become `__other__`, so
that an id in the wrong place cannot fill the database. Counts stay exact. Which values are kept is
remembered, so that a replayed fact is the same fact.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sloengine.store.distinct import distinct
from sloengine.store.kinds import Numbering

MOST_VALUES = 10_000
"""Of one dimension of one transaction."""
OTHER_VALUE = "__other__"

Value = tuple[str, str, str]
"""Transaction, name of the dimension, value."""


class DimensionValues:
    """The values that a store has met, by transaction and dimension."""

    def __init__(self, known: Iterable[Value], *, most: int = MOST_VALUES) -> None:
        self._most = most
        self._known: dict[tuple[str, str], set[str]] = {}
        self.keep(known)

    def keep(self, values: Iterable[Value]) -> None:
        """Remember values: what `fit` returned, once it is durable."""
        for transaction, name, value in values:
            self._known.setdefault((transaction, name), set()).add(value)

    def fit(self, facts: pa.Table, kinds: Numbering) -> tuple[pa.Table, list[Value]]:
        """Return the facts with values beyond the bound replaced, and values met first here.

        `facts` is as `fact_table` returns it. New values are taken in ascending order, so that the
        order of facts in a batch changes nothing. Nothing is remembered until `keep`.
        """
        maps = facts["dimensions"].combine_chunks()
        counts = np.diff(maps.offsets.to_numpy(zero_copy_only=False))
        if not counts.sum():
            return facts, []
        owners = _transactions(np.repeat(facts["kind"].to_numpy(), counts), kinds)
        flat = pa.table({"transaction": owners, "name": maps.keys, "value": maps.items})
        distinct = flat.group_by(["transaction", "name", "value"]).aggregate([])
        fresh: list[Value] = []
        beyond: list[Value] = []
        room: dict[tuple[str, str], int] = {}
        for transaction, name, value in sorted(zip(*distinct.to_pydict().values(), strict=True)):
            known = self._known.get((transaction, name), set())
            if value in known:
                continue
            left = room.setdefault((transaction, name), self._most - len(known))
            (fresh if left > 0 else beyond).append((transaction, name, value))
            room[transaction, name] = left - 1
        if beyond:
            items = _replaced(flat, beyond)
            fitted = pa.MapArray.from_arrays(maps.offsets, maps.keys, items)
            index = facts.schema.get_field_index("dimensions")
            facts = facts.set_column(index, "dimensions", fitted)
        return facts, fresh


def _transactions(numbers: npt.NDArray[np.int32], kinds: Numbering) -> pa.Array:
    found, places, _ = distinct(numbers)
    names = pa.array([kinds[number].transaction for number in found.tolist()], pa.string())
    return names.take(pa.array(places))


def _replaced(flat: pa.Table, beyond: list[Value]) -> pa.Array:
    # Here, because it is rarely needed and every command would wait for its import.
    import pyarrow.compute as pc

    columns = list(zip(*beyond, strict=True))
    unwanted = pa.table(dict(zip(flat.column_names, columns, strict=True)), schema=flat.schema)
    rows = flat.append_column("row", pa.array(np.arange(len(flat))))
    found = rows.join(unwanted, keys=flat.column_names, join_type="left semi")
    mask = np.zeros(len(flat), np.bool_)
    mask[found["row"].to_numpy()] = True
    return pc.if_else(pa.array(mask), pa.scalar(OTHER_VALUE), flat["value"].combine_chunks())
