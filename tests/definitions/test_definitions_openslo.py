"""OpenSLO v1 in documents of our own: every field of every kind, inline and by reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sloengine.definitions import DOCUMENTS, expand, load_definitions
from sloengine.definitions.catalogue import KINDS, OPENSLO
from sloengine.definitions.shapes import Shared
from sloengine.yamldoc import Node, load_documents, load_file

FOLDER = Path(__file__).parent / "openslo"
NOT_EVALUATED = {
    'AlertCondition "burns-fast" is not evaluated by this version',
    'AlertCondition "burns-slowly" is not evaluated by this version',
    'AlertNotificationTarget "librarian" is not evaluated by this version',
    'AlertPolicy "ring" is not evaluated by this version',
    'AlertPolicy "write-a-letter" is not evaluated by this version',
    'DataSource "counters" is not evaluated by this version',
    'SLO "for-ever": without a timeWindow there is no budget; add one',
    'SLO "good-minutes": a calendar timeWindow is not evaluated by this version',
    'SLO "good-minutes": budgetingMethod Timeslices is not evaluated by this version',
    'SLO "loans": alertPolicies are not evaluated by this version, only the budget',
    'SLO "loans": groupBy is not evaluated by this version, only the sum of its groups',
    'SLO "low-shelves": not evaluable here: metricSource type "Prometheus"',
    'SLO "mean-of-minutes": a calendar timeWindow is not evaluated by this version',
    'SLO "mean-of-minutes": budgetingMethod RatioTimeslices is not evaluated by this version',
    'SLO "mean-of-minutes": not evaluable here: metricSource type "Prometheus"',
    'SLO "short-queues": budgetingMethod Timeslices is not evaluated by this version',
    'SLO "short-queues": thresholdMetric is not evaluated by this version',
    (
        'SLO "whole-library": an objective with an indicator of its own is not evaluated by this '
        "version"
    ),
    'Service "lending" is not evaluated by this version',
}


def properties(schema: object, shared: Shared, seen: frozenset[str]) -> Iterator[str]:
    """Every key that a schema knows, wherever."""
    if isinstance(schema, list):
        for item in schema:
            yield from properties(item, shared, seen)
    if not isinstance(schema, dict):
        return
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.rsplit("/", 1)[1]
        if name not in seen:
            yield from properties(shared[name], shared, seen | {name})
    for key, value in schema.items():
        if key == "properties":
            yield from value
            yield from properties(list(value.values()), shared, seen)
        else:
            yield from properties(value, shared, seen)


def fields_of(kind: str) -> set[str]:
    """Every key that a kind knows."""
    shared: Shared = {}
    return set(properties(DOCUMENTS[kind].schema(shared), shared, frozenset()))


def keys(node: Node) -> Iterator[str]:
    """Every key that a document uses, wherever."""
    yield from node.entries
    for child in (*node.entries.values(), *node.items):
        yield from keys(child)


def test_all_kinds_load_and_what_is_not_evaluated_has_a_line() -> None:
    loaded = load_definitions(FOLDER)
    assert loaded.files == 5
    assert set(loaded.plan.not_evaluated) == NOT_EVALUATED
    assert [slo.name for slo in loaded.plan.slos] == ["failed-loans", "loans"]
    assert loaded.warnings == ()


@pytest.mark.parametrize("kind", KINDS[OPENSLO])
def test_every_field_of_a_kind_is_used_by_some_document(kind: str) -> None:
    known = fields_of(kind)
    documents = [document for file in FOLDER.rglob("*.yaml") for document in load_file(file)]
    used = {
        key
        for document in documents
        if document.root.entries["kind"].text == kind
        for key in keys(document.root)
    }
    if kind == "SLI":
        known -= {"journey"}  # Instead of a transaction; has a test of its own.
    if kind == "SLO":
        known -= fields_of("SLI") | fields_of("AlertPolicy")  # What may stand in it inline.
    assert known - used == set()


def test_every_reference_can_be_written_out_and_means_the_same(tmp_path: Path) -> None:
    expanded = expand(FOLDER)
    for reference in ("indicatorRef:", "conditionRef:", "targetRef:", "alertPolicyRef: ring"):
        assert reference not in expanded
    (tmp_path / "expanded.yaml").write_text(expanded, encoding="utf-8")
    before, after = load_definitions(FOLDER).plan, load_definitions(tmp_path).plan
    assert after.not_evaluated == before.not_evaluated
    assert [slo.indicator for slo in after.slos] == [slo.indicator for slo in before.slos]


def test_what_an_slo_says_of_time_and_slices_is_shown_as_written() -> None:
    documents = {
        document.root.find(("metadata", "name")).text: document
        for document in load_documents(expand(FOLDER), "expanded")
    }
    minutes = documents["good-minutes"].root.entries["spec"]
    assert minutes.find(("timeWindow", 0, "calendar", "timeZone")).text == "Europe/Berlin"
    assert minutes.find(("timeWindow", 0, "calendar", "startTime")).text == "2026-01-01 00:00:00"
    assert minutes.find(("objectives", 0, "timeSliceWindow")).text == "5"
    whole = documents["whole-library"].root.entries["spec"]
    assert whole.find(("objectives", 0, "indicator", "metadata", "name")).text == "lent-well"
    assert whole.find(("objectives", 1, "compositeWeight")).text == "0.5"
