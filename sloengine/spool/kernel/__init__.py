"""The filter of judged traces, compiled: in one pass over the hashes, without arrays in between."""

from sloengine.spool.kernel.filtering import KernelFilter, warm_up

__all__ = ["KernelFilter", "warm_up"]
