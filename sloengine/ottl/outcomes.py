"""What the leaves of a group say of a value, without asking those that cannot matter.

Where hundreds of definitions compare one field with a constant each, a value has to do with one of
them, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from sloengine.ottl.atoms import AtomGroup, constant_of, is_plain, outcome_of
from sloengine.ottl.tree import BoolNode, Call, Comparison, Path, Truth
from sloengine.ottl.values import Value

Bits = tuple[int, int]
"""The leaves that are true, and those that err: bit `i` is leaf `i`."""


def bits_of(mask: int) -> Iterator[int]:
    """Yield the numbers of the bits that are set, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class GroupOutcomes:
    """Decides a group's leaves as `AtomGroup.outcomes` does. Immutable."""

    def __init__(self, group: AtomGroup) -> None:
        self._fields = group.fields
        self._leaves = group.leaves
        self._filed = {field: _Filed() for field in group.fields}
        self._always: list[int] = []
        self._unequal = 0
        """The leaves that are true of what their constant is not equal to."""
        for number, leaf in enumerate(group.leaves):
            if not self._file(number, leaf):
                self._always.append(number)

    def _file(self, number: int, leaf: BoolNode) -> bool:
        """Note for which values a leaf must be asked; return whether these are only some."""
        match leaf:
            case Comparison("==" | "!=" as symbol, left, right):
                path, other = (left, right) if is_plain(left) else (right, left)
                known, constant = constant_of(other)
                if not isinstance(path, Path) or not is_plain(path) or not known:
                    return False
                if _key(constant) is None:
                    return False
                self._filed[path.source].equal[_key(constant)].append(number)
                self._unequal |= (symbol == "!=") << number
                return True
            case Truth(
                Call(name="HasPrefix" | "HasSuffix" as name, arguments=(Path() as path, end))
            ):
                known, text = (False, None) if end is None else constant_of(end)
                if not known or not isinstance(text, str) or not is_plain(path):
                    return False
                self._filed[path.source].add_affix(text, number, is_suffix=name == "HasSuffix")
                return True
            case _:
                return False

    def of(self, values: Sequence[Value]) -> Bits:
        """Return what the leaves say of values that stand in the order of the group's fields."""
        present = dict(zip(self._fields, values, strict=True))
        asked = self._always.copy()
        for filed, value in zip(self._filed.values(), values, strict=True):
            filed.ask(asked, value)
        true, errors = self._unequal, 0
        for number in asked:
            said = outcome_of(self._leaves[number], present)
            if said is None:
                errors |= 1 << number
            if said:
                true |= 1 << number
            else:
                true &= ~(1 << number)
        return true, errors


class _Filed:
    """The leaves that must be asked for some values of one field only."""

    def __init__(self) -> None:
        self.equal: dict[Hashable, list[int]] = defaultdict(list)
        self._prefixes: dict[str, list[int]] = defaultdict(list)
        self._suffixes: dict[str, list[int]] = defaultdict(list)
        self._affixes: list[int] = []
        self._longest = 0

    def add_affix(self, text: str, number: int, *, is_suffix: bool) -> None:
        """File a leaf that asks for a prefix or suffix."""
        (self._suffixes if is_suffix else self._prefixes)[text].append(number)
        self._affixes.append(number)
        self._longest = max(self._longest, len(text))

    def ask(self, asked: list[int], value: Value) -> None:
        """Add the leaves that must be asked for a value."""
        if self.equal and (key := _key(value)) is not None:
            asked += self.equal.get(key, ())
        if not self._affixes:
            return
        if not isinstance(value, str):
            asked += self._affixes
            return
        for size in range(min(len(value), self._longest) + 1):
            asked += self._prefixes.get(value[:size], ())
            asked += self._suffixes.get(value[len(value) - size :], ())


def _key(value: object) -> Hashable:
    """Return what two values have in common if they can be equal and are not nil; `None` where
    nothing short says that.
    """
    match value:
        case bool():
            return None
        case int() | float():
            return float(value)
        case str():
            return value
        case bytes():
            return bytes(value) or None
        case _:
            return None
