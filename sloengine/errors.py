"""Every error of the engine, by what its receiver can do about it.

```
SloengineError
├── RetryError          the same call may succeed later: busy, disk full, backend down
├── PermanentError      the same call will fail again: malformed bytes, over a limit
└── OperatorError       a person must change something: configuration, definitions, folders
    ├── ConfigError
    ├── DefinitionsError   holds every `Problem` of every file
    └── StoreError
```

A message names the subject, the place, the cause and the cure. Raise or log, never both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What the command line returns; documented in docs/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_INPUT = 3
    UNAVAILABLE = 4
    STORAGE = 5


class SloengineError(Exception):
    """Base of every error that the engine raises on purpose."""

    exit_code: ExitCode = ExitCode.FAILED


class RetryError(SloengineError):
    """The same call may succeed later; a sender must keep its data and come back.

    `retry_after_s` is the shortest wait that makes sense, in seconds.
    """

    exit_code = ExitCode.UNAVAILABLE

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentError(SloengineError):
    """The same input will always fail; a sender must drop it."""

    exit_code = ExitCode.BAD_INPUT


class TooLargeError(PermanentError):
    """The input is over a size limit (before or after decompression)."""


class OperatorError(SloengineError):
    """Nothing gets better until a person changes configuration, definitions or the machine."""

    exit_code = ExitCode.BAD_INPUT


class ConfigError(OperatorError):
    """The engine's own configuration is wrong."""


class StoreError(OperatorError):
    """The store or spool folder cannot be used (missing rights, foreign lock, full, damaged)."""

    exit_code = ExitCode.STORAGE


class Severity(StrEnum):
    """How bad a `Problem` is: only an error stops a set of definitions from being applied."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file that a person wrote.

    `str(problem)` is the line that people and editors see:
    `file:line:column: subject: what is wrong; what to do`.
    """

    position: Position
    subject: str
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        mark = "warning: " if self.severity is Severity.WARNING else ""
        subject = f"{self.subject}: " if self.subject else ""
        return f"{self.position}: {mark}{subject}{self.message}"


class DefinitionsError(OperatorError):
    """A set of files has errors; `problems` holds all of them, in order of place."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))
