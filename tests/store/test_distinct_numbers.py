"""Distinct numbers are those of a set, however far apart they lie."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sloengine.store.distinct import distinct

near = st.lists(st.integers(-50, 50), max_size=40)
far = st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1]), max_size=40)


@given(near | far)
def test_each_value_once_with_its_places_and_how_often(values: list[int]) -> None:
    found, places, counts = distinct(np.array(values, np.int64))
    assert found.tolist() == sorted(set(values))
    assert [found[place] for place in places] == values
    assert dict(zip(found.tolist(), counts.tolist(), strict=True)) == Counter(values)
