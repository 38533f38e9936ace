"""Many new strings of one field at once: regular expressions by Arrow's RE2, without a Python loop.

Only which strings are alike is decided here, never what holds for them: one of each kind is given
to the ordinary evaluator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sloengine.ottl.atoms import AtomGroup
from sloengine.ottl.regex import with_python_groups
from sloengine.ottl.tree import BoolNode, Call, Comparison, Literal, Path, Truth

_MAX_LEAVES = 62

Test = Callable[[pa.Array], pa.Array]


class BulkKinds:
    """Tells the strings of a group of one field apart, as far as its leaves can."""

    def __init__(self, group: AtomGroup) -> None:
        """Raises `ValueError` where some leaf is not one of those that Arrow can decide."""
        if len(group.leaves) > _MAX_LEAVES:
            raise ValueError("too many leaves")
        self._tests = [_test(leaf) for leaf in group.leaves]

    def of(
        self, payload: bytes, offsets: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.int64]:
        """Return a number for each string; those with one number are alike."""
        strings = _strings(payload, offsets, sizes)
        kinds = np.zeros(len(offsets), dtype=np.int64)
        for bit, test in enumerate(self._tests):
            said = test(strings).to_numpy(zero_copy_only=False)
            kinds |= said.astype(np.int64) << bit
        return kinds


def _strings(
    payload: bytes, offsets: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> pa.Array:
    """Gather pieces of the payload; large, for together they may be longer than the payload."""
    ends = np.cumsum(sizes)
    begins = ends - sizes
    total = int(ends[-1])
    places = np.arange(total) + np.repeat(offsets - begins, sizes)
    data = np.frombuffer(payload, dtype=np.uint8)[places]
    bounds = np.concatenate([begins, [total]]).astype(np.int64)
    return pa.LargeStringArray.from_buffers(len(sizes), pa.py_buffer(bounds), pa.py_buffer(data))


def _test(leaf: BoolNode) -> Test:
    match leaf:
        case Truth(call=Call(name="IsMatch", arguments=(Path() as path, Literal(value=str(text))))):
            _check_plain(path)
            return _regex(text)
        case Truth(call=Call(name="HasPrefix", arguments=(Path() as path, Literal(value=str(t))))):
            _check_plain(path)
            return lambda strings: pc.starts_with(strings, t)
        case Truth(call=Call(name="HasSuffix", arguments=(Path() as path, Literal(value=str(t))))):
            _check_plain(path)
            return lambda strings: pc.ends_with(strings, t)
        case Comparison(symbol="==" | "!=", left=Path() as path, right=Literal(value=other)) | (
            Comparison(symbol="==" | "!=", left=Literal(value=other), right=Path() as path)
        ):
            _check_plain(path)
            if isinstance(other, str):
                return lambda strings: pc.equal(strings, pa.scalar(other, pa.large_string()))
            return lambda strings: pa.array(np.zeros(len(strings), dtype=bool))
        case _:
            raise ValueError("not decided by Arrow")


def _regex(pattern: str) -> Test:
    known = with_python_groups(pattern)
    try:
        pc.match_substring_regex(pa.array([""], pa.large_string()), known)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error
    return lambda strings: pc.match_substring_regex(strings, known)


def _check_plain(path: Path) -> None:
    if path.name != str(path.source):
        raise ValueError(f"{path.name} is calculated")
