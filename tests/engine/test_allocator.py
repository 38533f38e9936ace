"""The allocator's settings, in processes of their own: they cannot be taken back."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from sloengine.memory import keep_freed_memory
if {keep}:
    assert keep_freed_memory()
bytearray(30 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    first = bytearray(3 << 20)
    second = bytearray(30 << 20)
    del first, second
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*, keep: bool) -> int:
    code = FAULTS.format(keep=keep)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these settings")
def test_the_memory_of_a_large_message_is_used_for_the_next_one() -> None:
    assert faults(keep=True) * 5 < faults(keep=False)
