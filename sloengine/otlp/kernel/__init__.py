"""The decoder kernel: the same spans as `ReferenceDecoder`, at a fraction of its cost.

In: a request's bytes. Out: a `Decoded` equal to the reference's. Guaranteed: nothing is read beyond
the message it stands in, no input passes the bounds of a table or buffer, memory is bounded, and
what the kernel does not know for sure the reference decides. Needs numba, which is imported only
when `kernel_decoders` is asked; no other room sees an address.
"""

from sloengine.otlp.kernel.choice import DecoderMaker, kernel_decoders

__all__ = ["DecoderMaker", "kernel_decoders"]
