"""A process killed while it commits leaves facts, counts and position of the same commit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from store_cases import DAY_NS, T0, make_plan, make_slo

from sloengine.clock import FrozenClock
from sloengine.store import Counts, CountWindow, Store

CHECKOUT = make_slo("checkout")
PER_COMMIT = 50

_WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from store_cases import T0, make_batch, make_fact, make_plan, make_slo
from sloengine.clock import FrozenClock
from sloengine.store import Store
store = Store.open(Path(sys.argv[1]), clock=FrozenClock(T0))
store.register_plan(make_plan(make_slo("checkout")), at_ns=T0)
number = (store.position or 0) + 1
per_commit = int(sys.argv[3])
while True:
    facts = [make_fact(number * per_commit + i) for i in range(per_commit)]
    store.commit(make_batch(*facts, position=number, counters={"commits": 1}))
    print(number, flush=True)
    if number % 7 == 0:
        store.compact(T0 + number)
    number += 1
"""


def kill_while_committing(folder: Path, acknowledged: int) -> int:
    """Run a writer until it reports so many commits, kill it; return the last one reported."""
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(folder), str(Path(__file__).parent), str(PER_COMMIT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    last = 0
    for _ in range(acknowledged):
        last = int(writer.stdout.readline())
    writer.kill()
    rest = writer.stdout.read().split()
    writer.wait()
    writer.stdout.close()
    return int(rest[-1]) if rest else last


def check_one_state(folder: Path, acknowledged: int) -> None:
    with Store.open(folder, clock=FrozenClock(T0)) as store:
        store.register_plan(make_plan(CHECKOUT), at_ns=T0)
        position = store.position
        assert position is not None
        assert position in (acknowledged, acknowledged + 1)
        window = CountWindow(CHECKOUT.indicator, T0, T0 + DAY_NS)
        with store.reader() as reader:
            events = position * PER_COMMIT
            assert len(reader.facts()) == events
            assert reader.window_counts([window])[window] == Counts(good=events, total=events)
            assert reader.counters() == {"commits": position}
            assert reader.export_state().verdicts == {("checkout", "good"): events}
            assert reader.export_state().durations[0].events == events


def test_three_kills_leave_whole_commits(tmp_path: Path) -> None:
    for acknowledged in (1, 4, 8):
        check_one_state(tmp_path, kill_while_committing(tmp_path, acknowledged))


@pytest.mark.slow
def test_thirty_kills_leave_whole_commits(tmp_path: Path) -> None:
    for round_number in range(30):
        check_one_state(tmp_path, kill_while_committing(tmp_path, 1 + round_number % 9))
