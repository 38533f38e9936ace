"""The functions of the condition language, by room of meaning.

In: nothing but the arguments. Out: `FUNCTIONS`, name to `Function`. Guaranteed: each exists in the
Collector under this name with these parameters, and treats nil and types as the Collector does;
differences stand in docs/ottl.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from sloengine.ottl.functions import (
    collections,
    encoding,
    formatting,
    ids,
    net,
    text,
    times,
    types,
    url,
)
from sloengine.ottl.registry import Function

_ROOMS = (collections, encoding, formatting, ids, net, text, times, types, url)

FUNCTIONS: Mapping[str, Function] = {
    function.name: function for room in _ROOMS for function in room.FUNCTIONS
}

__all__ = ["FUNCTIONS"]
