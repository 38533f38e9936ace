"""The decoder kernel: the same spans as `ReferenceDecoder`, at a fraction of its cost.

In: a request's bytes. Out: a `Decoded` equal to the reference's. Guaranteed: nothing is read beyond
the message it stands in, no input passes the bounds of a table or buffer, and what the kernel does
not know for sure the reference decides. Needs numba; no other room sees an address.
"""

from sloengine.otlp.kernel.decoder import KernelDecoder, KernelStatistics

__all__ = ["KernelDecoder", "KernelStatistics"]
