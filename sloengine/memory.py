"""What a long-running process can tell system and C library about its memory. Linux only."""

from __future__ import annotations

import ctypes
import gc
import logging
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger(__name__)

_MAPS = Path("/proc/self/smaps")
_MADV_DONTNEED = 4
# From proc(5).
_UNWRITABLE = frozenset({"r-xp", "r--p"})
_WRITTEN = frozenset({"Anonymous:", "Swap:"})
_LAST_FIELD = "VmFlags:"
# From glibc's malloc.h; part of its ABI.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_MIB = 1024 * 1024
_LARGEST_BLOCK = 32 * _MIB
"""The most that glibc accepts; larger blocks are mapped for themselves in any case."""
_KEPT_FREE = 64 * _MIB
_ARENAS = 2
"""Heaps beside each other: each keeps the free memory of the largest messages it ever held."""


def release_startup_memory() -> None:
    """Give back what only the start needed: free heap, and pages of programs.

    Compiling and importing touch tens of megabytes of code and constants (LLVM's above all) that a
    running engine never comes back to. These pages are clean copies of their files: whatever is
    needed again is read again on the next access. Garbage stays unless it was collected before.
    Does nothing where the system is another one.
    """
    if sys.platform != "linux" or not _MAPS.exists():
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    for begin, end in _clean_mappings(_MAPS.read_text(encoding="utf-8")):
        libc.madvise(begin, end - begin, _MADV_DONTNEED)


def _clean_mappings(smaps: str) -> Iterator[tuple[int, int]]:
    """Yield begin and end of what is mapped from a file, privately, and was never written to.

    What a loader wrote to before it made it read only (relocations) has pages of its own, in memory
    or swapped out, and would be lost.
    """
    begin = end = written_kib = 0
    is_candidate = False
    for line in smaps.splitlines():
        first, *rest = line.split(None, 5)
        if not first.endswith(":"):
            begin, end = (int(bound, 16) for bound in first.split("-"))
            rights, *_, name = (*rest, "")[:5]
            is_candidate = rights in _UNWRITABLE and name.startswith("/")
            written_kib = 0
        elif first in _WRITTEN:
            written_kib += int(rest[0])
        elif first == _LAST_FIELD and is_candidate and not written_kib:
            yield begin, end


def spare_startup_objects() -> None:
    """Let the garbage collector pass over what exists now: modules, classes, definitions.

    A full collection looks at every object, and nothing else runs meanwhile: a tenth of a second
    and more for what was imported alone. To be called once everything has started.
    """
    gc.collect()
    gc.freeze()


def keep_freed_memory() -> bool:
    """Let glibc reuse the memory of large messages, and return whether that could be set.

    By itself it maps a large block from the kernel for each message and gives it back after, so
    every page of every message is zeroed and faulted in anew. With this, freed blocks up to 32 MiB
    are kept for the next message, and only free memory beyond 64 MiB at the top of the heap goes
    back. To be called before threads allocate: two heaps, instead of eight for each core, are
    what they then share. On anything but Linux with glibc nothing is changed.
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    done = [
        mallopt(_M_ARENA_MAX, _ARENAS) == 1,
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_BLOCK) == 1,
        mallopt(_M_TRIM_THRESHOLD, _KEPT_FREE) == 1,
    ]
    if not all(done):
        _log.debug("the allocator did not take its settings; large messages cost more")
    return all(done)
