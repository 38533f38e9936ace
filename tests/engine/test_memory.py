"""Giving memory back changes nothing but how much is held."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import duckdb, pyarrow
from sloengine.instrumentation import resident_bytes
from sloengine.memory import release_startup_memory
work = lambda: duckdb.sql("SELECT sum(i) FROM range(1000) AS t(i)").fetchall()
first = work()
before = resident_bytes()
release_startup_memory()
after = resident_bytes()
assert work() == first
print(before - after)
"""


SPARING = """
import gc
import sloengine.engine
from sloengine.memory import spare_startup_objects
before = len(gc.get_objects())
spare_startup_objects()
print(before, len(gc.get_objects()))
"""


def test_a_full_collection_does_not_look_at_what_the_start_made() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPARING], capture_output=True, text=True, check=True, timeout=60
    )
    before, after = map(int, done.stdout.split())
    assert after < before // 100


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident")
def test_code_that_only_the_start_needed_is_given_back_and_comes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 5 << 20
