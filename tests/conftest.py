"""What every test may ask for: the machine's optional tools, and the folder of real traces."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sloengine.clock import FrozenClock
from sloengine.store import Store
from sloengine.wiring import REFERENCE, hot_path

START_NS = 20_000 * 86_400 * 10**9
"""Midnight UTC, 4 October 2024."""


def _missing(need: str, what: str, cure: str) -> None:
    """Skip with one clear line; where the need is demanded (CI), fail instead."""
    line = f"{what}; {cure}"
    if need in os.environ.get("SLOENGINE_REQUIRE", "").split():
        pytest.fail(f"required here, but {line}", pytrace=False)
    pytest.skip(line)


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that a test moves; it stands at the instant that tests of the store count from."""
    return FrozenClock(START_NS)


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[Store]:
    """An empty store without a plan."""
    with Store.open(tmp_path / "store", clock=clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def compiled_kernels() -> None:
    """Compile the kernels once, outside the time limits of single examples."""
    assert hot_path("auto") is not REFERENCE


@pytest.fixture(scope="session")
def traces_folder() -> Path:
    """The folder of real traces that SLOENGINE_TRACES names."""
    name = os.environ.get("SLOENGINE_TRACES", "")
    if not name or not Path(name).is_dir():
        _missing("traces", "no folder of real traces", "set SLOENGINE_TRACES to run this test")
    return Path(name)


@pytest.fixture(scope="session")
def go() -> str:
    """The Go toolchain's program."""
    program = shutil.which("go")
    if program is None:
        _missing("go", "Go is not installed", "install Go to build a real Collector")
    return str(program)


@pytest.fixture(scope="session")
def chromium() -> str:
    """A headless browser's program."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        _missing("chromium", "Chromium is not installed", "install it to look at the pages")
    return str(program)


# A shared, busy machine makes single examples slow; what an example costs is not what is tested.
settings.register_profile("sloengine", deadline=None)
settings.load_profile("sloengine")
