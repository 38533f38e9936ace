"""What a function is: parameters with their types, a body, and the checks made while parsing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sloengine.ottl.values import Operand


@dataclass(frozen=True, slots=True)
class Getter:
    """A parameter's type.

    `convert` returns what the body receives, or raises `EvaluationError` where the function must
    refuse. A literal argument is converted while parsing, so that a refusal is an `OttlError`.
    """

    name: str
    convert: Callable[[Operand], Any]
    accepts: Callable[[Operand], Any] | None = None
    """Converts literals instead of `convert`, where a literal may do less."""
    literal: bool = False
    """Only a literal will do."""
    items: Getter | None = None
    """The argument must be written as a list; each item goes through this getter."""
    lazy: bool = False
    """The body receives a function that fetches the value, and may never call it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a function; names serve `name = value` arguments."""

    name: str
    getter: Getter
    optional: bool = False
    path: str = ""
    """Nobody writes this argument: it is always what this path reads."""


@dataclass(frozen=True, slots=True)
class Function:
    """A converter: no side effects, the same arguments give the same result.

    `body` receives the converted arguments in the order of `parameters`, `None` for one that was
    left out. `check` receives the literal arguments (others as `None`) while parsing, and raises
    `EvaluationError` where no span could make the call work.
    """

    name: str
    parameters: tuple[Parameter, ...]
    body: Callable[..., Operand]
    summary: str
    """One sentence for people: what it returns, and what nil and other types do."""
    check: Callable[..., None] | None = None

    @property
    def signature(self) -> str:
        """The call as documents write it; optional parameters stand in brackets."""
        names = [
            f"[{parameter.name}]" if parameter.optional else parameter.name
            for parameter in self.parameters
            if not parameter.path
        ]
        return f"{self.name}({', '.join(names)})"
