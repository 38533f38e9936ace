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
        self._always: list[int] = []
        self._equal: dict[Hashable, list[int]] = defaultdict(list)
        self._prefixes: dict[str, list[int]] = defaultdict(list)
        self._suffixes: dict[str, list[int]] = defaultdict(list)
        self._affixes: list[int] = []
        self._longest = 0
        self._unequal = 0
        """The leaves that are true of what their constant is not equal to."""
        for number, leaf in enumerate(group.leaves):
            if len(group.fields) > 1 or not self._file(number, leaf):
                self._always.append(number)

    def _file(self, number: int, leaf: BoolNode) -> bool:
        """Note for which values a leaf must be asked; return whether these are only some."""
        match leaf:
            case Comparison("==" | "!=" as symbol, left, right):
                other = right if is_plain(left) else left if is_plain(right) else None
                known, constant = (False, None) if other is None else constant_of(other)
                if not known or _key(constant) is None:
                    return False
                self._equal[_key(constant)].append(number)
                self._unequal |= (symbol == "!=") << number
                return True
            case Truth(
                Call(name="HasPrefix" | "HasSuffix" as name, arguments=(Path() as path, end))
            ):
                known, text = (False, None) if end is None else constant_of(end)
                if not known or not isinstance(text, str) or not is_plain(path):
                    return False
                affixes = self._prefixes if name == "HasPrefix" else self._suffixes
                affixes[text].append(number)
                self._affixes.append(number)
                self._longest = max(self._longest, len(text))
                return True
            case _:
                return False

    def of(self, values: Sequence[Value]) -> Bits:
        """Return what the leaves say of values that stand in the order of the group's fields."""
        present = dict(zip(self._fields, values, strict=True))
        true, errors = self._unequal, 0
        for number in self._asked(values):
            said = outcome_of(self._leaves[number], present)
            if said is None:
                errors |= 1 << number
            if said:
                true |= 1 << number
            else:
                true &= ~(1 << number)
        return true, errors

    def _asked(self, values: Sequence[Value]) -> Iterator[int]:
        yield from self._always
        if len(values) > 1:
            return
        (value,) = values
        if self._equal and (key := _key(value)) is not None:
            yield from self._equal.get(key, ())
        if not isinstance(value, str):
            yield from self._affixes
            return
        for affixes, is_suffix in ((self._prefixes, False), (self._suffixes, True)):
            for size in range(min(len(value), self._longest) + 1 if affixes else 0):
                part = value[len(value) - size :] if is_suffix else value[:size]
                yield from affixes.get(part, ())


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
