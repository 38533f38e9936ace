from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_cases import T0

from sloengine.clock import FrozenClock
from sloengine.store import Store


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(T0)


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[Store]:
    """An empty store without a plan."""
    with Store.open(tmp_path / "store", clock=clock) as store:
        yield store
