"""Pending traces in a few bytes a span, judged without an object per span.

In, out and guaranteed: what `Processor` says, its plain twin. Every kernel works on raw memory
whose records `layout.py` describes; nothing outside this package sees an address.
"""

from sloengine.processor.kernel.processor import KernelProcessor
from sloengine.processor.kernel.warming import warm_up

__all__ = ["KernelProcessor", "warm_up"]
