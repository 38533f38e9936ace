"""Many new values at once, without a Python loop: numpy compares, Arrow's RE2 matches.

Only which values are alike is decided here, never what holds for them: one of each kind is given
to the ordinary evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sloengine.otlp.kernel.layout import BOOL, DOUBLE, INT, NIL, STRING
from sloengine.ottl import Field
from sloengine.ottl.atoms import AtomGroup, constant_of, is_plain
from sloengine.ottl.compare import OPERATORS
from sloengine.ottl.paths import COUNTED_PATHS
from sloengine.ottl.regex import with_python_groups
from sloengine.ottl.tree import (
    Arithmetic,
    BoolNode,
    Call,
    Comparison,
    Literal,
    Negative,
    Path,
    Truth,
    ValueNode,
    walk,
)

_MAX_LEAVES = 62
_MAX_FIELDS = 12
_MAX_TYPES = 64

_BY_ARROW: Mapping[str, Callable[[Any, Any], pa.Array]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_TYPE_TESTS = ("IsString", "IsInt", "IsDouble", "IsBool", "IsMap", "IsList")


class Rows:
    """Values of the fields of a group, row by row: type, number or offset, and size of each."""

    def __init__(self, payload: bytes, values: npt.NDArray[np.int64]) -> None:
        self._payload = payload
        self._values = values
        self._texts: dict[int, pa.Array] = {}

    def ints(self, field: int) -> npt.NDArray[np.int64]:
        """Return integers, or truths as 0 and 1."""
        return np.ascontiguousarray(self._values[:, field, 1])

    def doubles(self, field: int) -> npt.NDArray[np.float64]:
        """Return doubles."""
        return self.ints(field).view(np.float64)

    def sizes(self, field: int) -> npt.NDArray[np.int64]:
        """Return how many bytes strings have."""
        return np.ascontiguousarray(self._values[:, field, 2])

    def texts(self, field: int) -> pa.Array:
        """Return strings."""
        if field not in self._texts:
            offsets, sizes = self._values[:, field, 1], self._values[:, field, 2]
            self._texts[field] = _strings(self._payload, offsets, sizes)
        return self._texts[field]


Test = Callable[[Rows], Any]
_Operand = tuple[int, Callable[[Rows], Any]]
"""A type, and what gives its values."""


class BulkKinds:
    """Tells values of a group apart, as far as its leaves can."""

    def __init__(self, group: AtomGroup) -> None:
        self._fields = group.fields
        self._leaves = group.leaves
        self._tests: dict[tuple[int, ...], list[Test] | None] = {}
        self._is_small = len(self._leaves) <= _MAX_LEAVES and len(self._fields) <= _MAX_FIELDS

    def of(
        self, payload: bytes, values: npt.NDArray[np.int64]
    ) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]]:
        """Return rows of values, and a number for each: those of one entry and number are alike.

        `values` are as those of `Rows`. Rows that are in no entry cannot be told apart here.
        """
        if not self._is_small:
            return []
        found = []
        types = np.zeros(len(values), dtype=np.int64)
        for field in range(len(self._fields)):
            types = types << 4 | values[:, field, 0]
        for one in np.unique(types).tolist():
            rows = np.flatnonzero(types == one)
            tests = self._tests_of(tuple(values[rows[0], :, 0].tolist()))
            if tests is not None:
                found.append((rows, _kinds(tests, Rows(payload, values[rows]))))
        return found

    def _tests_of(self, types: tuple[int, ...]) -> list[Test] | None:
        if types not in self._tests:
            if len(self._tests) >= _MAX_TYPES:
                return None
            known = dict(zip(self._fields, types, strict=True))
            places = {field: place for place, field in enumerate(self._fields)}
            try:
                made = [_test(leaf, known, places) for leaf in self._leaves]
                self._tests[types] = [test for test in made if test is not None]
            except ValueError:
                self._tests[types] = None
        return self._tests[types]


def _kinds(tests: Sequence[Test], rows: Rows) -> npt.NDArray[np.int64]:
    kinds: npt.NDArray[np.int64] = np.zeros(len(rows.ints(0)), dtype=np.int64)
    with np.errstate(all="ignore"):
        for bit, test in enumerate(tests):
            said = test(rows)
            if isinstance(said, pa.Array):
                said = said.to_numpy(zero_copy_only=False)
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


def _test(leaf: BoolNode, types: Mapping[Field, int], places: Mapping[Field, int]) -> Test | None:
    """Return what tells rows apart by a leaf; `None` where it says the same of all.

    Raises `ValueError` where only the evaluator can say.
    """
    paths = [node for node in walk(leaf) if isinstance(node, Path)]
    if all(types[path.source] == NIL for path in paths):
        return None
    match leaf:
        case Comparison(symbol, left, right):
            return _comparison(
                symbol, _operand(left, types, places), _operand(right, types, places)
            )
        case Truth(Call(name=name, arguments=(Path() as path, *rest))) if is_plain(path):
            if name in _TYPE_TESTS:
                return None
            if types[path.source] != STRING or len(rest) != 1 or not isinstance(rest[0], Literal):
                raise ValueError(f"{name} is not decided here")
            return _text_test(name, rest[0].value, places[path.source])
        case _:
            raise ValueError("not decided here")


def _text_test(name: str, text: object, place: int) -> Test:
    match name, text:
        case "IsMatch", str():
            return _regex(text, place)
        case "HasPrefix", str():
            return lambda rows: pc.starts_with(rows.texts(place), text)
        case "HasSuffix", str():
            return lambda rows: pc.ends_with(rows.texts(place), text)
        case _:
            raise ValueError(f"{name} is not decided by Arrow")


def _regex(pattern: str, place: int) -> Test:
    known = with_python_groups(pattern)
    try:
        pc.match_substring_regex(pa.array([""], pa.large_string()), known)
    except pa.ArrowInvalid as error:
        raise ValueError(str(error)) from error
    return lambda rows: pc.match_substring_regex(rows.texts(place), known)


def _comparison(symbol: str, left: _Operand, right: _Operand) -> Test | None:
    compare: Callable[[Any, Any], Any] = OPERATORS[symbol]
    (type_of_left, one), (type_of_right, other) = left, right
    if type_of_left != type_of_right:
        if {type_of_left, type_of_right} != {INT, DOUBLE}:
            return None
        return lambda rows: compare(_as_double(one(rows)), _as_double(other(rows)))
    if type_of_left == NIL:
        return None
    if type_of_left == STRING:
        compare = _BY_ARROW[symbol]
    return lambda rows: compare(one(rows), other(rows))


def _as_double(numbers: Any) -> Any:
    return numbers.astype(np.float64)


def _operand(node: ValueNode, types: Mapping[Field, int], places: Mapping[Field, int]) -> _Operand:
    known, constant = constant_of(node)
    if known:
        return _constant(constant)
    match node:
        case Path() if is_plain(node) and node.source.path not in COUNTED_PATHS:
            place = places[node.source]
            match types[node.source]:
                case at if at in (NIL, INT, BOOL):
                    return at, lambda rows: rows.ints(place)
                case at if at == DOUBLE:
                    return at, lambda rows: rows.doubles(place)
                case at if at == STRING:
                    return at, lambda rows: rows.texts(place)
        case Arithmetic("+" | "-" | "*" as symbol, left, right):
            return _calculation(
                symbol, _operand(left, types, places), _operand(right, types, places)
            )
        case Negative(operand):
            kind, numbers = _operand(operand, types, places)
            if kind in (INT, DOUBLE):
                return kind, lambda rows: -numbers(rows)
        case Call(name="Len", arguments=(Path() as path,)) if is_plain(path):
            place = places[path.source]
            if types[path.source] == STRING:
                return INT, lambda rows: rows.sizes(place)
        case Call(name="Int" | "Double" as name, arguments=(operand,)) if operand is not None:
            kind, numbers = _operand(operand, types, places)
            if kind == (INT if name == "Int" else DOUBLE):
                return kind, numbers
            if name == "Double" and kind == INT:
                return DOUBLE, lambda rows: _as_double(numbers(rows))
    raise ValueError("not decided here")


def _constant(constant: object) -> _Operand:
    match constant:
        case None:
            return NIL, lambda _rows: None
        case bool():
            return BOOL, lambda _rows: np.int64(constant)
        case int():
            return INT, lambda _rows: np.int64(constant)
        case float():
            return DOUBLE, lambda _rows: np.float64(constant)
        case str():
            return STRING, lambda _rows: pa.scalar(constant, pa.large_string())
        case _:
            raise ValueError("not decided here")


def _calculation(symbol: str, left: _Operand, right: _Operand) -> _Operand:
    """Calculate as `arithmetic` does: integers wrap, beside a double they are doubles."""
    (type_of_left, one), (type_of_right, other) = left, right
    if not {type_of_left, type_of_right} <= {INT, DOUBLE}:
        raise ValueError("only numbers are calculated here")
    calculate: Callable[[Any, Any], Any] = _CALCULATE[symbol]
    if type_of_left == type_of_right:
        return type_of_left, lambda rows: calculate(one(rows), other(rows))
    return DOUBLE, lambda rows: calculate(_as_double(one(rows)), _as_double(other(rows)))


_CALCULATE: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
}
