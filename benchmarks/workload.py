"""The load as an engine meets it: numbered requests, what is in them, and what judges them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from benchmarks.load import LoadShape
from benchmarks.payload import Payload, definitions


class Workload:
    """Requests of one shape; no two numbers have a trace in common."""

    def __init__(self, shape: LoadShape) -> None:
        self._payload = Payload.of_spans(shape.spans_per_request, nested_only=shape.two_entries)
        # Recent, as a trace is that has just ended: older ones might be late ones.
        self._start_ns = time.time_ns() - 10 * 10**9
        self.spans_per_request = self._payload.spans

    def request(self, number: int) -> bytes:
        """Return a serialised request."""
        return self._payload.request(number, at_ns=self._start_ns)

    def facts(self, requests: int) -> dict[str, dict[str, int]]:
        """Return the business transactions in so many requests, by name and outcome."""
        facts: dict[str, Counter[str]] = {}
        for (name, outcome), count in self._payload.truth.items():
            facts.setdefault(name, Counter())[outcome] += count * requests
        return {name: dict(outcomes) for name, outcomes in facts.items()}


def write_definitions(folder: Path) -> int:
    """Write the load's definitions to a folder, made where it is missing; return how many."""
    folder.mkdir(parents=True, exist_ok=True)
    text = definitions()
    (folder / "load.yaml").write_text(text, encoding="utf-8")
    return text.count("kind: ")
