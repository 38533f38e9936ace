"""Distinct numbers of a column, without sorting where they lie close together."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_ROOM = 1 << 16
"""Numbers that a table may always have; beyond, no more than a few for each row."""


def distinct(
    values: npt.NDArray[np.integer[Any]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return distinct values in ascending order, the place of each row's among them, and how
    often each occurs. Values are integers that 64 signed bits hold, any number of them.
    """
    if not len(values):
        nothing = np.empty(0, np.int64)
        return nothing, nothing, nothing
    lowest = int(values.min())
    width = int(values.max()) - lowest + 1
    if width > _ROOM + 4 * len(values):
        found, counts = np.unique(values, return_counts=True)
        return found.astype(np.int64), np.searchsorted(found, values), counts
    offsets = (values - lowest).astype(np.int64, copy=False)
    occurrences = np.bincount(offsets, minlength=width)
    found = np.flatnonzero(occurrences)
    places = np.empty(width, np.int64)
    places[found] = np.arange(len(found))
    return found + lowest, places[offsets], occurrences[found]
