"""Giving memory back changes nothing but how much is held."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sloengine.memory import _clean_mappings

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


MAPPED = """\
7f0000000000-7f0000001000 r-xp 00000000 08:01 11                         /lib/code.so
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
7f0000001000-7f0000002000 r--p 00001000 08:01 11                         /lib/constants of.so
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7f0000002000-7f0000003000 r--p 00002000 08:01 11                         /lib/relocated.so
Rss:                   4 kB
Anonymous:             4 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7f0000003000-7f0000004000 r--p 00003000 08:01 11                         /lib/swapped.so
Rss:                   0 kB
Anonymous:             0 kB
Swap:                  4 kB
VmFlags: rd mr mw me
7f0000004000-7f0000005000 rw-p 00004000 08:01 11                         /lib/data.so
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd wr mr mw me
7f0000005000-7f0000006000 r--s 00000000 08:01 12                         /spool/1.idx
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr me ms
7f0000006000-7f0000007000 r--p 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
"""


def test_only_what_was_never_written_to_is_given_back() -> None:
    first, second = 0x7F0000000000, 0x7F0000001000
    assert list(_clean_mappings(MAPPED)) == [(first, second), (second, second + 0x1000)]
