"""What definitions cost when they are loaded, and when they change while spans come in."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, Truth
from benchmarks.load import LoadOrder, LoadShape, Sender
from benchmarks.processes import wait_until
from benchmarks.rows import Row, at_most
from benchmarks.workload import write_definitions
from sloengine.definitions import load_definitions

_LOADED = 1000
_RUNS = 3
_SPANS_PER_REQUEST = 8192
_RATE = 50_000
_SECONDS = 6.0
_BEFORE_S = 2.0

# None of them takes a span of the load, but each asks five questions of what the load carries.
_FURTHER = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {{name: further-{number:04}}}
spec:
  entry:
    - resource.attributes["service.name"] == "further-{number}" and span.kind == SPAN_KIND_SERVER
  outcome:
    - excluded: {{reason: probe, trace: {{anySpan: 'span.name == "probe {number}"'}}}}
    - failed: {{reason: error, entry: span.status.code == STATUS_CODE_ERROR}}
    - failed: {{anySpan: 'span.attributes["http.response.status_code"] == {number}'}}
    - slow: {{longerThan: 4s}}
  because:
    - backend: {{anySpan: 'HasPrefix(span.name, "further {number}")'}}
  promise: {{target: 99.5%, window: 28d}}
---
"""

# Asked of every span, and no two traces have the same answer to remember.
_UNIQUE = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: unique}
spec:
  entry:
    - IsMatch(span.trace_id.string, "^0{24}[0-9]+$")
  outcome: [slow: {longerThan: 4s}]
"""


def measure(bench: Bench) -> Iterator[Row]:
    """Measure loading and changing."""
    yield from _loading(bench)
    yield from _reloading(bench)


def _loading(bench: Bench) -> Iterator[Row]:
    bench.say(f"loading {_LOADED:,} definitions")
    folder = bench.folder("loading")
    write_further(folder, _LOADED)
    seconds = []
    for _ in range(_RUNS):
        begun = time.monotonic()
        load_definitions(folder)
        seconds.append(time.monotonic() - begun)
    yield Row.of_runs(f"definitions: loading {_LOADED:,}", seconds, "s", at_most(2))


def _reloading(bench: Bench) -> Iterator[Row]:
    bench.say("reloading under load")
    truth = Truth()
    folder = bench.folder("reloading-definitions")
    write_definitions(folder)
    with (
        Sender(LoadShape(_SPANS_PER_REQUEST)) as sender,
        bench.engine("reloading", definitions=folder) as engine,
    ):
        truth.add(sender.send(LoadOrder(engine.endpoint, 1, spans_per_s=_RATE)))
        sender.begin(LoadOrder(engine.endpoint, _SECONDS, spans_per_s=_RATE))
        time.sleep(_BEFORE_S)
        write_further(folder, 1)
        begun = time.monotonic()
        engine.signal(signal.SIGHUP)
        wait_until(lambda: "new definitions:" in engine.output(), "the engine reloads", 120)
        took_s = time.monotonic() - begun
        load = sender.finish()
        truth.add(load)
        engine.wait_facts(truth.facts)
    name = f"definitions: reload at {_RATE:,} spans/s"
    yield Row(f"{name}, until in force", took_s, "s")
    yield Row(f"{name}, longest acknowledgement", load.longest_ms, "ms", bound=at_most(100))


def write_unique(folder: Path) -> None:
    """Add a definition that asks for a text that no two traces share."""
    (folder / "unique.yaml").write_text(_UNIQUE, encoding="utf-8")


def write_further(folder: Path, count: int) -> None:
    """Add so many definitions to a folder."""
    text = "".join(_FURTHER.format(number=number) for number in range(count))
    (folder / "further.yaml").write_text(text, encoding="utf-8")
