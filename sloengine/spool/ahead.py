"""Working ahead of whoever consumes: reading and decoding beside adding."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")


def ahead(items: Iterator[_Item], *, depth: int = 2) -> Generator[_Item, None, None]:
    """Yield what `items` does, which is never `None`, in the same order.

    A thread of its own works up to `depth` items ahead. An error of `items` is raised where its
    turn comes. Whoever stops early waits for the items that are in work.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        begun = deque(thread.submit(next, items, None) for _ in range(depth))
        while (item := begun.popleft().result()) is not None:
            begun.append(thread.submit(next, items, None))
            yield item
