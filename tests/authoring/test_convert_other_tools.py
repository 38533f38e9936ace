"""Objectives of Sloth, Pyrra and slo-generator become ours, and no field is lost unsaid."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from sloengine.authoring.convert import Converted, Mapping, convert_files
from sloengine.authoring.convert.foreign import duration_of, limit_of, slug
from sloengine.cli import cli
from sloengine.definitions import Plan, load_definitions
from sloengine.errors import DefinitionsError
from sloengine.yamldoc import load_documents

SLOTH = """\
version: prometheus/v1
service: library
labels: {owner: desk, "bad label": x}
slos:
  - name: Loans available
    objective: 99.95
    description: Loans go through.
    labels: {category: availability}
    sli:
      events:
        error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total[{{.window}}]))
    alerting:
      name: LoansBurn
      labels: {team: desk}
      annotations: {runbook: https://library.example.org/loans}
      page_alert: {labels: {severity: critical}}
      ticket_alert: {disable: true}
  - name: fast
    objective: 99
    surprise: 7
    sli:
      events:
        error_query: |
          sum(rate(lend_duration_seconds_count[{{.window}}])) -
          sum(rate(lend_duration_seconds_bucket{le="0.4"}[{{.window}}]))
        total_query: sum(rate(lend_duration_seconds_count[{{.window}}]))
    alerting: {}
  - name: ready
    objective: 95
    sli: {raw: {error_ratio_query: library:errors:ratio}}
    alerting: {page_alert: {disable: true}, ticket_alert: {disable: true}}
  - name: plugged
    objective: 95
    sli: {plugin: {id: library/loans, options: {limit: "3"}}}
"""
PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: loans-latency
  namespace: monitoring
  labels: {prometheus: k8s, pyrra.dev/team: desk}
  annotations: {pyrra.dev/runbook: https://library.example.org/loans}
spec:
  target: "99.5"
  window: 4w
  description: Loans are quick.
  indicator:
    latency:
      success: {metric: 'lend_duration_seconds_bucket{job="library",le="2.5"}'}
      total: {metric: 'lend_duration_seconds_count{job="library"}'}
      grouping: [branch, desk]
  alerting: {disabled: false, name: LoansBurn, absent: true}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: loans-errors}
spec:
  target: "99"
  window: 28d
  indicator:
    ratio:
      errors: {metric: 'http_requests_total{code=~"5.."}'}
      total: {metric: http_requests_total}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: loans-native}
spec:
  target: "90"
  window: 14d
  indicator:
    latencyNative: {latency: 200ms, total: {metric: lend_duration_seconds}}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: door-open}
spec:
  target: "99"
  window: 28d
  indicator: {bool_gauge: {metric: door_open}}
"""
GENERATOR = """\
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata:
  name: library-loans-availability
  labels: {service_name: library, feature_name: loans, slo_name: availability}
spec:
  description: Loans go through.
  backend: prometheus
  method: good_bad_ratio
  exporters: [prometheus]
  service_level_indicator:
    filter_good: loans_total{code=~"2.."}
    filter_valid: loans_total
  goal: 0.9990
---
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {name: library-loans-latency}
spec:
  backend: prometheus
  method: distribution_cut
  service_level_indicator:
    expression: lend_duration_seconds_bucket{branch="main"}
    threshold_bucket: 0.25
  goal: 0.99
---
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {name: library-page-load}
spec:
  backend: elasticsearch
  method: query_sli
  service_level_indicator: {index: pages, query: {ratio: ok}, size: 3}
  goal: 0.95
"""
BORROW = """\
apiVersion: sloengine/v1
kind: BusinessTransaction
metadata: {name: borrow}
spec: {entry: 'span.name == "POST /loans"'}
"""
INPUTS = {"sloth": SLOTH, "pyrra": PYRRA, "slo-generator": GENERATOR}


def convert(folder: Path, text: str, mapping: Mapping | None = None, **more: Any) -> Converted:
    file = folder / "input.yaml"
    file.write_text(text, encoding="utf-8")
    return convert_files([file], mapping, **more)


def plan_of(folder: Path, converted: Converted, *more: str) -> Plan:
    definitions = folder / "definitions"
    definitions.mkdir(exist_ok=True)
    text = "---\n".join([converted.text, *more])
    (definitions / "converted.yaml").write_text(text, encoding="utf-8")
    return load_definitions(definitions).plan


def documents_of(converted: Converted) -> dict[str, Any]:
    documents = [document.data for document in load_documents(converted.text, "out")]
    named: list[Any] = documents
    return {document["metadata"]["name"]: document for document in named}


def notes_of(converted: Converted) -> list[str]:
    return [f"{note.position.line}: {note.message}" for note in converted.notes]


@pytest.mark.parametrize("tool", INPUTS)
def test_what_comes_out_loads_and_says_that_it_cannot_be_evaluated_here(
    tmp_path: Path, tool: str
) -> None:
    converted = convert(tmp_path, INPUTS[tool])
    plan = plan_of(tmp_path, converted)
    slos = [name for name, d in documents_of(converted).items() if d["kind"] == "SLO"]
    assert plan.slos == ()
    for name in slos:
        assert any(line.startswith(f'SLO "{name}": not evalu') for line in plan.not_evaluated)


@pytest.mark.parametrize("tool", INPUTS)
def test_with_a_transaction_every_objective_is_evaluated(tmp_path: Path, tool: str) -> None:
    converted = convert(tmp_path, INPUTS[tool], Mapping("borrow"))
    names = [name for name, d in documents_of(converted).items() if d["kind"] == "SLO"]
    plan = plan_of(tmp_path, converted, BORROW)
    assert [slo.name for slo in plan.slos] == sorted(names)
    assert {slo.transaction for slo in plan.slos} == {"borrow"}


@pytest.mark.parametrize("tool", INPUTS)
def test_the_transaction_to_begin_with_loads(tmp_path: Path, tool: str) -> None:
    lines = convert(tmp_path, INPUTS[tool]).text.splitlines()
    begins = [index for index, line in enumerate(lines) if line == "# apiVersion: sloengine/v1"]
    assert begins
    for number, begin in enumerate(begins):
        end = next(i for i in range(begin, len(lines)) if not lines[i].startswith("#"))
        file = tmp_path / f"{number}.yaml"
        file.write_text("\n".join(line[2:] for line in lines[begin:end]), encoding="utf-8")
        assert len(load_definitions(file).plan.transactions) == 1


@pytest.mark.parametrize("tool", INPUTS)
def test_every_note_is_also_a_comment_beside_its_slo(tmp_path: Path, tool: str) -> None:
    converted = convert(tmp_path, INPUTS[tool])
    comments = " ".join(
        line.removeprefix("# ") for line in converted.text.splitlines() if line.startswith("#")
    )
    assert converted.notes
    for note in converted.notes:
        assert f"Not as it was: {note.message}." in comments


def mappings(data: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every mapping inside some data."""
    if isinstance(data, dict):
        yield here
    children = data.items() if isinstance(data, dict) else enumerate(data)
    for key, child in children:
        if isinstance(child, dict | list):
            yield from mappings(child, (*here, key))


@pytest.mark.parametrize("tool", INPUTS)
def test_a_field_that_nobody_knows_is_kept_or_named_wherever_it_stands(
    tmp_path: Path, tool: str
) -> None:
    documents = list(yaml.safe_load_all(INPUTS[tool]))
    for place in mappings(documents):
        changed = copy.deepcopy(documents)
        inner: Any = changed
        for step in place:
            inner = inner[step]
        inner["unheardOf"] = "x"
        converted = convert(tmp_path, yaml.safe_dump_all(changed))
        said = converted.text + "\n".join(note.message for note in converted.notes)
        refused_with_all_it_holds = f".{place[-1]}: " in said
        assert "unheardOf" in said or refused_with_all_it_holds, place


def test_targets_stay_exact(tmp_path: Path) -> None:
    def targets(text: str) -> list[Decimal]:
        plan = plan_of(tmp_path, convert(tmp_path, text, Mapping("borrow")), BORROW)
        return [slo.objectives[0].target for slo in plan.slos]

    assert targets(SLOTH) == [Decimal(t) for t in ("0.99", "0.9995", "0.95", "0.95")]
    assert targets(PYRRA) == [Decimal(t) for t in ("0.99", "0.99", "0.995", "0.9")]
    assert targets(GENERATOR) == [Decimal(t) for t in ("0.999", "0.99", "0.95")]


def test_sloth_keeps_words_labels_queries_and_alert_windows(tmp_path: Path) -> None:
    documents = documents_of(convert(tmp_path, SLOTH))
    loans = documents["library-loans-available"]
    assert loans["metadata"]["labels"] == {"owner": "desk", "category": "availability"}
    assert loans["metadata"]["annotations"] == {"runbook": "https://library.example.org/loans"}
    assert loans["spec"]["description"] == "Loans go through."
    assert loans["spec"]["service"] == "library"
    assert loans["spec"]["timeWindow"] == [{"duration": "30d", "isRolling": True}]
    ratio = loans["spec"]["indicator"]["spec"]["ratioMetric"]
    assert ratio["bad"]["metricSource"] == {
        "type": "Prometheus",
        "spec": {"query": 'sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))'},
    }
    windows = documents["library-loans-available-alerts"]["spec"]["windows"]
    assert [(w["burnRate"], w["severity"]) for w in windows] == [
        (Decimal("14.4"), "page"),
        (6, "page"),
    ]
    assert len(documents["library-fast-alerts"]["spec"]["windows"]) == 4
    assert "library-ready-alerts" not in documents
    plugin = documents["library-plugged"]["spec"]["indicator"]["spec"]["ratioMetric"]
    assert plugin["rawType"] == "failure"
    assert plugin["raw"]["metricSource"]["spec"] == {
        "id": "library/loans",
        "options": {"limit": "3"},
    }


def test_sloth_says_what_it_leaves(tmp_path: Path) -> None:
    notes = notes_of(convert(tmp_path, SLOTH))
    period = "Sloth's period stands on its command line; 30d, its default, used"
    label = 'the label "bad label" is not one that OpenSLO allows; left out'
    assert [note for note in notes if period not in note and label not in note] == [
        "14: slos[0].alerting.name: alerts here are named after their SLO and policy",
        "15: slos[0].alerting.labels: alerts here carry the labels of their SLO",
        "17: slos[0].alerting.page_alert.labels: a severity has no labels of its own here",
        "21: slos[1].surprise: has no counterpart",
        (
            "32: slos[2].alerting.page_alert and ticket_alert are both disabled; here the policy "
            '"workbook" applies to every SLO without one'
        ),
    ]
    assert len([note for note in notes if period in note]) == 4
    assert not [n for n in notes_of(convert(tmp_path, SLOTH, window="28d")) if period in n]


def test_pyrra_keeps_words_labels_queries_and_window(tmp_path: Path) -> None:
    documents = documents_of(convert(tmp_path, PYRRA))
    latency = documents["loans-latency"]
    assert latency["metadata"]["labels"] == {"team": "desk"}
    assert latency["metadata"]["annotations"] == {"runbook": "https://library.example.org/loans"}
    assert latency["spec"]["timeWindow"] == [{"duration": "4w", "isRolling": True}]
    ratio = latency["spec"]["indicator"]["spec"]["ratioMetric"]
    assert ratio["good"]["metricSource"]["spec"]["query"].endswith('le="2.5"}')
    errors = documents["loans-errors"]["spec"]["indicator"]["spec"]["ratioMetric"]
    assert set(errors) == {"counter", "bad", "total"}
    gauge = documents["door-open"]["spec"]["indicator"]["spec"]["ratioMetric"]
    assert gauge["rawType"] == "success"


def test_pyrra_says_what_it_leaves(tmp_path: Path) -> None:
    assert notes_of(convert(tmp_path, PYRRA)) == [
        "5: metadata.namespace: definitions here have no namespace",
        (
            "16: spec.indicator.latency.grouping: one budget for each of branch, desk needs "
            "dimensions of a transaction and groupBy: here it is one budget for all"
        ),
        "17: spec.alerting.disabled: alerts here follow the SLO's alertPolicies",
        "17: spec.alerting.name: alerts here are named after their SLO and policy",
        "17: spec.alerting.absent: no data is a state of its own here, and alerts keep theirs",
    ]


def test_slo_generator_keeps_words_labels_and_queries(tmp_path: Path) -> None:
    documents = documents_of(convert(tmp_path, GENERATOR))
    loans = documents["library-loans-availability"]
    assert loans["metadata"]["labels"]["feature_name"] == "loans"
    assert loans["spec"]["service"] == "library"
    ratio = loans["spec"]["indicator"]["spec"]["ratioMetric"]
    assert ratio["total"]["metricSource"] == {
        "type": "prometheus",
        "spec": {"query": "loans_total"},
    }
    page = documents["library-page-load"]["spec"]["indicator"]["spec"]["ratioMetric"]
    assert page["raw"]["metricSource"] == {
        "type": "elasticsearch",
        "spec": {"method": "query_sli", "index": "pages", "query": {"ratio": "ok"}, "size": 3},
    }


def test_slo_generator_says_what_it_leaves(tmp_path: Path) -> None:
    notes = notes_of(convert(tmp_path, GENERATOR, window="28d"))
    assert notes == ["10: spec.exporters: metrics leave this engine by OTLP; see docs/metrics.md"]
    windows = [n for n in notes_of(convert(tmp_path, GENERATOR)) if "28d used" in n]
    assert len(windows) == 3


@pytest.mark.parametrize(
    ("text", "name", "where"),
    [
        (SLOTH, "library-fast", 'transaction.duration <= Duration("400ms")'),
        (PYRRA, "loans-latency", 'transaction.duration <= Duration("2500ms")'),
        (PYRRA, "loans-native", 'transaction.duration <= Duration("200ms")'),
        (GENERATOR, "library-loans-latency", 'transaction.duration <= Duration("250ms")'),
        (
            SLOTH,
            "library-loans-available",
            'transaction.outcome == "good" or transaction.outcome == "slow"',
        ),
    ],
)
def test_a_latency_limit_becomes_a_condition_and_errors_become_outcomes(
    tmp_path: Path, text: str, name: str, where: str
) -> None:
    documents = documents_of(convert(tmp_path, text, Mapping("borrow")))
    ratio = documents[name]["spec"]["indicator"]["spec"]["ratioMetric"]
    assert ratio["good"]["metricSource"]["spec"] == {"transaction": "borrow", "where": where}
    assert ratio["total"]["metricSource"]["spec"] == {"transaction": "borrow"}


def test_one_slo_can_be_given_its_own_transaction(tmp_path: Path) -> None:
    converted = convert(tmp_path, PYRRA, Mapping(None, {"loans-errors": "borrow"}))
    plan = plan_of(tmp_path, converted, BORROW)
    assert [slo.name for slo in plan.slos] == ["loans-errors"]
    with pytest.raises(DefinitionsError, match='names the SLO "loans"; SLOs are door-open, '):
        convert(tmp_path, PYRRA, Mapping(None, {"loans": "borrow"}))


def test_repeated_names_get_a_number_and_a_note(tmp_path: Path) -> None:
    converted = convert(tmp_path, f"{PYRRA}---\n{PYRRA}")
    assert "loans-errors-2" in documents_of(converted)
    assert any("here it is loans-errors-2" in note for note in notes_of(converted))
    plan_of(tmp_path, converted)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n", "1:1: this is none of the files that can be converted; convert reads Sloth"),
        (BORROW, "this needs no conversion"),
        ("version: prometheus/v1\nservice: a\n", "1:1: Sloth: the file has no slos"),
        (SLOTH.replace("99.95", "100"), "slos[0].objective 100 leaves no budget"),
        (SLOTH.replace("objective: 99.95", "objective: most"), 'objective "most" must be a number'),
        (SLOTH.replace("      events:\n", "      odd:\n", 1), "neither events, raw nor plugin"),
        (PYRRA.replace("window: 4w", "window: 1y"), 'spec.window "1y" is not a duration'),
        (PYRRA.replace('  target: "99.5"\n', ""), "spec has no target"),
        (GENERATOR.replace("  method: query_sli\n", ""), "spec has no method"),
        ("a: &b 1\n", 'the anchor "&b" is not allowed'),
    ],
)
def test_a_file_that_is_wrong_is_an_error_with_a_place(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(DefinitionsError) as caught:
        convert(tmp_path, text)
    assert message in str(caught.value)


def test_the_command_writes_definitions_and_notes_apart(tmp_path: Path) -> None:
    file = tmp_path / "pyrra.yaml"
    file.write_text(PYRRA, encoding="utf-8")
    arguments = ["convert", str(file), "--transaction", "loans-errors=a", "--transaction", "borrow"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0
    unwrapped = result.stdout.replace("\n# ", " ")
    assert unwrapped.startswith(f"# Converted from Pyrra, {file}:1.")
    assert result.stdout.count("transaction: borrow") == 6
    assert result.stdout.count("transaction: a\n") == 2
    assert result.stderr.count("\n") == 5
    twice = CliRunner().invoke(cli, ["convert", str(file), *arguments[-2:], *arguments[-2:]])
    assert twice.exit_code == 2
    assert CliRunner().invoke(cli, ["convert", str(file), "--window", "1M"]).exit_code == 2


@pytest.mark.parametrize(
    ("metric", "number", "duration"),
    [
        ("a_seconds", "0.25", "250ms"),
        ("a_seconds", "2", "2s"),
        ("a_seconds", "2.5", "2500ms"),
        ("a_seconds", "10.0", "10s"),
        ("a_milliseconds", "300", "300ms"),
        ("a_total", "1", None),
        ("a_seconds", "+Inf", None),
        ("a_seconds", "0", None),
    ],
)
def test_a_limit_has_the_unit_that_its_metric_says(
    metric: str, number: str, duration: str | None
) -> None:
    assert duration_of(metric, number) == duration


def test_a_query_with_two_limits_has_none() -> None:
    assert limit_of('a_seconds_bucket{le="1"} - a_seconds_bucket{le="2"}') is None
    assert limit_of('a_seconds_bucket{x="y",le="1"} / a_seconds_bucket{le="1"}') == "1s"
    assert limit_of("a_seconds_count") is None


@settings(max_examples=50)
@given(st.text(max_size=80), st.text(max_size=80))
def test_any_name_becomes_a_valid_one(first: str, second: str) -> None:
    name = slug(first, second)
    assert 1 <= len(name) <= 63
    assert name[0].isalnum()
    assert name[-1].isalnum()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
