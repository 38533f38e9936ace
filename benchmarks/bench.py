"""`Bench`: what every measurement is given."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine_server import Counts, EngineServer
from benchmarks.load import Load
from benchmarks.rows import Row
from benchmarks.workload import write_definitions

IDLE_WAIT_S = 1.0
"""How long engine and Collector wait for further spans of a trace, while they are measured."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Options of a run, and where it may write."""

    scratch: Path
    quick: bool = False
    peers: bool = True
    settings: Sequence[str] = ()
    """Further `--set` for every engine."""
    steady_s: float = 20
    """How long the steady load lasts."""
    warm_up_s: float = 1
    seconds: float = 3
    """How long a load lasts, the first one and the measured ones."""
    begun: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Tell on standard error what goes on."""
        print(f"[{time.monotonic() - self.begun:5.0f} s] {text}", file=sys.stderr, flush=True)

    def folder(self, name: str) -> Path:
        """Return a new folder of that name."""
        folder = self.scratch / name
        folder.mkdir(parents=True)
        return folder

    def engine(self, name: str, *settings: str, definitions: Path | None = None) -> EngineServer:
        """Return an engine, not started, with an empty store and the benchmark's definitions."""
        folder = self.folder(name)
        if definitions is None:
            definitions = folder / "definitions"
            write_definitions(definitions)
        return EngineServer(
            folder,
            definitions,
            [f"processor.idle_wait={IDLE_WAIT_S:g}s", *settings, *self.settings],
        )


Measurement = Callable[[Bench], Iterable[Row]]


class Truth:
    """What an engine must have stored: the sum of all loads sent to it."""

    def __init__(self) -> None:
        self._facts: dict[str, dict[str, int]] = {}

    def add(self, load: Load) -> None:
        """Add the facts of a load."""
        for name, outcomes in load.facts.items():
            into = self._facts.setdefault(name, {})
            for outcome, count in outcomes.items():
                into[outcome] = into.get(outcome, 0) + count

    @property
    def facts(self) -> Counts:
        """By name and outcome."""
        return self._facts
