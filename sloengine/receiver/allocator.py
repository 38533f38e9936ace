"""Settings of the C library's allocator, for a process that takes in large messages."""

from __future__ import annotations

import ctypes
import logging
import platform
import sys

_log = logging.getLogger(__name__)

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
