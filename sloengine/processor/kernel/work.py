"""Working memory of the judge."""

from __future__ import annotations

import secrets

import numpy as np

from sloengine.processor.kernel import layout as at
from sloengine.processor.kernel.arena import Words, reserved
from sloengine.processor.kernel.program import Program

_CAPTURED = 1 << 14
_LEAST = 1 << 8
_FACTS = 1 << 12
_STAMPS = 1 << 30
_BY_SPAN = (
    at.W_ROWS,
    at.W_PARENT,
    at.W_ORDER,
    at.W_MARKS,
    at.W_TAKEN,
    at.W_PATH,
    at.W_DISTANCE,
    at.W_CANDIDATES,
)


class Work:
    """Arrays for one trace at a time, and for the facts of one look."""

    def __init__(self, program: Program) -> None:
        self.words = np.zeros(at.WORK_WORDS, np.int64)
        self._arrays: dict[int, Words] = {}
        self._spans = 0
        self._value_words = program.value_words
        for word, size in (
            (at.W_SET, program.bit_words),
            (at.W_ALL, program.bit_words),
            (at.W_SET_COUNTS, program.counted + 1),
            (at.W_ALL_COUNTS, program.counted + 1),
            (at.W_CAPTURED, 2 * _CAPTURED),
            (at.W_CURSORS, at.AT_ONCE),
        ):
            self._place(word, reserved(size))
        self.words[at.W_CAPTURED_SIZE] = _CAPTURED
        seed = int.from_bytes(secrets.token_bytes(8), "little", signed=True)
        self.words[at.W_SEED] = seed | 1
        self._place_facts(_FACTS)

    @property
    def address(self) -> int:
        """Where the words stand."""
        return int(self.words.ctypes.data)

    @property
    def facts(self) -> Words:
        """The records of facts since `begin`."""
        records = self._arrays[at.W_FACTS].reshape(-1, at.F_WORDS)
        return records[: int(self.words[at.W_FACTS_USED])]

    @property
    def values(self) -> Words:
        """For each of `facts` the captured values that it takes."""
        records = self._arrays[at.W_VALUES].reshape(-1, self._value_words)
        return records[: int(self.words[at.W_FACTS_USED])]

    def begin(self, longest: int) -> None:
        """Forget all facts, and see that a trace of so many spans finds room."""
        self.words[at.W_FACTS_USED] = 0
        if longest > self._spans:
            self._spans = max(_LEAST, 2 * longest)
            for word in _BY_SPAN:
                self._place(word, reserved(self._spans))
            self._place(at.W_IDS, reserved(8 * self._spans))
            self.words[at.W_STAMP] = 0
        elif self.words[at.W_STAMP] > _STAMPS:
            self._arrays[at.W_IDS][:] = 0
            self.words[at.W_STAMP] = 0

    def grow_facts(self, more: int) -> None:
        """See that so many more facts find room."""
        used = int(self.words[at.W_FACTS_USED])
        old_facts, old_values = self._arrays[at.W_FACTS], self._arrays[at.W_VALUES]
        self._place_facts(2 * (used + more))
        facts, values = used * at.F_WORDS, used * self._value_words
        self._arrays[at.W_FACTS][:facts] = old_facts[:facts]
        self._arrays[at.W_VALUES][:values] = old_values[:values]

    def _place_facts(self, size: int) -> None:
        self._place(at.W_FACTS, reserved(size * at.F_WORDS))
        self._place(at.W_VALUES, reserved(size * self._value_words))
        self.words[at.W_FACTS_SIZE] = size

    def _place(self, word: int, array: Words) -> None:
        self._arrays[word] = array
        self.words[word] = array.ctypes.data
