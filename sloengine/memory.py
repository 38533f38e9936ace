"""What a long-running process can tell the operating system about its memory. Linux only."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

_MAPS = Path("/proc/self/maps")
_MADV_DONTNEED = 4


def release_startup_memory() -> None:
    """Give back what only the start needed: free heap, and pages of program code.

    Compiling and importing touch tens of megabytes of code (LLVM's above all) that a running
    engine never comes back to. Pages of code are clean copies of their files: whatever is needed
    again is read again on the next access. Does nothing where the system is another one.
    """
    if sys.platform != "linux" or not _MAPS.exists():
        return
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for line in _MAPS.read_text(encoding="utf-8").splitlines():
        span, rights, _, _, _, *name = line.split(None, 5)
        # Only code: it is private, mapped from a file, and was never written to.
        if rights == "r-xp" and name and name[0].startswith("/"):
            begin, end = (int(bound, 16) for bound in span.split("-"))
            libc.madvise(begin, end - begin, _MADV_DONTNEED)
