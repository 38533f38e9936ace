"""Run by a test in a process of its own: payloads whose next byte belongs to nobody.

Every payload is put right before a page that may not be read, so that a kernel which reads one
byte too many ends this process.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import sys

from kernel_twins import CAPTURES, REGEX, UNUSUAL, USUAL, mutated, plan, scrambled
from test_kernel_bounds import unique_request

from sloengine.otlp.kernel.columns import Columns, Wanted
from sloengine.otlp.kernel.context import Context

_NO_ACCESS = 0


def main(cases: int) -> None:
    kernel, _ = plan((*USUAL, *UNUSUAL, *REGEX), CAPTURES)
    wanted: Wanted = kernel._wanted
    context = Context(wanted, Columns(wanted.table, wanted.groups))
    guarded = mmap.mmap(-1, 4 * mmap.PAGESIZE)
    end = 3 * mmap.PAGESIZE
    address = ctypes.addressof(ctypes.c_char.from_buffer(guarded)) + end
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), _NO_ACCESS)
    assert done == 0, ctypes.get_errno()
    rng = random.Random(7)
    base = unique_request(4, 1)
    accepted = 0
    for number in range(cases):
        payload = base
        if number % 3 == 1:
            payload = scrambled(base, rng)
        elif number % 3 == 2:
            payload = mutated(scrambled(base, rng), rng)
        payload = payload[: rng.randrange(len(payload))] if number % 7 == 0 else payload
        begin = end - len(payload)
        guarded[begin:end] = payload
        accepted += context.run(memoryview(guarded)[begin:end]) >= 0
        context.clear_tables()
    print(f"{accepted} of {cases} accepted")


if __name__ == "__main__":
    main(int(sys.argv[1]))
