"""The table of names keeps OpenTelemetry's naming rules, and the page shows the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sloengine import names
from sloengine.names import Attribute, Metric

ALL = (*names.RESULTS, *names.HEALTH)
ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?:\.[a-z][a-z0-9]*(?:_[a-z0-9]+)*)+")
FROM_OPENTELEMETRY = {"process.uptime", "process.cpu.time", "process.memory.usage"}
"""Metrics that the semantic conventions define; we mean what they mean."""
ATTRIBUTES_FROM_OPENTELEMETRY = {"error.type", "cpu.mode"}


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_name_is_lower_case_snake_case_words_joined_by_dots(metric: Metric) -> None:
    assert NAME.fullmatch(metric.name)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_lives_in_our_namespace_or_is_opentelemetrys_own(metric: Metric) -> None:
    assert metric.name.startswith("sloengine.") or metric.name in FROM_OPENTELEMETRY


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_metric_name_repeats_neither_unit_nor_total(metric: Metric) -> None:
    words = re.split(r"[._]", metric.name)
    assert not {"total", "seconds", "bytes", "ratio", "milliseconds"} & set(words)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_only_counts_of_things_are_plural_and_their_unit_is_the_singular_thing(
    metric: Metric,
) -> None:
    last = metric.name.rsplit(".", 1)[-1]
    if metric.unit.startswith("{") and not metric.name.endswith(".corrected"):
        singular = metric.unit.strip("{}").rsplit("_", 1)[-1]
        plural = f"{singular[:-1]}ies" if singular.endswith("y") else f"{singular}s"
        assert last.endswith(plural)
    else:
        assert not last.endswith("s")


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_duration_is_a_histogram_in_seconds(metric: Metric) -> None:
    if metric.name.endswith(".duration"):
        assert metric.unit == "s"
        assert metric.kind in {"histogram", "exponential_histogram"}


def test_no_name_is_used_twice() -> None:
    assert len({metric.name for metric in ALL}) == len(ALL)


def test_no_name_is_also_a_namespace() -> None:
    """Except that an SLO's events have their corrections beside them, on purpose."""
    metrics = {metric.name for metric in ALL}
    clashes = {m for m in metrics if any(other.startswith(f"{m}.") for other in metrics)}
    assert clashes == {"sloengine.slo.events"}
    keys = {attribute.value for attribute in Attribute}
    assert not [key for key in keys if any(other.startswith(f"{key}.") for other in keys)]


@pytest.mark.parametrize("attribute", list(Attribute))
def test_an_attribute_is_namespaced_and_explained(attribute: Attribute) -> None:
    assert NAME.fullmatch(attribute.value)
    assert attribute.startswith("sloengine.") or attribute.value in ATTRIBUTES_FROM_OPENTELEMETRY
    assert names.ATTRIBUTES[attribute].endswith(".")


def test_every_attribute_is_used() -> None:
    used = {attribute for metric in ALL for attribute in metric.attributes}
    assert used == set(Attribute)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_a_description_is_a_sentence(metric: Metric) -> None:
    assert metric.description[0].isupper()
    assert metric.description.endswith(".")


def test_the_page_is_what_the_table_makes() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert page == names.render_markdown(), "run `make docs`"
