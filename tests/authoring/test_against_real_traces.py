"""On traces that nobody here wrote: counts and explanations equal what `replay` stores."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from sloengine.authoring.against import against, file_traces
from sloengine.authoring.doctor import examine_files
from sloengine.authoring.explain import explain_file
from sloengine.clock import SystemClock
from sloengine.definitions import load_definitions
from sloengine.replay import replay
from sloengine.store import IGNORED, OTHER, Fact, Store

pytestmark = [pytest.mark.traces, pytest.mark.slow, pytest.mark.timeout(600)]

DEFINITIONS = Path(__file__).resolve().parents[2] / "slo-definitions/examples/onlineboutique"


@pytest.fixture(scope="module")
def file(traces_folder: Path) -> Path:
    return traces_folder / "nezha-onlineboutique" / "baseline.jsonl.gz"


@pytest.fixture(scope="module")
def facts(file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Fact]:
    folder = tmp_path_factory.mktemp("replayed")
    replay([file], load_definitions(DEFINITIONS).plan, folder)
    with Store.open(folder, clock=SystemClock()) as store, store.reader() as reader:
        return list(reader.facts())


def test_a_scan_counts_what_a_replay_stores(file: Path, facts: list[Fact]) -> None:
    sightings, scanned = against(load_definitions(DEFINITIONS).plan, file_traces([file]))
    assert scanned.split == 0
    assert sightings.outcomes == Counter(
        (fact.transaction, fact.outcome, fact.reason) for fact in facts
    )


def test_an_explanation_of_each_kind_of_transaction_says_what_is_stored(
    file: Path, facts: list[Fact]
) -> None:
    one_of_each = {(fact.transaction, fact.outcome): fact for fact in facts}
    assert len(one_of_each) > 5
    for fact in one_of_each.values():
        explanation = explain_file(file, DEFINITIONS, wanted=fact.trace_id)
        mine = [other for other in facts if other.trace_id == fact.trace_id]
        assert [
            (item.transaction, item.outcome, item.reason) for item in explanation.transactions
        ] == [
            (other.transaction, other.outcome, other.reason)
            for other in mine
            if other.transaction not in (OTHER, IGNORED)
        ]


def test_whole_and_fault_free_traces_get_a_clean_bill(file: Path) -> None:
    assert examine_files([file], DEFINITIONS).to_mend == 0
