"""What every test may ask for: the machine's optional tools, and the folder of real traces."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings


def _missing(need: str, what: str, cure: str) -> None:
    """Skip with one clear line; where the need is demanded (CI), fail instead."""
    line = f"{what}; {cure}"
    if need in os.environ.get("SLOENGINE_REQUIRE", "").split():
        pytest.fail(f"required here, but {line}", pytrace=False)
    pytest.skip(line)


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
