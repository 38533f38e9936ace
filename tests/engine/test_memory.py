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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is resident")
def test_code_that_only_the_start_needed_is_given_back_and_comes_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(done.stdout) > 5 << 20
