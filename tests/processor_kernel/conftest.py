"""Tests of the kernel's twin use the worlds, strategies and oracle of the plain processor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "processor"))


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Compile the kernels once, outside the time limits of single examples."""
    from sloengine.processor.kernel import warm_up

    warm_up()
